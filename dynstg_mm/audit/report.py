"""The result of an audit as text and as JSON."""
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from dynstg_mm.audit.audit import Audit
from dynstg_mm.audit.clips import AuditedClip
from dynstg_mm.text import few, markdown

SHOWN = 12  # places of a finding that the text lists


def text_report(audit: Audit) -> str:
    """The audit as Markdown: what is in the file, what predicts the classes without the gait, and all findings."""
    parts = [f'# {audit.path}', _counts(audit), markdown(_class_rows(audit))]
    if audit.tasks:
        parts.append(markdown(_split_rows(audit)))
    if audit.shortcuts:
        parts += ['How well the class is predicted without the gait, by trees tested on held-out people. A row at '
                  'chance level is harmless.', markdown(_shortcut_rows(audit))]
    if audit.origins:
        parts += ['How well trees recognise where a clip is from, by the keypoints as a model sees them and by the '
                  'class alone, on held-out people. Above chance level, test on a site that is left out.',
                  markdown(_origin_rows(audit))]
    for finding in audit.findings:
        lines = [f'{finding.level.upper()} ({finding.kind}): {finding.field}: {finding.message}. {finding.reason} '
                 f'{finding.advice}']
        lines += [f'  - {where}' for where in finding.where[:SHOWN]]
        if len(finding.where) > SHOWN:
            lines.append(f'  - and {len(finding.where) - SHOWN} more, in the JSON file')
        parts.append('\n'.join(lines))
    levels = [finding.level for finding in audit.findings]
    counts = [f'{levels.count(level)} {name}{"s" * (levels.count(level) != 1)}'
              for level, name in (('error', 'error'), ('warning', 'warning'), ('info', 'note'))]
    parts.append(f'{audit.path}: kinds of findings: {", ".join(counts)}')
    return '\n\n'.join(parts)


def _counts(audit: Audit) -> str:
    clips = list(audit.clips.values())
    people = {str(clip.data['subject']) for clip in clips if 'subject' not in clip.wrong}
    shapes = {clip.data['keypoint'].shape[2:] for clip in clips if 'keypoint' not in clip.wrong}
    joints = ', '.join(f'{joints} joints in {channels}-D' for joints, channels in sorted(shapes)) or 'none'
    return f'{len(clips)} clips, {len(people)} subjects, {joints}'


def _class_rows(audit: Audit) -> list[list[str]]:
    """Clips, people and recordings of every class of every task, the header first."""
    rows = [['task', 'class', 'clips', 'subjects', 'seconds', 'rates', 'lost joints', 'lost frames', 'size']]
    for task, clips in audit.task_clips().items():
        for label, name in audit.class_names(task).items():
            members = [clip for clip in clips if 'label' not in clip.wrong and clip.data['label'] == label]
            people = {clip.data['subject'] for clip in members if 'subject' not in clip.wrong}
            measures = [clip.measures for clip in members if clip.measures is not None]
            rates = sorted({float(clip.data['rate']) for clip in members if 'rate' not in clip.wrong})
            rows.append([task, name, str(len(members)), str(len(people)),
                         _range([one.seconds for one in measures], '.1f'),
                         ', '.join(f'{rate:g}' for rate in rates[:4]) + (', ...' if len(rates) > 4 else ''),
                         _mean([one.lost.mean() for one in measures]), _mean([one.lost_frames for one in measures]),
                         _range([one.size for one in measures], '.3g')])
    return rows


def _split_rows(audit: Audit) -> list[list[str]]:
    """Every part of every task, folds on one line, the header first."""
    rows = [['task', 'part', 'splits', 'clips', 'subjects', 'clips by class']]
    for task, families in audit.tasks.items():
        parts: dict[str, list[list[AuditedClip]]] = {}
        for family, sides in families.items():
            first, _, last = family.partition('*')
            for split, names in sides.items():
                part = split[len(first):len(split) - len(last)] if '*' in family else split
                parts.setdefault(part, []).append([audit.clips[name] for name in names])
        for part, splits in parts.items():
            people = [len({clip.data['subject'] for clip in clips if 'subject' not in clip.wrong}) for clips in splits]
            rows.append([task, part, str(len(splits)), _range([len(clips) for clips in splits], 'd'),
                         _range(people, 'd'), ', '.join(
                             f'{name} ' + _range([_count(clips, label) for clips in splits], 'd')
                             for label, name in audit.class_names(task).items())])
    return rows


def _count(clips: Sequence[AuditedClip], label: int) -> int:
    return sum('label' not in clip.wrong and clip.data['label'] == label for clip in clips)


def _shortcut_rows(audit: Audit) -> list[list[str]]:
    rows = [['task', 'predicted from', 'macro-recall [95 %]', 'chance level', 'accuracy']]
    for task, ways in audit.shortcuts.items():
        rows += [[task, way.source, f'{way.macro_recall:.3f} [{way.low:.3f}, {way.high:.3f}]', f'{way.chance:.3f}',
                  f'{way.accuracy:.3f}'] for way in ways]
    return rows


def _origin_rows(audit: Audit) -> list[list[str]]:
    rows = [['field', 'values', 'predicted from', 'macro-recall [95 %]', 'chance level', 'accuracy']]
    for field, ways in audit.origins.items():
        values = {str(clip.data[field]) for clip in audit.clips.values() if clip.data.get(field) is not None}
        rows += [[field, few(sorted(values), most=6), way.source,
                  f'{way.macro_recall:.3f} [{way.low:.3f}, {way.high:.3f}]', f'{way.chance:.3f}',
                  f'{way.accuracy:.3f}'] for way in ways]
    return rows


def _range(values: Sequence[float], form: str) -> str:
    if not values:
        return ''
    low, high = format(min(values), form), format(max(values), form)
    return low if low == high else f'{low} to {high}'


def _mean(values: Sequence[float]) -> str:
    return f'{np.mean(values):.1%}' if values else ''


def json_report(audit: Audit) -> dict[str, Any]:
    """The audit as plain lists and dicts for `json.dump`, with every clip and every place of a finding."""
    clips: dict[str, dict[str, Any]] = {}
    for name, clip in audit.clips.items():
        entry: dict[str, Any] = dict(cannot_be_used=sorted(clip.wrong))
        if clip.measures is not None:
            one = clip.measures
            entry.update(rate=float(clip.data['rate']), seconds=one.seconds, size=one.size,
                         direction=one.direction.tolist(), lost_frames=one.lost_frames,
                         lost_joints=one.lost.tolist(), place=one.place.tolist())
        for key in {'label', 'subject'} - clip.wrong:
            entry[key] = clip.data[key] if isinstance(clip.data[key], str) else int(clip.data[key])
        clips[name] = entry
    return dict(
        file=audit.path, failed=audit.failed, findings=[asdict(finding) for finding in audit.findings],
        joints=None if audit.layout is None else list(audit.layout['joints']),
        tasks={task: dict(classes=audit.class_names(task), splits=families)
               for task, families in audit.tasks.items()},
        copies=[asdict(copy) for copy in audit.copies],
        shortcuts={task: [asdict(way) for way in ways] for task, ways in audit.shortcuts.items()},
        origins={field: [asdict(way) for way in ways] for field, ways in audit.origins.items()}, clips=clips)

"""Answers as HTML pages that need no network: one a recording, and an index of many."""
from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import numpy as np

from dynstg_mm.errors import ClipError
from dynstg_mm.files import atomic_open
from dynstg_mm.gait.cleaning import Clip
from dynstg_mm.gait.geometry import leg_length
from dynstg_mm.gait.person import best_persons, person_rank
from dynstg_mm.gait.signal import fill_missing
from dynstg_mm.gait.visibility import seen_joints
from dynstg_mm.inference import words
from dynstg_mm.inference.answer import Answer
from dynstg_mm.inference.answer_figures import heading_of, upright, write_figures
from dynstg_mm.inference.explain import BINS, Explanation, explain
from dynstg_mm.inference.training_record import TrainingRecord
from dynstg_mm.skeletons import get_layout, pelvis_joints, side_of

if TYPE_CHECKING:
    from dynstg_mm.inference.inferencer import GaitInferencer

BYTES = 560_000  # of the keypoints in a page; a longer or faster recording is shown at a lower rate
PARTS = 200  # points of the curve of lost joints
STRONGEST = 0.1  # change of the probability with the full colour in the map, unless the map has larger ones

SEVERITIES = ('refusal', 'doubt', 'note')


def write_page(answer: Answer, clip: Clip | None, explanation: Explanation | None, path: str | os.PathLike,
               record: TrainingRecord | None = None, *, up: str = 'y', index: str | None = None) -> None:
    """Write the page of one recording, whole or not at all.

    Args:
        answer: The answer.
        clip: The recording: `keypoint` (M, T, V, C), perhaps `keypoint_score`, `rate` and `layout`. If it has several
            persons, `answer.person` is the place of the one who is shown by `person_rank`. None if it could not be
            read.
        explanation: From `explain`; None leaves that part out.
        path: The .html file.
        record: What the checkpoint says about its training.
        up: Vertical axis of a 3-D clip.
        index: Address of the index page.
    """
    skeleton = _skeleton(clip, answer.person, up) if clip is not None else None
    content = dict(
        title=words.name_of(answer), index=index,
        about=_about(answer), verdict=words.verdict(answer, record), limits=words.RESEARCH, error=answer.error,
        doubts=sorted(answer.doubts, key=lambda doubt: SEVERITIES.index(doubt.severity)), classes=answer.classes,
        windows=answer.windows, chart_note=_chart_note(answer), skeleton=skeleton, skeleton_label='Walking skeleton',
        facts=_facts(answer), notes=answer.notes, lost_joints=skeleton.pop('lost_joints') if skeleton else None,
        versions=answer.versions, command=answer.command, **_explained(answer, explanation), **_gait(answer, record))
    if skeleton:
        content['data'] = _data(answer, explanation, skeleton)
        content['skeleton_label'] = (f'Walking skeleton of {answer.clip}, {answer.duration or 0:.1f} seconds; space '
                                     'plays and pauses')
    _write('page.html.j2', content, path)


class PageFolder:
    """A page of each answer in `visualizations`, and `index.html`.

    Args:
        folder: The folder that predict writes.
        inferencer: The model, for the explanations.
        figures: Also write figures of this format, 'svg' or 'pdf', beside each page.
    """

    def __init__(self, folder: str | os.PathLike, inferencer: GaitInferencer, figures: str | None = None) -> None:
        self.folder, self.inferencer, self.figures = Path(folder), inferencer, figures
        self.rows: list[dict[str, Any]] = []

    def add(self, answer: Answer, clip: Clip, name: str) -> None:
        """Write the page of an answer.

        Args:
            answer: The answer.
            clip: What it is about; empty if it could not be read.
            name: Name of the page, without `.html`.
        """
        path = self.folder / 'visualizations' / f'{name}.html'
        explanation = None
        if answer.predicted is not None:
            with contextlib.suppress(ClipError):  # such as a skeleton that nobody named; the page then has no map
                explanation = explain(self.inferencer, clip)
        write_page(answer, clip or None, explanation, path, self.inferencer.record, index='../index.html')
        if self.figures and answer.predicted is not None:
            write_figures(answer, clip, explanation, path.with_suffix(''), self.figures)
        self.keep(answer, name)

    def keep(self, answer: Answer, name: str) -> None:
        """Take a page that is written already into the index."""
        self.rows.append(index_row(answer, f'visualizations/{name}.html'))

    def close(self) -> None:
        """Write the index."""
        write_index(self.rows, self.inferencer.name, self.folder / 'index.html')


def index_row(answer: Answer, link: str | None) -> dict[str, Any]:
    """What the index says about an answer, with the address of its page, relative to the index; None without one."""
    doubts = [doubt.text for doubt in answer.doubts if doubt.severity != 'note']
    return dict(clip=answer.clip, link=link, person=answer.person, answer=answer.predicted or 'no answer',
                best=max(answer.probabilities) if answer.predicted else None,
                set=words.listed(answer.prediction_set or [], 'or'), duration=answer.duration, lost=answer.lost,
                count=len(doubts) + bool(answer.error), doubts=[answer.error] if answer.error else doubts)


def write_index(rows: Sequence[Mapping[str, Any]], model: str, path: str | os.PathLike) -> None:
    """Write the index page of the answers of a model, whole or not at all; `rows` are from `index_row`."""
    _write('index.html.j2', dict(rows=rows, model=model, sets=any(row['set'] for row in rows),
                                 persons=any(row['person'] for row in rows), limits=words.RESEARCH), path)


def _write(template: str, content: Mapping[str, Any], path: str | os.PathLike) -> None:
    templates = jinja2.Environment(loader=jinja2.PackageLoader('dynstg_mm.inference', ''), autoescape=True,
                                   trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    text = templates.get_template(template).render(content)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with atomic_open(path, encoding='utf-8', errors='replace') as file:
        file.write(text)


def _about(answer: Answer) -> str:
    parts = [f'{answer.duration:.1f} s' if answer.duration else '', f'{answer.rate:g} frames per second' if answer.rate
             else '', f'keypoints by {answer.estimator}' if answer.estimator else '', f'model {answer.model}']
    return ', '.join(filter(None, parts)) + '.'


def _chart_note(answer: Answer) -> str:
    windows = answer.windows
    if not windows:
        return 'This model gives no answer over time.'
    length = windows[0].end - windows[0].start
    note = (f'Each point is the answer for the {length:.2f} s around it. The verdict is the mean over the windows of '
            'the test.')
    if len(windows) == 1:
        note = f'The recording holds one window of {length:.2f} s.'
    if any(window.short for window in windows):
        note += ' It is shorter than those that the model was trained on.'
    return note + ' Below: foot strikes, and the share of joints that are lost. Click to go there.'


def _facts(answer: Answer) -> list[tuple[str, str]]:
    rate = answer.rate
    facts = [('file', answer.file or ''), ('length', f'{answer.duration:.2f} s, {answer.frames} frames'
                                           if answer.duration else f'{answer.frames} frames' if answer.frames else ''),
             ('rate', f'{rate:g} frames per second' if rate else ''),
             ('lost joints', '' if answer.lost is None else words.percent(answer.lost)),
             ('skeleton', answer.layout or ''), ('pose estimator', answer.estimator or '')]
    for name, value in answer.unlike.items():
        if isinstance(value, (int, float)):
            facts.append((f'unlike the training walks: {name}', f'{value:.3g}'))
    return [(name, value) for name, value in facts if value]


def _data(answer: Answer, explanation: Explanation | None, skeleton: dict[str, Any]) -> dict[str, Any]:
    """What the script of the page needs."""
    shares = np.zeros(skeleton['joints'])
    if explanation and len(explanation.joint_effect) == len(shares):
        shares = np.maximum(explanation.joint_effect, 0)
    windows = [dict(start=round(window.start, 3), end=round(window.end, 3), short=window.short,
                    probabilities=[round(value, 4) for value in window.probabilities]) for window in answer.windows]
    label = f'Probability of {words.listed(answer.classes)} over {skeleton["duration"]:.1f} seconds.'
    strikes = explanation.strikes if explanation else {}
    columns = explanation.columns(np.arange(skeleton['frames']) / skeleton['rate']) if explanation else {}
    return dict(skeleton=skeleton, classes=answer.classes, windows=windows, lost=skeleton.pop('lost_curve'),
                duration=skeleton['duration'], chart=label,
                columns={side: column.tolist() for side, column in columns.items()},
                shares=(shares / max(shares.max(), 0.01)).round(3).tolist(),
                strikes={side: np.round(seconds, 3).tolist() for side, seconds in strikes.items()})


def _skeleton(clip: Clip, person: int, up: str) -> dict[str, Any] | None:
    """The keypoints for the canvas: y up, in whole numbers, with lost joints filled; None if nobody is seen."""
    keypoint, score, layout = np.asarray(clip['keypoint'], np.float64), clip.get('keypoint_score'), clip.get('layout')
    if layout is None or not clip.get('rate'):
        return None
    layout = get_layout(layout)
    scores = np.ones(keypoint.shape[:-1]) if score is None else np.asarray(score)
    if len(keypoint) > 1:
        order = best_persons([person_rank(*pair) for pair in zip(keypoint, scores)], len(keypoint))
        person = order[min(person, len(order) - 1)]
    else:
        person = 0
    seen = seen_joints(keypoint[person], scores[person])
    if not seen.any() or seen.shape[1] != layout['num_node']:
        return None
    place = upright(fill_missing(np.nan_to_num(keypoint[person]), seen, layout), up)
    rate, frames = float(clip['rate']), len(place)
    step = -(-2 * place.size // BYTES)
    low, high = np.percentile(place.reshape(-1, place.shape[-1]), (0.1, 99.9), axis=0)
    unit = max(float((high - low).max()) / 50_000, 1e-9)
    shown = np.clip((place[::step] - (low + high) / 2) / unit, -32767, 32767).round().astype('<i2')
    leg = leg_length(shown.astype(float), layout) if layout.get('legs') else 0.
    share = 1 - seen.mean(1)
    curve = [float(part.mean()) for part in np.array_split(share, min(PARTS, frames))]
    lost = sorted(zip(1 - seen.mean(0), layout['joints']), reverse=True)
    return dict(
        keypoint=base64.b64encode(shown.tobytes()).decode(),
        lost=base64.b64encode(np.packbits(~seen[::step], axis=1, bitorder='little').tobytes()).decode(),
        frames=len(shown), joints=layout['num_node'], coordinates=place.shape[-1], rate=rate / step,
        duration=frames / rate, bones=[list(edge) for edge in layout['inward']],
        hips=list(pelvis_joints(layout)), leg=leg,
        sides=[('', 'left', 'right').index(side_of(layout, joint)) for joint in range(layout['num_node'])],
        heading=heading_of(place, layout), lost_curve=np.round(curve, 3).tolist(),
        lost_joints=[(name.replace('_', ' '), words.percent(value)) for value, name in lost if value > 0],
        note=f'Shown at {rate / step:g} of {rate:g} frames per second.' if step > 1 else '')


def _explained(answer: Answer, explanation: Explanation | None) -> dict[str, Any]:
    """The map of limbs and phases, and the movement phases."""
    if explanation is None:
        return dict(explanation=None, pictures=[])
    by_stride, name = explanation.by == 'stride', answer.classes[explanation.predicted]
    start, end = (0., 100.) if by_stride else explanation.span
    edges = np.linspace(start, end, BINS + 1)
    shown = ('.0f' if by_stride else '.1f')
    columns = [f'{low:{shown}}–{high:{shown}}' for low, high in zip(edges, edges[1:])]
    largest, totals = (float(np.abs(effect).max()) for effect in (explanation.effect, explanation.limb_effect))
    digits = 1 if largest < STRONGEST / 2 else 0
    heat = [dict(name=words.limb_name(limb), side=side,
                 cells=[*(_cell(value, largest, digits) for value in row), _cell(total, totals, digits)])
            for limb, side, row, total in zip(explanation.limbs, explanation.sides, explanation.effect,
                                              explanation.limb_effect)]
    note = (f'Each cell: how much less probable {name} becomes if this limb does not move in this part of '
            f'{"the stride" if by_stride else "the recording"}; + speaks for it, \N{MINUS SIGN} against it. ')
    note += ('0 % is the strike of the foot of the same side; trunk, head and body follow the left one. ' if by_stride
             else 'No regular strides were found, so the columns are equal parts of the recording. ')
    note += 'A limb that keeps still can itself speak for a class; the map cannot show that.'
    return dict(explanation=explanation, explained=name, by_stride=by_stride, columns=columns, heat=heat,
                heat_note=note, sanity=words.sanity(explanation), findings=words.findings(explanation, name),
                phases=max((len(rows[0]) for rows in explanation.phases.values()), default=0),
                phases_note=words.movement_phases(explanation),
                pictures=[_picture(number, np.array(rows)) for number, rows in explanation.phases.items()])


def _cell(effect: float, largest: float, digits: int) -> dict[str, Any]:
    text = f'{100 * effect:+.{digits}f}'
    return dict(text=text.replace('-', '\N{MINUS SIGN}') if float(text) else '0', tone='good' if effect >= 0 else 'bad',
                amount=round(100 * abs(effect) / max(STRONGEST, largest)))


def _picture(layer: str, phases: np.ndarray) -> dict[str, Any]:
    """Stacked areas of a layer's phases (points, p) over the stride, as polygons in a box of 100 by 100."""
    ends = (phases[:1] + phases[-1:]) / 2  # the stride is a cycle, and the points are in the middle of its parts
    top = np.column_stack([np.zeros(len(phases) + 2), np.cumsum(np.concatenate([ends, phases, ends]), 1)]) * 100
    x = 100 * np.concatenate([[0], (np.arange(len(phases)) + 0.5) / len(phases), [1]])
    areas = []
    for k in range(phases.shape[1]):
        edge = [*zip(x, top[:, k]), *zip(x[::-1], top[::-1, k + 1])]
        areas.append(' '.join(f'{a:.1f},{100 - b:.1f}' for a, b in edge))
    largest = ', '.join(f'phase {k + 1} at {x[point + 1]:.0f} %' for k, point in enumerate(phases.argmax(0)))
    return dict(areas=areas, layer=layer, label=f'Where in the stride each phase is largest: {largest}')


def _gait(answer: Answer, record: TrainingRecord | None) -> dict[str, Any]:
    """Rows of the table of gait parameters, with the ranges of the training groups."""
    reference = record.gait_reference if record else {}
    measured = [row for row in answer.gait if isinstance(row.get('value'), (int, float)) and np.isfinite(row['value'])]
    rows = [_gait_row(row, reference) for row in measured]
    known = {row['label'] for row in rows}  # a length in metres is not missed if it is known in leg lengths
    reasons = {row['label']: row['reason'] for row in answer.gait if row.get('reason') and row['label'] not in known}
    missing = {reason: [label.lower() for label, own in reasons.items() if own == reason]
               for reason in reasons.values()}
    unmeasured = '; '.join(f'{words.listed(labels)}, since {reason}' for reason, labels in missing.items())
    return dict(gait=rows, groups=list(reference) if any(row['bars'] for row in rows) else [], unmeasured=unmeasured,
                sided=any(row['left'] or row['right'] for row in rows))


def _gait_row(row: Mapping[str, Any], reference: Mapping[str, Any]) -> dict[str, Any]:
    digits = int(row.get('digits', 2))

    def written(value: Any) -> str:
        if not isinstance(value, (int, float)) or not np.isfinite(value):
            return ''
        return f'{value:.{digits}f}'.replace('-', '\N{MINUS SIGN}')

    found = [(color, name, group[row['name']]) for color, (name, group) in enumerate(reference.items())
             if row['name'] in group and group[row['name']].get('unit', row.get('unit')) == row.get('unit')]
    ends = [value for _, _, part in found for value in (part['p5'], part['p95'])] + [row['value']]
    low, span = min(ends), max(max(ends) - min(ends), 1e-9)
    bars = [dict({key: round(8 + 184 * (part[key] - low) / span, 1) for key in ('p5', 'p25', 'median', 'p75', 'p95')},
                 y=8 + 12 * place, color=color % 7) for place, (color, _, part) in enumerate(found)]
    described = '; '.join(f'{name}: half of the people {written(part["p25"])} to {written(part["p75"])}, median '
                          f'{written(part["median"])}' for _, name, part in found)
    return dict(label=row.get('label', row['name']), unit=row.get('unit', ''), value=written(row['value']),
                left=written(row.get('left')), right=written(row.get('right')), bars=bars,
                height=12 * len(bars) + 4, mark=round(8 + 184 * (row['value'] - low) / span, 1) if bars else None,
                described=described)

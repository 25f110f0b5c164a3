"""One page of pictures of an annotation file."""
import os
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dynstg_mm.audit.audit import Audit
from dynstg_mm.audit.clips import AuditedClip
from dynstg_mm.audit.shortcuts import Shortcut
from dynstg_mm.files import atomic_open
from dynstg_mm.gait.person import tracked_person
from dynstg_mm.gait.visibility import seen_joints
from dynstg_mm.skeleton_figure import draw_frames, draw_pose, points_only
from dynstg_mm.skeletons import Layout

ClassClips = dict[int, list[AuditedClip]]  # the measured clips of each label
Names = dict[int, str]  # of the classes

# The colours of Okabe and Ito, which colour-blind people can tell apart.
COLORS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000')
MARKERS = 'os^Dv*P'
LEVEL_COLORS = dict(error='#B00020', warning='#9A6700', info='#57606A')


def draw_page(audit: Audit, path: str | os.PathLike, *, task: str | None = None) -> None:
    """Draw lost joints, lengths, rates, sizes, shortcuts to the class, three frames of the first clip, and mean poses.

    Args:
        audit: From `audit_file`.
        path: Picture to write (.png or .pdf), whole or not at all.
        task: The task whose classes are drawn; the one with most clips by default.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    members = audit.task_clips()
    task = task or max(members, key=lambda name: len(members[name]))
    names = audit.class_names(task)
    clips = {label: [clip for clip in members[task] if clip.measures is not None and 'label' not in clip.wrong
                     and clip.data['label'] == label] for label in names}
    clips = {label: part for label, part in clips.items() if part}
    figure: Any = Figure(figsize=(15, 15), layout='constrained')
    FigureCanvasAgg(figure)
    people = {str(clip.data['subject']) for part in clips.values() for clip in part if 'subject' not in clip.wrong}
    title = f'{Path(audit.path).name}' + (f', task {task}' if len(members) > 1 else '')
    figure.suptitle(f'{title}: {sum(map(len, clips.values()))} clips of {len(people)} people', fontsize=15,
                    fontweight='bold')
    if clips:
        top, middle, frames, bottom = figure.subfigures(4, 1, height_ratios=(1.25, 0.85, 0.9, 1))
        left, right = top.subplots(1, 2, width_ratios=(1.7, 1))
        _lost_joints(left, audit, clips, names)
        _shortcuts(right, audit.shortcuts.get(task, []))
        length, rate, size, missing = middle.subplots(1, 4)
        _strip(length, clips, names, lambda clip: clip.measured.seconds, 'Length [s]\nshould not depend on the class')
        _rates(rate, clips, names)
        _strip(size, clips, names, lambda clip: clip.measured.size,
               ('Leg length' if audit.layout and audit.layout.get('legs') else 'Body size')
               + ', in the unit of the keypoints\noutliers probably have another unit')
        _frames(missing, clips, names)
        _frames_of(frames, audit.layout, next(iter(clips.values()))[0])
        poses, notes = bottom.subfigures(1, 2, width_ratios=(1.9, 1))
        _poses(poses, audit.layout, clips, names)
    else:
        notes = figure
    _findings(notes, audit)
    form = Path(path).suffix.lstrip('.') or 'png'
    with atomic_open(path, 'wb') as file:
        figure.savefig(file, format=form, dpi=110)


def _style(index: int) -> dict[str, str]:
    return dict(color=COLORS[index % len(COLORS)], marker=MARKERS[index % len(MARKERS)])


def _lost_joints(axes: Any, audit: Audit, clips: ClassClips, names: Names) -> None:
    """Heat map with one row per clip, by class and person, and one column per joint."""
    rows = [clip for part in clips.values() for clip in sorted(part, key=lambda clip: str(clip.data.get('subject')))]
    lost = 100 * np.array([clip.measured.lost for clip in rows])
    image = axes.imshow(lost, aspect='auto', cmap='cividis', vmin=0, vmax=max(5., min(100., lost.max())),
                        interpolation='none')
    count = lost.shape[1]
    joints = audit.layout['joints'] if audit.layout is not None else [str(joint) for joint in range(count)]
    axes.set_xticks(range(count), joints, rotation=90, fontsize=8)
    ends = np.cumsum([len(part) for part in clips.values()])
    axes.set_yticks(ends - np.array([len(part) for part in clips.values()]) / 2 - 0.5,
                    [f'{names[label]}\n{len(part)} clips' for label, part in clips.items()])
    axes.tick_params(axis='y', length=0)
    for end in ends[:-1]:
        axes.axhline(end - 0.5, color='white', linewidth=1.5)
    if not lost.any():
        axes.text(0.5, 0.5, 'no joint is lost in any clip', color='white', ha='center', va='center', fontsize=13,
                  transform=axes.transAxes)
    axes.figure.colorbar(image, ax=axes, label='% of frames', pad=0.01)
    axes.set_title('Lost joints, one row per clip: no joint should be lost everywhere, and no class lose more',
                   fontsize=11)


def _shortcuts(axes: Any, ways: Sequence[Shortcut]) -> None:
    """Macro-recall without the gait, with its interval, and chance level."""
    axes.set_title('Class without the gait: all should be at chance level', fontsize=11)
    if not ways:
        axes.text(0.5, 0.5, 'not computed, see the notes', ha='center', va='center', transform=axes.transAxes)
        axes.set_axis_off()
        return
    for row, way in enumerate(ways):
        color = COLORS[1] if way.low > way.chance else COLORS[0]
        axes.plot([way.low, way.high], [row, row], color=color, linewidth=3, solid_capstyle='butt')
        axes.plot(way.macro_recall, row, 'o', color=color, markersize=8)
        axes.text(min(way.high + 0.02, 1.02), row, f'{way.macro_recall:.2f}', va='center')
    axes.axvline(ways[0].chance, color='black', linestyle='--', linewidth=1)
    axes.set_yticks(range(len(ways)), [way.source for way in ways])
    axes.set(ylim=(len(ways) - 0.5, -0.5), xlim=(0, 1.12),
             xlabel=f'macro-recall, 95 % interval by person; dashed: chance, {ways[0].chance:.2f}')
    axes.set_xticks(np.arange(0, 1.01, 0.25))
    axes.spines[['top', 'right']].set_visible(False)


def _frames(axes: Any, clips: ClassClips, names: Names) -> None:
    """Share of the frames without the person, from 0."""
    values = [100 * clip.measured.lost_frames for part in clips.values() for clip in part]
    _strip(axes, clips, names, lambda clip: 100 * clip.measured.lost_frames,
           'Frames without the person [%]\nshould not depend on the class')
    axes.set_yscale('linear')
    axes.set_ylim(-0.02 * max(5, *values), 1.08 * max(5, *values))


def _strip(axes: Any, clips: ClassClips, names: Names, value: Callable[[AuditedClip], float], title: str) -> None:
    """One dot per clip and one column per class, with the median as a line."""
    rng = np.random.default_rng(0)
    everything: list[float] = []
    for index, part in enumerate(clips.values()):
        values = np.array([value(clip) for clip in part])
        everything.extend(values)
        places = index + rng.uniform(-0.25, 0.25, len(values))
        axes.scatter(places, values, s=14, alpha=0.6, linewidths=0, **_style(index))
        axes.plot([index - 0.35, index + 0.35], [np.median(values)] * 2, color='black', linewidth=2)
    if min(everything) > 0 and max(everything) > 10 * min(everything):
        from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
        axes.set_yscale('log')
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter('{x:g}'))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(0, 1.08 * max(everything) or 1)
    _class_axis(axes, clips, names, title)


def _rates(axes: Any, clips: ClassClips, names: Names) -> None:
    """Share of each class's clips at each frame rate."""
    rates = sorted({_rate(clip) for part in clips.values() for clip in part})
    for index, part in enumerate(clips.values()):
        for row, rate in enumerate(rates):
            share = np.mean([_rate(clip) == rate for clip in part])
            if share:
                axes.scatter(index, row, s=40 + 600 * share, color=_style(index)['color'], alpha=0.75)
                axes.annotate(f'{share:.0%}', (index, row), xytext=(17, 0), textcoords='offset points', va='center',
                              fontsize=8)
    axes.set_yticks(range(len(rates)), [f'{rate:g}' for rate in rates])
    axes.set(ylim=(-0.7, len(rates) - 0.3), xlim=(-0.5, len(clips) - 0.2))
    _class_axis(axes, clips, names, 'Frames per second, share of clips\none row only is harmless')


def _rate(clip: AuditedClip) -> int:
    return round(float(clip.data['rate']))


def _class_axis(axes: Any, clips: ClassClips, names: Names, title: str) -> None:
    long = max(len(names[label]) for label in clips) * len(clips) > 24
    axes.set_xticks(range(len(clips)), [names[label] for label in clips], rotation=25 if long else 0,
                    ha='right' if long else 'center', rotation_mode='anchor')
    axes.set_xlim(-0.6, len(clips) - 0.3)
    axes.set_title(title, fontsize=10)
    axes.spines[['top', 'right']].set_visible(False)


def _poses(figure: Any, layout: Layout | None, clips: ClassClips, names: Names) -> None:
    """The mean skeleton of each class, in units of its size."""
    figure.suptitle('Mean pose of each class: should be upright, and differ only by the gait', fontsize=11)
    panels = figure.subplots(1, len(clips), sharex=True, sharey=True, squeeze=False)[0]
    for index, (axes, (label, part)) in enumerate(zip(panels, clips.items())):
        pose = np.nanmean(np.stack([clip.measured.pose for clip in part]), axis=0)
        flat = _flat(pose)
        if layout is not None:
            draw_pose(axes, flat, layout, width=2.5)
        axes.scatter(*flat.T, s=16, color='black', zorder=2)
        axes.set_aspect('equal')
        axes.set_title(f'{names[label]} ({len(part)})', fontsize=10, fontweight='bold', color=_style(index)['color'])
        axes.set_axis_off()


def _frames_of(figure: Any, layout: Layout | None, clip: AuditedClip) -> None:
    """Three frames of a clip, so that a person sees swapped sides."""
    data, solid = clip.data, clip.data['keypoint'].shape[-1] == 3
    count, scores = data['keypoint'].shape[2], data.get('keypoint_score')
    person, _ = tracked_person(data['keypoint'], scores)
    keypoint = np.asarray(data['keypoint'][person], np.float64)
    figure.suptitle(f'Clip {data["frame_dir"]}, {float(data["rate"]):g} frames per second: '
                    + ('left should be left' if solid else 'each leg should keep its colour'), fontsize=11)
    draw_frames(figure, keypoint, seen_joints(keypoint, None if scores is None else scores[person]),
                layout or points_only([f'joint {joint}' for joint in range(count)]), float(data['rate']),
                data.get('unit'), rows=False)


def _flat(pose: np.ndarray) -> np.ndarray:
    """A pose (V, 2) with y up: image coordinates flipped, or a 3-D pose from the front, slightly turned."""
    if pose.shape[1] == 2:
        return pose * [1, -1]
    return np.stack([pose[:, 0] + 0.35 * pose[:, 2], pose[:, 1] + 0.15 * pose[:, 2]], axis=1)


def _findings(figure: Any, audit: Audit) -> None:
    """The kinds of findings, errors first."""
    figure.text(0.02, 0.97, 'Findings', fontsize=12, fontweight='bold', va='top')
    height = 0.89
    for finding in audit.findings:
        lines = textwrap.wrap(f'{finding.level}: {finding.field}: {finding.message} ({len(finding.where)})', 62)
        if height - 0.052 * len(lines) < 0.03:
            figure.text(0.02, height, 'more in the text report', fontsize=9, va='top')
            return
        figure.text(0.02, height, '\n'.join(lines), fontsize=9, va='top', color=LEVEL_COLORS[finding.level])
        height -= 0.052 * len(lines) + 0.012
    if not audit.findings:
        figure.text(0.02, height, 'none', fontsize=9, va='top')

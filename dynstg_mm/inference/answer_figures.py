"""Figures of one answer for papers: over time, limbs by phase of the stride, and the skeleton."""
from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dynstg_mm.benchmark.figures import COLORS, DASHES, new_figure, save
from dynstg_mm.files import atomic_open
from dynstg_mm.gait.cleaning import Clip, keep_tracked_person
from dynstg_mm.gait.geometry import heading, vertical
from dynstg_mm.gait.signal import fill_missing
from dynstg_mm.gait.visibility import seen_joints
from dynstg_mm.inference import words
from dynstg_mm.inference.answer import Answer
from dynstg_mm.inference.explain import BINS, Explanation
from dynstg_mm.skeleton_figure import draw_pose
from dynstg_mm.skeletons import Layout, get_layout, pelvis_joints

FIGURES = ('time', 'skeleton', 'limbs')  # of an answer
POSES = 9  # of the skeleton sequence


def write_figures(answer: Answer, clip: Clip, explanation: Explanation | None, stem: str | os.PathLike,
                  form: str) -> list[Path]:
    """Write the figures of an answer, each whole or not at all.

    Args:
        answer: The answer.
        clip: The recording.
        explanation: From `explain`.
        stem: Path without suffix; `_time`, `_limbs` and `_skeleton` are added.
        form: 'svg' or 'pdf'.

    Returns:
        The files.
    """
    import matplotlib
    figures = dict(time=over_time(answer), skeleton=skeleton_sequence(clip, explanation))
    if explanation is not None:
        figures['limbs'] = limb_map(explanation, answer.classes[explanation.predicted])
    paths = []
    with matplotlib.rc_context({'svg.fonttype': 'none', 'pdf.fonttype': 42}):  # text remains text
        for name, figure in figures.items():
            if figure is not None:
                paths.append(Path(f'{os.fspath(stem)}_{name}.{form}'))
                with atomic_open(paths[-1], 'wb') as file:
                    save(figure, file, format=form, metadata={'CreationDate' if form == 'pdf' else 'Date': None})
    return paths


def over_time(answer: Answer) -> Any:
    """Probability of each class in the windows along the recording; None without windows."""
    if not answer.windows:
        return None
    figure = new_figure(5, 2.6)
    axes = figure.add_subplot()
    for k, name in enumerate(answer.classes):
        shares = [window.probabilities[k] for window in answer.windows]
        middle = [(window.start + window.end) / 2 for window in answer.windows]
        if len(shares) == 1:
            shares, middle = shares * 2, [answer.windows[0].start, answer.windows[0].end]
        axes.plot(middle, shares, color=COLORS[k % len(COLORS)], linestyle=DASHES[k % len(DASHES)], label=name,
                  marker='o' if len(shares) <= 40 else None, markersize=3)
    axes.set(xlabel='time [s]', ylabel='probability', ylim=(-0.03, 1.03), xlim=(0, answer.duration or None))
    figure.legend(loc='outside upper left', ncols=min(4, len(answer.classes)), frameon=False, fontsize=9)
    return figure


def limb_map(explanation: Explanation, name: str) -> Any:
    """Effect of each limb in each phase, in percentage points."""
    effect = 100 * np.column_stack([explanation.effect, explanation.limb_effect])
    strongest = max(5., np.abs(effect).max())
    digits = 1 if strongest == 5 else 0  # as on the page
    figure = new_figure(6, 0.9 + 0.32 * len(effect))
    axes = figure.add_subplot()
    image = axes.imshow(effect, cmap='RdBu', vmin=-strongest, vmax=strongest, aspect='auto')
    for row, column in np.ndindex(effect.shape):
        text = f'{effect[row, column]:.{digits}f}'
        axes.text(column, row, text.replace('-', '\N{MINUS SIGN}') if float(text) else '0', ha='center',
                  va='center', fontsize=8, color='white' if abs(effect[row, column]) > 0.65 * strongest else 'black')
    axes.axvline(BINS - 0.5, color='white', linewidth=4)
    edges = np.linspace(0, 100, BINS + 1)
    axes.set_xticks(range(BINS + 1), [*(f'{low:.0f}–{high:.0f}' for low, high in zip(edges, edges[1:])), 'all'],
                    fontsize=7)
    axes.set_yticks(range(len(effect)), map(words.limb_name, explanation.limbs), fontsize=9)
    axes.set_xlabel(f'% of the {"stride" if explanation.by == "stride" else "recording"}')
    bar = figure.colorbar(image, ax=axes, pad=0.02)
    bar.set_label(f'effect on {name} [points]', fontsize=9)
    axes.tick_params(length=0)
    return figure


def skeleton_sequence(clip: Clip, explanation: Explanation | None = None) -> Any:
    """Poses over one stride of the left leg, or over the recording if no stride is known; None without a skeleton."""
    layout, rate = clip.get('layout'), clip.get('rate')
    if layout is None or not rate:
        return None
    layout = get_layout(layout)
    clip = keep_tracked_person(clip)
    keypoint = np.asarray(clip['keypoint'], np.float64)[0]
    seen = seen_joints(clip['keypoint'], clip.get('keypoint_score'))[0]
    place = upright(fill_missing(np.nan_to_num(keypoint), seen, layout))
    if place.shape[-1] == 3:
        angle = heading_of(place, layout)
        place = np.stack([np.cos(angle) * place[..., 0] + np.sin(angle) * place[..., 2], place[..., 1]], -1)
    start, stop = _one_stride(explanation, len(place) / rate)
    moments = np.linspace(start, stop, POSES)
    frames = np.minimum(np.round(moments * rate).astype(int), len(place) - 1)
    hips = list(pelvis_joints(layout))
    figure = new_figure(7, 2.4)
    axes = figure.add_subplot()
    height = float(np.median(np.ptp(place[frames][..., 1], axis=1)))
    for column, (moment, frame) in enumerate(zip(moments, frames)):
        pose = place[frame] + [0.62 * height * column - place[frame][hips, 0].mean(), -place[frame][..., 1].min()]
        draw_pose(axes, pose, layout, seen[frame])
        whole = explanation is not None and explanation.by == 'stride'
        axes.text(0.62 * height * column, -0.06 * height, f'{100 * column / (POSES - 1):.0f} %' if whole else
                  f'{moment:.1f} s', ha='center', va='top', fontsize=9)
    axes.set_aspect('equal')
    axes.set_axis_off()
    return figure


def _one_stride(explanation: Explanation | None, duration: float) -> tuple[float, float]:
    strikes: Sequence[float] = explanation.strikes.get('left', ()) if explanation is not None else ()
    strides = sorted(zip(np.diff(strikes), strikes))
    if not strides:
        return 0., duration
    stride, start = strides[len(strides) // 2]
    return float(start), float(start + stride)


def upright(place: np.ndarray, up: str = 'y') -> np.ndarray:
    """Keypoints (T, V, C) with y up, of an image or of a 3-D clip; in 3-D, x and z are the floor."""
    if place.shape[-1] == 2:
        return place * (1, -1)
    floor, upwards = vertical(up)
    first = np.eye(3)[floor[0]]
    return place @ np.stack([first, upwards, np.cross(first, upwards)], 1)  # right-handed, or left and right would swap


def heading_of(place: np.ndarray, layout: Layout) -> float:
    """Angle of the walking direction on the floor of an upright 3-D clip, 0 along x."""
    if place.shape[-1] != 3 or not layout.get('legs'):
        return 0.
    ahead, aside = heading(place, layout)
    return float(np.arctan2(aside, ahead))

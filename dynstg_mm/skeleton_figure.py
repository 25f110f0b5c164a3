"""Skeletons in figures: the colours of the sides, a pose, and three frames by which a person sees swapped sides."""
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dynstg_mm.errors import ConfigError
from dynstg_mm.gait.geometry import MIN_TRAVEL, heading, leg_length, walks_backwards
from dynstg_mm.gait.pelvis import pelvis
from dynstg_mm.gait.signal import fill_missing
from dynstg_mm.gait.visibility import present_frames
from dynstg_mm.skeletons import Layout, get_layout, side_of

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

SIDE_COLORS = {'left': '#0072b2', 'right': '#c24a00', '': '#59636e'}  # everywhere, also on pages and in videos
MOMENTS = (0.1, 0.5, 0.9)  # of the frames that show the person
_MARGIN = 1.4  # of the panels, as a factor of the largest pose


class View(NamedTuple):
    """A way to look at a walk: a title, places (T, V, 2), the direction on it, -1, 0 (unknown) or 1, and its units."""

    title: str
    place: np.ndarray
    ahead: int
    unit: str


def side(layout: Layout, *joints: int) -> str:
    """'left' or 'right' if all these joints are on that side, or in the middle; by name if the layout does not say."""
    found = {side_of(layout, joint) if layout.get('left') else next(
        (side for side in ('left', 'right') if side in layout['joints'][joint].lower()), '') for joint in joints}
    return found.pop() if len(found := found - {''}) == 1 else ''


def bones(layout: Layout) -> list[tuple[int, int]]:
    """The layout's edges, and a line between hips that no joint connects."""
    edges = [(int(child), int(parent)) for child, parent in layout['inward']]
    hips = [leg[0] for leg in layout.get('legs', [])]
    if len(hips) == 2 and 'mid_hip' not in layout['joints'] and 'spine_base' not in layout['joints']:
        edges.append((hips[0], hips[1]))
    return edges


def points_only(joints: Sequence[str]) -> Layout:
    """A layout of joints whose connections are unknown."""
    return get_layout(dict(num_node=len(joints), joints=list(joints), inward=[], center=0))


def draw_pose(axes: Any, place: np.ndarray, layout: Layout, seen: np.ndarray | None = None, width: float = 2.) -> None:
    """Draw the bones of a pose, those of lost joints dotted.

    Args:
        axes: Of Matplotlib.
        place: Shape (V, 2).
        layout: Skeleton layout.
        seen: Shape (V,).
        width: Of the lines, in points.
    """
    for child, parent in bones(layout):
        lost = seen is not None and not (seen[child] and seen[parent])
        axes.plot(*place[[child, parent]].T, color=SIDE_COLORS[side(layout, child, parent)], linewidth=width,
                  solid_capstyle='round', linestyle=':' if lost else '-', alpha=0.6 if lost else 1)


def walking_direction(keypoint: np.ndarray, layout: Layout) -> np.ndarray:
    """Unit vector (2,) along x and z of a 3-D walk with y up; without legs in the layout, by the path of the pelvis.

    Args:
        keypoint: Shape (T, V, 3), without gaps.
        layout: Skeleton layout.
    """
    try:
        ahead = heading(keypoint, layout)
    except ConfigError:
        start, end = pelvis(keypoint[[0, -1]], layout)
        ahead = (end - start)[[0, 2]]
    length = float(np.linalg.norm(ahead))
    return ahead / length if length > 0 else np.array([1., 0.])


def draw_frames(figure: FigureBase, keypoint: np.ndarray, seen: np.ndarray, layout: Layout, rate: float | None = None,
                unit: str | None = None, rows: bool = True) -> None:
    """Draw three frames of one person, with the walking direction and the vertical axis.

    A 3-D walk is drawn from its right side, towards the right, and from behind, where the left side must be on the
    left. A 2-D walk is drawn as in the picture.

    Args:
        figure: A figure or part of one.
        keypoint: Shape (T, V, C): pixels, or three coordinates with y up.
        seen: Shape (T, V).
        layout: Skeleton layout.
        rate: Frames per second.
        unit: Of the coordinates.
        rows: Draw the two views below each other.
    """
    from matplotlib.lines import Line2D
    views = _views(fill_missing(np.where(seen[..., None], keypoint, 0).astype(np.float64), seen, layout), seen, layout,
                   unit)
    shown = np.flatnonzero(present_frames(seen))
    shown = shown if len(shown) else np.flatnonzero(seen.any(1))
    frames = shown[[round(moment * (len(shown) - 1)) for moment in MOMENTS]]
    panels = figure.subplots(*(len(views), 3) if rows else (1, 3 * len(views)), squeeze=False).reshape(len(views), 3)
    for row, view in zip(panels, views):
        poses = view.place[frames]
        half = _MARGIN * max(float(np.ptp(poses, axis=1).max()), 1e-9) / 2
        for column, (axes, frame, pose) in enumerate(zip(row, frames, poses)):
            moment = f'frame {frame}' + (f', {frame / rate:.2f} s' if rate else '')
            axes.set_title(f'{view.title}\n{moment}' if column == 0 and view.title else moment, fontsize=9)
            _draw_panel(axes, pose, seen[frame], layout, half, view)
            if column == 0:
                axes.set_ylabel(view.unit, fontsize=9)
    handles = [Line2D([], [], color=SIDE_COLORS[name], linewidth=3, label=name or 'middle') for name in SIDE_COLORS]
    lost = [Line2D([], [], color=SIDE_COLORS[''], linewidth=2, linestyle=':', label='lost joint')]
    figure.legend(handles=handles + lost * (not seen[frames].all()), loc='outside lower center', ncols=4, fontsize=9,
                  frameon=False)


def _views(place: np.ndarray, seen: np.ndarray, layout: Layout, unit: str | None) -> list[View]:
    """How to look at a walk (T, V, C) without gaps."""
    if place.shape[-1] == 2:
        return [View('', place, _direction(place, layout), 'pixels, y down')]
    present = np.flatnonzero(seen.any(1))
    walked = place[present[0]:present[-1] + 1]
    ahead, moves = walking_direction(walked, layout), _has_direction(walked, layout)
    name = f'y, up [{unit}]' if unit else 'y, up, unknown unit'
    floor, height = place[..., [0, 2]], place[..., 1]
    aside = np.array([-ahead[1], ahead[0]])
    return [View('from the right side', np.stack([floor @ ahead, height], -1), int(moves), name),
            View('from behind' + ': left should be left' * moves, np.stack([floor @ aside, height], -1), 0, name)]


def _has_direction(place: np.ndarray, layout: Layout) -> bool:
    """Whether path or feet give the direction of a 3-D walk, and not only the hips, whose sides may be swapped."""
    if not layout.get('legs') or layout.get('feet'):
        return True
    start, end = pelvis(place[[0, -1]], layout)
    return float(np.linalg.norm((end - start)[[0, 2]])) > MIN_TRAVEL * leg_length(place, layout)


def _direction(place: np.ndarray, layout: Layout) -> int:
    try:
        return -1 if walks_backwards(place, layout) else 1
    except ConfigError:  # a layout without legs
        start, end = pelvis(place[[0, -1]], layout)
        return int(np.sign(end[0] - start[0]))


def _draw_panel(axes: Any, pose: np.ndarray, seen: np.ndarray, layout: Layout, half: float, view: View) -> None:
    """One pose (V, 2) in a square of twice `half`, with arrows."""
    draw_pose(axes, pose, layout, seen)
    colors = [SIDE_COLORS[side(layout, joint)] for joint in range(len(pose))]
    axes.scatter(*pose[seen].T, s=14, color=[color for color, found in zip(colors, seen) if found], zorder=3)
    middle, upwards = (pose.min(0) + pose.max(0)) / 2, -1 if view.unit.startswith('pixels') else 1
    axes.set(aspect='equal', xlim=(middle[0] - half, middle[0] + half),
             ylim=(middle[1] - 1.15 * half * upwards, middle[1] + 0.85 * half * upwards))
    axes.tick_params(labelsize=7)
    axes.locator_params(nbins=4)
    arrow = dict(arrowprops=dict(arrowstyle='->', color='black', linewidth=1.5), xycoords='axes fraction')
    axes.annotate('', (0.06, 0.97), (0.06, 0.8), **arrow)
    axes.text(0.1, 0.97, 'up', transform=axes.transAxes, fontsize=8, va='top')
    if view.ahead:
        axes.annotate('', (0.5 + 0.2 * view.ahead, 0.04), (0.5 - 0.2 * view.ahead, 0.04), **arrow)
        axes.text(0.5, 0.055, 'walks', transform=axes.transAxes, fontsize=8, ha='center')

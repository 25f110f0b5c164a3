"""The vertical axis of a recording, by the body in it: the feet are below the head."""
import warnings

import numpy as np

from dynstg_mm.gait.spatiotemporal import UNITS
from dynstg_mm.skeletons import Layout, find_joints

CLEARLY = 1.5  # how many times longer than along any other axis a body must be along the vertical one
HEIGHTS = 0.3, 3.  # metres from the feet to the head, or to the neck and shoulders, of a child or an adult
_LEVELS = (('head', 'nose', 'head_top', 'neck', 'left_shoulder', 'right_shoulder'),
           ('mid_hip', 'left_hip', 'right_hip'),
           ('left_ankle', 'right_ankle', 'left_foot', 'right_foot'))


def up_axis(keypoint: np.ndarray, seen: np.ndarray, layout: Layout) -> str | None:
    """The axis along which a person stands, with its sign, such as 'y', '-y' or 'z'.

    It is the one along which head and shoulders, pelvis and feet lie one above the other.

    Args:
        keypoint: Shape (T, V, C).
        seen: Shape (T, V).
        layout: With `joints`, the names by which the parts of the body are found, and perhaps `legs`.

    Returns:
        None if the names do not give feet and something above them, if no frame shows both, or if no axis is clearly
        longer than the others, as of somebody who lies or bends down.
    """
    levels = _levels(layout)
    places = [_median_place(keypoint, seen, joints) for joints in levels]
    known = [place for place in places if not np.isnan(place).any()]
    if np.isnan(places[-1]).any() or len(known) < 2:
        return None
    height = known[0] - places[-1]
    axis = int(np.abs(height).argmax())
    others = np.delete(np.abs(height), axis)
    if abs(height[axis]) <= CLEARLY * others.max(initial=0):
        return None
    steps = np.diff([place[axis] for place in known])
    if not (steps < 0).all() and not (steps > 0).all():  # the pelvis is not between the feet and the head
        return None
    return ('-' if height[axis] < 0 else '') + 'xyz'[axis]


def impossible_height(keypoint: np.ndarray, seen: np.ndarray, layout: Layout, unit: str) -> str | None:
    """How tall a person is from the feet to the head, if nobody can be, so that the unit is wrong; else None.

    Args:
        keypoint: Shape (T, V, 3).
        seen: Shape (T, V).
        layout: As for `up_axis`; without names of feet and head, nothing is found.
        unit: Of the keypoints, a key of `UNITS`.
    """
    levels = _levels(layout)
    height = float(np.linalg.norm(_median_place(keypoint, seen, levels[0]) - _median_place(keypoint, seen, levels[2])))
    if np.isnan(height) or HEIGHTS[0] < height * UNITS[unit] < HEIGHTS[1]:
        return None
    shown = f'{height:.3g}' if height < 1000 else f'{height:,.0f}'
    return f'{shown} {unit} from the feet to the head'


def _levels(layout: Layout) -> list[list[int]]:
    """The joints of head and shoulders, of the pelvis, and of the feet."""
    found = find_joints(layout['joints'], [joint for level in _LEVELS for joint in level])
    levels = [sorted({place for joint in level for place in found.get(joint, ())}) for level in _LEVELS]
    legs = layout.get('legs') or ()
    levels[1] = levels[1] or [hip for hip, _, _ in legs]
    levels[2] = levels[2] or [ankle for _, _, ankle in legs]
    return levels


def _median_place(keypoint: np.ndarray, seen: np.ndarray, joints: list[int]) -> np.ndarray:
    """Median over frames of the mean of joints, relative to the mean of all joints seen in the frame; NaN if never."""
    masked = np.where(seen[..., None], keypoint, np.nan).astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # frames without any of them
        about = np.nanmean(masked[:, joints], axis=1) - np.nanmean(masked, axis=1)
        place: np.ndarray = np.nanmedian(about, axis=0)
    return place

"""Axes, leg length, knee bend and walking direction of a skeleton.

Shapes: T frames, V joints, C coordinates (2 or 3). A window is an array (T, V, C) of one person.
"""
import numpy as np

from dynstg_mm.errors import ConfigError
from dynstg_mm.gait.pelvis import pelvis
from dynstg_mm.skeletons import Layout, mirror_order

UPS = {'y': ((0, 2), (0, 1, 0)), '-y': ((0, 2), (0, -1, 0)), 'z': ((0, 1), (0, 0, 1)), '-z': ((0, 1), (0, 0, -1))}
BACKWARDS = -0.01  # a recording with a mean `knee_bend` below this is taken for a mirror image
MIN_TRAVEL = 0.25  # leg lengths of displacement above which it gives the walking direction


def vertical(up: str) -> tuple[tuple[int, int], tuple[int, int, int]]:
    """Axes of the floor, and the unit vector upwards.

    Args:
        up: The axis that points upwards: 'y', '-y', 'z' or '-z'.
    """
    if up not in UPS:
        raise ConfigError(f'up: {up!r}; expected one of {", ".join(UPS)}.')
    return UPS[up]


def turn_about_vertical(keypoint: np.ndarray, floor: tuple[int, int], cosine: float, sine: float) -> None:
    """Turn points (..., 3) in place, in the plane of the two axes `floor`, from the first axis to the second."""
    first, second = keypoint[..., floor[0]].copy(), keypoint[..., floor[1]].copy()
    keypoint[..., floor[0]] = cosine * first - sine * second
    keypoint[..., floor[1]] = sine * first + cosine * second


def leg_length(window: np.ndarray, layout: Layout) -> float:
    """Median over frames of hip to knee to ankle, averaged over the legs, in the unit of the keypoints.

    Args:
        window: Shape (T, V, C).
        layout: With `legs`.
    """
    if not layout.get('legs'):
        raise ConfigError('layout: legs: missing; the size and the direction of a person need (hip, knee, ankle) of '
                          'each leg.')
    lengths = []
    for hip, knee, ankle in layout['legs']:
        thigh = np.linalg.norm(window[:, hip] - window[:, knee], axis=-1)
        shank = np.linalg.norm(window[:, knee] - window[:, ankle], axis=-1)
        lengths.append(np.median(thigh + shank))
    return float(np.mean(lengths))


def knee_bend(keypoint: np.ndarray, seen: np.ndarray, layout: Layout, up: str = 'y') -> float:
    """How far the knees are in front of the line from hip to ankle, as a share of its length.

    In front is where a person looks whose left hip is on the left, with `up` above. A negative value means a mirror
    image.

    Args:
        keypoint: Shape (T, V, 3).
        seen: Shape (T, V).
        layout: With `legs` and `left`.
        up: Vertical axis.

    Returns:
        Mean over legs and frames; NaN if no frame shows both legs.
    """
    legs = sorted(layout.get('legs', []), key=lambda leg: leg[0] not in layout.get('left', []))  # the left one first
    whole = seen[:, [joint for leg in legs for joint in leg]].all(1)
    if len(legs) != 2 or not whole.any():
        return np.nan
    place = keypoint[whole].astype(np.float64)
    forward = np.cross(place[:, legs[0][0]] - place[:, legs[1][0]], vertical(up)[1])
    forward /= np.maximum(np.linalg.norm(forward, axis=-1, keepdims=True), 1e-12)
    bends = [((place[:, knee] - (place[:, hip] + place[:, ankle]) / 2) * forward).sum(-1)
             / np.maximum(np.linalg.norm(place[:, hip] - place[:, ankle], axis=-1), 1e-12) for hip, knee, ankle in legs]
    return float(np.mean(bends))


def walks_backwards(window: np.ndarray, layout: Layout, min_travel: float = MIN_TRAVEL) -> bool:
    """Whether somebody walks towards smaller x.

    It is the pelvis's displacement; if that is small, the direction of the feet, or in a layout without feet of the
    knees, which are in front of the line from hip to ankle.

    Args:
        window: Shape (T, V, C).
        layout: With `legs`.
        min_travel: Displacement in leg lengths above which it gives the direction.
    """
    x = window[..., 0]
    start, end = pelvis(window[[0, -1]], layout)[:, 0]
    travel = end - start
    if abs(travel) > min_travel * leg_length(window, layout):
        return bool(travel < 0)
    if layout.get('feet'):
        return bool(sum((x[:, toe] - x[:, heel]).mean() for heel, toe in layout['feet']) < 0)
    return bool(sum((x[:, knee] - (x[:, hip] + x[:, ankle]) / 2).mean() for hip, knee, ankle in layout['legs']) < 0)


def mirror_direction(window: np.ndarray, layout: Layout, min_travel: float = MIN_TRAVEL) -> None:
    """Mirror a window in place, sides swapped, if somebody in it walks towards smaller x."""
    if walks_backwards(window, layout, min_travel):
        window[:] = window[:, mirror_order(layout)]
        window[..., 0] *= -1


def heading(window: np.ndarray, layout: Layout, up: str = 'y', min_travel: float = MIN_TRAVEL) -> np.ndarray:
    """Horizontal direction of a 3-D walk, not normalised.

    It is the displacement of the pelvis; if that is small, the direction of the feet, or in a layout without feet the
    one across the hips, in right-handed axes.

    Args:
        window: Shape (T, V, 3).
        layout: With `legs`, and with `feet` or `left` and `right`.
        up: Vertical axis.
        min_travel: Displacement in leg lengths above which it gives the direction.

    Returns:
        Shape (2,), along the two axes of the floor.
    """
    floor, upwards = vertical(up)
    axes = list(floor)
    start, end = pelvis(window[[0, -1]], layout)
    travel = (end - start)[axes]
    if np.linalg.norm(travel) > min_travel * leg_length(window, layout):
        return travel
    if layout.get('feet'):
        return np.sum([(window[:, toe] - window[:, heel]).mean(0) for heel, toe in layout['feet']], axis=0)[axes]
    left, right = ([window[:, hip].mean(0) for hip, _, _ in layout['legs'] if hip in layout.get(side, [])]
                   for side in ('left', 'right'))
    if not left or not right:
        raise ConfigError('layout: left, right: missing for the hips; the heading needs them, or feet.')
    return np.cross(left[0] - right[0], upwards)[axes]


def align_heading(window: np.ndarray, layout: Layout, up: str = 'y', min_travel: float = MIN_TRAVEL) -> None:
    """Turn a 3-D window in place about the vertical so that the person walks along the first axis of the floor."""
    ahead, aside = heading(window, layout, up, min_travel)
    length = np.hypot(ahead, aside)
    if length > 0:
        turn_about_vertical(window, vertical(up)[0], ahead / length, -aside / length)

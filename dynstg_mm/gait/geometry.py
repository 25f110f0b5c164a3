"""Axes, leg length and knee bend of a skeleton."""
import numpy as np

UPS = {'y': ((0, 2), (0, 1, 0)), '-y': ((0, 2), (0, -1, 0)), 'z': ((0, 1), (0, 0, 1)), '-z': ((0, 1), (0, 0, -1))}
BACKWARDS = -0.01  # a mean `knee_bend` below which a recording is taken for a mirror image


def vertical(up):
    """Axes of the floor, and the unit vector upwards.

    Args:
        up (str): The axis that points upwards: 'y', '-y', 'z' or '-z'.
    """
    if up not in UPS:
        raise ValueError(f'up: {up!r}; expected one of {", ".join(UPS)}.')
    return UPS[up]


def turn_about_vertical(keypoint, floor, cosine, sine):
    """Turn points (..., 3) in place, in the plane of the two axes `floor`, from the first axis to the second."""
    first, second = keypoint[..., floor[0]].copy(), keypoint[..., floor[1]].copy()
    keypoint[..., floor[0]] = cosine * first - sine * second
    keypoint[..., floor[1]] = sine * first + cosine * second


def leg_length(window, layout):
    """Median over frames of hip to knee to ankle, averaged over the legs, in the keypoints' unit.

    Args:
        window (ndarray): Shape (T, V, C).
        layout (dict): With `legs`.
    """
    if not layout.get('legs'):
        raise ValueError('layout: legs missing; MirrorDirection, AlignHeading and ScaleByLegLength need (hip, knee, '
                         'ankle) of each leg.')
    lengths = []
    for hip, knee, ankle in layout['legs']:
        thigh = np.linalg.norm(window[:, hip] - window[:, knee], axis=-1)
        shank = np.linalg.norm(window[:, knee] - window[:, ankle], axis=-1)
        lengths.append(np.median(thigh + shank))
    return float(np.mean(lengths))


def knee_bend(keypoint, seen, layout, up='y'):
    """How far the knees stand before the line from hip to ankle, as a share of that line; below 0 in a mirror image.

    Before is where somebody looks whose left hip is on the left, with `up` above.

    Args:
        keypoint (ndarray): (T, V, 3).
        seen (ndarray): (T, V), where a joint is not lost.
        layout (dict): With `legs` and `left`.
        up (str): Vertical axis.

    Returns:
        float: Mean over legs and frames; NaN without the two legs of a person in any frame.
    """
    legs = sorted(layout.get('legs', []), key=lambda leg: leg[0] not in layout.get('left', []))  # the left one first
    there = seen[:, [joint for leg in legs for joint in leg]].all(1)
    if len(legs) != 2 or not there.any():
        return np.nan
    place = keypoint[there].astype(np.float64)
    forward = np.cross(place[:, legs[0][0]] - place[:, legs[1][0]], vertical(up)[1])
    forward /= np.maximum(np.linalg.norm(forward, axis=-1, keepdims=True), 1e-12)
    bends = [((place[:, knee] - (place[:, hip] + place[:, ankle]) / 2) * forward).sum(-1)
             / np.maximum(np.linalg.norm(place[:, hip] - place[:, ankle], axis=-1), 1e-12) for hip, knee, ankle in legs]
    return float(np.mean(bends))

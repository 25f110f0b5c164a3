"""Filling, filtering and resampling of keypoint tracks, and the choice of windows."""
from collections.abc import Sequence

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.signal import butter, sosfiltfilt

from dynstg_mm.gait.pelvis import interpolate, pelvis_path
from dynstg_mm.skeletons import Layout, parents, pelvis_joints

RATES = (1, 10_000)  # frames per second that a recording can have
BLOCK = 300_000  # numbers that are filtered at once, which bounds the memory that a long clip takes


def is_rate(value: object) -> bool:
    """Whether a value can be the frames per second of a recording."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool) and bool(
        RATES[0] <= value <= RATES[1])


def fill_missing(keypoint: np.ndarray, seen: np.ndarray, layout: Layout) -> np.ndarray:
    """Interpolate one person's lost joints.

    The pelvis is interpolated linearly over time and the other joints relative to it, so that a joint that is lost for
    long moves along with the body. At the ends the last known place is held. A joint that is never seen is put on its
    parent, a hip or the pelvis on the path of the pelvis, and the root of the graph on the mean of its neighbours.

    Args:
        keypoint: Shape (T, V, C).
        seen: Shape (T, V).
        layout: Skeleton layout.

    Returns:
        A new array of the same shape and type.
    """
    path = pelvis_path(keypoint, seen, layout)
    keypoint = keypoint - path[:, None]
    known = [bool(frames.any()) for frames in seen.T]
    for joint in np.flatnonzero(known):
        interpolate(keypoint[:, joint], seen[:, joint])
    for joint in np.flatnonzero(np.logical_not(known)).tolist():
        sources = _in_place_of(joint, known, layout)
        keypoint[:, joint] = keypoint[:, sources].mean(1) if sources else 0
    keypoint += path[:, None]
    return keypoint


def _in_place_of(joint: int, known: Sequence[bool], layout: Layout) -> list[int]:
    """Joints whose mean replaces one that is never seen; none for the path of the pelvis."""
    parent, hips = parents(layout), pelvis_joints(layout)
    while not known[joint] and joint not in hips and joint != parent[joint]:
        joint = parent[joint]
    if known[joint]:
        return [joint]
    return [] if joint in hips else [child for child, above in enumerate(parent) if above == joint and known[child]]


def resample(array: np.ndarray, rate: float, new_rate: float, *, lowpass: float | None = None,
             nearest: bool = False) -> np.ndarray:
    """Bring tracks from one frame rate to another, in seconds.

    Args:
        array: Shape (M, T, V, ...).
        rate: Frames per second of the array.
        new_rate: Frames per second of the result.
        lowpass: Cut-off in Hz of a zero-lag Butterworth filter of second order (Winter 2009), applied first.
        nearest: Take the nearest frame, as for scores, instead of filtering and splining.

    Returns:
        Shape (M, T', V, ...), float32. An array of fewer than 4 frames is returned as it is.
    """
    joints = max(1, BLOCK * array.shape[2] // array.size) if array.size else 1
    return np.concatenate([_resample(array[:, :, start:start + joints], rate, new_rate, lowpass, nearest)
                           for start in range(0, array.shape[2], joints)], 2)


def _resample(array: np.ndarray, rate: float, new_rate: float, lowpass: float | None, nearest: bool) -> np.ndarray:
    frames = array.shape[1]
    if frames < 4:  # too short for a spline, and for any window
        return array
    if not nearest and lowpass and lowpass < rate / 2:
        sos = butter(2, lowpass, fs=rate, output='sos')
        array = sosfiltfilt(sos, array, axis=1, padlen=min(frames - 1, round(rate)))
    if rate != new_rate:
        seconds = np.arange(0, (frames - 1) / rate + 1e-9, 1 / new_rate)
        if nearest:
            array = array[:, np.minimum(np.round(seconds * rate).astype(int), frames - 1)]
        else:
            array = CubicSpline(np.arange(frames) / rate, array, axis=1)(seconds)
    return array.astype(np.float32)


def at_even_times(array: np.ndarray, times: np.ndarray, rate: float, max_gap: float) -> tuple[np.ndarray, np.ndarray]:
    """Bring frames at uneven times to even ones by linear interpolation; nothing is known within a long gap.

    Args:
        array: Shape (T, ...), T at least 2.
        times: Seconds of the frames (T,), growing.
        rate: Frames per second of the result.
        max_gap: Seconds between two frames above which nothing in between is known, but what is at most half a frame
            of the new rate away from either.

    Returns:
        Shape (T', ...), from the first time to the last at most, with zeros for what is not known; and shape (T',),
        which frames are known.
    """
    even = times[0] + np.arange(int((times[-1] - times[0]) * rate + 1e-3) + 1) / rate
    right = np.searchsorted(times, even).clip(1, len(times) - 1)
    steps = times[right] - times[right - 1]
    share = ((even - times[right - 1]) / steps).clip(0, 1)
    known = (steps <= max_gap) | (np.minimum(share, 1 - share) * steps <= 0.5 / rate)
    share, shown = (part.reshape(-1, *[1] * (array.ndim - 1)) for part in (share, known))
    return np.where(shown, array[right - 1] * (1 - share) + array[right] * share, 0), known


def window_starts(frames: int, length: int, count: int) -> np.ndarray:
    """First frames of `count` windows, spread evenly from the start of a clip to its end.

    Args:
        frames: Frames of the clip.
        length: Frames of a window; all start at 0 if the clip is shorter.
        count: Number of windows.
    """
    return np.linspace(0, max(frames - length, 0), count).round().astype(int)


def window_frames(starts: np.ndarray, length: int, frames: int) -> np.ndarray:
    """Frames (windows, length) of windows; beyond the end of a short clip its last frame is repeated.

    Args:
        starts: First frames of the windows.
        length: Frames of a window.
        frames: Frames of the clip.
    """
    return np.minimum(starts[:, None] + np.arange(length), frames - 1)

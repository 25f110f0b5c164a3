"""The order of the axes of an array of keypoints."""
import os
from collections.abc import Sequence

import numpy as np

from dynstg_mm.errors import ConfigError, DataError

MANY = 16  # persons in more than so many rows, each with fewer frames than persons: the axis is that of the frames
UPRIGHT = 0.6  # lowest correlation of two people's heights; that of x and y of one person is below 0.3
HIGHEST = 1.1  # score; those of OpenPose go up to about 1.05
FEWEST = 5  # joints of somebody; an axis of fewer, beside one of more persons, is another one
RESTLESS = 2  # how many times more a joint moves in a frame than joints lie apart, if the axes of both are exchanged
_ORDERS = ('mtvc', 'tmvc', 'ctvm', 'mctv', 'cmtv', 'tvc', 'ctv')
_EXCHANGED = str.maketrans('TV', 'VT')


def in_order(path: str | os.PathLike, field: str, values: np.ndarray, axes: str | None = None,
             frames: int | None = None, joints: int | None = None) -> tuple[np.ndarray, str, list[str]]:
    """Keypoints as (persons, frames, joints, coordinates).

    Documented are (T, V, C) and (M, T, V, C). (T, M, V, C), and orders with the coordinates before the frames, such as
    the (C, T, V, M) of ST-GCN, are recognised by the sizes of the axes, by the number of frames or joints that the file
    gives, and by the values: the persons of one frame stand at different places in the same posture, and the
    coordinates of one person have nothing in common.

    Args:
        path: Names the file in errors.
        field: Names the array in errors.
        values: Numbers with 3 to 5 axes; the first of 5 is a batch of one clip.
        axes: Letters of the axes in their order, such as 'TMVC', if the user gives them.
        frames: Number of frames, if the file says it.
        joints: Number of joints, if the file says it.

    Returns:
        The array; the order as letters; and a note if it is not a documented one.

    Raises:
        ConfigError: `axes` are wrong.
        DataError: The sizes fit no order, or several, or not the number of frames.
    """
    shape = values.shape
    if axes is not None:
        order = axes.lower()
        if sorted(order) not in (sorted('mtvc'), sorted('tvc')):
            raise ConfigError(f'axes: {axes!r}; expected the letters of MTVC or TVC (persons, frames, joints, '
                              'coordinates) in the order of the file.')
    else:
        if len(shape) == 5 and shape[0] == 1:
            values, shape = values[0], shape[1:]
        order = _recognise(path, field, values, frames, joints)
    if values.dtype.kind not in 'fiu' or not order or len(order) != len(shape):
        raise DataError(f'{path}: {field}: {values.dtype} of shape {shape}; expected numbers (frames, joints, 2 or 3), '
                        'or with the persons as first axis; --axes names another order.')
    notes = [] if order in ('mtvc', 'tvc') else [f'axes of {field} taken for ({", ".join(order.upper())})']
    moved = _moved(values, order, 'mtvc')
    if axes is None and frames is None and joints is None and _frames_are_joints(moved):
        raise DataError(f'{path}: {field}: shape {values.shape}: the axis of the {moved.shape[1]} frames looks like '
                        f'that of the joints; --axes names their order, such as '
                        f'{order.upper().translate(_EXCHANGED)}.')
    return moved, order, notes


def scores_in_order(path: str | os.PathLike, field: str, values: np.ndarray, order: str,
                    shape: Sequence[int]) -> np.ndarray:
    """Scores as (persons, frames, joints), in the order of the keypoints without their coordinates.

    Args:
        path: Names the file in errors.
        field: Names the array in errors.
        values: Numbers.
        order: From `in_order`.
        shape: Persons, frames, joints.

    Raises:
        DataError: The array has another shape.
    """
    values = values[0] if values.ndim == len(order) and values.shape[0] == 1 and 'm' not in order else values
    for letters in (order.replace('c', ''), 'mtv', 'tv'):
        if values.dtype.kind in 'fiub' and values.ndim == len(letters):
            moved = _moved(values, letters, 'mtv')
            if moved.shape == tuple(shape):
                return moved
    raise DataError(f'{path}: {field}: shape {values.shape}; expected {tuple(shape)}.')


def _moved(values: np.ndarray, order: str, wanted: str) -> np.ndarray:
    if 'm' not in order:
        values, order = values[None], 'm' + order
    return values.transpose([order.index(letter) for letter in wanted])


def _recognise(path: str | os.PathLike, field: str, values: np.ndarray, frames: int | None, joints: int | None) -> str:
    """The order of an array's axes; an empty one if the sizes fit none."""
    fitting = [order for order in _ORDERS if _fits(values.shape, order)]
    known = [order for order in fitting if all(size is None or values.shape[order.index(letter)] == size
                                               for letter, size in (('t', frames), ('v', joints)))]
    if fitting and not known and frames is not None and not any(values.shape[order.index('t')] == frames
                                                                for order in fitting):
        raise DataError(f'{path}: {field}: shape {values.shape}, but total_frames is {frames}.')
    fitting = known or fitting
    if 'mctv' in fitting:  # rather than more persons than frames
        fitting = [order for order in fitting if order != 'ctvm' or values.shape[3] <= values.shape[1]]
    if 'mctv' in fitting and 'cmtv' in fitting:
        fitting.remove('mctv' if _coordinates_first(values.transpose(0, 2, 3, 1)) else 'cmtv')
    if 'ctvm' in fitting and len(fitting) > 1:
        fitting = ['ctvm'] if _coordinates_first(values) else [order for order in fitting if order != 'ctvm']
    if 'tmvc' in fitting and 'mtvc' in fitting:
        first, second = values.shape[:2]
        if first <= max(second, MANY):
            fitting.remove('tmvc')
        elif first >= 4 * second:
            fitting.remove('mtvc')
        else:
            raise DataError(f'{path}: {field}: shape {values.shape} can be {first} persons in {second} frames, or '
                            f'{second} persons in {first} frames; say which with --axes MTVC or --axes TMVC.')
    return fitting[0] if fitting else ''


def _fits(shape: Sequence[int], order: str) -> bool:
    if len(shape) != len(order) or not 2 <= shape[order.index('c')] <= (5 if order.endswith('c') else 4):
        return False
    return 'm' not in order or shape[order.index('v')] >= min(FEWEST, shape[order.index('m')])


def _frames_are_joints(values: np.ndarray) -> bool:
    """Whether the frames of an array (M, T, V, C) look like joints: people move little from one frame to the next."""
    if not 1 < values.shape[1] < values.shape[2]:
        return False
    place = values[..., :2].astype(np.float64)
    place = np.where((place == 0).all(-1, keepdims=True), np.nan, place)
    over_time, over_joints = (np.linalg.norm(np.diff(place, axis=axis), axis=-1) for axis in (1, 2))
    over_time, over_joints = (step[np.isfinite(step)] for step in (over_time, over_joints))
    return bool(len(over_time) and len(over_joints) and over_time.mean() > RESTLESS * over_joints.mean())


def _coordinates_first(values: np.ndarray) -> bool:
    """Whether an array that can be (M, T, V, C) or (C, T, V, M) is the second, by its values.

    People stand upright: their heights go together joint by joint, and a person's own coordinates do not.
    """
    place = np.nan_to_num(values.astype(np.float64))
    place = place[:, ::max(1, place.shape[1] // 50)]
    if not place[..., 1:].any() or place.shape[3] > 2 and not place[..., 1].any():
        return bool(place.any())  # the second coordinate is 0 in all joints: the second person, who is not there
    if not place[1:].any():
        return False
    if third_is_score(place.transpose(3, 1, 2, 0)):
        return True
    within = max(_together(person[..., 0], person[..., 1]) for person in place)
    between = max(_together(place[0, ..., axis], place[1, ..., axis]) for axis in range(place.shape[3]))
    return within > max(UPRIGHT, between)


def third_is_score(values: np.ndarray) -> bool:
    """Whether the third of three numbers of each joint, (..., 3), can only be a score, beside many pixels."""
    if values.shape[-1] != 3:
        return False
    known = values[np.isfinite(values).all(-1)].astype(float)
    if not len(known) or not known[:, 2].any():
        return False
    return bool(known[:, 2].min() >= 0 and known[:, 2].max() <= HIGHEST and (np.ptp(known[:, :2], axis=0) > 20).all())


def _together(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation over joints of deviations from the frame's mean, of arrays (T, V); 0 is a lost joint."""
    seen = (one != 0) & (other != 0)
    count = np.maximum(seen.sum(1, keepdims=True), 1)
    one, other = (np.where(seen, track - np.where(seen, track, 0).sum(1, keepdims=True) / count, 0)
                  for track in (one, other))
    length = np.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / length) if length else 0.

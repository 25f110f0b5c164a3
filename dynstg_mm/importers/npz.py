"""NPZ files of any skeleton."""
import os
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from dynstg_mm.datasets.annotation_file import describe
from dynstg_mm.errors import DataError
from dynstg_mm.importers.axes import in_order, scores_in_order, third_is_score
from dynstg_mm.importers.persons import most_seen
from dynstg_mm.importers.recording import (
    EmptyRecording,
    Recording,
    checked_img_shape,
    has_place,
    informative,
    readable,
    with_lost,
)

KEYPOINTS = ('keypoint', 'keypoints', 'landmarks', 'joints3d', 'poses')  # names of the array of joints


def read_npz(path: str | os.PathLike, *, persons: int = 1, dims: int | None = None,
             axes: str | None = None) -> list[Recording]:
    """Keypoints of an NPZ file: `keypoint` or `keypoints`, (T, V, C) or (M, T, V, C), or another order of `in_order`.

    The file may also have `keypoint_score` (or `scores`, `confidence`, `visibility`), `joint_names` (or `joints`),
    `rate` (or `fps`), `img_shape` (height, width) and `estimator` (the program that found the keypoints).

    Args:
        path: The file. Arrays of Python objects are refused; nothing is unpickled.
        persons: How many persons to keep.
        dims: 2 or 3 coordinates, if three numbers per joint can be x, y, z or x, y, score. Not needed if the third
            numbers can only be scores: all from 0 to about 1 beside pixels.
        axes: Letters of the axes in the file's order, such as 'TMVC'.

    Returns:
        One recording.

    Raises:
        DataError: The file is damaged or ambiguous; the message names the field.
    """
    arrays = read_arrays(path)
    name = next((key for key in KEYPOINTS if key in arrays), None)
    if name is None:
        raise DataError(f'{path}: keypoints: missing; it has {", ".join(arrays) or "nothing"}.')
    if not arrays[name].size:
        raise EmptyRecording.of(path, name)
    key = next((key for key in ('joint_names', 'joints', 'keypoint_names') if key in arrays), None)
    names = None if key is None else [str(joint) for joint in np.ravel(arrays[key])]
    values, order, notes = in_order(path, name, arrays[name], axes, joints=None if names is None else len(names))
    scores = next((key for key in ('keypoint_score', 'keypoint_scores', 'scores', 'score', 'confidence', 'visibility')
                   if key in arrays), None)
    channels = values.shape[-1]
    if scores is None and channels == 3 and dims is None and has_place(values).any():
        if not third_is_score(values):
            raise DataError(f'{path}: {name}: 3 numbers per joint, either x, y, z or x, y, score; say which with '
                            '--dims 3 or --dims 2.')
        notes.append('the third number of a joint is taken for a score: all are 0 to about 1, unlike the others')
    count = dims or (channels if scores else min(channels, 3 if channels == 4 else 2))
    if count not in (2, 3) or channels not in ((count, ) if scores else (count, count + 1)):
        raise DataError(f'{path}: {name}: {channels} numbers per joint; expected {count} coordinates'
                        f'{"" if scores else ", and perhaps a score"}.')
    score = scores_in_order(path, scores, arrays[scores], order, values.shape[:3]) if scores else None
    if channels > count:
        values, score = values[..., :count], values[..., count]
    if names is not None:
        if len(names) != values.shape[2]:
            raise DataError(f'{path}: joint_names: {len(names)} names; keypoints has {values.shape[2]} joints.')
    if score is not None:
        score, more = informative(score, has_place(values))
        notes += more
    keypoint, score, more, count = most_seen(*with_lost(values, score, path), persons)
    estimator = str(arrays['estimator']) if 'estimator' in arrays else None
    return [Recording(None, keypoint, score, names, rate=read_rate(path, arrays),
                      img_shape=read_img_shape(path, arrays), estimator=estimator, notes=notes + more,
                      persons=count)]


def read_arrays(path: str | os.PathLike, keep: Callable[[str], bool] = bool) -> dict[str, np.ndarray]:
    """Arrays of an NPZ file, without anything that would have to be unpickled.

    Args:
        path: The file.
        keep: Whether an array of this name is read; by default all are.
    """
    with open(path, 'rb') as content:
        if content.read(2) not in (b'PK', b'\x93N'):  # NumPy would take it for a pickle, and advise to load that
            raise DataError(f'{path}: not a readable .npz file; expected one of NumPy, with keypoints.')
    with readable(path, '.npz file'):
        file = np.load(path, allow_pickle=False)
        if isinstance(file, np.ndarray):
            raise DataError(f'{path}: one array without a name; expected an .npz file with keypoints.')
        with file:
            return {name: file[name] for name in file.files if keep(name)}


def read_array(path: str | os.PathLike, mmap_mode: Literal['r'] | None = None) -> np.ndarray:
    """The array of an NPY file, without anything that would have to be unpickled."""
    with open(path, 'rb') as content:
        if content.read(6) != b'\x93NUMPY':  # NumPy would take it for a pickle, and advise to load that
            raise DataError(f'{path}: not a readable .npy file; expected an array of NumPy.')
    with readable(path, '.npy file'):
        array: np.ndarray = np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
        return array


def read_rate(path: str | os.PathLike, arrays: Mapping[str, np.ndarray]) -> float | None:
    """Frames per second, if the file has them."""
    name = next((name for name in ('rate', 'fps', 'frame_rate') if name in arrays), None)
    if name is None:
        return None
    value = arrays[name]
    if value.size != 1 or value.dtype.kind not in 'fiu' or not (np.isfinite(value).all() and value.ravel()[0] > 0):
        shown = str(value.ravel()[0]) if value.size == 1 else describe(value)
        raise DataError(f'{path}: {name}: {shown}; expected the frames per second of the recording.')
    return float(value.ravel()[0])


def read_img_shape(path: str | os.PathLike, arrays: Mapping[str, np.ndarray]) -> tuple[int, int] | None:
    """Height and width of the image, if the file has them."""
    return checked_img_shape(path, arrays['img_shape']) if 'img_shape' in arrays else None

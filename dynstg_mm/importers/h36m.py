"""Arrays of Human3.6M's 17 joints, as pose lifters write them and data sets distribute them."""
import os
from pathlib import Path

import numpy as np

from dynstg_mm.errors import DataError
from dynstg_mm.gait.geometry import BACKWARDS, knee_bend
from dynstg_mm.gait.upright import up_axis
from dynstg_mm.gait.visibility import seen_joints
from dynstg_mm.importers.axes import in_order, third_is_score
from dynstg_mm.importers.npz import read_array, read_arrays, read_rate
from dynstg_mm.importers.persons import most_seen
from dynstg_mm.importers.recording import EmptyRecording, Recording, with_lost
from dynstg_mm.skeletons import LAYOUTS

JOINTS = 17
_ABOUT = ('rate', 'fps', 'frame_rate')  # what an NPZ file may have beside its arrays of joints


def read_h36m(path: str | os.PathLike, *, persons: int = 1, dims: int | None = None,
              axes: str | None = None) -> list[Recording]:
    """Walks as arrays (T, 17, 2 or 3) in the order of Human3.6M: one in an NPY file, or any number in an NPZ file.

    Args:
        path: The file. Arrays of Python objects are refused; nothing is unpickled.
        persons: How many persons to keep.
        dims: 2 if the third number of a joint is a score, 3 if it is a coordinate; by default by the values.
        axes: Letters of the axes in the file's order, such as 'TMVC'.

    Returns:
        A recording for each array, named `<file>/<array>` if there are several. 3-D ones have no unit of length, and z
        up unless the body stands along another axis, such as -y of a camera. A note says if the knees bend backwards,
        as in a mirror image.

    Raises:
        DataError: The file is damaged, or an array has another form; the message names it.
    """
    path = Path(path)
    if path.suffix.lower() == '.npy':
        return [_recording(f'{path}', None, read_array(path), persons, dims, axes, None)]
    arrays = read_arrays(path)
    rate = read_rate(path, arrays)
    joints = {name: array for name, array in arrays.items() if name not in _ABOUT}
    if not joints:
        raise EmptyRecording.of(path, 'keypoints')
    return [_recording(f'{path}: {name}', f'{path.stem}/{name}' if len(joints) > 1 else None, array, persons, dims,
                       axes, rate) for name, array in joints.items()]


def has_h36m(path: str | os.PathLike) -> bool:
    """Whether the first array of an NPZ or NPY file, or the only one, has 17 joints of two or three numbers."""
    arrays = read_arrays(path) if Path(path).suffix.lower() == '.npz' else dict(array=read_array(path, 'r'))
    array = next((array for name, array in arrays.items() if name not in _ABOUT), np.zeros(0))
    return array.ndim > 2 and array.shape[-2] == JOINTS and array.shape[-1] in (2, 3)


def _recording(where: str, name: str | None, array: np.ndarray, persons: int, dims: int | None, axes: str | None,
               rate: float | None) -> Recording:
    if not array.size:
        raise EmptyRecording.of(where, 'keypoints')
    values, _, notes = in_order(where, 'keypoints', array, axes, joints=JOINTS)
    channels = values.shape[-1]
    if values.shape[2] != JOINTS or channels not in (2, 3):
        raise DataError(f'{where}: keypoints: {values.shape[2]} joints of {channels} numbers; expected {JOINTS} of '
                        "Human3.6M with 2 or 3. Save another skeleton as npz, with joint_names.")
    scored = channels == 3 and (dims == 2 or dims is None and third_is_score(values))
    score = values[..., 2] if scored else None
    keypoint, score, more, count = most_seen(*with_lost(values[..., :2] if scored else values, score, where), persons)
    notes += ['the third number of a joint is taken for a score'] * (scored and dims is None) + more
    if keypoint.shape[-1] == 3:
        seen = seen_joints(keypoint[0], score[0], 0)
        up = up_axis(keypoint[0], seen, LAYOUTS['h36m']) or 'z'
        if knee_bend(keypoint[0], seen, LAYOUTS['h36m'], up) < BACKWARDS:
            notes.append('the knees bend backwards: a mirror image, or left and right are exchanged')
    return Recording(name, keypoint, score, layout='h36m', rate=rate, up='z', notes=notes, persons=count)

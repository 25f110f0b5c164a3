"""ST-GCN and its successors: an array of all clips, and a pickle of their names and labels."""
import os
from pathlib import Path

import numpy as np

from dynstg_mm.errors import DataError
from dynstg_mm.importers.axes import HIGHEST
from dynstg_mm.importers.npz import read_array
from dynstg_mm.importers.persons import most_seen
from dynstg_mm.importers.recording import Recording, has_place, with_lost
from dynstg_mm.safe_pickle import load_pickle

_LAYOUTS = {25: 'nturgb+d', 18: 'openpose', 17: 'coco'}


def read_stgcn(path: str | os.PathLike, *, persons: int = 1) -> list[Recording]:
    """Clips of an array `<name>_data.npy` (N, C, T, V, M), with `<name>_label.pkl` beside it: names and labels.

    Two channels are shares of the image from -0.5 to 0.5, and three are these and the score, if their values allow it,
    as of Kinetics-Skeleton; otherwise they are coordinates. Frames of zeros at the end are padding.

    Args:
        path: The array.
        persons: How many persons to keep.

    Returns:
        One recording per clip with its label; joints by their number: NTU RGB+D's 25, OpenPose's 18, COCO's 17.

    Raises:
        DataError: The file is damaged, has another shape, or the labels do not belong to it.
    """
    data = read_array(path, 'r')
    if data.ndim != 5 or data.shape[1] not in (2, 3) or data.dtype.kind not in 'fiu' or not data.size:
        raise DataError(f'{path}: {data.dtype} of shape {data.shape}; expected numbers (clips, 2 or 3, frames, joints, '
                        'persons). Save one recording as .npz: np.savez(file, keypoints=array, fps=30).')
    names, labels = _labels(Path(path), len(data))
    shares = _are_shares(data)
    recordings = []
    for index, clip in enumerate(data):
        where = f'{path}: clip {names[index]}'
        values = np.asarray(clip).transpose(3, 1, 2, 0)
        there = np.flatnonzero(np.nan_to_num(values).any((0, 2, 3)))
        values = values[:, :there[-1] + 1 if len(there) else 1].astype(np.float32)
        score = None if not shares else values[..., 2] if values.shape[-1] == 3 else has_place(values) * 1.
        place = values[..., :2] + np.float32(0.5) if shares else values
        keypoint, score, notes, count = most_seen(*with_lost(place, score, where), persons)
        recordings.append(Recording(names[index], keypoint, score, layout=_LAYOUTS.get(data.shape[3]), notes=notes,
                                    persons=count,
                                    unit='m' if data.shape[3] == 25 and data.shape[1] == 3 else None,
                                    fields={} if labels is None else dict(label=labels[index])))
    return recordings


def _are_shares(data: np.ndarray) -> bool:
    """Whether the channels of an array (N, 2 or 3, ...) can be x and y from the middle of the image, and a score."""
    negative = False
    for clip in data:  # not all at once, since the array may be larger than the memory
        place, score = np.split(np.nan_to_num(clip), [2])
        if np.abs(place).max() > 0.5 or score.min(initial=0) < 0 or score.max(initial=0) > HIGHEST:
            return False
        negative = negative or bool(place.min() < 0)
    return negative


def _labels(path: Path, clips: int) -> tuple[list[str], list[int] | None]:
    """Names and labels of the clips, or numbered names if there is no pickle."""
    beginning = path.stem.split('_data')[0]
    pickled = next((found for found in (path.with_name(f'{beginning}_label{end}') for end in ('.pkl', '.pickle'))
                    if found.is_file()), None)
    if pickled is None:
        return [f'{path.stem}/{index}' for index in range(clips)], None
    content = load_pickle(pickled)
    sound = isinstance(content, (list, tuple)) and len(content) >= 2 and all(
        isinstance(part, (list, tuple, np.ndarray)) and len(part) == clips for part in content[:2])
    if not sound:
        raise DataError(f'{pickled}: expected a list of {clips} names and one of labels, as {path.name} has clips.')
    names = [Path(str(name)).stem for name in content[0]]
    try:
        labels = [int(label) for label in content[1]]
    except (TypeError, ValueError, OverflowError):
        raise DataError(f'{pickled}: labels: expected class numbers.') from None
    if len(set(names)) < clips:
        raise DataError(f'{pickled}: names: two clips have the same one.')
    return names, labels

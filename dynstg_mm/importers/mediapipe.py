"""MediaPipe's pose landmarks."""
import os
import re
from pathlib import Path

import numpy as np

from dynstg_mm.errors import DataError
from dynstg_mm.gait.visibility import seen_joints
from dynstg_mm.importers.npz import read_arrays, read_img_shape, read_rate, with_persons
from dynstg_mm.importers.persons import most_seen
from dynstg_mm.importers.recording import Recording, with_lost
from dynstg_mm.importers.tabular import read_csv

COORDS = ('pixel', 'normalized', 'world')


def read_mediapipe(path: str | os.PathLike, *, coords: str | None = None,
                   img_shape: tuple[int, int] | None = None) -> list[Recording]:
    """MediaPipe's 33 pose landmarks in a CSV or NPZ file.

    A CSV file has the columns of `read_csv`. An NPZ file holds `landmarks` or `world_landmarks` (T, 33, 3 to 5): x, y,
    z, visibility, presence. Without `coords`, names and values decide what the coordinates are: world landmarks have
    their origin between the hips, normalised ones are shares of the image.

    Args:
        path: The file.
        coords: 'pixel', 'normalized' or 'world' (metres).
        img_shape: Height and width in pixels, which normalised landmarks need.

    Returns:
        One recording, in pixels (x, y) or metres (x, y, z).

    Raises:
        DataError: The file is damaged, or has normalised landmarks without the size of the image.
    """
    if Path(path).suffix.lower() == '.npz':
        recording, coords = _mediapipe_npz(path, coords)
    else:
        recording = read_csv(path)[0]
    if recording.keypoint.shape[2] != 33:
        raise DataError(f'{path}: landmarks: {recording.keypoint.shape[2]} joints; expected MediaPipe\'s 33.')
    if recording.joints:  # MediaPipe writes MOUTH_LEFT, but LEFT_KNEE
        recording.joints = [re.sub('^mouth_?(left|right)$', r'\1_mouth', name.lower()) for name in recording.joints]
    coords = coords or _coords_by_value(recording.keypoint, recording.keypoint_score)
    recording.notes.append(f'read as {coords} landmarks')
    recording.layout, recording.up = 'mediapipe', '-y'
    recording.img_shape = recording.img_shape or img_shape
    if coords == 'world':
        if recording.keypoint.shape[-1] != 3:
            raise DataError(f'{path}: landmarks: no z; expected three coordinates of world landmarks.')
        return [recording]
    recording.keypoint = recording.keypoint[..., :2]  # z of an image landmark is a guess on another scale
    if coords == 'normalized':
        if recording.img_shape is None:
            raise DataError(f'{path}: img_shape: missing; normalised landmarks need the height and width of the image '
                            '(--img-shape).')
        recording.keypoint = recording.keypoint * np.array(recording.img_shape[::-1], np.float32)
    return [recording]


def _mediapipe_npz(path: str | os.PathLike, coords: str | None) -> tuple[Recording, str | None]:
    arrays = read_arrays(path)
    names = dict(world=('world_landmarks', 'pose_world_landmarks'), image=('landmarks', 'pose_landmarks', 'keypoints'))
    given = {kind: name for kind, options in names.items() for name in options if name in arrays}
    if not given:
        raise DataError(f'{path}: landmarks: missing; it has {", ".join(arrays) or "nothing"}.')
    if len(given) > 1 and coords is None:
        raise DataError(f'{path}: has both {given["image"]} and {given["world"]}; say which with --coords.')
    chosen = ('world' if coords == 'world' else 'image') if len(given) > 1 else next(iter(given))
    values = with_persons(path, given[chosen], arrays[given[chosen]], 4)
    if values.shape[-1] not in (2, 3, 4, 5):
        raise DataError(f'{path}: {given[chosen]}: {values.shape[-1]} numbers per joint; expected x, y, z and perhaps '
                        'visibility and presence.')
    score = values[..., 3] if values.shape[-1] > 3 else None
    keypoint, score, notes = most_seen(*with_lost(values[..., :3], score, path), 1)
    recording = Recording(None, keypoint, score, rate=read_rate(path, arrays),
                          img_shape=read_img_shape(path, arrays), notes=notes)
    return recording, 'world' if chosen == 'world' else coords


def _coords_by_value(keypoint: np.ndarray, score: np.ndarray) -> str:
    """What the coordinates are, by their values."""
    seen = seen_joints(keypoint, score, 0)
    if np.abs(keypoint[seen][:, :2]).max() > 4:
        return 'pixel'
    hips = keypoint[:, :, 23:25][seen[:, :, 23:25].all(-1)].mean(-2)
    return 'world' if len(hips) and np.abs(hips).max() < 0.02 else 'normalized'

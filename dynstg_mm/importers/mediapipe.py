"""MediaPipe's pose landmarks."""
import os
import re
from pathlib import Path

import numpy as np

from dynstg_mm.errors import DataError
from dynstg_mm.gait.coordinates import coordinate_kind
from dynstg_mm.gait.upright import up_axis
from dynstg_mm.importers.axes import in_order
from dynstg_mm.importers.npz import read_arrays, read_img_shape, read_rate
from dynstg_mm.importers.persons import most_seen
from dynstg_mm.importers.pixels import in_pixels
from dynstg_mm.importers.recording import Recording, has_place, informative, with_lost
from dynstg_mm.importers.tabular import read_csv
from dynstg_mm.skeletons import LAYOUTS


def read_mediapipe(path: str | os.PathLike, *, coords: str | None = None,
                   img_shape: tuple[int, int] | None = None, axes: str | None = None) -> list[Recording]:
    """MediaPipe's 33 pose landmarks in a CSV or NPZ file.

    A CSV file has the columns of `read_csv`. An NPZ file holds `landmarks` or `world_landmarks` (T, 33, 3 to 5): x, y,
    z, visibility, presence. Without `coords`, names and values decide what the coordinates are: normalised ones are
    shares of the image, and those of an image have their depth relative to the hips. Everything else is a place in
    space, such as world landmarks, whose origin is between the hips, and what FreeMoCap triangulates from them.

    Args:
        path: The file.
        coords: 'pixel', 'normalized', 'centered' or 'world' (any unit of length).
        img_shape: Height and width in pixels, which normalised landmarks need.
        axes: Letters of the axes of an NPZ file's array in its order, such as 'TMVC'.

    Returns:
        One recording, in pixels (x, y) or the file's unit of length (x, y, z).

    Raises:
        DataError: The file is damaged, or has normalised landmarks without the size of the image.
    """
    if Path(path).suffix.lower() == '.npz':
        recording, coords = _mediapipe_npz(path, coords, axes)
    else:
        recording = read_csv(path)[0]
    if recording.keypoint.shape[2] != 33:
        other = 'npz' if Path(path).suffix.lower() == '.npz' else 'csv'
        raise DataError(f'{path}: landmarks: {recording.keypoint.shape[2]} joints; expected MediaPipe\'s 33. '
                        f'Convert it as {other}.')
    if recording.joints:  # MediaPipe writes MOUTH_LEFT, but LEFT_KNEE
        recording.joints = [re.sub('^mouth_?(left|right)$', r'\1_mouth', name.lower()) for name in recording.joints]
    coords = coords or _coords_by_value(recording.keypoint, recording.keypoint_score)
    recording.notes.append(f'read as {coords} landmarks')
    recording.layout, recording.up = 'mediapipe', '-y'
    if coords == 'world':
        if recording.keypoint.shape[-1] != 3:
            raise DataError(f'{path}: landmarks: no z; expected three coordinates of world landmarks.')
        return [recording]
    recording.keypoint = recording.keypoint[..., :2]  # z of an image landmark is a guess on another scale
    return [in_pixels(recording, coords, img_shape, path)]


def _mediapipe_npz(path: str | os.PathLike, coords: str | None,
                   axes: str | None) -> tuple[Recording, str | None]:
    arrays = read_arrays(path)
    names = dict(world=('world_landmarks', 'pose_world_landmarks'), image=('landmarks', 'pose_landmarks', 'keypoints'))
    given = {kind: name for kind, options in names.items() for name in options if name in arrays}
    if not given:
        raise DataError(f'{path}: landmarks: missing; it has {", ".join(arrays) or "nothing"}.')
    if len(given) > 1 and coords is None:
        raise DataError(f'{path}: has both {given["image"]} and {given["world"]}; say which with --coords.')
    chosen = ('world' if coords == 'world' else 'image') if len(given) > 1 else next(iter(given))
    values, _, notes = in_order(path, given[chosen], arrays[given[chosen]], axes, joints=33)
    if values.shape[-1] not in (2, 3, 4, 5):
        raise DataError(f'{path}: {given[chosen]}: {values.shape[-1]} numbers per joint; expected x, y, z and perhaps '
                        'visibility and presence.')
    score = None
    if values.shape[-1] > 3:
        score, more = informative(values[..., 3], has_place(values[..., :3]))
        notes += more
    keypoint, score, more, count = most_seen(*with_lost(values[..., :3], score, path), 1)
    recording = Recording(None, keypoint, score, rate=read_rate(path, arrays),
                          img_shape=read_img_shape(path, arrays), notes=notes + more, persons=count)
    return recording, 'world' if chosen == 'world' else coords


def _coords_by_value(keypoint: np.ndarray, score: np.ndarray) -> str:
    """What the coordinates are, by their values, of shape (1, T, 33, C)."""
    place, seen = keypoint[0], score[0] > 0
    kind = coordinate_kind(place, seen)
    if place.shape[-1] == 2 or not place[..., 2].any():
        return kind
    up = up_axis(place, seen, LAYOUTS['mediapipe'])
    both = seen[:, 23:25].all(-1)
    if not both.any():
        return 'world' if up not in (None, '-y') else kind
    hips = np.abs(place[both, 23:25].mean(1))
    size = np.median(np.ptp(place[both][..., :2], axis=1).max(-1))
    if np.median(hips, 0).max() < 0.02 * size:  # the origin
        return 'world'
    return 'world' if up not in (None, '-y') or np.median(hips[:, 2]) > size else kind

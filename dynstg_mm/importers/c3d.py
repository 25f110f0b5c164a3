"""Motion capture: C3D markers."""
import os
import warnings

import numpy as np

from dynstg_mm.errors import DataError
from dynstg_mm.extras import need
from dynstg_mm.importers.recording import Recording, readable, with_lost


def read_c3d(path: str | os.PathLike) -> list[Recording]:
    """Marker positions of a C3D file, in the file's unit of length; z is assumed to be up, as in most laboratories.

    Args:
        path: The file.

    Returns:
        One recording; a marker with a residual below 0 is lost.

    Raises:
        DataError: The file is damaged, or has no markers.
    """
    c3d = need('c3d', 'c3d')
    with readable(path, 'C3D file'), open(path, 'rb') as file, warnings.catch_warnings():
        warnings.simplefilter('ignore')  # about analog channels, which are not read
        reader = c3d.Reader(file)
        names = [str(label).strip() for label in reader.point_labels]
        expected = reader.last_frame - reader.first_frame + 1
        if not names:
            raise DataError(f'{path}: POINT:LABELS: no markers.')
        frames = [points[:, :4].astype(np.float32) for _, points, _ in reader.read_frames(copy=False)]
        rate = float(reader.point_rate)
    if len(frames) != expected:
        raise DataError(f'{path}: points: {len(frames)} frames; expected {expected}, as its header says.')
    points = np.stack(frames)[None]
    names = [name or f'marker_{index}' for index, name in enumerate((names + [''] * points.shape[2])[:points.shape[2]])]
    duplicate = next((name for name in names if names.count(name) > 1), None)
    if duplicate is not None:
        raise DataError(f'{path}: POINT:LABELS: {duplicate} is duplicated; expected a different name for each marker.')
    points[points[..., 3] < 0] = np.nan
    keypoint, score = with_lost(points[..., :3], None, path)
    return [Recording(None, keypoint, score, names, rate=rate, up='z')]

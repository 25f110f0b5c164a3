"""Motion capture: C3D markers."""
import os
import warnings
from typing import Any

import numpy as np

from dynstg_mm.errors import DataError
from dynstg_mm.extras import need
from dynstg_mm.gait.events import FootEvent
from dynstg_mm.gait.spatiotemporal import UNITS
from dynstg_mm.importers.recording import Recording, readable, with_lost


def read_c3d(path: str | os.PathLike) -> list[Recording]:
    """Marker positions of a C3D file, in the file's unit of length; z is assumed to be up, as in most laboratories.

    Args:
        path: The file.

    Returns:
        One recording, with the foot strikes and foot offs of the left and the right foot that the file lists; a marker
        with a residual below 0 is lost.

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
        events, unit = _foot_events(reader), _texts(reader, 'POINT', 'UNITS')
    if len(frames) != expected:
        raise DataError(f'{path}: points: {len(frames)} frames; expected {expected}, as its header says.')
    points = np.stack(frames)[None]
    names = [name or f'marker_{index}' for index, name in enumerate((names + [''] * points.shape[2])[:points.shape[2]])]
    duplicate = next((name for name in names if names.count(name) > 1), None)
    if duplicate is not None:
        raise DataError(f'{path}: POINT:LABELS: {duplicate} is duplicated; expected a different name for each marker.')
    points[points[..., 3] < 0] = np.nan
    keypoint, score = with_lost(points[..., :3], None, path)
    return [Recording(None, keypoint, score, names, rate=rate, up='z', events=events,
                      unit=unit[0] if unit and unit[0] in UNITS else None)]


def _texts(reader: Any, group: str, parameter: str) -> list[str]:
    """Texts of a parameter, none if the file does not have it."""
    found = reader.get(f'{group}:{parameter}')
    return [] if found is None else [str(text).strip() for text in np.ravel(found.string_array)]


def _foot_events(reader: Any) -> list[FootEvent]:
    """Foot strikes and foot offs of the file; its times begin with the frame numbers at 0."""
    labels, sides = _texts(reader, 'EVENT', 'LABELS'), _texts(reader, 'EVENT', 'CONTEXTS')
    times = reader.get('EVENT:TIMES')
    if times is None or not labels:
        return []
    minutes, seconds = times.float_array.reshape(-1, 2).T
    kinds = {'Foot Strike': 'strike', 'Foot Off': 'off'}
    start = (reader.first_frame - 1) / reader.point_rate
    return sorted(FootEvent(float(60 * minute + second - start), side.lower(), kinds[label])
                  for label, side, minute, second in zip(labels, sides, minutes, seconds)
                  if label in kinds and side in ('Left', 'Right'))

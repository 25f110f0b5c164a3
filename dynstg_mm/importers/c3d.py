"""Motion capture: C3D markers."""
import itertools
import os
import warnings
from typing import Any

import numpy as np

from dynstg_mm.errors import DataError
from dynstg_mm.extras import need
from dynstg_mm.gait.events import FootEvent
from dynstg_mm.importers.recording import UPRIGHT, Recording, readable, unit_of, with_lost, without_prefix

# Groups of points that are no places: what a model computed from the markers.
_MODEL_OUTPUTS = ('ANGLES', 'FORCES', 'MOMENTS', 'POWERS', 'REACTIONS', 'SCALARS')


def read_c3d(path: str | os.PathLike) -> list[Recording]:
    """Marker positions of a C3D file, in the file's unit of length.

    The vertical axis is the file's Y_SCREEN; without it z, as in most laboratories. Angles, forces, moments and powers,
    which are stored as points too, are left out, and so is the subject's name before each label.

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
        names = _labels(reader, 'LABELS')
        expected = reader.last_frame - reader.first_frame + 1
        if not any(names) and _texts(reader, 'ROTATION', 'LABELS'):
            raise DataError(f'{path}: only rotations of segments, as Theia3D exports them; export the joint centres as '
                            'points of a C3D or TRC file, for instance from Visual3D.')
        if not names:
            raise DataError(f'{path}: POINT:LABELS: no markers.')
        frames = [points[:, :4].astype(np.float32) for _, points, _ in reader.read_frames(copy=False)]
        rate = float(reader.point_rate)
        events, units = _foot_events(reader), _texts(reader, 'POINT', 'UNITS')
        outputs = {name for group in _MODEL_OUTPUTS for name in _labels(reader, group)}
        up = _vertical_axis(reader)
    if len(frames) != expected:
        raise DataError(f'{path}: points: {len(frames)} frames; expected {expected}, as its header says.')
    points = np.stack(frames)[None]
    names = [name or f'marker_{index}' for index, name in enumerate((names + [''] * points.shape[2])[:points.shape[2]])]
    places = [index for index, name in enumerate(names) if name not in outputs]
    if not places:
        raise DataError(f'{path}: POINT:LABELS: no markers, only outputs of a model; expected places.')
    notes = [f'{len(names) - len(places)} outputs of a model, such as angles and forces, are left out'] * (
        len(places) < len(names))
    points, names = points[:, :, places], without_prefix([names[index] for index in places])
    duplicate = next((name for name in names if names.count(name) > 1), None)
    if duplicate is not None:
        raise DataError(f'{path}: POINT:LABELS: {duplicate} is duplicated; expected a different name for each marker.')
    unit, more = unit_of(units[0] if units else '')
    points[points[..., 3] < 0] = np.nan
    keypoint, score = with_lost(points[..., :3], None, path)
    return [Recording(None, keypoint, score, names, rate=rate, up=up, events=events, notes=notes + more,
                      unit=unit)]


def _labels(reader: Any, parameter: str) -> list[str]:
    """Texts of a parameter, and of its continuations: a parameter has at most 255, and the next are in LABELS2."""
    numbered = (_texts(reader, 'POINT', f'{parameter}{number}') for number in itertools.count(2))
    return [*_texts(reader, 'POINT', parameter), *itertools.chain.from_iterable(itertools.takewhile(bool, numbered))]


def _vertical_axis(reader: Any) -> str:
    """The axis that is upwards on the screen of the program that wrote the file, or z."""
    screen = _texts(reader, 'POINT', 'Y_SCREEN')
    axis = screen[0].lower().removeprefix('+') if screen else ''
    return axis if axis in UPRIGHT else 'z'


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

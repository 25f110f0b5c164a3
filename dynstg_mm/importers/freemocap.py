"""FreeMoCap: the triangulated body in `output_data`, as an array or a table."""
import os
from pathlib import Path

import numpy as np

from dynstg_mm.errors import DataError
from dynstg_mm.importers.csv_table import csv_lines, header_and_rows
from dynstg_mm.importers.estimator_json import recording_by_count
from dynstg_mm.importers.npz import read_array
from dynstg_mm.importers.recording import UPRIGHT, EmptyRecording, Recording, with_lost
from dynstg_mm.importers.tabular import table_recording
from dynstg_mm.skeletons import find_joints, get_layout

BODY = 33  # MediaPipe's joints, which come before those of the hands and the face
FEWEST = 17  # joints of a body


def read_freemocap(path: str | os.PathLike) -> list[Recording]:
    """Joints of a body in millimetres, from `<estimator>_body_3d_xyz` (.npy, .csv), older `mediaPipeSkel_3d.npy`, and
    the tables of all joints by frame or by trajectory.

    z is up if FreeMoCap found the floor; without it, the axes are those of a camera. Then the vertical axis is the one
    from the hips to the shoulders, if the feet are not seen. Arrays have no rate.

    Args:
        path: The file.

    Returns:
        One recording with MediaPipe's joints, or those of RTMPose; NaN is a lost joint.

    Raises:
        DataError: The file is damaged, or holds something else, such as a hand or a recording of one camera.
    """
    path = Path(path)
    recording = _table(path) if path.suffix.lower() == '.csv' else _array(path)
    if recording.keypoint.shape[-1] != 3:
        raise DataError(f'{path}: no z; expected the body in space, from *_body_3d_xyz.')
    seen = recording.keypoint[recording.keypoint_score > 0]
    extent = np.ptp(seen, axis=0)
    if not extent.all():
        raise DataError(f'{path}: {"xyz"[int(extent.argmin())]}: the same in all frames, as of one camera, which sees '
                        'no depth; expected two cameras or more. Convert the video instead.')
    recording.up, recording.unit = _upwards(recording), 'mm'
    return [recording]


def is_freemocap(header: list[str]) -> bool:
    """Whether the header of a table is one of FreeMoCap's."""
    names = {name.strip().lower() for name in header}
    return {'keypoint', 'model', 'reprojection_error'} <= names or 'body_nose_x' in names


def _array(path: Path) -> Recording:
    array, rtmpose = read_array(path), path.stem.lower().startswith('rtmpose')
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype.kind != 'f' or array.shape[1] < FEWEST:
        raise DataError(f'{path}: {array.dtype} of shape {array.shape}; expected a body as numbers (frames, {FEWEST} '
                        'joints or more, 3), from *_body_3d_xyz.npy.')
    keypoint, score = with_lost(array[None] if rtmpose else array[None, :, :BODY], None, path)
    recording = recording_by_count(keypoint, score, [], estimator=f'freemocap {"rtmpose" if rtmpose else "mediapipe"}')
    recording.layout = 'mediapipe' if keypoint.shape[2] == BODY else recording.layout
    return recording


def _table(path: Path) -> Recording:
    """The body in a table of one line per frame, or of one line per joint that also has hands, face and centres."""
    header, rows = header_and_rows(path, *csv_lines(path))
    column = {name: index for index, name in enumerate(header)}
    kept = [index for index in range(len(header)) if any(row[index].strip() not in ('', '{}') for row in rows)]
    if 'model' in column:
        rows = [row for row in rows if 'body' in row[column['model']]
                and ('trajectory' not in column or row[column['trajectory']] == '3d_xyz')]
        kept = [index for index in kept if header[index] in ('frame', 'timestamp', 'keypoint', 'x', 'y', 'z')]
    elif any(name.startswith('body_') for name in header):
        kept = [index for index in kept if header[index].startswith(('body_', 'frame', 'timestamp'))]
    if not rows:
        raise EmptyRecording.of(path, 'body')
    recording = table_recording(path, [header[index].removeprefix('body_') for index in kept],
                                [[row[index] for index in kept] for row in rows])
    models = {row[column['model']].split('.')[0].split('_')[0] for row in rows} if 'model' in column else {'mediapipe'}
    recording.estimator = f'freemocap {min(models)}'
    return recording


def _upwards(recording: Recording) -> str:
    """The axis from the hips to the shoulders; z if they are not seen."""
    names = recording.joints or get_layout(recording.layout or 'mediapipe')['joints']
    found = find_joints(names, [f'{side}_{joint}' for joint in ('hip', 'shoulder') for side in ('left', 'right')])
    if len(found) < 4:
        return 'z'
    places = [place for joint in found.values() for place in joint]
    whole = recording.keypoint[0][(recording.keypoint_score[0][:, places] > 0).all(1)]
    if not len(whole):
        return 'z'
    trunk = np.median(whole[:, places[2:]].mean(1) - whole[:, places[:2]].mean(1), axis=0)
    axis = int(np.abs(trunk).argmax())
    up = '-' * bool(trunk[axis] < 0) + 'xyz'[axis]
    assert up in UPRIGHT
    return up

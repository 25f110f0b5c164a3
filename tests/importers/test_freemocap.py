import numpy as np
import pytest

from dynstg_mm.errors import DataError
from dynstg_mm.importers import find_files
from dynstg_mm.importers.convert import read_recordings
from dynstg_mm.importers.unlabelled import find_recordings, recognise
from dynstg_mm.skeletons import LAYOUTS

from .written import person

NAMES = [name.replace('left_mouth', 'mouth_left').replace('right_mouth', 'mouth_right')
         for name in LAYOUTS['mediapipe']['joints']]
WALK = 1000 * person('mediapipe', 12)
Z_UP = WALK @ np.array(((1, 0, 0), (0, 0, -1), (0, 1, 0))).T
CAMERA = WALK * (1, -1, -1)  # y down


def array(path, place, more=0):
    others = np.full((len(place), more, 3), np.nan)
    np.save(path, np.concatenate([place, others], 1))
    return path


def wide(path, place, prefix='body_', start='', end='', others=''):
    """A table with a line per frame; `others` are columns of a hand."""
    names = [f'{prefix}{name}_{axis}' for name in NAMES for axis in 'xyz'] + [*others.split()]
    rows = [[*map(repr, pose.ravel().tolist()), *['1.5'] * len(others.split())] for pose in place]
    path.write_text(f'{start}{",".join(names)}{end}\n' + ''.join(','.join(row) + '\n' for row in rows))
    return path


def by_joint(path, place, second=False):
    """A table with a line per joint, of the first or the second version, which also has the rigid body."""
    lines = ['frame,keypoint,x,y,z,model,trajectory,reprojection_error' if second else
             'frame,timestamp,timestamp_by_camera,model,keypoint,x,y,z,reprojection_error']
    for frame, pose in enumerate(place):
        for name, (x, y, z) in [*zip(NAMES, pose), ('wrist', (1, 2, 3))]:
            part = 'left_hand' if name == 'wrist' else 'body'
            lines += [f'{frame},{name},{x},{y},{z},mediapipe.{part},{kind},' for kind in ('3d_xyz', 'rigid_3d_xyz')
                      ] if second else [f'{frame},,{{}},mediapipe_{part.replace("left_", "")},{name},{x},{y},{z},0.1']
    path.write_text('\n'.join(lines) + '\n')
    return path


@pytest.mark.parametrize('write', [
    lambda path: array(path / 'mediapipe_body_3d_xyz.npy', Z_UP),
    lambda path: array(path / 'mediaPipeSkel_3d.npy', Z_UP, 510),
    lambda path: array(path / 'mediapipe_body_3d_xyz.npy', CAMERA),
    lambda path: wide(path / 'mediapipe_body_3d_xyz.csv', Z_UP, prefix=''),
    lambda path: wide(path / 'mediapipe_body_3d_xyz.csv', Z_UP, prefix='', start='# ', end=','),
    lambda path: wide(path / 'x_by_trajectory.csv', Z_UP, others='left_hand_0000_x left_hand_0000_y left_hand_0000_z'),
    lambda path: by_joint(path / 'x_by_frame.csv', Z_UP),
    lambda path: by_joint(path / 'x_data.csv', Z_UP, second=True)],
    ids=['array', 'older array', 'camera', 'table', 'comment', 'by trajectory', 'by frame', 'second version'])
def test_the_body_is_read_in_millimetres_with_its_sides(tmp_path, write):
    path = write(tmp_path)
    assert recognise(path) == 'freemocap'
    recording, = read_recordings('walk', path, format_name='freemocap', options={}, layout='gait_13')
    expected = person('gait_13', 12) * 1000
    np.testing.assert_allclose(recording.keypoint[0], expected, atol=0.01)
    assert recording.unit == 'mm' and recording.estimator == 'freemocap mediapipe'


def test_without_feet_the_trunk_says_what_is_up(tmp_path):
    lost = CAMERA.copy()
    lost[:, 25:] = np.nan
    recording, = read_recordings('walk', array(tmp_path / 'mediapipe_body_3d_xyz.npy', lost), format_name='freemocap',
                                 options={})
    np.testing.assert_allclose(recording.keypoint[0, :, :25], WALK[:, :25], atol=0.01)


def test_a_recording_is_named_after_its_folder_and_read_once(tmp_path):
    for name in ('first', 'second'):
        folder = tmp_path / name / 'output_data'
        (folder / 'raw_data').mkdir(parents=True)
        array(folder / 'mediapipe_body_3d_xyz.npy', Z_UP)
        array(folder / 'mediapipe_left_hand_3d_xyz.npy', Z_UP[:, :21])
        array(folder / 'raw_data/mediapipe_3dData_numFrames_numTrackedPoints_spatialXYZ.npy', Z_UP, 500)
        by_joint(tmp_path / name / f'{name}_by_frame.csv', Z_UP)
    assert list(find_files('freemocap', tmp_path)) == ['first', 'second']
    found = find_recordings([tmp_path / 'first/output_data'])
    assert [(source.name, source.format) for source in found] == [('first', 'freemocap')]


@pytest.mark.parametrize('write, field', [
    (lambda path: array(path / 'a.npy', Z_UP * (1, 0, 1)), 'y: the same in all frames'),
    (lambda path: array(path / 'a.npy', Z_UP[:, :5]), '(12, 5, 3)'),
    (lambda path: array(path / 'a.npy', Z_UP * np.nan), 'nobody'),
    (lambda path: wide(path / 'a.csv', Z_UP[..., :2].repeat(2, -1)[..., :3] * (1, 1, 0)), 'z: the same')])
def test_a_file_without_a_body_in_space_is_named(tmp_path, write, field):
    path = write(tmp_path)
    with pytest.raises(DataError) as error:
        read_recordings('walk', path, format_name='freemocap', options={})
    assert str(path) in str(error.value) and field in str(error.value)

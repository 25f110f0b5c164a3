"""Centres of the hips from the markers of the pelvis."""
import numpy as np
import pytest

from dynstg_mm.errors import DataError
from dynstg_mm.importers.convert import read_recordings
from dynstg_mm.importers.marker_sets import marker_set, with_hip_centres, with_marker_notes
from dynstg_mm.importers.recording import Recording
from dynstg_mm.skeletons import LAYOUTS

from .written import person, write_c3d

NAMES = ['LASI', 'RASI', 'LPSI', 'RPSI']
# A pelvis 240 mm wide and 150 mm deep that looks along x, y up, its middle ASIS at the origin; right is z.
PLACE = np.array([[0, 0, -120], [0, 0, 120], [-150, 0, -50], [-150, 0, 50]], float)
RIGHT = np.array([-0.24 * 150 - 9.9, -0.30 * 240 - 10.9, 0.33 * 240 + 7.3])


def recording(place, names=NAMES, unit='mm', lost=None):
    score = np.ones((1, len(place), place.shape[1]), np.float32)
    if lost is not None:
        score[0][lost] = 0
    return Recording(None, (place * score[0][..., None])[None].astype(np.float32), score, names, unit=unit)


@pytest.mark.parametrize('unit, metres', [('mm', 0.001), ('m', 1)])
@pytest.mark.parametrize('names', [NAMES, ['L.ASIS', 'R.ASIS', 'L.PSIS', 'R.PSIS'], ['LASI', 'RASI', 'SACR']])
def test_regression_in_the_frame_of_the_pelvis(unit, metres, names):
    place = PLACE if len(names) == 4 else np.array([*PLACE[:2], PLACE[2:].mean(0)])
    rng = np.random.default_rng(0)
    turns = np.linalg.qr(rng.normal(size=(5, 3, 3)))[0]
    turns *= np.linalg.det(turns)[:, None, None]  # rotations only
    moved = (place @ turns.swapaxes(1, 2) + 1000) * 0.001 / metres
    found = with_hip_centres(recording(moved, names, unit))
    expected = [(RIGHT * (1, 1, sign) @ turns.swapaxes(1, 2) + 1000) * 0.001 / metres for sign in (-1, 1)]
    assert found.joints == [*names, 'left_HJC', 'right_HJC'] and len(found.notes) == 1
    np.testing.assert_allclose(found.keypoint[0, :, -2:], np.stack(expected, 1), rtol=1e-4)


def test_a_lost_marker_loses_the_centres_of_its_frame():
    found = with_hip_centres(recording(np.tile(PLACE + 5, (3, 1, 1)), lost=(1, 2)))
    assert found.keypoint_score[0, :, -1].tolist() == [1, 0, 1] and not found.keypoint[0, 1, -2:].any()


@pytest.mark.parametrize('names, unit, notes', [
    (NAMES, None, 1), (['LASI', 'RASI', 'LHJC', 'RHJC'], 'mm', 0), (['a', 'b', 'c', 'd'], 'mm', 0)])
def test_nothing_is_computed_without_need_or_unit(names, unit, notes):
    found = with_hip_centres(recording(PLACE[None] + 5, names, unit))
    assert found.joints == names and len(found.notes) == notes


@pytest.mark.parametrize('names, expected', [
    (['LKNE', 'RKNE', 'LANK', 'RANK', 'LTOE'], 'Plug-in Gait'), (['R_FLE', 'L_FLE', 'R_FAL', 'L_FAL'], 'Qualisys'),
    (['r_calc', 'L_calc', 'r_5meta', 'L_5meta'], 'OpenCap'), (['left_knee', 'right_knee'], None),
    (['r_calc_study', 'L_calc_study', 'r_5meta_study', 'L_5meta_study'], 'OpenCap'), (['LKNE', 'LANK'], None)])
def test_known_marker_sets_are_named(names, expected):
    assert marker_set(names) == expected


@pytest.mark.parametrize('names, middle, beside', [
    (['LKNE', 'RKNE', 'LANK', 'RANK'], '', 'knee, ankle'),
    (['LKNE', 'RKNE', 'LANK', 'RANK', 'LKJC', 'RKJC'], '', 'ankle'),
    (['LASI', 'RASI', 'L_knee', 'R_knee', 'L_mknee', 'R_mknee', 'L_ankle', 'R_ankle'], 'knee', 'ankle'),
    (['left_knee', 'right_knee', 'left_ankle', 'right_ankle'], '', '')])
def test_joints_that_are_markers_are_noted(names, middle, beside):
    notes = with_marker_notes(recording(np.ones((3, len(names), 3)), names)).notes
    assert [note.split(':')[0] for note in notes] == [part for part in (middle, beside) if part]
    assert not middle or 'Wu 2002' in notes[0]


def test_a_marker_set_fills_a_layout(tmp_path):
    joints = ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle', 'heel', 'big_toe')
    codes = dict(zip(joints, ('SHO', 'ELB', 'WRA', 'ASI', 'KNE', 'ANK', 'HEE', 'TOE')))
    body = 1000 * person('body_25')
    place = {name: body[:, index] for index, name in enumerate(LAYOUTS['body_25']['joints'])}
    markers = {f'P1:{side[0].upper()}{codes[joint]}': place[f'{side}_{joint}'] for side in ('left', 'right')
               for joint in joints}
    hips = (place['left_hip'] + place['right_hip']) / 2
    markers |= {f'P1:{side}PSI': hips + (-150, 0, shift) for side, shift in (('L', -40), ('R', 40))}
    path = write_c3d(tmp_path / 'walk.c3d', np.stack(list(markers.values()), 1), list(markers), screen=('+X', '+Y'))
    found, = read_recordings('walk', path, format_name='c3d', options={}, layout='gait_17')
    index = LAYOUTS['gait_17']['joints'].index
    np.testing.assert_allclose(found.keypoint[0, :, index('left_knee')], place['left_knee'], atol=0.1)
    np.testing.assert_allclose(found.keypoint[0, :, index('neck')],
                               (place['left_shoulder'] + place['right_shoulder']) / 2, atol=0.1)
    assert (found.keypoint[0, :, index('left_hip'), 1] < place['left_hip'][:, 1] - 10).all()  # deeper than its marker


def test_a_file_of_rotations_says_what_to_export(tmp_path):
    c3d = pytest.importorskip('c3d')
    writer = c3d.Writer(point_rate=100)
    writer.set_point_labels([''])
    group = writer.add_group(30, 'ROTATION', '')
    group.add_str('LABELS', '', 'pelvis_4X4l_thigh_4X4'.ljust(22), 11, 2)
    writer.add_frames([(np.zeros((1, 5), np.float32), np.zeros((0, 1)))] * 3)
    with open(tmp_path / 'theia.c3d', 'wb') as file:
        writer.write(file)
    with pytest.raises(DataError, match='Theia'):
        read_recordings('walk', tmp_path / 'theia.c3d', format_name='c3d', options={})

import pytest

from dynstg_mm.errors import DataError
from dynstg_mm.importers import read_mot
from dynstg_mm.importers.unlabelled import find_recordings, recognise
from dynstg_mm.skeletons import LAYOUTS

from .written import person, write_trc

ANGLES = '''Coordinates
version=1
nRows=1
nColumns=3
inDegrees=yes

endheader
time	pelvis_tilt	knee_angle_r
0	1	2
'''


def refused(path):
    with pytest.raises(DataError) as error:
        read_mot(path)
    assert str(path) in str(error.value)
    return str(error.value)


def test_angles_are_refused_and_the_markers_of_the_trial_named(tmp_path):
    folder = tmp_path / 'OpenSimData/Kinematics'
    folder.mkdir(parents=True)
    path = folder / 'walk.mot'
    path.write_text(ANGLES)
    assert 'pelvis_tilt' in refused(path) and 'TRC' in refused(path) and recognise(path) == 'mot'
    markers = tmp_path / 'MarkerData'
    markers.mkdir()
    write_trc(markers / 'walk.trc', person('gait_13', 12), list(LAYOUTS['gait_13']['joints']))
    assert str(markers / 'walk.trc') in refused(path)
    assert [source.format for source in find_recordings([tmp_path])] == ['trc']


def test_forces_and_broken_files_are_told_apart(tmp_path):
    path = tmp_path / 'grf.mot'
    path.write_text(ANGLES.replace('pelvis_tilt', 'ground_force_vx'))
    assert 'forces' in refused(path)
    for text in ('', 'endheader', ANGLES.replace('time', 'frame')):
        path.write_text(text)
        assert 'endheader' in refused(path)

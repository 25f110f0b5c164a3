"""Joints under the names that a user gives them."""
import json

import numpy as np
import pytest

from dynstg_mm.errors import ConfigError, DataError
from dynstg_mm.importers.convert import read_recordings
from dynstg_mm.importers.rename import load_joint_names
from dynstg_mm.importers.unlabelled import find_recordings, read_unlabelled
from dynstg_mm.skeletons import LAYOUTS

from .fuzz import CHANNELS
from .written import person, write_bvh, write_csv, write_pickle

GAIT_13 = list(LAYOUTS['gait_13']['joints'])
GERMAN = {'Knie_L': 'left_knee', 'Knie_R': 'right_knee'}
NAMES = [next((own for own, ours in GERMAN.items() if ours == joint), joint) for joint in GAIT_13]


@pytest.fixture
def table(tmp_path):
    return write_csv(tmp_path / 'walk.csv', person('gait_13'), NAMES, rate=25.)


def test_given_names_fill_a_layout(tmp_path, table):
    with pytest.raises(DataError, match='--joint-names: .*Knie_R'):
        read_recordings('walk', table, format_name='csv', options={}, layout='gait_13')
    clip, = read_recordings('walk', table, format_name='csv', options={}, layout='gait_13', joint_names=GERMAN)
    np.testing.assert_allclose(clip.keypoint[0], person('gait_13'), atol=1e-5)
    clip, = read_unlabelled(find_recordings([table]), reader=dict(joint_names=GERMAN))
    assert clip['layout'] == 'gait_13'
    bvh = write_bvh(tmp_path / 'walk.bvh', person('gait_13'), NAMES, [CHANNELS] * 13)
    clip, = read_unlabelled(find_recordings([bvh]), reader=dict(joint_names=GERMAN))
    assert clip['layout'] == 'gait_13'


@pytest.mark.parametrize('names, field', [({'Knee': 'left_knee'}, 'Knie'), ({'neck': 'left_hip'}, 'left_hip')])
def test_wrong_names_are_refused(table, names, field):
    with pytest.raises(DataError, match=field):
        read_recordings('walk', table, format_name='csv', options={}, joint_names=names)


def test_files_without_names_are_refused(tmp_path):
    path = write_pickle(tmp_path / 'walk.pkl', dict(frame_dir='a', label=0, subject='b', total_frames=12,
                                                    keypoint=person('gait_13')[None]))
    with pytest.raises(DataError, match='--joint-names'):
        list(read_unlabelled(find_recordings([path]), reader=dict(joint_names=GERMAN)))
    with pytest.raises(DataError, match='--joint-names'):
        read_recordings('walk', path, format_name='mmaction', options={}, joint_names=GERMAN)


@pytest.mark.parametrize('content', ['[', '[]', '{}', '{"a": 1}'])
def test_a_broken_file_of_names_is_refused(tmp_path, content):
    path = tmp_path / 'names.json'
    path.write_text(content)
    with pytest.raises(ConfigError, match='names.json'):
        load_joint_names(path)
    path.write_text(json.dumps(GERMAN))
    assert load_joint_names(path) == GERMAN

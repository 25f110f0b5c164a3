import pickle

import h5py
import numpy as np
import pytest

from dynstg_mm.errors import DataError
from dynstg_mm.importers import find_files, read_deeplabcut
from dynstg_mm.importers.unlabelled import find_recordings, recognise
from dynstg_mm.safe_pickle import UnsafePickleError
from dynstg_mm.skeletons import LAYOUTS

from .written import person, pixels, scores, write_deeplabcut, write_deeplabcut_h5

NAMES = list(LAYOUTS['coco']['joints'])
ONE = pixels(person('coco', 6))[None]


@pytest.mark.parametrize('people', [ONE, np.concatenate([ONE, ONE + 300]), person('coco', 6)[None]],
                         ids=['one', 'two', 'in space'])
def test_an_h5_file_reads_as_its_csv_file(tmp_path, people):
    score = scores(people.shape[:3])
    people = np.where(score[..., None] > 0, people, np.nan)  # as DeepLabCut writes what it did not find
    table, = read_deeplabcut(write_deeplabcut(tmp_path / 'walk.csv', people, score, NAMES), persons=2)
    path = write_deeplabcut_h5(tmp_path / 'walk.h5', people, score, NAMES)
    recording, = read_deeplabcut(path, persons=2)
    np.testing.assert_allclose(recording.keypoint, table.keypoint, atol=1e-4)
    np.testing.assert_allclose(recording.keypoint_score, table.keypoint_score, atol=1e-4)
    assert recording.joints == table.joints == NAMES and recording.persons == table.persons == len(people)
    assert recording.keypoint.any() and recognise(path) == 'deeplabcut'


def test_of_a_csv_and_an_h5_file_in_a_folder_one_is_read(tmp_path):
    write_deeplabcut(tmp_path / 'walk.csv', ONE, scores((1, 6, 17)), NAMES)
    write_deeplabcut_h5(tmp_path / 'walk.h5', ONE, scores((1, 6, 17)), NAMES)
    write_deeplabcut_h5(tmp_path / 'other.h5', ONE, scores((1, 6, 17)), NAMES)
    assert {name: path.suffix for name, path in find_files('deeplabcut', tmp_path).items()} == dict(
        walk='.csv', other='.h5')
    assert {source.name for source in find_recordings([tmp_path])} == {'walk', 'other'}


def attribute(value):
    def change(path):
        with h5py.File(path, 'r+') as file:
            file['df_with_missing/table'].attrs['values_block_0_kind'] = np.bytes_(value)
    return change


def without_table(path):
    with h5py.File(path, 'w') as file:
        file['df_with_missing/block0_values'] = np.zeros((3, 3))


@pytest.mark.parametrize('change, field', [
    (lambda path: path.write_bytes(path.read_bytes()[:700]), 'not a readable H5 file'),
    (lambda path: path.write_text('scorer,a'), 'not a readable H5 file'),
    (without_table, 'table: missing'), (attribute(pickle.dumps([('a', 'x')], 0)), 'values_block_0_kind'),
    (attribute(pickle.dumps([('s', 'nose', 'x')], 0)), 'table: 51 columns'),
    (lambda path: write_deeplabcut_h5(path, ONE, scores((1, 6, 17)), NAMES, 'S8'), 'index: names of images'),
    (lambda path: write_deeplabcut_h5(path, ONE, scores((1, 6, 17)), ['nose'] * 17), 'nose x is duplicated')])
def test_a_wrong_h5_file_is_named(tmp_path, change, field):
    path = write_deeplabcut_h5(tmp_path / 'walk.h5', ONE, scores((1, 6, 17)), NAMES)
    change(path)
    with pytest.raises(DataError) as error:
        read_deeplabcut(path)
    assert str(path) in str(error.value) and field in str(error.value) and '\n' not in str(error.value)


def test_nothing_pickled_in_an_h5_file_is_run(tmp_path):
    path = write_deeplabcut_h5(tmp_path / 'walk.h5', ONE, scores((1, 6, 17)), NAMES)
    attribute(b'cos\nsystem\n(S"touch ' + bytes(tmp_path / 'run') + b'"\ntR.')(path)
    with pytest.raises(UnsafePickleError, match='values_block_0_kind: refused'):
        read_deeplabcut(path)
    assert not (tmp_path / 'run').exists()

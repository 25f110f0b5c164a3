import numpy as np
import pytest

from dynstg_mm.errors import ConfigError, DataError
from dynstg_mm.importers.convert import convert
from dynstg_mm.importers.preview import drawable, write_preview
from dynstg_mm.importers.recording import Recording
from dynstg_mm.safe_pickle import load_pickle
from dynstg_mm.skeletons import LAYOUTS

from .written import person, pixels, write_c3d, write_csv


def rows(count):
    return {f'walk{index}': dict(subject=f'p{index}', label='ab'[index % 2]) for index in range(count)}


def make(folder, layouts, dims=3):
    folder.mkdir()
    for index, layout in enumerate(layouts):
        place = person(layout, 30, index)
        place = place if dims == 3 else pixels(place)
        np.savez(folder / f'walk{index}.npz', keypoints=place, fps=30 if index == 0 else 25)
    return folder


@pytest.mark.parametrize('suffix', ['.png', '.PDF', '.svg'])
def test_a_preview_is_written_also_if_the_layout_is_refused(tmp_path, suffix):
    folder = make(tmp_path / 'in', ['coco'] * 2, dims=2)
    options = dict(labels=rows(2), folds=[], preview=tmp_path / f'first{suffix}')
    with pytest.raises(DataError, match='layout'):
        convert('npz', folder, tmp_path / 'out.pkl', source_layout='mpi_inf_3dhp', **options)
    content = options['preview'].read_bytes()
    assert content[:1] == dict(zip(('.png', '.PDF', '.svg'), (b'\x89', b'%', b'<')))[suffix]
    options['preview'].unlink()
    convert('npz', folder, tmp_path / 'out.pkl', source_layout='coco', **options)
    assert options['preview'].stat().st_size > 5000 and not list(tmp_path.glob('*.part'))


def test_a_preview_that_is_no_picture_is_refused_before_anything_is_read(tmp_path):
    for path in (tmp_path / 'first.txt', tmp_path):
        with pytest.raises(ConfigError, match='preview'):
            convert('npz', tmp_path / 'nothing', tmp_path / 'out.pkl', labels=rows(1), skip_bad=True, preview=path)


@pytest.mark.parametrize('rate', [None, [25, 30], 'fast', np.inf])
def test_a_wrong_rate_is_not_shown(tmp_path, rate):
    place = pixels(person('coco', 9))[None]
    recording = Recording('a', place, np.ones(place.shape[:3]), layout='coco', rate=rate)
    write_preview(tmp_path / 'a.svg', recording)
    assert 'unknown rate' in (tmp_path / 'a.svg').read_text()


def test_names_without_a_known_skeleton_are_drawn_as_points(tmp_path):
    write_csv(tmp_path / 'walk0.csv', pixels(person('coco', 9))[:, :3], ['screen', 'left_ball', 'right_ball'])
    convert('csv', tmp_path, tmp_path / 'out.pkl', labels=rows(1), folds=[], rate=25, preview=tmp_path / 'a.svg')
    text = (tmp_path / 'a.svg').read_text()
    assert all(color in text for color in ('#0072b2', '#c24a00', '#59636e'))


def test_what_was_understood_is_one_line(tmp_path):
    folder = make(tmp_path / 'in', ['nturgb+d'] * 3)
    lines = convert('npz', folder, tmp_path / 'out.pkl', labels=rows(3), folds=[], source_layout='nturgb+d',
                    layout='gait_13', reader=dict(dims=3)).splitlines()
    assert ('3 files .npz: nturgb+d -> gait_13, unknown unit (--unit), y up, one person, 25 frames per second (2) / '
            '30 frames per second (1)') in lines
    names = [f'{side}{marker}' for marker in ('SHO', 'ELB', 'WRA', 'ASI', 'KNE', 'ANK', 'TOE') for side in 'LR']
    body = 1000 * person('gait_17', 30)[:, [LAYOUTS['gait_17']['joints'].index(f'{side}_{joint}') for joint in (
        'shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle', 'big_toe') for side in ('left', 'right')]]
    (tmp_path / 'c3d').mkdir()
    write_c3d(tmp_path / 'c3d/walk0.c3d', body[..., [0, 2, 1]] * (1, -1, 1), names)
    text = convert('c3d', tmp_path / 'c3d', tmp_path / 'c.pkl', labels=rows(1), folds=[], layout='gait_13')
    assert '1 file .c3d: Plug-in Gait names -> gait_13, mm, z up, one person, 100 frames per second\n' in text


def test_the_unit_is_stored_if_it_is_known(tmp_path):
    folder = make(tmp_path / 'in', ['nturgb+d'])
    options = dict(labels=rows(1), folds=[], source_layout='nturgb+d', reader=dict(dims=3))
    for given, scale, stored in ((None, 1, None), ('m', 1, 'm'), ('m', 1000, 'mm'), ('m', 3, None)):
        convert('npz', folder, tmp_path / 'out.pkl', unit=given, scale=scale, **options)
        clip, = load_pickle(tmp_path / 'out.pkl')['annotations']
        assert clip.get('unit') == stored
        convert('mmaction', tmp_path / 'out.pkl', tmp_path / 'again.pkl')  # it stays
        assert load_pickle(tmp_path / 'again.pkl')['annotations'][0].get('unit') == stored


def test_an_impossible_height_is_refused(tmp_path):
    folder = make(tmp_path / 'in', ['nturgb+d'])
    options = dict(labels=rows(1), folds=[], source_layout='nturgb+d', reader=dict(dims=3))
    for unit in ('mm', 'cm'):  # the walk is in metres
        with pytest.raises(DataError, match='walk0: unit.*--unit'):
            convert('npz', folder, tmp_path / 'out.pkl', unit=unit, **options)


def test_named_joints_are_drawn_in_the_axes_of_the_recording():
    place = pixels(person('gait_13', 9))[None]
    recording = Recording('a', place, np.ones(place.shape[:3]), list(LAYOUTS['gait_13']['joints']), up='y')
    drawn, layout = drawable(recording)
    assert layout['legs']
    np.testing.assert_array_equal(drawn.keypoint, place)

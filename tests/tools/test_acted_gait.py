import numpy as np
import pytest
from mmaction.registry import DATASETS

from dynstg_mm.commands.acted_gait import CLASSES, MAX_GAP, clip_of, main, read_clips
from dynstg_mm.errors import DataError
from dynstg_mm.safe_pickle import load_pickle
from dynstg_mm.skeletons import LAYOUTS

from ..conftest import ROOT
from ..importers.written import person, write_kinect_table

CONVERT = ROOT / 'tools/data/acted_gait/convert.py'
NAME = 'human1_lurch2_SkeletonData3'
JOINTS = LAYOUTS['nturgb+d']['joints']
CLOCK = 58.7 + np.arange(60) / 30  # begins again at 60


def z_up(place):
    """Places with y up, turned so that z is up, as the source has them."""
    return np.stack([place[..., 0], -place[..., 2], place[..., 1]], -1)


def walk(seed=0):
    return z_up(person('nturgb+d', 60, seed))


def write_condensed(path, recordings, **changes):
    """Recordings, name -> times and places with z up, in the form of human<k>.npz."""
    times, places = zip(*recordings.values())
    with np.errstate(invalid='ignore'):
        whole = (np.concatenate(places) / 2e-4).round().clip(-32767, 32767)
    whole = np.where(np.isnan(whole), -32768, whole).astype(np.int16)
    content = dict(names=np.array(list(recordings)), offsets=np.cumsum([0, *map(len, times)]), keypoints=whole,
                   time=np.concatenate(times).astype(np.float32) % 60, scale=np.float32(2e-4))
    np.savez(path, **{key: value for key, value in dict(content, **changes).items() if value is not None})
    return path


def read(tmp_path, form, times, place, name=NAME):
    """The one clip of a recording in either form."""
    path = (write_kinect_table(tmp_path / f'{name}.csv', place, times) if form == 'raw' else
            write_condensed(tmp_path / 'human1.npz', {name: (times, place)}))
    clip, = read_clips('', path)
    return clip


@pytest.mark.parametrize('form', ['raw', 'condensed'])
def test_places_are_those_of_the_file_in_metres_with_y_up(tmp_path, form):
    body = person('nturgb+d', 60)
    clip = read(tmp_path, form, CLOCK, z_up(body))
    assert {key: clip[key] for key in ('frame_dir', 'subject', 'label', 'walk', 'sensor', 'rate', 'total_frames',
                                       'unit')} == dict(
        frame_dir=NAME, subject='human1', label=CLASSES.index('lurch'), walk='human1_lurch2', sensor=3, rate=30.,
        total_frames=60, unit='m')
    np.testing.assert_allclose(clip['keypoint'][0], body, atol=4e-3)  # times are whole milliseconds
    assert (clip['keypoint_score'] == 1).all()
    place = dict(zip(JOINTS, clip['keypoint'][0].mean(0)))
    assert place['head'][1] > place['spine_base'][1] > place['left_knee'][1]
    ahead = clip['keypoint'][0, -1, 0] - clip['keypoint'][0, 0, 0]
    right = np.cross(ahead, (0, 1, 0))  # right-handed axes, y up
    assert (place['right_hip'] - place['left_hip']) @ right > 0


@pytest.mark.parametrize('form', ['raw', 'condensed'])
def test_a_long_gap_is_lost_and_a_short_one_interpolated(tmp_path, form):
    place, kept = walk(), np.r_[0:20, 22:40, 50:60]
    clip = read(tmp_path, form, CLOCK[kept], place[kept])
    lost = np.flatnonzero(clip['keypoint_score'][0, :, 0] == 0)
    assert lost.tolist() == list(range(40, 50)) and not clip['keypoint'][0, lost].any()
    whole = read(tmp_path, form, CLOCK, place)
    for frames, error in ((slice(20, 22), 0.06), (slice(50, 60), 4e-3)):
        np.testing.assert_allclose(clip['keypoint'][0, frames], whole['keypoint'][0, frames], atol=error)
    assert MAX_GAP == 0.2


def test_uneven_times_place_the_frames():
    uneven = np.sort(np.random.default_rng(0).uniform(0.01, 1.95, 58))
    moments = np.r_[0, uneven, 59 / 30]
    moving = walk()[:1] + moments[:, None, None] * (1, 0, 0)  # 1 m/s
    clip = clip_of('', NAME, (58 + moments) % 60, moving)
    np.testing.assert_allclose(np.diff(clip['keypoint'][0, :, 0, 0]), 1 / 30, atol=1e-6)


@pytest.mark.parametrize('form', ['raw', 'condensed'])
@pytest.mark.parametrize('wrong', [np.nan, 6e164, -7., 0.])
def test_a_damaged_frame_is_left_out(tmp_path, form, wrong):
    place = walk()
    expected = read(tmp_path, form, CLOCK, place)['keypoint'][0]
    place[30, :, 1 if abs(wrong) > 1 else slice(None)] = wrong  # as in the source: numbers of a frame without a body
    clip = read(tmp_path, form, CLOCK, place)
    np.testing.assert_allclose(clip['keypoint'][0], expected, atol=0.03)
    assert clip['keypoint_score'].all()


def broken_line(path):
    lines = path.read_text().split('\n')
    path.write_text('\n'.join([*lines[:5], lines[5].rpartition('\t')[0], *lines[6:]]))


@pytest.mark.parametrize('change, field', [
    (broken_line, 'line 6: 100 cells'),
    (lambda path: write_kinect_table(path, walk(), 10 - np.arange(60) / 30), 'time'),
    (lambda path: write_kinect_table(path, walk() * 0, CLOCK), 'keypoint'),
    (lambda path: path.rename(path.with_name('human1_limp2_SkeletonData3.csv')), 'name'),
])
def test_a_wrong_file_is_named(tmp_path, error_of, change, field):
    out = tmp_path / 'acted.pkl'
    change(write_kinect_table(tmp_path / f'{NAME}.csv', walk(), CLOCK))
    error = error_of(CONVERT, tmp_path, '--out', out, '--jobs', 1)
    assert 'SkeletonData3.csv' in error and field in error and not out.exists()


@pytest.mark.parametrize('changes', [
    dict(time=None), dict(time=np.zeros(3)), dict(offsets=np.array([0, 7])), dict(offsets=np.array([60, 60])),
    dict(keypoints=np.zeros((60, 25, 3))), dict(keypoints=np.zeros((60, 20, 3), np.int16)), dict(scale=np.zeros(2))])
def test_a_wrong_field_of_a_condensed_file_is_named(tmp_path, changes):
    path = write_condensed(tmp_path / 'human1.npz', {NAME: (CLOCK, walk())}, **changes)
    with pytest.raises(DataError) as error:
        read_clips('', path)
    assert str(path) in str(error.value) and f' {next(iter(changes))}: ' in str(error.value)


@pytest.fixture
def folder(tmp_path):
    """Ten people, six gaits and three sensors, one walk each."""
    for human in range(1, 11):
        write_condensed(tmp_path / f'human{human}.npz', {
            f'human{human}_{gait}1_SkeletonData{sensor}': (CLOCK[:60 if gait == 'lurch' else 50], (
                walk(human) + (0, 0, label / 1e3 + sensor / 1e2))[:60 if gait == 'lurch' else 50])
            for label, gait in enumerate(CLASSES) for sensor in (1, 3, 5)})
    return tmp_path


def test_no_person_and_no_tested_sensor_is_in_a_training(folder, tmp_path, capsys):
    out = tmp_path / 'acted.pkl'
    assert main([str(folder), '--out', str(out), '--jobs', '1']) == 0
    data = load_pickle(out)
    clips = {clip['frame_dir']: clip for clip in data['annotations']}
    assert len(clips) == 180 and len(data['split']) == 7 * 5 * 2
    assert data['classes'] == list(CLASSES) == list(DATASETS.get('ActedGaitDataset').METAINFO['classes'])
    for task, trained, tested in (('sensor3', {3}, {3}), ('all_sensors', {1, 3, 5}, {1, 3, 5}),
                                  ('unseen_sensor5', {1, 3}, {5})):
        seen = []
        for fold in range(5):
            train, test = ([clips[name] for name in data['split'][f'acted_gait_{task}_fold{fold}_{part}']]
                           for part in ('train', 'test'))
            people = {clip['subject'] for clip in test}
            assert people == {f'human{2 * fold + 1}', f'human{2 * fold + 2}'}
            assert not people & {clip['subject'] for clip in train} and len({clip['subject'] for clip in train}) == 8
            assert ({clip['sensor'] for clip in train}, {clip['sensor'] for clip in test}) == (trained, tested)
            seen += [clip['frame_dir'] for clip in test]
        assert len(seen) == len(set(seen)) == 60 * len(tested)
    dataset = DATASETS.build(dict(type='ActedGaitDataset', ann_file=str(out), split='acted_gait_sensor3', fold=0,
                                  layout='gait_13', pipeline=[], test_mode=True))
    assert len(dataset) == 12 and dataset[0]['keypoint'].shape == (1, 50, 13, 3)


def test_sensor_and_length_are_chosen(folder, tmp_path, error_of):
    out = tmp_path / 'acted.pkl'
    assert main([str(folder), '--out', str(out), '--jobs', '1', '--sensor', '3', '--min-seconds', '2']) == 0
    data = load_pickle(out)
    assert {(clip['sensor'], clip['label']) for clip in data['annotations']} == {(3, CLASSES.index('lurch'))}
    assert len(data['annotations']) == 10 == len(data['split'])
    assert '--sensor' in error_of(CONVERT, folder, '--out', out, '--jobs', 1, '--sensor', 2)

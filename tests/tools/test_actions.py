import numpy as np
import pytest
from scipy.io import savemat

from dynstg_mm.commands.actions import ACTION_SETS, CLASSES, main
from dynstg_mm.importers.actions import JOINTS, MAX_GAP, MSR_ORDER, UTD_ORDER, UTKINECT_ACTIONS, read_utkinect_labels
from dynstg_mm.safe_pickle import load_pickle

from ..importers.written import person


def body(frames=30, seed=0):
    return person('kinect', frames, seed) + (0, 0, 2.5)


def arranged(place, order):
    return place[:, [JOINTS.index(joint) for joint in order]]


def write_msr(folder, place, name='a01_s01_e01', confidence=1.):
    rows = np.concatenate([arranged(place, MSR_ORDER), np.full((*place.shape[:2], 1), confidence)], -1).reshape(-1, 4)
    path = folder / f'{name}_skeleton3D.txt'
    path.write_text('\n'.join(' '.join(f'{number:.6f}' for number in row) for row in rows) + '\n')
    return path


def write_utd(folder, place, name='a1_s1_t1'):
    path = folder / f'{name}_skeleton.mat'
    savemat(path, dict(d_skel=arranged(place, UTD_ORDER).transpose(1, 2, 0)))
    return path


def write_utkinect(folder, numbers, place, name='s01_e01'):
    path = folder / f'joints_{name}.txt'
    path.write_text('\n'.join('  '.join([f'{number:.0f}', *(f'{value:.6f}' for value in one.ravel())])
                              for number, one in zip(numbers, place)))
    return path


def write_labels(folder, **sequences):
    path = folder / 'actionLabel.txt'
    path.write_text('\n'.join([name, *(f'{action}: {start} {stop} ' for action, (start, stop) in actions.items())][k]
                              for name, actions in sequences.items() for k in range(len(actions) + 1)))
    return path


def run(name, folder, *options):
    """The annotation file of a conversion, and its clips by name."""
    out = folder / 'out.pkl'
    assert main([name, str(folder), '--out', str(out), *map(str, options)]) == 0
    data = load_pickle(out)
    return data, {clip['frame_dir']: clip for clip in data['annotations']}


def refused(capsys, name, folder, *options):
    """The line of an error; nothing is written."""
    out = folder / 'out.pkl'
    with pytest.raises(SystemExit) as stopped:
        main([name, str(folder), '--out', str(out), *map(str, options)])
    assert not out.exists() and '\n' not in stopped.value.code
    return stopped.value.code


def test_places_are_those_of_the_file_in_the_layout(tmp_path):
    place = body()
    for name, write, clip in (('msr-action3d', write_msr, 'a02_s03_e01'), ('utd-mhad', write_utd, 'a2_s3_t1')):
        folder = tmp_path / name
        folder.mkdir()
        write(folder, place, clip)
        write(folder, place + 0.1, clip.replace('s3', 's2').replace('s03', 's02'))
        data, clips = run(name, folder)
        np.testing.assert_allclose(clips[clip]['keypoint'][0], place, atol=1e-5)
        assert (clips[clip]['label'], clips[clip]['subject'], clips[clip]['trial']) == (1, 's03', 1)
        assert data['layout'] == 'kinect' and data['classes'] == list(CLASSES[name]) and len(data['split']) == 6
        assert data['split'][f'{name.replace("-", "_")}_fold0_train'] == [clip]


def test_the_right_side_is_right(tmp_path):
    """A walker's right hip is at the right of the way, in right-handed axes with y up."""
    write_msr(tmp_path, body(), 'a01_s01_e01')
    write_msr(tmp_path, body(seed=1), 'a01_s02_e01')
    _, clips = run('msr-action3d', tmp_path)
    place = dict(zip(JOINTS, clips['a01_s01_e01']['keypoint'][0].swapaxes(0, 1)))
    right = np.cross(place['mid_hip'][-1] - place['mid_hip'][0], (0, 1, 0))
    assert (place['right_hip'][0] - place['left_hip'][0]) @ right > 0
    assert place['head'][0, 1] > place['mid_hip'][0, 1] > place['left_foot'][0, 1]


def test_frames_of_zeros_are_lost_and_joints_of_confidence_zero_are_not(tmp_path, capsys):
    place = body()
    place[[0, 1, 12, 13, 29]] = 0
    write_msr(tmp_path, place, 'a01_s01_e01', confidence=0)
    write_msr(tmp_path, body(seed=1), 'a01_s02_e01')
    write_msr(tmp_path, np.zeros((20, 20, 3)), 'a13_s02_e02')
    _, clips = run('msr-action3d', tmp_path)
    assert set(clips) == {'a01_s01_e01', 'a01_s02_e01'} and 'a13_s02_e02' in capsys.readouterr().out
    clip = clips['a01_s01_e01']
    assert clip['total_frames'] == 27 and np.flatnonzero(~clip['keypoint_score'][0].any(1)).tolist() == [10, 11]
    assert clip['keypoint_score'][0][[0, 26]].all()


def test_frame_numbers_place_the_frames(tmp_path):
    rng = np.random.default_rng(0)
    numbers = 100 + 2 * np.cumsum([0, *rng.choice([1, 2, 3], 30), 20, *rng.choice([1, 2, 3], 10)])
    moving = body(1) + (numbers / 60)[:, None, None] * (1, 0, 0)  # 1 m/s
    twice = np.sort(np.r_[0:len(numbers), 5, 9])
    write_utkinect(tmp_path, numbers[twice], moving[twice])
    write_labels(tmp_path, s01_e01=dict(walk=(100, numbers[30]), carry=('NaN', 'NaN'),
                                        throw=(numbers[28], numbers[-1])))
    data, clips = run('utkinect', tmp_path)
    assert set(clips) == {'s01_e01_walk', 's01_e01_throw'} and not data['split']
    walk, throw = clips['s01_e01_walk'], clips['s01_e01_throw']
    assert walk['rate'] == 30 and walk['total_frames'] == (numbers[30] - 100) // 2 + 1
    np.testing.assert_allclose(np.diff(walk['keypoint'][0, :, 0, 0]), 1 / 30, atol=1e-5)
    lost = throw['keypoint_score'][0, :, 0] == 0
    assert lost.sum() == 19 and 20 / 30 > MAX_GAP  # between two frames that are 40 numbers apart


def test_the_slip_in_the_published_labels_is_corrected(tmp_path):
    path = write_labels(tmp_path, s03_e01=dict(throw=(3226, 3282), push=(2556, 3622)), s03_e02=dict(push=(2556, 3622)))
    labels, notes = read_utkinect_labels(path)
    assert labels == {'s03_e01': dict(throw=(3226, 3282), push=(3556, 3622)), 's03_e02': dict(push=(2556, 3622))}
    assert len(notes) == 1 and 's03_e01_push' in notes[0]


@pytest.fixture
def people(tmp_path):
    """Four people, three actions, two trials each of MSR Action3D."""
    for subject in range(1, 5):
        for action in (1, 2, 6):
            for trial in (1, 2):
                write_msr(tmp_path, body(8, 10 * subject + trial) + action / 100,
                          f'a{action:02}_s{subject:02}_e{trial:02}')
    return tmp_path


def test_nobody_is_on_both_sides(people, tmp_path):
    savemat(tmp_path / 'halves.mat', dict(tr_subjects=np.array([[1, 2], [4, 2]], np.uint8)))
    data, clips = run('msr-action3d', people, '--splits', tmp_path / 'halves.mat')
    sides = {split: {clips[name]['subject'] for name in members} for split, members in data['split'].items()}
    assert sides['msr_action3d_fold0_train'] == {'s01', 's03'} == sides['msr_action3d_half1_fold0_test']
    assert sides['msr_action3d_half0_fold0_train'] == {'s01', 's02'}
    assert [sides[f'msr_action3d_loso_fold{fold}_test'] for fold in range(4)] == [{f's0{k}'} for k in range(1, 5)]
    for split, members in sides.items():
        if split.endswith('train'):
            other = split.removesuffix('train') + 'test'
            assert not members & sides[other] and len(data['split'][split]) + len(data['split'][other]) == 24


def test_lists_and_action_sets_choose_clips(people, tmp_path):
    (tmp_path / 'used.lst').write_text('a01_s01_e01\na02_s01_e02_skeleton3D.txt\na02_s02_e01\na06_s02_e02\n')
    data, clips = run('msr-action3d', people, '--only', tmp_path / 'used.lst')
    assert set(clips) == {'a01_s01_e01', 'a02_s01_e02', 'a02_s02_e01', 'a06_s02_e02'}
    data, clips = run('msr-action3d', people, '--actions', 'as1')
    assert {clip['label'] for clip in clips.values()} == {0, 3} and len(clips) == 16
    assert data['classes'] == [CLASSES['msr-action3d'][number - 1] for number in ACTION_SETS['as1']]
    assert 'msr_action3d_as1_fold0_test' in data['split']


def test_a_recording_is_left_out_in_each_fold(tmp_path):
    for subject in (1, 2):
        for trial in (1, 2):
            write_utkinect(tmp_path, np.arange(0, 40, 2), body(20, 10 * subject + trial), f's0{subject}_e0{trial}')
    write_labels(tmp_path, **{f's0{subject}_e0{trial}': dict(walk=(0, 18), throw=(20, 38))
                              for subject in (1, 2) for trial in (1, 2)})
    data, clips = run('utkinect', tmp_path, '--by-sequence')
    tested = [data['split'][f'utkinect_by_sequence_fold{fold}_test'] for fold in range(4)]
    assert tested[0] == ['s01_e01_walk', 's01_e01_throw'] and len(data['split']) == 8
    assert {clip['label'] for clip in clips.values()} == {0, UTKINECT_ACTIONS.index('throw')}


def cut(path):
    path.write_text('\n'.join(path.read_text().split('\n')[:-2]))


def replaced(path, old, new):
    path.write_text(path.read_text().replace(old, new, 1))


@pytest.mark.parametrize('change, named', [
    (cut, 'lines'), (lambda path: replaced(path, ' 1.000000', ''), 'line 1'),
    (lambda path: replaced(path, '1.000000', 'x'), "'x'"),
    (lambda path: path.write_text('nan nan nan 1\n' * 20), 'joint 1'),
    (lambda path: path.rename(path.with_name('a21_s01_e01_skeleton3D.txt')), 'name')])
def test_a_damaged_text_file_is_named(tmp_path, capsys, change, named):
    change(write_msr(tmp_path, body()))
    error = refused(capsys, 'msr-action3d', tmp_path)
    assert named in error and '_s01_e01_skeleton3D.txt' in error


def test_a_damaged_mat_file_is_named(tmp_path, capsys):
    path = tmp_path / 'a1_s1_t1_skeleton.mat'
    savemat(path, dict(other=np.zeros(3)))
    assert 'd_skel' in refused(capsys, 'utd-mhad', tmp_path)
    savemat(path, dict(d_skel=np.ones((25, 3, 9))))
    assert 'd_skel: ' in refused(capsys, 'utd-mhad', tmp_path)
    path.write_bytes(b'MATLAB 5.0')
    assert str(path) in refused(capsys, 'utd-mhad', tmp_path)


@pytest.mark.parametrize('labels, named', [
    (dict(s01_e01=dict(walk=(50, 60))), 's01_e01_walk'), (dict(s01_e02=dict(walk=(0, 18))), 's01_e01'),
    (dict(s01_e01=dict(fly=(0, 18))), 'line 2')])
def test_a_label_without_frames_is_named(tmp_path, capsys, labels, named):
    write_utkinect(tmp_path, np.arange(0, 40, 2), body(20))
    write_labels(tmp_path, **labels)
    assert named in refused(capsys, 'utkinect', tmp_path)


def test_options_of_other_sets_and_missing_files_are_refused(tmp_path, capsys):
    write_utd(tmp_path, body())
    assert '--actions' in refused(capsys, 'utd-mhad', tmp_path, '--actions', 'as1')
    assert '--by-sequence' in refused(capsys, 'utd-mhad', tmp_path, '--by-sequence')
    assert '_skeleton3D.txt' in refused(capsys, 'msr-action3d', tmp_path)
    (tmp_path / 'used.lst').write_text('a1_s9_t1')
    assert 'a1_s9_t1' in refused(capsys, 'utd-mhad', tmp_path, '--only', tmp_path / 'used.lst')

import tracemalloc

import numpy as np
import pytest
from mmaction.registry import TRANSFORMS
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.logging import MMLogger

from dynstg_mm.errors import ClipError, ConfigError
from dynstg_mm.gait.geometry import leg_length
from dynstg_mm.skeletons import LAYOUTS

from ..conftest import ROOT, SAMPLE

BODY = LAYOUTS['body_25']


def build(type, **options):
    return TRANSFORMS.build(dict(type=type, **options))


def stick(frames=50, rate=25., speed=40.):
    """A standing figure that is carried along, with toes ahead of the heels; pixels."""
    pose = np.zeros((25, 2), np.float32)
    for joint, (x, y) in {8: (0, 0), 9: (0, 0), 12: (0, 0), 10: (5, 40), 13: (-5, 40), 11: (0, 80), 14: (0, 80),
                          1: (0, -50), 24: (-5, 85), 21: (-5, 85), 22: (15, 85), 19: (15, 85),
                          4: (10, 0), 7: (-10, 0)}.items():
        pose[joint] = x, y
    track = np.stack([300 + speed * np.arange(frames) / rate, np.full(frames, 200.)], -1)
    keypoint = (pose + track[:, None])[None].astype(np.float32)
    return dict(frame_dir='stick', keypoint=keypoint, keypoint_score=np.ones(keypoint.shape[:3], np.float32),
                total_frames=frames, rate=rate)


def test_lost_joints_are_filled_relative_to_the_body():
    clip, whole = stick(), stick()['keypoint']
    clip['keypoint'][0, 10:20, 11] = 0
    clip['keypoint_score'][0, 10:20, 11] = 0
    clip['keypoint'][0, 5:, 4] = 0  # a wrist seen at first only walks along
    clip['keypoint'][0, 30:33, 8] = 0
    out = build('FillMissingJoints', layout='body_25')(clip)
    np.testing.assert_allclose(out['keypoint'], whole, atol=1e-3)
    assert 'keypoint_score' not in out


def test_frames_without_the_person_are_cut_at_the_ends_only():
    clip = stick()
    for frames in (slice(0, 4), slice(20, 22), slice(47, 50)):
        clip['keypoint'][:, frames] = 0
    out = build('FillMissingJoints', layout='body_25')(clip)
    assert out['total_frames'] == 43
    np.testing.assert_allclose(out['keypoint'], stick()['keypoint'][:, 4:47], atol=1e-3)


def test_joint_never_seen_is_put_on_its_parent():
    clip = stick()
    clip['keypoint_score'][:, :, [3, 4]] = 0  # elbow and wrist
    out = build('FillMissingJoints', layout='body_25')(clip)['keypoint']
    np.testing.assert_allclose(out[:, :, 4], out[:, :, 2])


def test_pelvis_that_is_never_seen_is_between_the_hips():
    clip, whole = stick(), stick()['keypoint']
    clip['keypoint'][:, :, 8] = 0
    clip['keypoint'][:, 20:30, 4] = 0
    np.testing.assert_allclose(build('FillMissingJoints', layout='body_25')(clip)['keypoint'], whole, atol=1e-3)


@pytest.mark.parametrize('hidden', [['left_hip'], ['left_hip', 'right_hip'], ['neck'], ['neck', 'left_hip']])
def test_joint_next_to_the_root_that_is_never_seen_stays_with_the_body(hidden):
    """The root of gait_13 is the neck: a lost hip must not be put there, nor the neck on the pelvis."""
    clip = dict(stick(), layout=BODY)
    clip['keypoint'][:, :, [2, 5]] = clip['keypoint'][:, :, [1]]  # shoulders
    clip = build('MapLayout', layout='gait_13')(clip)
    whole = clip['keypoint'].copy()
    for name in hidden:
        clip['keypoint'][:, :, LAYOUTS['gait_13']['joints'].index(name)] = 0
    out = build('FillMissingJoints')(clip)['keypoint']
    for name in hidden:
        joint = LAYOUTS['gait_13']['joints'].index(name)
        assert np.abs(out[:, :, joint] - whole[:, :, joint]).max() < 35  # pixels; the trunk is 50 long
    assert np.ptp(out - out[:, :, :1], 1).max() < 1e-3  # it walks along


@pytest.mark.parametrize('layout', ['body_25', dict(num_node=25, center=0, inward=[], legs=BODY['legs'])])
def test_layout_in_the_results_may_be_a_name_or_incomplete(layout):
    steps = [dict(type='FillMissingJoints'), dict(type='MirrorDirection'), dict(type='CenterSkeleton')]
    out = Compose(steps)(dict(stick(), layout=layout))
    np.testing.assert_allclose(out['keypoint'][:, :, [9, 12]].mean(2), 0, atol=1e-4)
    if layout == 'body_25':
        assert build('MapLayout', layout='gait_13')(dict(stick(), layout=layout))['keypoint'].shape[2] == 13


def test_clip_without_a_person_is_refused():
    clip = stick()
    clip['keypoint'][:] = 0
    with pytest.raises(ClipError, match='clip stick: keypoint: no frame shows'):
        build('FillMissingJoints', layout='body_25')(clip)


@pytest.mark.parametrize('rate', [25., 30., 50., 120.])
def test_resampling_keeps_the_movement_in_seconds(rate):
    seconds = np.arange(0, 4, 1 / rate)
    clip = dict(frame_dir='wave', rate=rate, keypoint=np.sin(2 * np.pi * seconds)[None, :, None, None].repeat(2, -1))
    out = build('ResampleRate', rate=25)(clip)
    assert abs(out['total_frames'] - 100) <= 1 and out['rate'] == 25
    expected = np.sin(2 * np.pi * np.arange(out['total_frames']) / 25)
    np.testing.assert_allclose(out['keypoint'][0, 10:-10, 0, 0], expected[10:-10], atol=0.01)


def test_noise_above_the_cut_off_does_not_depend_on_the_rate():
    draw = np.random.default_rng(0)
    spread = [build('ResampleRate', rate=25, lowpass=lowpass)(dict(
        frame_dir='noise', rate=rate, keypoint=np.sqrt(rate) * draw.standard_normal((1, int(40 * rate), 1, 2))))
        ['keypoint'].std() for lowpass in (6, None) for rate in (25., 50.)]
    assert abs(spread[1] / spread[0] - 1) < 0.1  # noise of one density a second
    assert abs(spread[3] / spread[2] - 1) > 0.3


@pytest.mark.parametrize('rate', [None, 0, float('nan'), '25', 1e-12, 10**400])
def test_wrong_rate_is_refused(rate):
    with pytest.raises(ClipError, match='clip stick: rate:'):
        build('ResampleRate')(dict(stick(), rate=rate))


def test_windows_are_cut_at_the_real_rate():
    train = build('SampleWindows', duration=1, rate=25)(stick())
    assert (np.diff(train['frame_inds']) == 1).all() and len(train['frame_inds']) == 25
    test = build('SampleWindows', duration=1, rate=25, num_clips=3, test_mode=True)(stick())
    starts = test['frame_inds'].reshape(3, 25)[:, 0].tolist()
    assert starts == [0, 12, 25] and test['num_clips'] == 3


@pytest.mark.parametrize('frames', [10, 39, 64, 200])
def test_a_clip_is_stretched_from_its_first_frame_to_its_last(frames):
    time = np.linspace(0, 1, frames)[None, :, None, None]
    keypoint = (np.sin(3 * time) * np.ones((1, 1, 5, 3))).astype(np.float32)
    score = np.broadcast_to(time[..., 0] > 0.5, (1, frames, 5)).astype(np.float32)
    results = build('StretchClip', frames=64)(dict(keypoint=keypoint, keypoint_score=score, total_frames=frames))
    assert results['total_frames'] == 64 and results['keypoint_score'].shape == (1, 64, 5)
    np.testing.assert_allclose(results['keypoint'][0, :, 0, 0], np.sin(3 * np.linspace(0, 1, 64)), atol=2e-3)
    assert abs(results['keypoint_score'].mean() - 0.5) < 0.06
    with pytest.raises(ConfigError, match='frames'):
        build('StretchClip', frames=1)


def test_clip_shorter_than_a_window_is_padded_left_out_or_refused():
    for test_mode in (False, True):
        out = build('SampleWindows', duration=2.56, num_clips=2, test_mode=test_mode)(stick())
        assert out['padded'] and out['frame_inds'].tolist() == [*range(50), *[49] * 14] * 2
        with pytest.raises(ClipError, match='clip stick: keypoint: 50 frames at 25 per second .* needs 64'):
            build('SampleWindows', duration=2.56, test_mode=test_mode, short_clips='refuse')(stick())
    assert build('SampleWindows', duration=2.56, short_clips='drop')(stick()) is None
    with pytest.raises(ClipError, match='clip stick: keypoint'):  # a test must not lose a clip
        build('SampleWindows', duration=2.56, short_clips='drop', test_mode=True)(stick())
    assert not build('SampleWindows', duration=2., short_clips='refuse')(stick())['padded']
    with pytest.raises(ConfigError, match='short_clips: .cut'):
        build('SampleWindows', duration=2.56, short_clips='cut')


def test_everyone_walks_one_way():
    mirror = build('MirrorDirection', layout='body_25')
    forwards, backwards = stick(), stick()
    flipped = backwards['keypoint'].copy()
    flipped[..., 0] *= -1
    order = list(range(25))
    for left, right in zip(BODY['left'], BODY['right']):
        order[left], order[right] = right, left
    backwards['keypoint'] = flipped[:, :, order]
    np.testing.assert_allclose(mirror(backwards)['keypoint'], stick()['keypoint'], atol=1e-4)
    np.testing.assert_allclose(mirror(forwards)['keypoint'], stick()['keypoint'])


def test_toes_give_the_direction_of_a_standing_person():
    standing = stick(speed=0)
    standing['keypoint'][..., 0] *= -1
    out = build('MirrorDirection', layout='body_25')(standing)['keypoint']
    assert out[0, 0, 22, 0] > out[0, 0, 24, 0]


def test_windows_are_mirrored_and_scaled_each_by_itself():
    there, back = stick(frames=25)['keypoint'], stick(frames=25, speed=-40.)['keypoint'] * 2
    clip = dict(frame_dir='turn', num_clips=2, keypoint=np.concatenate([there, back], 1))
    out = build('ScaleByLegLength', layout='body_25')(build('MirrorDirection', layout='body_25')(clip))['keypoint']
    walks = out.reshape(2, 25, 25, 2)
    assert (walks[:, -1, 8, 0] > walks[:, 0, 8, 0]).all()
    assert [round(leg_length(walk, BODY), 3) for walk in walks] == [1, 1]


def test_no_legs_no_scale():
    clip = stick()
    clip['keypoint'][:] = 1
    with pytest.raises(ClipError, match='legs have length 0'):
        build('ScaleByLegLength', layout='body_25')(clip)
    with pytest.raises(ConfigError, match='layout: legs: missing'):
        build('ScaleByLegLength', layout=dict(num_node=25, inward=[], center=0))(stick())


def walker(heading, up, feet=True, speed=1., frames=50):
    """Someone who walks on the floor in the direction `heading` (radians from +x to the second axis of the floor)."""
    layout = dict(num_node=9, inward=[(1, 0), (2, 1), (3, 2), (4, 0), (5, 4), (6, 5), (7, 3), (8, 6)], center=0,
                  left=[1, 2, 3, 7], right=[4, 5, 6, 8], legs=[(1, 2, 3), (4, 5, 6)])
    if feet:
        layout['feet'] = [(3, 7), (6, 8)]
    ahead, left = np.array([np.cos(heading), np.sin(heading)]), np.array([np.sin(heading), -np.cos(heading)])
    axes, sign = {'y': ([0, 2], 1), '-y': ([0, 2], -1), 'z': ([0, 1], 1), '-z': ([0, 1], -1)}[up]
    if up in ('-y', 'z'):  # right-handed axes
        left = -left
    pose = np.zeros((9, 3), np.float32)
    for joint, (side, height, front) in {1: (.1, 1, 0), 2: (.1, .5, .05), 3: (.1, 0, 0), 7: (.1, 0, .2), 4: (-.1, 1, 0),
                                         5: (-.1, .5, 0), 6: (-.1, 0, 0), 8: (-.1, 0, .2), 0: (0, 1, 0)}.items():
        pose[joint, axes] = side * left + front * ahead
        pose[joint, 3 - sum(axes)] = sign * height
    keypoint = np.repeat(pose[None], frames, 0)
    keypoint[..., axes] += (speed * np.arange(frames) / 25)[:, None, None] * ahead
    return dict(frame_dir='floor', keypoint=keypoint[None].astype(np.float32), layout=layout)


@pytest.mark.parametrize('up', ['y', '-y', 'z', '-z'])
@pytest.mark.parametrize('feet, speed', [(True, 1.), (True, 0.), (False, 0.), (False, 1.)])
def test_every_heading_is_aligned_with_x(up, feet, speed):
    align = build('AlignHeading', up=up)
    straight = walker(0, up, feet, speed)
    for heading in (0, 1, np.pi / 2, 3, np.pi, -2.5, -1):
        out = align(walker(heading, up, feet, speed))['keypoint']
        np.testing.assert_allclose(out, straight['keypoint'], atol=1e-5)


@pytest.mark.parametrize('up', ['y', '-y', 'z', '-z'])
def test_side_view_is_that_of_a_camera(up):
    clip = build('AlignHeading', up=up)(walker(2, up))
    out = build('SideView', up=up)(clip)['keypoint']
    assert out.shape == (1, 50, 9, 2) and out.dtype == np.float32
    np.testing.assert_allclose(np.diff(out[0, :, 0, 0]), 1 / 25, atol=1e-5)  # ahead is to the right, at 1 m/s
    np.testing.assert_allclose(out[0, 0, [0, 2, 3], 1], [-1, -.5, 0], atol=1e-5)  # pelvis, knee, ankle: up is smaller
    np.testing.assert_allclose(out[0, 0, 7, 0] - out[0, 0, 3, 0], .2, atol=1e-5)  # the toes are ahead of the ankle
    with pytest.raises(ClipError, match='clip floor: keypoint: 2 coordinates; SideView'):
        build('SideView', up=up)(dict(clip, keypoint=out))


def test_every_window_is_turned_by_itself():
    there, back = walker(1, 'y')['keypoint'], walker(-2, 'y')['keypoint']
    clip = dict(walker(0, 'y'), keypoint=np.concatenate([there, back], 1), num_clips=2)
    out = build('AlignHeading')(clip)['keypoint'].reshape(2, 50, 9, 3)
    np.testing.assert_allclose(out[0], out[1], atol=1e-5)
    assert (out[:, -1, 0, 0] > 1).all()


def test_heading_of_2d_clips_is_refused():
    with pytest.raises(ClipError, match='clip stick: keypoint: 2 coordinates; .* MirrorDirection'):
        build('AlignHeading', layout='body_25')(stick())
    with pytest.raises(ConfigError, match="up: 'x'; expected one of"):
        build('AlignHeading', up='x')


def test_layout_is_mapped_by_name_and_goes_along():
    clip = dict(stick(), layout=BODY)
    clip['keypoint_score'][0, :, BODY['joints'].index('left_knee')] = 0
    out = build('MapLayout', layout='coco')(clip)
    coco = LAYOUTS['coco']['joints']
    assert out['layout'] is LAYOUTS['coco'] and out['keypoint'].shape == (1, 50, 17, 2)
    for joint in ('nose', 'left_wrist', 'right_ankle'):
        np.testing.assert_array_equal(out['keypoint'][:, :, coco.index(joint)],
                                      stick()['keypoint'][:, :, BODY['joints'].index(joint)])
    lost = coco.index('left_knee')
    assert not out['keypoint'][:, :, lost].any() and not out['keypoint_score'][:, :, lost].any()
    build('FillMissingJoints')(out)  # finds 17 joints and their layout
    with pytest.raises(ConfigError, match='layout: missing; MapLayout'):
        build('MapLayout', layout='coco')(stick())
    with pytest.raises(ClipError, match='clip stick: keypoint: 25 joints; the layout of FillMissingJoints has 17'):
        build('FillMissingJoints', layout='coco')(stick())


def test_the_tracked_person_is_kept_in_any_order():
    one, other = stick(), stick(speed=-40.)
    other['keypoint'][:, 30:] = other['keypoint_score'][:, 30:] = 0
    nobody = np.zeros_like(one['keypoint'])
    for people in ([other, one], [one, other]):
        keypoint = np.concatenate([nobody, *(person['keypoint'] for person in people)])
        score = np.concatenate([nobody[..., 0], *(person['keypoint_score'] for person in people)])
        out = build('KeepTrackedPerson')(dict(frame_dir='two', keypoint=keypoint, keypoint_score=score))
        np.testing.assert_array_equal(out['keypoint'], one['keypoint'])
        np.testing.assert_array_equal(out['keypoint_score'], one['keypoint_score'])


def test_a_person_whose_scores_are_0_is_not_seen():
    one = stick()['keypoint']
    score = np.stack([np.zeros((50, 25)), np.full((50, 25), 0.5)])
    other, one[:, 20:] = one * 3, 0
    out = build('KeepTrackedPerson')(dict(keypoint=np.concatenate([other, one]), keypoint_score=score))
    np.testing.assert_array_equal(out['keypoint'], one)


def test_ties_are_broken_by_score_then_by_size():
    one = stick()['keypoint']
    for better, score in (one, [0.9, 0.8]), (one * 2, None), (one * 2, [0.5, 0.5]):
        clip = dict(keypoint=np.concatenate([better, one]))
        if score:
            clip['keypoint_score'] = np.float32(score)[:, None, None] * np.ones((2, 50, 25), np.float32)
        for order in ([0, 1], [1, 0]):
            turned = {key: value[order] for key, value in clip.items()}
            out = build('KeepTrackedPerson')(dict(frame_dir='two', **turned))
            np.testing.assert_array_equal(out['keypoint'], better)
            assert score is None or out['keypoint_score'].max() == np.float32(score[0])


def test_several_persons_are_logged_once_and_padding_does_not_count(monkeypatch):
    logged = []
    monkeypatch.setattr(MMLogger.get_current_instance(), 'warning', logged.append)
    keep, one = build('KeepTrackedPerson'), stick()['keypoint']
    keep(dict(frame_dir='padded', keypoint=np.concatenate([one, 0 * one])))
    assert keep(dict(frame_dir='nobody', keypoint=np.zeros((2, 50, 25, 2))))['keypoint'].shape[0] == 1
    assert not logged
    for name in ('first', 'second'):
        keep(dict(frame_dir=name, keypoint=np.concatenate([one, one])))
    assert len(logged) == 1 and logged[0].startswith('clip first: keypoint: 2 persons')


def test_a_long_clip_is_resampled_in_blocks_to_the_last_bit(monkeypatch):
    keypoint = np.random.default_rng(0).standard_normal((1, 500, 25, 3)).astype(np.float32)
    clip = dict(frame_dir='long', rate=50., keypoint=keypoint)
    whole = build('ResampleRate')(dict(clip))['keypoint']
    monkeypatch.setattr('dynstg_mm.gait.signal.BLOCK', 4000)
    np.testing.assert_array_equal(build('ResampleRate')(dict(clip))['keypoint'], whole)


def test_ten_minutes_take_little_memory_and_give_their_windows():
    frames = 36000
    clip = stick(frames, rate=60.)
    clip['keypoint'][:, ::7, 11] = 0
    config = Config.fromfile(ROOT / 'configs/_base_/datasets/body_25_windows.py')
    pipeline = Compose(config.test_pipeline)
    tracemalloc.start()
    try:
        inputs = pipeline(dict(clip, layout=BODY, label=0))['inputs']
        assert tracemalloc.get_traced_memory()[1] < 15 * clip['keypoint'].nbytes  # 7 MB, of which some are float64
    finally:
        tracemalloc.stop()
    assert inputs.shape == (5, 1, 64, 25, 4)


@pytest.mark.parametrize('window', [dict(duration=0.01), dict(duration=1, num_clips=0)])
def test_empty_windows_are_refused(window):
    with pytest.raises(ConfigError, match='duration: .* at least 2 frames in 1 window'):
        build('SampleWindows', **window)


def test_place_size_and_direction_leave_no_trace_in_the_input(sample):
    config = Config.fromfile(ROOT / 'configs/_base_/datasets/body_25_windows.py')
    pipeline = Compose(config.test_pipeline)
    clip = dict(sample['annotations'][0], layout=BODY)

    def run(change):
        copy = {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in clip.items()}
        copy['keypoint'] = copy['keypoint'].astype(np.float32)
        seen = copy['keypoint_score'] > 0
        copy['keypoint'][seen] = change(copy['keypoint'][seen])
        return pipeline(copy)['inputs']

    plain, moved = run(lambda x: x), run(lambda x: 1.5 * x + np.float32([300, -40]))
    assert plain.shape == (5, 1, 64, 25, 4)
    np.testing.assert_allclose(moved, plain, atol=2e-4)


def test_projection_into_an_image():
    window = np.zeros((1, 8, 2, 3), np.float32)
    window[..., 1, :] = [1.5, 0.75, 9.]  # at the right edge, a quarter of the height above the middle
    results = build('ProjectToImage', size=40, interval=2)(dict(keypoint=window, num_clips=2))
    assert results['keypoint'].shape == (1, 4, 2, 2) and results['img_shape'] == (40, 40) and results['clip_len'] == 2
    assert results['keypoint'][0, 0].tolist() == [[20, 20], [40, 10]]
    flat = build('ProjectToImage', size=40)(dict(keypoint=window[..., :2], num_clips=1))
    assert flat['keypoint'][0, 0].tolist() == [[20, 20], [40, 30]]  # pixels count downwards already


def test_centring_by_window_keeps_the_way_of_the_pelvis():
    window = np.random.default_rng(0).normal(size=(1, 12, 25, 2)).astype(np.float32) + 300
    kept = dict(keypoint=window.copy(), num_clips=3, layout=LAYOUTS['body_25'])
    centred = build('CenterSkeleton', by='window')(dict(kept))['keypoint'].reshape(3, 4, 25, 2)
    np.testing.assert_allclose(centred[:, :, 8].mean(1), 0, atol=1e-4)
    np.testing.assert_allclose(np.diff(centred, axis=1), np.diff(window.reshape(3, 4, 25, 2), axis=1), atol=1e-4)
    every = build('CenterSkeleton')(dict(kept, keypoint=window.copy()))['keypoint']
    np.testing.assert_allclose(every, window - window[:, :, 8:9])
    with pytest.raises(ConfigError, match="by: 'clip'; expected frame or window"):
        build('CenterSkeleton', by='clip')


def test_the_teacher_keeps_its_skeleton_where_the_student_gets_another(sample):
    clip = dict(sample['annotations'][0], layout=LAYOUTS['body_25'])
    base = Config.fromfile(ROOT / 'configs/_base_/datasets/body_25_windows.py').train_pipeline
    shared, rest = base[:-3], base[-3:-1]
    np.random.seed(0)
    both = Compose([*shared, dict(type='TeacherInput', transforms=rest), dict(type='MapLayout', layout='gait_13'),
                    *rest, dict(type='PackActionInputs', algorithm_keys=('teacher_inputs', ))])(dict(clip))
    np.random.seed(0)
    plain = Compose([*shared, *rest, dict(type='PackActionInputs')])(dict(clip))
    assert both['inputs'].shape == (1, 1, 64, 13, 4) and plain['inputs'].shape == (1, 1, 64, 25, 4)
    np.testing.assert_array_equal(both['data_samples'].teacher_inputs, plain['inputs'])
    joints = [LAYOUTS['body_25']['joints'].index(name) for name in LAYOUTS['gait_13']['joints']]
    np.testing.assert_array_equal(both['inputs'], plain['inputs'][..., joints, :])


def test_unlabelled_windows_come_from_another_data_set(sample):
    clip = dict(sample['annotations'][0], layout=LAYOUTS['body_25'])
    base = Config.fromfile(ROOT / 'configs/_base_/datasets/body_25_windows.py').train_pipeline
    shared, rest = base[:-3], base[-3:-1]
    student = [*shared, dict(type='TeacherInput', transforms=rest), dict(type='MapLayout', layout='gait_13'), *rest]
    keys = ('teacher_inputs', 'unlabelled_inputs', 'unlabelled_teacher_inputs')
    others = dict(type='SyntheticGaitDataset', ann_file=str(SAMPLE), split='test', layout='body_25', pipeline=[
        *student, dict(type='PackActionInputs', algorithm_keys=keys[:1])])
    pipeline = Compose([*student, dict(type='UnlabelledWindows', dataset=others, num_windows=2),
                        dict(type='PackActionInputs', algorithm_keys=keys)])
    np.random.seed(0)
    one, other = pipeline(dict(clip)), pipeline(dict(clip))
    windows = one['data_samples'].unlabelled_inputs
    assert one['inputs'].shape == (1, 1, 64, 13, 4) and windows.shape == (2, 1, 64, 13, 4)
    assert one['data_samples'].unlabelled_teacher_inputs.shape == (2, 1, 64, 25, 4)
    joints = [LAYOUTS['body_25']['joints'].index(name) for name in LAYOUTS['gait_13']['joints']]
    np.testing.assert_array_equal(windows, one['data_samples'].unlabelled_teacher_inputs[..., joints, :])
    assert not (windows == other['data_samples'].unlabelled_inputs).all()
    assert build('UnlabelledWindows', dataset=others, num_windows=0)({}) == {}
    with pytest.raises(ValueError, match='num_windows'):
        build('UnlabelledWindows', dataset=others, num_windows=-1)

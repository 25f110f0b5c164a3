import numpy as np
import pytest
from mmengine.config import Config
from mmengine.dataset import Compose

from dynstg_mm.datasets import ClipError
from dynstg_mm.datasets.transforms import leg_length
from dynstg_mm.skeletons import LAYOUTS
from mmaction.registry import TRANSFORMS

from ..conftest import ROOT

BODY = LAYOUTS['body_25']


def build(type, **options):
    return TRANSFORMS.build(dict(type=type, **options))


def stick(frames=50, rate=25., speed=40.):
    """A standing figure that is carried along, with toes ahead of the heels; pixels."""
    pose = np.zeros((25, 2), np.float32)
    for joint, (x, y) in {8: (0, 0), 9: (0, 0), 12: (0, 0), 10: (5, 40), 13: (-5, 40), 11: (0, 80), 14: (0, 80), 1: (0, -50),
                          24: (-5, 85), 21: (-5, 85), 22: (15, 85), 19: (15, 85), 4: (10, 0), 7: (-10, 0)}.items():
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


def test_noise_above_the_cut_off_does_not_tell_the_rates_apart():
    draw = np.random.default_rng(0)
    spread = [build('ResampleRate', rate=25, lowpass=lowpass)(dict(
        frame_dir='noise', rate=rate, keypoint=np.sqrt(rate) * draw.standard_normal((1, int(40 * rate), 1, 2))))
        ['keypoint'].std() for lowpass in (6, None) for rate in (25., 50.)]
    assert abs(spread[1] / spread[0] - 1) < 0.1  # noise of one density a second
    assert abs(spread[3] / spread[2] - 1) > 0.3


@pytest.mark.parametrize('rate', [None, 0, float('nan'), '25'])
def test_wrong_rate_is_refused(rate):
    with pytest.raises(ClipError, match='clip stick: rate:'):
        build('ResampleRate')(dict(stick(), rate=rate))


def test_windows_are_cut_at_the_real_rate():
    train = build('SampleWindows', duration=1, rate=25)(stick())
    assert (np.diff(train['frame_inds']) == 1).all() and len(train['frame_inds']) == 25
    test = build('SampleWindows', duration=1, rate=25, num_clips=3, test_mode=True)(stick())
    starts = test['frame_inds'].reshape(3, 25)[:, 0].tolist()
    assert starts == [0, 12, 25] and test['num_clips'] == 3


def test_clip_shorter_than_a_window_is_refused():
    with pytest.raises(ClipError, match='clip stick: keypoint: 50 frames at 25 per second .* needs 64'):
        build('SampleWindows', duration=2.56)(stick())


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


def test_toes_tell_where_someone_faces_who_stands():
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
    with pytest.raises(ValueError, match='layout: legs missing'):
        build('ScaleByLegLength', layout=dict(num_node=25, inward=[], center=0))(stick())


def test_features_of_any_layout():
    layout = dict(num_node=3, inward=[(1, 0), (2, 1)], center=0)
    keypoint = np.cumsum(np.ones((1, 1, 5, 3, 2), np.float32), 3) * np.arange(5)[:, None, None]
    out = build('GaitFeatures', layout=layout, feats=['j', 'b', 'jm', 'bm'], rate=10)(dict(keypoint=keypoint))['keypoint']
    assert out.shape == (1, 1, 5, 3, 8)
    np.testing.assert_allclose(out[0, 0, :, 2, 2], np.arange(5))  # joint 2 minus joint 1
    np.testing.assert_allclose(out[0, 0, :, 2, 4], 30)  # 3 a frame at 10 frames per second
    np.testing.assert_allclose(out[0, 0, :, 0, 6], 0)
    with pytest.raises(ValueError, match='feats'):
        build('GaitFeatures', layout=layout, feats=['x'])


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

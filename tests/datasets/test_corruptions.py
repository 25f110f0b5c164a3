import numpy as np
import pytest
from mmaction.registry import TRANSFORMS

from dynstg_mm.skeletons import get_layout


def clip(rate=30., frames=120, name='a', scores=True):
    rng = np.random.default_rng(0)
    keypoint = (100 + rng.random((2, frames, 25, 2)) * 200).astype(np.float16)
    return dict(frame_dir=name, rate=rate, total_frames=frames, keypoint=keypoint, layout=get_layout('body_25'),
                **(dict(keypoint_score=np.ones((2, frames, 25), np.float16)) if scores else {}))


def corrupt(results, **step):
    return TRANSFORMS.build(step)(results)


@pytest.mark.parametrize('scores', [True, False])
def test_joints_are_lost_for_that_share_in_stretches(scores):
    found = corrupt(clip(scores=scores), type='LoseJoints', share=0.25)
    lost = (found['keypoint'] == 0).all(-1)
    np.testing.assert_allclose(lost.mean((0, 1)), 0.25)  # every joint alike, two stretches of eight
    third = np.mean([(corrupt(clip(name=name, scores=scores), type='LoseJoints', share=0.3)['keypoint'] == 0).mean()
                     for name in 'abcdefgh'])
    assert third == pytest.approx(0.3, abs=0.02)  # on average, where it is no whole number of stretches
    assert len({tuple(track) for track in lost[0].T}) > 10  # not all at the same time
    changes = (np.diff(lost[0].astype(int), axis=0) != 0).sum()
    assert changes <= 25 * 4  # two stretches of 15 frames of each joint
    if scores:
        assert ((found['keypoint_score'] == 0) == lost).all()
    original = clip()
    assert (found['keypoint'][~lost] == original['keypoint'][~lost]).all()


@pytest.mark.parametrize('step', [dict(type='LoseJoints', share=0.3), dict(type='AddNoise', sigma=0.1)])
def test_what_is_drawn_comes_from_the_name_and_the_seed(step):
    one, again, other, seed = (corrupt(clip(name=name), **step, **options)['keypoint'] for name, options in (
        ('a', {}), ('a', {}), ('b', {}), ('a', dict(seed=1))))
    assert (one == again).all() and (one != other).any() and (one != seed).any()


def test_noise_is_measured_in_leg_lengths():
    plain = clip(frames=3000)
    plain['keypoint'][:, ::7] = 0
    found = corrupt(dict(plain), type='AddNoise', sigma=0.1)
    moved = found['keypoint'] - plain['keypoint'].astype(np.float32)
    assert (moved[:, ::7] == 0).all()  # what was not seen is not there now
    seen = np.arange(3000) % 7 > 0
    layout, legs = plain['layout'], []
    for hip, knee, ankle in layout['legs']:
        points = [plain['keypoint'][0, seen, joint].astype(float) for joint in (hip, knee, ankle)]
        legs.append(np.median(sum(np.linalg.norm(a - b, axis=-1) for a, b in zip(points, points[1:]))))
    assert moved[0, seen].std() == pytest.approx(0.1 * np.mean(legs), rel=0.02)


@pytest.mark.parametrize('at, same', [(25, True), (None, False)])
def test_noise_that_a_low_pass_leaves_does_not_tell_the_rate(at, same):
    left = []
    for rate in (30., 50.):
        still = clip(rate=rate, frames=3000)
        still['keypoint'] = np.repeat(still['keypoint'][:, :1].astype(np.float32), 3000, 1)
        found = corrupt(corrupt(still, type='AddNoise', sigma=0.1, rate=at), type='ResampleRate', rate=25, lowpass=6)
        left.append(found['keypoint'].std(1).mean())
    assert (left[0] == pytest.approx(left[1], rel=0.03)) == same


def test_a_lower_rate_leaves_frames_out_and_the_time_as_it_was():
    plain = clip(rate=30., frames=121)
    found = corrupt(dict(plain), type='LowerRate', rate=10)
    assert found['rate'] == 10 and found['total_frames'] == found['keypoint'].shape[1] == 41
    assert (found['keypoint'] == plain['keypoint'][:, ::3]).all() and found['keypoint_score'].shape[1] == 41
    assert corrupt(dict(plain), type='LowerRate', rate=50)['total_frames'] == 121


def test_the_middle_of_a_clip_is_kept():
    plain = clip(frames=121)
    found = corrupt(dict(plain), type='CutClip', seconds=1)
    assert found['total_frames'] == 31 and (found['keypoint'] == plain['keypoint'][:, 45:76]).all()
    assert corrupt(dict(plain), type='CutClip', seconds=60)['total_frames'] == 121


@pytest.mark.parametrize('step, message', [
    (dict(type='LoseJoints', share=1.5), 'share: 1.5; expected a number from 0 to 1'),
    (dict(type='AddNoise', sigma='much'), "sigma: 'much'"),
    (dict(type='AddNoise', sigma=1, rate=0.5), 'rate: 0.5; expected a number from 1'),
    (dict(type='LowerRate', rate=0), 'rate: 0; expected a number from 1'),
    (dict(type='CutClip', seconds=-1), 'seconds: -1'),
])
def test_wrong_options_are_named(step, message):
    with pytest.raises(ValueError, match=message):
        TRANSFORMS.build(step)

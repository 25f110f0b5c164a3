import numpy as np
import pytest
from mmaction.registry import TRANSFORMS

from dynstg_mm.skeletons import LAYOUTS

RANDOM = [dict(type='RandomRot', heading=30., tilt=5.), dict(type='RandomScale', scale=0.2),
          dict(type='RandomScale', scale=0.2, same=True), dict(type='RandomGaussianNoise', sigma=0.05),
          dict(type='RandomGaussianNoise', sigma=0.05, shared=True),
          dict(type='RandomJointDropout', layout='h36m', prob=0.5), dict(type='RandomTimeWarp', strength=0.3),
          dict(type='RandomSwapSides', layout='h36m'), dict(type='RandomProportions', layout='h36m', spread=0.2)]


def walk(coordinates=2, windows=3, persons=1, frames=40):
    """Smooth windows of a centred skeleton, in leg lengths."""
    draw = np.random.default_rng(0)
    seconds = np.arange(windows * frames) / 25
    phase, size = draw.uniform(0, 6, (17, coordinates)), draw.uniform(0.2, 1, (17, coordinates))
    keypoint = (size * np.sin(4 * seconds[:, None, None] + phase) + size)[None].repeat(persons, 0)
    keypoint[:, :, LAYOUTS['h36m']['center']] = 0
    return dict(frame_dir='walk', keypoint=keypoint.astype(np.float32), num_clips=windows)


def change(options, seed, **size):
    np.random.seed(seed)
    return TRANSFORMS.build(options)(walk(**size))['keypoint']


@pytest.mark.parametrize('options', RANDOM, ids=lambda options: options['type'])
@pytest.mark.parametrize('coordinates', [2, 3])
def test_the_seed_decides_and_windows_differ_and_the_input_stays(options, coordinates):
    first = change(options, 1, coordinates=coordinates)
    np.testing.assert_array_equal(change(options, 1, coordinates=coordinates), first)
    assert (change(options, 2, coordinates=coordinates) != first).any()
    plain = walk(coordinates=coordinates)['keypoint']
    assert first.shape == plain.shape and first.dtype == np.float32 and np.isfinite(first).all()
    added = (first - plain).reshape(3, 40, 17, coordinates)
    assert (added[0] != added[1]).any() and (added[1] != added[2]).any()
    clip = walk(coordinates=coordinates)
    array = clip['keypoint']
    TRANSFORMS.build(options)(clip)
    np.testing.assert_array_equal(array, plain)


@pytest.mark.parametrize('options', RANDOM, ids=lambda options: options['type'])
def test_persons_of_a_window_stay_together_and_nobody_comes_to_life(options):
    clip = walk(persons=3)
    clip['keypoint'][2] = 0
    out = TRANSFORMS.build(options)(clip)['keypoint']
    assert not out[2].any() and not out[:, :, LAYOUTS['h36m']['center']].any()
    if options['type'] != 'RandomGaussianNoise':
        np.testing.assert_array_equal(out[0], out[1])


def test_rotation_stays_within_its_degrees_and_keeps_lengths():
    for coordinates, options in (2, dict(tilt=5.)), (3, dict(heading=30., tilt=0., up='z')):
        plain = walk(coordinates, windows=200, frames=4)['keypoint'][0]
        turned = change(dict(type='RandomRot', **options), 0, coordinates=coordinates, windows=200, frames=4)[0]
        np.testing.assert_allclose(np.linalg.norm(turned, axis=-1), np.linalg.norm(plain, axis=-1), rtol=1e-5)
        angle = np.arctan2(turned[..., 1], turned[..., 0]) - np.arctan2(plain[..., 1], plain[..., 0])
        angle = np.degrees((angle[:, 1] + np.pi) % (2 * np.pi) - np.pi)
        most = options.get('heading', options['tilt'])
        assert np.abs(angle).max() <= most + 1e-3 and angle.max() > 0.9 * most and angle.min() < -0.9 * most
        if coordinates == 3:
            np.testing.assert_allclose(turned[..., 2], plain[..., 2], atol=1e-6)  # the vertical stays


@pytest.mark.parametrize('up, axis', [('y', 1), ('-y', 1), ('z', 2), ('-z', 2)])
def test_tilt_leaves_the_vertical_by_no_more_than_its_degrees(up, axis):
    clip = walk(3)
    clip['keypoint'][:] = np.eye(3, dtype=np.float32)[axis]
    np.random.seed(0)
    out = TRANSFORMS.build(dict(type='RandomRot', heading=180., tilt=5., up=up))(clip)['keypoint']
    assert np.cos(np.radians(5))**2 <= out[..., axis].min() < 1


def test_scale_stays_within_its_share():
    plain = walk(3, windows=100, frames=2)['keypoint'][0, :, 1:]
    size = dict(coordinates=3, windows=100, frames=2)
    factors = change(dict(type='RandomScale', scale=(0.1, 0.2, 0.)), 0, **size)[0, :, 1:] / plain
    np.testing.assert_allclose(factors.max((0, 1)), [1.1, 1.2, 1], atol=0.01)
    np.testing.assert_allclose(factors.min((0, 1)), [0.9, 0.8, 1], atol=0.01)
    factors = (change(dict(type='RandomScale', scale=0.3, same=True), 0, **size)[0, :, 1:] / plain).reshape(100, -1)
    assert np.ptp(factors, axis=1).max() < 1e-5 and np.ptp(factors[:, 0]) > 0.5


def test_noise_has_its_standard_deviation():
    plain = walk(windows=50)['keypoint'][:, :, 1:]
    white = change(dict(type='RandomGaussianNoise', sigma=0.02), 0, windows=50)[:, :, 1:] - plain
    assert abs(white.std() / 0.02 - 1) < 0.02 and abs(np.diff(white, axis=1).std() / 0.02 - 2**0.5) < 0.03
    shared = change(dict(type='RandomGaussianNoise', sigma=0.02, shared=True), 0, windows=50)[:, :, 1:] - plain
    assert abs(shared.std() / 0.02 - 1) < 0.1
    assert np.ptp(shared.reshape(50, 40, -1), axis=1).max() < 1e-5


def test_lost_joints_get_what_fill_missing_joints_makes_of_them():
    plain = walk()['keypoint'][0].reshape(3, 40, 17, 2)
    out = change(dict(type='RandomJointDropout', layout='h36m', prob=0.3, share=(0.2, 0.4)), 0)[0].reshape(3, 40, 17, 2)
    lost = (out != plain).any(-1)
    assert 0.03 < lost.mean() < 0.15
    for window, joint in np.argwhere(lost.any(1)):
        frames = np.flatnonzero(lost[window, :, joint])
        assert len(frames) <= 16
        inner = out[window, frames[0]:frames[-1] + 1, joint]
        np.testing.assert_allclose(np.diff(inner, 2, axis=0), 0, atol=1e-6)  # a straight line, or held at an end
    gone = change(dict(type='RandomJointDropout', layout='h36m', prob=1., share=(1., 1.)), 0)
    assert not gone.any()  # every joint on its parent, up to the centre


def test_the_centre_is_never_lost():
    clip, center = walk(), LAYOUTS['h36m']['center']
    clip['keypoint'] += np.arange(120, dtype=np.float32)[:, None, None]**2
    out = TRANSFORMS.build(dict(type='RandomJointDropout', layout='h36m', prob=1., share=(0.5, 0.5)))(dict(clip))
    np.testing.assert_array_equal(out['keypoint'][:, :, center], clip['keypoint'][:, :, center])
    assert (out['keypoint'] != clip['keypoint']).any()


def test_both_hips_are_never_lost_at_once_where_they_are_the_pelvis():
    clip = walk()
    clip['keypoint'] += np.random.default_rng(0).normal(0, 1, clip['keypoint'].shape).astype(np.float32)
    hips = [hip for hip, _, _ in LAYOUTS['coco']['legs']]
    lost = np.zeros((0, 2), bool)
    for seed in range(20):
        np.random.seed(seed)
        out = TRANSFORMS.build(dict(type='RandomJointDropout', layout='coco', prob=0.6, share=(0.2, 1.)))(dict(clip))
        lost = np.append(lost, (out['keypoint'] != clip['keypoint'])[0][:, hips].any(-1), 0)
    assert lost.any(0).all() and not lost.all(1).any()


def test_scores_that_are_kept_go_along():
    rising = np.linspace(0.1, 1, 40, dtype=np.float32)
    clip = dict(walk(windows=1), keypoint_score=rising[None, :, None].repeat(17, 2))
    np.random.seed(0)
    lost = TRANSFORMS.build(dict(type='RandomJointDropout', layout='h36m', prob=0.5))(dict(clip))
    changed = (lost['keypoint'] != clip['keypoint']).any(-1)
    assert changed.any() and not lost['keypoint_score'][changed].any()
    warped = TRANSFORMS.build(dict(type='RandomTimeWarp', strength=0.5))(dict(clip))['keypoint_score'][0, :, 0]
    assert (np.diff(warped) >= 0).all() and (warped != rising).any()


@pytest.mark.parametrize('waves', [1, 2, 5])
def test_tempo_is_bounded_and_the_ends_stay(waves):
    warp = TRANSFORMS.build(dict(type='RandomTimeWarp', strength=0.3, waves=waves))
    np.random.seed(0)
    tempo = []
    for _ in range(200):
        times = warp.times(200)
        assert times[0] == 0 and abs(times[-1] - 199) < 1e-9
        tempo.append(np.diff(times))
    assert 0.7 - 1e-9 <= np.min(tempo) < 0.75 and 1.25 < np.max(tempo) <= 1.3 + 1e-9


def test_time_warp_takes_the_window_where_it_says():
    window = np.arange(40, dtype=np.float32)[None, :, None, None].repeat(17, 2).repeat(2, 3)
    warp = TRANSFORMS.build(dict(type='RandomTimeWarp', strength=0.5))
    np.random.seed(3)
    times = warp.times(40)
    np.random.seed(3)
    out = warp(dict(keypoint=window))['keypoint']
    np.testing.assert_allclose(out[0, :, 5, 0], times, atol=1e-4)


@pytest.mark.parametrize('options, message', [
    (dict(type='RandomRot', heading=200), 'heading: 200; expected a number from 0 to 180'),
    (dict(type='RandomRot', up='x'), "up: 'x'; expected one of y, -y, z, -z"),
    (dict(type='RandomScale', scale=1.5), 'scale: 1.5'), (dict(type='RandomScale', scale=(0.1, 'a')), "scale: "),
    (dict(type='RandomGaussianNoise', sigma=-1), 'sigma: -1'), (dict(type='RandomJointDropout', prob=2), 'prob: 2'),
    (dict(type='RandomJointDropout', share=(0.5, 0.1)), 'share: '),
    (dict(type='RandomTimeWarp', strength=0.7), 'strength: 0.7'), (dict(type='RandomTimeWarp', waves=0), 'waves: 0')])
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        TRANSFORMS.build(options)


@pytest.mark.parametrize('options', RANDOM, ids=lambda options: options['type'])
def test_windows_after_format_gcn_input_are_refused(options):
    clip = walk()
    with pytest.raises(ValueError, match='pipeline: .* between PoseDecode and FormatGCNInput'):
        TRANSFORMS.build(options)(dict(clip, keypoint=clip['keypoint'][None]))


def test_swapped_sides_are_the_same_walk_of_a_mirror_image():
    for coordinates in 2, 3:
        plain = walk(coordinates)['keypoint']
        swap = dict(type='RandomSwapSides', layout='h36m', prob=1)
        swapped = change(swap, 0, coordinates=coordinates)
        left, right = LAYOUTS['h36m']['left'], LAYOUTS['h36m']['right']
        across = [1, 1, -1][:coordinates]
        np.testing.assert_array_equal(swapped[:, :, left], plain[:, :, right] * np.float32(across))
        np.testing.assert_array_equal(swapped[:, :, 0], plain[:, :, 0] * np.float32(across))
        again = TRANSFORMS.build(swap)(dict(keypoint=swapped, num_clips=3))['keypoint']
        np.testing.assert_array_equal(again, plain)
    with pytest.raises(ValueError, match='layout: left: missing; RandomSwapSides needs'):
        TRANSFORMS.build(dict(swap, layout=dict(num_node=17, inward=[], center=0)))(walk())


def test_proportions_change_the_lengths_of_bones_alike_on_both_sides_and_nothing_else():
    layout = LAYOUTS['h36m']
    child, parent = np.transpose(layout['inward'])
    bones = [keypoint[0].reshape(400, 10, 17, 3)[:, :, child] - keypoint[0].reshape(400, 10, 17, 3)[:, :, parent]
             for size in [dict(coordinates=3, windows=400, frames=10)]
             for keypoint in (walk(**size)['keypoint'],
                              change(dict(type='RandomProportions', layout='h36m', spread=0.2), 0, **size))]
    factor = (bones[1] * bones[0]).sum(-1) / (bones[0]**2).sum(-1)  # (window, frame, bone)
    np.testing.assert_allclose(bones[1], factor[..., None] * bones[0], atol=1e-4)  # the direction stays
    assert np.ptp(factor, axis=1).max() < 1e-3  # one length in a window
    factor = np.log(factor[:, 0])
    assert abs(factor.std() / 0.2 - 1) < 0.05 and abs(factor.mean()) < 0.02
    bone = {joint: index for index, joint in enumerate(child.tolist())}
    for left, right in zip(layout['left'], layout['right']):
        np.testing.assert_allclose(factor[:, bone[left]], factor[:, bone[right]], atol=1e-3)
    assert np.corrcoef(factor[:, [bone[joint] for joint in layout['left']]].T).min() > -0.2


def test_no_spread_keeps_the_skeleton():
    out = change(dict(type='RandomProportions', layout='h36m', spread=0.), 0)
    np.testing.assert_allclose(out, walk()['keypoint'], atol=1e-6)

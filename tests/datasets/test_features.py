import numpy as np
import pytest
from mmaction.registry import TRANSFORMS

from dynstg_mm.datasets.transforms import feature_channels
from dynstg_mm.datasets.transforms.features import FEATS, joint_angles
from dynstg_mm.errors import ConfigError
from dynstg_mm.skeletons import LAYOUTS, mirror_order

LEG = dict(num_node=3, inward=[(1, 0), (2, 1)], center=0)  # hip, knee, ankle


def features(keypoint, layout, feats, **options):
    """Features of windows (windows, M, T, V, C)."""
    transform = TRANSFORMS.build(dict(type='GaitFeatures', layout=layout, feats=feats, **options))
    return transform(dict(keypoint=keypoint))['keypoint']


def pose(layout, coordinates, frames=8):
    draw = np.random.default_rng(0)
    return draw.standard_normal((2, 1, frames, LAYOUTS[layout]['num_node'], coordinates)).astype(np.float32)


def test_features_of_any_layout():
    keypoint = np.cumsum(np.ones((1, 1, 5, 3, 2), np.float32), 3) * np.arange(5)[:, None, None]
    out = features(keypoint, LEG, ['j', 'b', 'jm', 'bm'], rate=10)
    assert out.shape == (1, 1, 5, 3, 8)
    np.testing.assert_allclose(out[0, 0, :, 2, 2], np.arange(5))  # joint 2 minus joint 1
    np.testing.assert_allclose(out[0, 0, :, 2, 4], 30)  # 3 a frame at 10 frames per second
    np.testing.assert_allclose(out[0, 0, :, 0, 6], 0)
    with pytest.raises(ConfigError, match='feats'):
        features(keypoint, LEG, ['x'])


@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('coordinates', [2, 3])
def test_every_feature_of_every_layout_has_its_channels(layout, coordinates):
    keypoint = pose(layout, coordinates)
    for feats in (*([name] for name in FEATS), list(FEATS)):
        out = features(keypoint, layout, feats)
        assert out.shape == (*keypoint.shape[:-1], feature_channels(feats, coordinates))
        assert out.dtype == np.float32 and np.isfinite(out).all() and out.any()


@pytest.mark.parametrize('degrees', [0, 1e-3, 35, 90, 179.99, 180])
def test_angle_of_a_bent_knee(degrees):
    inside = np.radians(degrees)
    leg = np.array([[0, 2, 0], [0, 0, 0], [3 * np.sin(inside), 3 * np.cos(inside), 0]])
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0]
    for points in (leg[:, :2], leg, leg @ turn + 5):
        angle = features(points[None, None, None].repeat(2, 2), LEG, ['a'])[0, 0, 0, :, 0]
        np.testing.assert_allclose(angle, [0, inside, 0], atol=1e-6)


def test_change_of_an_angle_is_in_radians_per_second():
    inside = np.linspace(1, 2, 11)
    leg = np.stack([[[0, 1], [0, 0], [np.sin(x), np.cos(x)]] for x in inside])[None, None]
    np.testing.assert_allclose(features(leg, LEG, ['am'], rate=50)[0, 0, :, 1, 0], 5, rtol=1e-4)


def test_bones_without_length_give_finite_features():
    keypoint = np.zeros((1, 1, 4, 25, 3), np.float32)
    assert not features(keypoint, 'body_25', list(FEATS)).any()
    leg = np.zeros((1, 1, 2, 3, 2))
    leg[..., 2, :] = 1  # the knee is where the hip is
    assert not features(leg, LEG, ['a']).any()
    keypoint[..., 10, :] = 1e-30
    keypoint[..., 11, :] = 1e9
    assert np.isfinite(features(keypoint, 'body_25', list(FEATS))).all()


def test_hips_bend_against_the_trunk_and_the_own_angle_wins():
    joints = LAYOUTS['body_25']['joints']
    hip = joints.index('right_hip')
    angle = next(angle for angle in joint_angles(LAYOUTS['body_25']) if angle[1] == hip)
    assert [joints[joint] for joint in angle] == ['neck', 'right_hip', 'right_knee']
    keypoint = pose('body_25', 2)
    plain, own = (features(keypoint, 'body_25', ['a'], angles=angles) for angles in ([], [(10, hip, 12), (10, 8, 13)]))
    changed = (plain != own).any((0, 1, 2, 4))
    assert np.flatnonzero(changed).tolist() == [8, hip]
    with pytest.raises(ConfigError, match='angles: joint 25'):
        features(keypoint, 'body_25', ['a'], angles=[(10, 25, 12)])


@pytest.mark.parametrize('layout', LAYOUTS)
def test_mirrored_person_has_mirrored_angles_and_displacements(layout):
    keypoint, order = pose(layout, 3), mirror_order(LAYOUTS[layout])
    flip = np.float32([-1, 1, 1])
    for feats, sign in (['a'], 1), (['rd'], flip):
        expected = features(keypoint, layout, feats)[..., order, :] * sign
        np.testing.assert_allclose(features(keypoint[..., order, :] * flip, layout, feats), expected, atol=1e-5)


def test_relative_displacement_is_from_the_mirror_image_or_the_centre():
    keypoint = pose('body_25', 3)
    out = features(keypoint, 'body_25', ['rd'])
    np.testing.assert_array_equal(out[..., 11, :], keypoint[..., 11, :] - keypoint[..., 14, :])  # ankles: the step
    np.testing.assert_array_equal(out[..., 1, :], keypoint[..., 1, :] - keypoint[..., 8, :])
    assert not out[..., 8, :].any()
    with pytest.raises(ConfigError, match='layout: left, right'):
        features(keypoint[..., :3, :], LEG, ['rd'])


def test_a_kept_score_is_no_coordinate():
    keypoint = np.concatenate([pose('coco', 2), np.full((2, 1, 8, 17, 1), 0.5, np.float32)], -1)
    transform = TRANSFORMS.build(dict(type='GaitFeatures', layout='coco', feats=['a', 'rd']))
    out = transform(dict(keypoint=keypoint, keypoint_score=keypoint[..., 2]))['keypoint']
    np.testing.assert_array_equal(out, features(pose('coco', 2), 'coco', ['a', 'rd']))

"""The vertical axis by the body, the kind of coordinates by their values, and layouts that cannot be."""
import numpy as np
import pytest

from dynstg_mm.datasets.synthetic_gait import FINE, JOINTS, draw_walker, film, walk
from dynstg_mm.gait.anatomy import MISFIT, misfit, wrong_layout
from dynstg_mm.gait.coordinates import KINDS, coordinate_kind, to_pixels
from dynstg_mm.gait.upright import up_axis
from dynstg_mm.gait.visibility import seen_joints
from dynstg_mm.skeletons import LAYOUTS

BODY = LAYOUTS['body_25']


def captured(seed=0):
    rng = np.random.default_rng(seed)
    return walk(draw_walker('normal', rng), 2, rng)[::FINE // 25]


@pytest.mark.parametrize('axis', range(3))
@pytest.mark.parametrize('sign', [1, -1])
def test_up_is_where_the_head_is(axis, sign):
    place = np.roll(captured(), axis - 1, -1)  # y is up before
    place[..., axis] *= sign
    seen = np.ones(place.shape[:2], bool)
    expected = '-' * (sign < 0) + 'xyz'[axis]
    assert up_axis(place, seen, BODY) == expected
    seen[::2] = False
    assert up_axis(np.where(seen[..., None], place, np.nan), seen, BODY) == expected
    knees_down = [JOINTS.index(f'{side}_{name}') for side in ('left', 'right') for name in ('hip', 'knee', 'ankle')]
    assert up_axis(place[:, knees_down], seen[:, knees_down], dict(joints=[JOINTS[joint] for joint in knees_down])
                   ) == expected


def test_up_is_unknown_where_no_axis_is_clear():
    place = captured()
    seen = np.ones(place.shape[:2], bool)
    slanted = place @ np.array([[1, -1, 0], [1, 1, 0], [0, 0, 2**0.5]]) / 2**0.5
    assert up_axis(slanted, seen, BODY) is None
    assert up_axis(place, np.zeros_like(seen), BODY) is None
    assert up_axis(place, seen, dict(joints=[f'joint_{joint}' for joint in range(25)])) is None
    bent = place.copy()
    bent[:, [BODY['joints'].index(f'{side}_hip') for side in ('left', 'right')] + [8]] += (0, 2, 0)  # above the head
    assert up_axis(bent, seen, BODY) is None


def test_up_of_a_film():
    keypoint, score = film(walk(draw_walker('normal', np.random.default_rng(1)), 4, np.random.default_rng(1)), 30,
                           np.random.default_rng(1))
    seen = seen_joints(keypoint, score)
    assert up_axis(keypoint, seen, BODY) == '-y' and up_axis(keypoint[..., ::-1], seen, BODY) == '-x'


@pytest.mark.parametrize('kind', KINDS)
def test_shares_of_the_image_become_pixels(kind):
    pixels = np.random.default_rng(0).uniform((20, 40), (900, 500), (30, 25, 2))
    seen = np.random.default_rng(1).random((30, 25)) > 0.1
    pixels[~seen] = 0
    share = pixels / (1280, 720)
    given = dict(pixel=pixels, normalized=share, centered=np.where(seen[..., None], 2 * share - 1, 0))[kind]
    assert coordinate_kind(given, seen) == kind
    np.testing.assert_allclose(to_pixels(given, seen, kind, (720, 1280)), pixels, atol=1e-3)
    assert coordinate_kind(given, np.zeros_like(seen)) == 'pixel'


def test_joints_in_another_order_are_far_from_their_neighbours():
    place = captured()
    seen = np.ones(place.shape[:2], bool)
    other = place[:, [JOINTS.index(name) if name in JOINTS else JOINTS.index('nose')
                      for name in LAYOUTS['body_25b']['joints']]]
    assert 1 <= misfit(place, seen, BODY) < 2 and misfit(other, seen, LAYOUTS['body_25b']) < 2.1
    assert misfit(other, seen, BODY) > MISFIT < misfit(place, seen, LAYOUTS['body_25b'])
    assert np.isnan(misfit(place, np.zeros_like(seen), BODY))
    assert wrong_layout(other, seen, BODY) == (True, 'body_25b') and wrong_layout(place, seen, BODY) == (False, None)
    assert wrong_layout(place[:, [*range(1, 25), 0]], seen, dict(BODY, num_node=0)) == (True, None)  # like no other

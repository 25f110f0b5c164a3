"""What is wrong with a recording of a walk."""
import numpy as np
import pytest

from dynstg_mm.datasets.synthetic_gait import FINE, draw_walker, film, walk
from dynstg_mm.gait.events import foot_events
from dynstg_mm.gait.quality import flaws_of, longest_gap, window_flaws
from dynstg_mm.gait.upright import up_axis
from dynstg_mm.gait.visibility import seen_joints
from dynstg_mm.gait.walk import walk_of
from dynstg_mm.skeletons import LAYOUTS

BODY = LAYOUTS['body_25']
LEG_JOINTS = [joint for leg in BODY['legs'] for joint in leg]


def filmed(seconds=4., rate=25., joints=None):
    rng = np.random.default_rng(1)
    joints = walk(draw_walker('normal', rng), seconds, rng) if joints is None else joints
    keypoint, score = film(joints, rate, rng)
    return keypoint, score, rate


def found(keypoint, score, rate, **options):
    person = walk_of(dict(keypoint=keypoint[None], keypoint_score=score[None], rate=rate), BODY)
    up = up_axis(keypoint, seen_joints(keypoint, score), BODY)
    return {(flaw.code, flaw.grave) for flaw in flaws_of(person, foot_events(person), up, **options)}


def from_ahead(seconds=4.):
    """The walk as a camera ahead sees it."""
    rng = np.random.default_rng(1)
    joints = walk(draw_walker('normal', rng), seconds, rng)[::FINE // 25]
    joints = joints - joints[:, BODY['joints'].index('mid_hip')][:, None]
    keypoint = 500 - 400 * joints[..., [2, 1]]
    return keypoint, np.ones(keypoint.shape[:2]), 25.


def test_a_walk_has_no_flaw():
    assert found(*filmed()) == set()


def standing(keypoint, score):
    return np.repeat(keypoint[:1], len(keypoint), 0) + np.random.default_rng(0).normal(0, 1, keypoint.shape), score + 1


def test_somebody_stands_with_one_foot_ahead():
    """Without feet in the layout, the direction of a person who stays in one place is that of the knees."""
    keypoint, score, rate = filmed()
    names = LAYOUTS['gait_13']['joints']
    apart = np.ptp(keypoint[:, [11, 14], 0], axis=1) * (score[:, :15] > 0).all(1)
    still = keypoint[apart.argmax()][[BODY['joints'].index(name) for name in names]]
    clip = np.repeat(still[None], 100, 0) + np.random.default_rng(0).normal(0, 1, (100, len(names), 2))
    person = walk_of(dict(keypoint=clip[None], rate=rate), 'gait_13')
    assert person.straight.all()
    assert [flaw.code for flaw in flaws_of(person, foot_events(person))] == ['not_walking']


def dog(keypoint, score):
    """Hips behind, shoulders ahead of them at the same height, and feet that step."""
    low = keypoint.copy()
    shoulders = [BODY['joints'].index(name) for name in ('neck', 'left_shoulder', 'right_shoulder', 'nose')]
    hip = keypoint[:, BODY['joints'].index('mid_hip')]
    low[:, shoulders] = (hip + [200, -20])[:, None]
    return low, score


@pytest.mark.parametrize('change, code', [
    (standing, 'not_walking'), (dog, 'not_upright'),
    (lambda keypoint, score: (keypoint[..., ::-1], score), 'not_upright'),
    (lambda keypoint, score: (np.where(keypoint > 0, 1000 - keypoint, 0), score), 'not_upright'),
    (lambda keypoint, score: (np.random.default_rng(0).uniform(1, 500, keypoint.shape), score), 'not_upright')])
def test_what_is_no_walk_is_grave(change, code):
    keypoint, score, rate = filmed()
    assert found(*change(keypoint, score), rate) == {(code, True)}


def test_backwards():
    keypoint, score, rate = filmed()
    assert found(keypoint[::-1], score[::-1], rate) == {('backwards', False)}


def test_view_from_ahead():
    assert found(*from_ahead()) == {('view', True)}
    assert found(*from_ahead(), from_the_side=False) == set()


def test_lost_legs_and_gaps():
    keypoint, score, rate = filmed()
    lost = score.copy()
    lost[::2][:, LEG_JOINTS] = 0
    assert found(keypoint, lost, rate) == {('joints_lost', False)}
    lost[10:, LEG_JOINTS[1:3] + LEG_JOINTS[4:]] = 0
    lost[-1] = score[-1]
    assert found(keypoint, lost, rate) == {('joints_lost', True)}
    gap = score.copy()
    gap[20:50, LEG_JOINTS] = 0
    person = walk_of(dict(keypoint=keypoint[None], keypoint_score=gap[None], rate=rate), BODY)
    assert longest_gap(person) == pytest.approx(30 / rate, abs=0.15)
    assert 'joints_lost' in window_flaws(person, 0.8, 2.) and window_flaws(person, 2.5, 4.) == []


def test_small_body():
    keypoint, score, rate = filmed()
    assert found(keypoint / 10, score, rate) == {('small_body', False)}


def test_windows_without_walking():
    keypoint, score, rate = filmed()
    still, shown = standing(keypoint[-1:].repeat(75, 0), score[-1:].repeat(75, 0))
    person = walk_of(dict(keypoint=np.concatenate([keypoint, still])[None], rate=rate), BODY)
    assert window_flaws(person, 0, 2.56) == [] and window_flaws(person, 4.4, 7) == ['not_walking']
    assert len(shown) == 75

import numpy as np
import pytest

from dynstg_mm.gait.visibility import SCORE_THR, lost_shares, present_frames, seen_joints


@pytest.mark.parametrize('place, score, threshold, seen', [
    ((3, 0), None, SCORE_THR, True), ((0, 0), None, SCORE_THR, False), ((np.nan, 3), None, SCORE_THR, False),
    ((3, np.inf), 1, SCORE_THR, False), ((0, 0), 1, SCORE_THR, False), ((3, 4), SCORE_THR, SCORE_THR, True),
    ((3, 4), 0.04, SCORE_THR, False), ((3, 4), 0.04, 0, True), ((3, 4), 0, 0, False), ((3, 4), np.nan, 0, False)])
@pytest.mark.parametrize('kind', [np.float16, np.float32, np.float64])
def test_a_joint_is_seen_where_it_has_a_place_and_a_score(place, score, threshold, seen, kind):
    score = None if score is None else np.array([score], np.float32)
    assert seen_joints(np.array([place], kind), score, threshold).tolist() == [seen]


def test_a_frame_shows_a_person_with_half_of_the_joints():
    seen = np.arange(5)[:, None] > np.arange(4)  # none, one, ... of four
    assert present_frames(seen).tolist() == [False, False, True, True, True]
    assert present_frames(seen, 0.75).tolist() == [False, False, False, True, True]


def test_joints_are_lost_only_in_frames_that_show_the_person():
    seen = np.array([[1, 1, 0, 1], [1, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]], bool)
    frames, joints = lost_shares(seen)
    assert frames == 0.5 and joints.tolist() == [0, 0.5, 1, 0]
    frames, joints = lost_shares(seen[2:])
    assert frames == 1 and joints.tolist() == [1, 1, 1, 1]

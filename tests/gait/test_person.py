import numpy as np
import pytest

from dynstg_mm.gait.person import best_persons, deciding, person_rank, tracked_person


def person(frames=10, of=10, joints=8, score=0.8, size=1.):
    """A person seen with `joints` of 8 joints in some frames, and the scores."""
    keypoint, scores = np.zeros((of, 8, 2)), np.zeros((of, 8))
    keypoint[:frames, :joints] = 100 + size * np.arange(2 * joints).reshape(joints, 2)
    scores[:frames, :joints] = score
    return keypoint, scores


@pytest.mark.parametrize('better, worse', [
    (person(frames=9), person(frames=8, score=1, size=5)),  # seen longer
    (person(frames=5, joints=4), person(frames=10, joints=3, score=1, size=5)),  # with half of the joints
    (person(score=0.9), person(score=0.8, size=5)),  # the higher score
    (person(size=2), person()),  # the larger
    (person(frames=3), person(frames=10, score=0.04))])  # a score that counts
def test_ranking(better, worse):
    nobody = np.zeros_like(better[0]), np.zeros_like(better[1])
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        people = [(better, worse, nobody)[index] for index in order]
        keypoint, score = map(np.stack, zip(*people))
        chosen, count = tracked_person(keypoint, score)
        assert order[chosen] == 0 and count == 1 + (worse[1].max() >= 0.05)


def test_the_earlier_of_two_equal_persons_comes_first():
    assert best_persons([(1, 0., 0.), (3, 0., 0.), (2, 0., 0.), (3, 0., 0.)], 3) == [1, 3, 2]


@pytest.mark.parametrize('ranks, best, why', [
    ([(9, 1., 1.), (10, 0.5, 1.)], 1, 'longest'), ([(9, 0.5, 5.), (9, 0.6, 1.)], 1, 'best'),
    ([(9, 0.82, 1.), (9, 0.8, 2.)], 1, 'largest'), ([(9, 0.8, 1.), (9, 0.82, 1.1)], 0, 'first')])
def test_a_small_difference_does_not_decide(ranks, best, why):
    assert best_persons(ranks, 2) == [best, 1 - best] and deciding(ranks) == why


def test_nobody_is_person_0_of_none():
    assert tracked_person(np.zeros((2, 5, 8, 2))) == (0, 0) == tracked_person(np.zeros((1, 5, 8, 2)))
    assert person_rank(np.zeros((5, 8, 2))) == (0, 0., 0.)

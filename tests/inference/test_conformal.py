import numpy as np
import pytest

from dynstg_mm.inference.conformal import Conformal


def people_with_walks(people, rng, walks=2, classes=3):
    """Probabilities, labels and people: a person's walks resemble each other."""
    labels = np.arange(people) % classes
    logits = rng.normal(0, 1.5, (people, classes)) + 2 * np.eye(classes)[labels]
    logits = logits.repeat(walks, 0) + rng.normal(0, 0.3, (people * walks, classes))
    powers = np.exp(logits)
    return powers / powers.sum(1, keepdims=True), labels.repeat(walks), np.arange(people).repeat(walks)


def test_with_one_walk_a_person_the_p_values_are_those_of_crepes():
    crepes = pytest.importorskip('crepes')
    rng = np.random.default_rng(0)
    known, labels, people = people_with_walks(60, rng, walks=1)
    new = people_with_walks(20, rng, walks=1)[0]
    ours = Conformal.fit(known, labels, people).p_values(new)
    for index in range(3):
        own = labels == index
        theirs = crepes.ConformalClassifier().fit(1 - known[own, index]).predict_p(1 - new, smoothing=False)
        assert ours[:, index] == pytest.approx(theirs[:, index], abs=1e-9)


def test_two_walks_a_person_count_as_the_mean_of_one_walk_each():
    rng = np.random.default_rng(1)
    known, labels, people = people_with_walks(30, rng)
    new = people_with_walks(9, rng)[0]
    halves = [Conformal.fit(known[first::2], labels[first::2], people[first::2]).p_values(new) for first in (0, 1)]
    assert Conformal.fit(known, labels, people).p_values(new) == pytest.approx(np.mean(halves, 0))


def test_new_people_of_every_class_are_covered():
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(200):
        known, labels, people = people_with_walks(60, rng)
        new, truth, _ = people_with_walks(30, rng, walks=1)
        p_values = Conformal.fit(known, labels, people, coverage=0.8).p_values(new)
        covered.append([(p_values[truth == index, index] > 0.2).mean() for index in range(3)])
    assert np.mean(covered, 0) == pytest.approx(0.8 + 0.02, abs=0.03)  # at least 0.8, at most 1 / 21 more


def test_too_few_people_leave_their_class_in_every_set():
    fitted = Conformal.fit(np.array([[0.9, 0.1]] * 20 + [[0.1, 0.9]] * 3), [0] * 20 + [1] * 3, range(23))
    assert fitted.apply(np.array([1., 0.])) == [0, 1]
    assert fitted.apply(np.array([0.01, 0.99])) == [1]

import numpy as np
import pytest

from dynstg_mm.inference.calibration import Calibration, person_weights


def overconfident(people=300, temperature=3., seed=0):
    """Scores of two classes whose logits are too large by a factor."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, people)
    labels = (rng.random(people) < 1 / (1 + np.exp(-logits))).astype(int)
    scores = 1 / (1 + np.exp(-temperature * logits))
    return np.stack([1 - scores, scores], 1), labels


def test_the_temperature_of_overconfident_scores_is_found():
    scores, labels = overconfident(people=3000)
    assert Calibration.fit(scores, labels, range(len(labels))).temperature == pytest.approx(3, rel=0.15)


def test_a_temperature_keeps_the_order_and_sums_to_one():
    scores = np.array([[0.7, 0.2, 0.1], [0., 1., 0.]])
    probabilities = Calibration(2.5).apply(scores)
    assert (probabilities.argsort(-1) == scores.argsort(-1)).all()
    assert probabilities.sum(-1) == pytest.approx(1)
    assert Calibration(1.).apply(scores) == pytest.approx(scores, abs=1e-9)


def test_each_person_counts_once():
    scores, labels = overconfident(people=40)
    copies = np.where(np.arange(40) < 5, 20, 1)  # five people with 20 walks each, which are the same
    once = Calibration.fit(scores, labels, range(40))
    often = Calibration.fit(scores.repeat(copies, 0), labels.repeat(copies), np.arange(40).repeat(copies))
    assert often.temperature == pytest.approx(once.temperature, rel=1e-3)
    assert person_weights(['a', 'b', 'a']).tolist() == [0.5, 1, 0.5]

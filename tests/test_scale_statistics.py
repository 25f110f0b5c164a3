"""Errors on a scale, against scikit-learn and SciPy, and their intervals by person."""
import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score, mean_absolute_error

from dynstg_mm.scale_statistics import (
    by_person,
    distances,
    mean_scale_scores,
    median_grade,
    pooled_number,
    scale_difference,
    scale_interval,
    scale_scores,
)


def graded(seed, people=40, noise=1.):
    """Four clips of each person, probabilities of four grades."""
    truth = np.random.default_rng(0).integers(0, 4, people)
    rng = np.random.default_rng(seed)
    scores = np.exp(-np.abs(np.arange(4) - truth[:, None, None]) + noise * rng.normal(size=(people, 4, 4)))
    return [dict(clip=f'{person}_{clip}', subject=str(person), label=int(truth[person]),
                 score=(scores[person, clip] / scores[person, clip].sum()).tolist())
            for person in range(people) for clip in range(4)]


def test_measures_are_those_of_the_libraries():
    clips = graded(1)
    truth, scores = np.array([clip['label'] for clip in clips]), np.array([clip['score'] for clip in clips])
    found, predicted = scale_scores(clips, False), median_grade(scores)
    assert found['mae'] == pytest.approx(mean_absolute_error(truth, predicted))
    assert found['kappa'] == pytest.approx(cohen_kappa_score(truth, predicted, weights='quadratic'))
    assert found['spearman'] == pytest.approx(spearmanr(truth, scores @ np.arange(4)).statistic)
    assert found['within_one'] == pytest.approx((np.abs(truth - predicted) <= 1).mean())
    assert distances(clips).tolist() == np.bincount(np.abs(truth - predicted), minlength=4).tolist()


def test_concordance_counts_a_shift_that_correlation_does_not_see():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=50)
    clips = [dict(subject=str(index), label=value, score=[value + 1, value, value + 2])
             for index, value in enumerate(truth)]
    found = scale_scores(clips, True)
    assert found['spearman'] == pytest.approx(1) and found['mae'] == pytest.approx(1)
    assert found['concordance'] == pytest.approx(2 * truth.var() / (2 * truth.var() + 1)) and found['coverage'] == 1


def test_median_is_the_grade_that_errs_least():
    assert median_grade(np.array([[.4, .25, .35], [.6, .2, .2], [.1, .3, .6], [.5, 0, .5]])).tolist() == [1, 0, 2, 0]


def test_undefined_measures_are_no_numbers():
    found = scale_scores([dict(subject='a', label=1, score=[.1, .8, .1])] * 3, False)
    assert np.isnan(found['kappa']) and np.isnan(found['spearman']) and found['mae'] == 0


def test_interval_resamples_people():
    clips = graded(1)
    found = scale_interval([clips], False, resamples=400)
    copies = scale_interval([[dict(clip) for clip in clips for _ in range(3)]], False, resamples=400)
    for name, value in scale_scores(clips, False).items():
        assert found[name][0] < value < found[name][1]
        if name != 'spearman':
            assert copies[name] == pytest.approx(found[name])


def test_difference_is_paired_and_tested():
    good, bad = graded(1, noise=.3), graded(2, noise=1.5)
    difference, low, high, p_value = scale_difference([good], [bad], False, resamples=400)['mae']
    expected = mean_scale_scores([good], False)['mae'] - mean_scale_scores([bad], False)['mae']
    assert difference == pytest.approx(expected) and low < difference < high < 0 and p_value < 0.01
    assert scale_difference([good], [good[::-1]], False, resamples=50)['mae'] == (0, 0, 0, 1)


def test_person_has_the_mean_of_the_clips():
    clips = [dict(subject='a', label=1., score=[1., 0, 2]), dict(subject='a', label=3., score=[3., 2, 4])]
    person, = by_person(clips, True)
    assert person['label'] == 2 and person['score'][0] == 2 and person['score'][1] < 1
    assert pooled_number(np.array([[1., 0, 2]])).tolist() == [1, 0, 2]

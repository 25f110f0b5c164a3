"""One class against the rest: sensitivity, specificity, AUC, Brier score, calibration slope, net benefit."""
import numpy as np
import pytest

from dynstg_mm.diagnostic_statistics import (
    detectable_difference,
    diagnostic_scores,
    exact_interval,
    net_benefit,
    rest_against,
)


def people(scores, labels):
    return [dict(subject=str(number), label=label, score=[1 - score, score])
            for number, (score, label) in enumerate(zip(scores, labels))]


def test_values_are_those_counted_by_hand():
    seeds = [people([.9, .6, .4, .7, .2, .1, .3, .2], [1, 1, 1, 0, 0, 0, 0, 0])]
    found = diagnostic_scores(seeds, 1)
    assert found['sensitivity'][0] == pytest.approx(2 / 3) and found['specificity'][0] == pytest.approx(4 / 5)
    assert found['auc'][0] == pytest.approx(13 / 15)  # .6 and .4 lose to .7
    assert found['brier'][0] == pytest.approx(np.mean(np.square([.1, .4, .6, .7, .2, .1, .3, .2])))
    mirrored = diagnostic_scores(seeds, 0)
    assert mirrored['sensitivity'] == found['specificity'] and mirrored['auc'][0] == pytest.approx(found['auc'][0])
    for value, low, high in found.values():
        assert low <= value <= high and low < high


def test_exact_interval_is_that_of_scipy():
    from scipy.stats import binomtest
    for count, total in ((0, 7), (7, 7), (3, 11)):
        known = binomtest(count, total).proportion_ci(method='exact')
        assert exact_interval(count, total) == pytest.approx((count / total, known.low, known.high))


def test_slope_is_one_for_calibrated_scores_and_below_for_scores_that_are_too_sure():
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 2, 4000)
    labels = (rng.random(4000) < 1 / (1 + np.exp(-odds))).astype(int)
    for factor in (1, 2):
        value, low, high = diagnostic_scores([people(1 / (1 + np.exp(-factor * odds)), labels)], 1)['slope']
        assert low < 1 / factor < high and high - low < .2
    assert diagnostic_scores([people([.9, .8, .1], [1, 1, 0])], 1)['slope'] is None  # separated


def test_more_seeds_of_the_same_people_do_not_narrow_the_interval():
    one = people([.9, .6, .4, .7, .2, .1], [1, 1, 1, 0, 0, 0])
    thrice, once = diagnostic_scores([one, one, one], 1), diagnostic_scores([one], 1)
    assert all(thrice[name] == pytest.approx(once[name]) for name in once)


def test_net_benefit_of_a_perfect_and_of_a_useless_model():
    labels, thresholds = [1, 1, 0, 0, 0], np.array([.2, .5])
    perfect, everybody = net_benefit([people([1, 1, 0, 0, 0], labels)], 1, thresholds)
    assert perfect == pytest.approx([.4, .4]) and everybody == pytest.approx([.4 - .6 * .25, .4 - .6])
    useless, _ = net_benefit([people([1] * 5, labels)], 1, thresholds)
    assert useless == pytest.approx(everybody)


def test_detectable_difference_is_found_in_eight_of_ten_studies():
    rng = np.random.default_rng(0)
    error = .03
    effect = detectable_difference((-1.96 * error, 1.96 * error))
    assert np.mean(rng.normal(effect, error, 20000) > 1.96 * error) == pytest.approx(.8, abs=.02)


def test_of_two_classes_the_second_is_reported():
    assert rest_against(['NM', 'KOA']) == [1] and rest_against(['NM', 'KOA', 'PD']) == [0, 1, 2]

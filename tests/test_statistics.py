import numpy as np
import pytest
from scipy.stats import permutation_test

from dynstg_mm.statistics import (
    calibration,
    difference_between,
    mean_roc,
    mean_scores,
    paired_difference,
    share_of_loss,
    subject_interval,
)


def clips_of(right, labels=None):
    """A clip a subject and two classes, the class of each and whether it is recognised."""
    labels = labels or [index % 2 for index in range(len(right))]
    return [dict(clip=f'c{index}', subject=f's{index:02}', label=label,
                 score=[.8, .2] if hit == (label == 0) else [.2, .8])
            for index, (hit, label) in enumerate(zip(right, labels))]


def test_scores_are_averaged_over_the_seeds():
    seeds = [clips_of([1, 1, 1, 0]), clips_of([1, 1, 0, 0])]  # labels 0 1 0 1
    found = mean_scores(seeds, 2)
    assert found['accuracy'] == pytest.approx((3 / 4 + 2 / 4) / 2)
    # Seed 0: class 0 has 2 hits of 2, 3 guesses; class 1 has 1 hit of 2, 1 guess. Seed 1: 1 hit of 2, 2 guesses, both.
    assert found['macro_f1'] == pytest.approx(((4 / 5 + 2 / 3) / 2 + (2 / 4 + 2 / 4) / 2) / 2)
    assert found['macro_recall'] == pytest.approx((3 / 4 + 2 / 4) / 2)


def test_interval_draws_the_same_subjects_for_all_seeds():
    rng = np.random.default_rng(0)
    right = (rng.random(30) < .7).astype(int).tolist()
    one = subject_interval([clips_of(right)], 2)
    assert subject_interval([clips_of(right)] * 3, 2)['accuracy'] == pytest.approx(one['accuracy'])
    # The second seed is wrong just where the first is right: whoever is drawn, the mean is one half.
    opposite = [1 - hit for hit in right]
    assert subject_interval([clips_of(right), clips_of(opposite)], 2)['accuracy'] == pytest.approx((.5, .5))


def macro_f1(labels, predicted):
    scores = [2 * ((labels == k) & (predicted == k)).sum() / ((labels == k).sum() + (predicted == k).sum())
              for k in (0, 1)]
    return np.mean(scores)


def test_p_value_is_that_of_a_permutation_test_over_subjects():
    labels = np.array([0, 1] * 6)
    ours, theirs = np.array([0, 1] * 5 + [1, 0]), np.array([0, 1, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1])
    found = paired_difference([clips_of(list(ours == labels), list(labels))],
                              [clips_of(list(theirs == labels), list(labels))], 2)
    for name, score in (('accuracy', lambda labels, predicted: (labels == predicted).mean()), ('macro_f1', macro_f1)):
        expected = permutation_test((ours, theirs), lambda a, b, score=score: score(labels, a) - score(labels, b),
                                    vectorized=False, permutation_type='samples', n_resamples=np.inf)
        assert found[name][0] == pytest.approx(expected.statistic)
        assert found[name][3] == pytest.approx(expected.pvalue) and 0 < expected.pvalue < 1


def test_p_value_of_many_subjects_comes_near_the_exact_one():
    # 20 people of whom one model alone recognises 9 and the other alone 2: the sign test, twice P(X <= 2 | 11, 1/2).
    ours, theirs = [1] * 9 + [0] * 2 + [1] * 9, [0] * 9 + [1] * 2 + [1] * 9
    p_value = paired_difference([clips_of(ours)], [clips_of(theirs)], 2)['accuracy'][3]
    assert p_value == pytest.approx(2 * (1 + 11 + 55) / 2**11, abs=.01)


def test_difference_averages_over_seeds_and_wants_as_many():
    seeds = [clips_of([1, 1, 1, 1]), clips_of([0, 1, 1, 1])]
    baseline = [clips_of([1, 1, 0, 1]), clips_of([1, 1, 0, 0])]
    value, low, high, p_value = paired_difference(seeds, baseline, 2)['accuracy']
    assert value == pytest.approx(((4 - 3) / 4 + (3 - 2) / 4) / 2)
    # The subjects gain -1, 0, 2 and 1 eighths, 2 together; with other signs -1, 2, 1 sum to 4, 2, 2, 0 or minus that.
    assert p_value == pytest.approx(6 / 8) and low < value < high
    with pytest.raises(ValueError, match='2 and 1 seeds'):
        paired_difference(seeds, baseline[:1], 2)


def test_the_same_people_at_two_sites_are_compared_with_themselves():
    rng = np.random.default_rng(0)
    here = [int(hit) for hit in rng.random(40) < .8]
    there = [hit if index % 4 else 0 for index, hit in enumerate(here)]  # a quarter of the people is lost there
    found, both = difference_between([clips_of(there)], [clips_of(here)], 2)
    lost = np.mean(there) - np.mean(here)
    assert both == 40 and found['accuracy'][0] == pytest.approx(lost) and found['accuracy'][2] < 0
    same, _ = difference_between([clips_of(here)], [clips_of(here)], 2)
    assert same['macro_f1'] == (0, 0, 0)
    some, both = difference_between([clips_of(there)[:30]], [clips_of(here)], 2)  # who is missing there does not count
    assert both == 30 and some['accuracy'][0] == pytest.approx(np.mean(there[:30]) - np.mean(here[:30]))


def test_other_people_at_another_site_are_drawn_on_their_own():
    rng = np.random.default_rng(0)
    here = [int(hit) for hit in rng.random(40) < .8]
    others = [dict(clip, subject=f'x{clip["subject"]}') for clip in clips_of(here)]
    found, both = difference_between([others], [clips_of(here)], 2)
    difference, low, high = found['accuracy']
    single = subject_interval([clips_of(here)], 2)['accuracy']
    assert both == 0 and difference == 0 and low < 0 < high
    assert high - low == pytest.approx(2 ** .5 * (single[1] - single[0]), rel=.15)  # both sides vary


def test_share_of_loss():
    whole, worse, bad = (clips_of([1] * (40 - wrong) + [0] * wrong) for wrong in (0, 4, 16))
    share, low, high = share_of_loss(([whole], [worse]), ([whole], [bad]), 2, score='accuracy')
    assert share == pytest.approx(4 / 16) and 0 < low < share < high < 1
    assert share_of_loss(([whole, bad], [worse, bad]), ([whole] * 2, [bad] * 2), 2,
                         score='accuracy')[0] == pytest.approx(2 / 16)  # the mean over the seeds
    # The same loss on the same people is the whole loss in every draw; a loss that may be 0 has no share.
    assert share_of_loss(([whole], [bad]), ([whole], [bad]), 2) == pytest.approx((1, 1, 1))
    assert share_of_loss(([whole], [bad]), ([whole], [clips_of([1] * 39 + [0])]), 2) is None


def test_roc_and_calibration_of_known_scores():
    clips = [dict(label=label, score=[1 - score, score]) for label, score in
             ((0, .15), (0, .45), (1, .35), (1, .95))]
    right, area = mean_roc([clips], 2, np.array([0, .5, 1]))
    assert area == pytest.approx(.75)  # of the four pairs of a 0 and a 1, three are in order
    assert right[-1] == 1
    sure, share, count, error = calibration(clips)  # a bin each for .55, .65 (which is wrong), .85 and .95
    assert sure == pytest.approx([.55, .65, .85, .95]) and share.tolist() == [1, 0, 1, 1] and count.tolist() == [1] * 4
    assert error == pytest.approx((.45 + .65 + .15 + .05) / 4)

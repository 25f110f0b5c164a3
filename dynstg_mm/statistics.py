"""Scores of a classification and their intervals, with the person as the unit."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

SCORES = ('accuracy', 'macro_f1', 'macro_recall', 'macro_precision')
ALL_SCORES = (*SCORES, 'log_loss')

Clip = Mapping[str, Any]
Seeds = Sequence[Sequence[Clip]]  # the clips of each training seed


def spread(values: Sequence[float] | np.ndarray) -> str:
    """Median ± half the interquartile range, to three digits or all before the point."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    digits = sum(abs(middle) < limit for limit in (100, 10, 1))
    return f'{middle:.{digits}f} ± {(high - low) / 2:.{digits}f}'


def confusion_of(clips: Sequence[Clip], num_classes: int) -> np.ndarray:
    """Confusion matrix of clips.

    Args:
        clips: Clips with `label` and `score` (C,).
        num_classes: C.

    Returns:
        (C, C); rows are the truth.
    """
    confusion = np.zeros((num_classes, num_classes), int)
    for clip in clips:
        confusion[clip['label'], np.argmax(clip['score'])] += 1
    return confusion


def class_scores(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall and F1 of every class.

    Args:
        confusion: (..., C, C); rows are the truth.

    Returns:
        `precision`, `recall`, `f1`, each (..., C); 0 for a class that was never predicted or has no clips.
    """
    hits, actual, predicted = np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(-1), confusion.sum(-2)
    return dict(precision=hits / np.maximum(predicted, 1), recall=hits / np.maximum(actual, 1),
                f1=2 * hits / np.maximum(actual + predicted, 1))


def classification_scores(confusion: np.ndarray) -> dict[str, Any]:
    """Accuracy, and precision, recall and F1 averaged over the classes that have clips.

    Args:
        confusion: (..., C, C); rows are the truth.

    Returns:
        The keys of `SCORES`, in [0, 1]; each an array (...), or a float for a single matrix.
    """
    present = confusion.sum(-1) > 0
    scores = dict(accuracy=np.trace(confusion, axis1=-2, axis2=-1) / confusion.sum((-2, -1)))
    scores.update((f'macro_{name}', (values * present).sum(-1) / present.sum(-1))
                  for name, values in class_scores(confusion).items())
    return {name: scores[name] if confusion.ndim > 2 else float(scores[name]) for name in SCORES}


def mean_scores(seeds: Seeds, num_classes: int) -> dict[str, float]:
    """Scores of every seed's clips, averaged over the seeds.

    Args:
        seeds: Clips of each seed, with `label` and `score` (C,).
        num_classes: C.

    Returns:
        The keys of `SCORES`, and `log_loss`, the mean of -log(score of the true class), which also depends on how
        confident a model is.
    """
    by_seed = [dict(classification_scores(confusion_of(clips, num_classes)), log_loss=np.mean(_log_losses(clips)))
               for clips in seeds]
    return {name: float(np.mean([scores[name] for scores in by_seed])) for name in ALL_SCORES}


def by_subject(clips: Sequence[Clip]) -> list[dict[str, Any]]:
    """Average the scores of each subject's clips.

    Args:
        clips: Clips with `subject`, `label`, `score` (C,).

    Returns:
        One entry for each subject, with the same keys. A subject with clips of several classes, such as before and
        after a treatment, has one entry for each class.
    """
    scores: dict[tuple[Any, int], list[Any]] = {}
    for subject, members in _members(clips).items():
        for clip in members:
            scores.setdefault((subject, clip['label']), []).append(clip['score'])
    return [dict(subject=subject, label=label, score=np.mean(values, axis=0).tolist())
            for (subject, label), values in scores.items()]


def subject_interval(seeds: Seeds, num_classes: int, *, resamples: int = 2000, level: float = 0.95,
                     seed: int = 0) -> dict[str, tuple[float, float]]:
    """Bootstrap interval of every score that resamples subjects, not clips (percentile method).

    With several training seeds, the score is the mean over them, and each draw takes the same subjects for all seeds:
    more seeds measure a model better, but they are not more people.

    Args:
        seeds: Clips of each training seed, with `subject`, `label`, `score` (C,).
        num_classes: C.
        resamples: Number of draws.
        level: Share of the draws inside the interval.
        seed: Seed of the draws.

    Returns:
        Lower and upper end, for the keys of `mean_scores`.
    """
    subjects = list(_members(seeds[0]))
    draws = draw_subjects(len(subjects), resamples, seed)
    drawn = _scores(*(_sum(draws, part) for part in _subject_tables(seeds, subjects, num_classes)))
    return {name: interval_ends(values, level) for name, values in zip(ALL_SCORES, drawn.T)}


def paired_difference(seeds: Seeds, baseline: Seeds, num_classes: int, *, resamples: int = 2000, level: float = 0.95,
                      seed: int = 0) -> dict[str, tuple[float, float, float, float]]:
    """Difference between the scores of two models, with its interval and a p-value, paired by subject.

    Each bootstrap draw takes the same subjects for both models, so that subjects who are hard for both do not widen the
    interval. The two-sided p-value is that of a paired permutation test by subject (approximate randomisation: Noreen
    1989; Yeh 2000, arXiv cs/0008005): if the models were equal, their results for a subject would be exchangeable. For
    every subject, the results of the two models for all clips and seeds are exchanged or not, and the difference is
    recomputed. p is the share of these differences that are at least as large in size as the observed one. Up to 13
    subjects, all exchanges are counted; with more, 9999 random ones and the observed one (Phipson 2010). For the
    accuracy, this is the sign-flip test of the subjects' differences.

    Args:
        seeds: Clips of each training seed of the model, with `clip`, `subject`, `label`, `score` (C,).
        baseline: The same clips of the other model, with as many seeds.
        num_classes: C.
        resamples: As in `subject_interval`.
        level: As in `subject_interval`.
        seed: As in `subject_interval`.

    Returns:
        For the keys of `mean_scores`: difference of the means over seeds, its lower and upper end, p-value.

    Raises:
        ValueError: The clips or the numbers of seeds differ.
    """
    ours_known, theirs_known = ({(clip['clip'], clip['label']) for clip in part[0]} for part in (seeds, baseline))
    if ours_known != theirs_known:
        raise ValueError(f'{len(ours_known ^ theirs_known)} clips are not in both results; a difference needs the same '
                         'clips.')
    if len(seeds) != len(baseline):
        raise ValueError(f'{len(seeds)} and {len(baseline)} seeds; a difference needs the same number of both.')
    subjects = sorted(_members(seeds[0]))
    ours, theirs = (_subject_tables(part, subjects, num_classes) for part in (seeds, baseline))

    def differences(weights: np.ndarray) -> np.ndarray:
        return _scores(*(_sum(weights, part) for part in ours)) - _scores(*(_sum(weights, part) for part in theirs))

    observed = differences(np.ones((1, len(subjects))))[0]
    drawn = differences(draw_subjects(len(subjects), resamples, seed))
    exchanged, exact = exchange_subjects(len(subjects), seed)
    gained = [_sum(exchanged, other - own) for own, other in zip(ours, theirs)]
    chance = (_scores(*(own.sum(0) + gain for own, gain in zip(ours, gained)))
              - _scores(*(other.sum(0) - gain for other, gain in zip(theirs, gained))))
    larger = (np.abs(chance) >= np.abs(observed) - 1e-12).sum(0)
    p_values = larger / len(chance) if exact else (larger + 1) / (len(chance) + 1)
    return {name: (float(observed[index]), *interval_ends(drawn[:, index], level), float(p_values[index]))
            for index, name in enumerate(ALL_SCORES)}


def difference_between(seeds: Seeds, baseline: Seeds, num_classes: int, *, resamples: int = 2000, level: float = 0.95,
                       seed: int = 0) -> tuple[dict[str, tuple[float, float, float]], int]:
    """Difference between the scores on two sets of clips, such as at two sites, with its interval by subject.

    People who are in both sets are compared with themselves: only they count, and each draw takes the same of them on
    both sides. If nobody is in both, the two sides are drawn on their own, and the people differ as well as the sites.

    Args:
        seeds: Clips of each training seed, with `subject`, `label`, `score` (C,).
        baseline: The other clips, which are subtracted.
        num_classes: C.
        resamples: As in `subject_interval`.
        level: As in `subject_interval`.
        seed: As in `subject_interval`.

    Returns:
        For the keys of `mean_scores`: difference of the means over seeds, and its lower and upper end; and how many
        people are in both.
    """
    ours, theirs = (sorted(_members(part[0]), key=str) for part in (seeds, baseline))
    both = [subject for subject in ours if subject in set(theirs)]
    ours, theirs = (both, both) if both else (ours, theirs)
    sides = []
    for part, subjects, drawn in ((seeds, ours, seed), (baseline, theirs, seed if both else seed + 1)):
        weights = np.concatenate([np.ones((1, len(subjects)), int), draw_subjects(len(subjects), resamples, drawn)])
        sides.append(_scores(*(_sum(weights, table) for table in _subject_tables(part, subjects, num_classes))))
    values = sides[0] - sides[1]
    return {name: (float(values[0, index]), *interval_ends(values[1:, index], level))
            for index, name in enumerate(ALL_SCORES)}, len(both)


def share_of_loss(seeds: tuple[Seeds, Seeds], baseline: tuple[Seeds, Seeds], num_classes: int, *,
                  score: str = 'macro_f1', resamples: int = 2000, level: float = 0.95,
                  seed: int = 0) -> tuple[float, float, float] | None:
    """How much a model loses on corrupted recordings, as a share of what a baseline loses.

    Args:
        seeds: Of the model, the clips of each training seed as in `paired_difference`, for the original and for the
            corrupted recordings; each draw takes the same subjects for all.
        baseline: The same for the baseline.
        num_classes: C.
        score: The score that is lost, a key of `mean_scores`.
        resamples: As in `subject_interval`.
        level: As in `subject_interval`.
        seed: As in `subject_interval`.

    Returns:
        The share, lower and upper end of its interval. None if the interval of the baseline's loss reaches 0.
    """
    subjects, index = sorted(_members(baseline[0][0])), ALL_SCORES.index(score)
    weights = np.concatenate([np.ones((1, len(subjects)), int), draw_subjects(len(subjects), resamples, seed)])

    def losses(parts: tuple[Seeds, Seeds]) -> np.ndarray:
        before, after = (_scores(*(_sum(weights, table) for table in _subject_tables(part, subjects, num_classes)))
                         for part in parts)
        return (before - after)[:, index]

    ours, theirs = losses(seeds), losses(baseline)
    if interval_ends(theirs[1:], level)[0] <= 0:
        return None
    with np.errstate(divide='ignore', invalid='ignore'):  # a few draws in which the baseline loses nothing
        shares = np.nan_to_num(ours / theirs, nan=1.)
    return (float(shares[0]), *interval_ends(shares[1:], level))


def mean_roc(seeds: Seeds, num_classes: int, rates: np.ndarray) -> tuple[np.ndarray, float]:
    """One-vs-rest ROC curve, averaged over classes and seeds.

    Args:
        seeds: Clips of each seed, with `label` and `score` (C,).
        num_classes: C.
        rates: False positive rates (G,), rising from 0 to 1.

    Returns:
        True positive rates (G,) at those, and the macro-averaged area under the curves. A class with no clips, or with
        all of them, has no curve.
    """
    from sklearn.metrics import roc_auc_score, roc_curve
    curves, areas = [], []
    for clips in seeds:
        labels, scores = np.array([clip['label'] for clip in clips]), np.array([clip['score'] for clip in clips])
        for index in range(num_classes):
            if 0 < (labels == index).sum() < len(labels):
                wrong, right, _ = roc_curve(labels == index, scores[:, index])
                curves.append(np.interp(rates, wrong, right))
                areas.append(roc_auc_score(labels == index, scores[:, index]))
    return np.mean(curves, axis=0), float(np.mean(areas))


def calibration(clips: Sequence[Clip], bins: int = 10) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """How often the predicted class is right, by its score.

    Args:
        clips: Clips with `label` and `score` (C,).
        bins: Bins of equal width over [0, 1].

    Returns:
        For the bins that have clips: mean score of the predicted class, share of right predictions, number of clips;
        and the expected calibration error, the mean distance of the first two, weighted by the clips (Guo 2017, arXiv
        1706.04599).
    """
    scores = np.array([clip['score'] for clip in clips])
    confident, right = scores.max(1), scores.argmax(1) == [clip['label'] for clip in clips]
    place = np.minimum((confident * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    filled = count > 0
    confidence, accuracy = (np.bincount(place, values, bins)[filled] / count[filled] for values in (confident, right))
    return (confidence, accuracy, count[filled],
            float(np.abs(confidence - accuracy) @ count[filled] / count.sum()))


def _members(clips: Sequence[Clip]) -> dict[Any, list[Clip]]:
    subjects: dict[Any, list[Clip]] = {}
    for clip in clips:
        subjects.setdefault(clip['subject'], []).append(clip)
    return subjects


def _subject_tables(seeds: Seeds, subjects: Sequence[Any], num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Confusion matrices (N, S, C, C) and summed log-losses (N, S) of every subject and seed."""
    members = [_members(clips) for clips in seeds]
    return (np.array([[confusion_of(part[subject], num_classes) for part in members] for subject in subjects]),
            np.array([[sum(_log_losses(part[subject])) for part in members] for subject in subjects]))


def _log_losses(clips: Sequence[Clip]) -> list[float]:
    return [-np.log(max(clip['score'][clip['label']], 1e-12)) for clip in clips]


def _sum(weights: np.ndarray, tables: np.ndarray) -> np.ndarray:
    """Sum of the subjects' tables (N, ...) by each row of weights (R, N): (R, ...)."""
    return np.tensordot(weights, tables, 1)


def _scores(confusions: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """(..., S, C, C) and (..., S) -> `SCORES` and the log-loss, averaged over the seeds: (..., K)."""
    scores = [*classification_scores(confusions).values(), losses / confusions.sum((-2, -1))]
    return np.stack(scores, -1).mean(-2)


def draw_subjects(count: int, resamples: int, seed: int) -> np.ndarray:
    """How often each of `count` subjects is drawn, with replacement: (R, N)."""
    drawn = np.random.default_rng(seed).integers(0, count, (resamples, count))
    return np.stack([np.bincount(row, minlength=count) for row in drawn])


def exchange_subjects(count: int, seed: int, resamples: int = 9999) -> tuple[np.ndarray, bool]:
    """Which subjects are exchanged, (R, N) of 0 and 1, and whether these are all possible exchanges."""
    if 2**count <= resamples:
        return np.arange(2**count)[:, None] >> np.arange(count) & 1, True
    return np.random.default_rng(seed).integers(0, 2, (resamples, count)), False


def interval_ends(values: np.ndarray, level: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)

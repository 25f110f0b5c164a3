"""Errors of scores on a scale, grades in order or numbers, and their intervals with the person as the unit.

A clip has `subject`, `label` and `score`: for grades the number of the true one and the probabilities (K); for numbers
the true value and (value, low, high), the ends of the 90 % interval. The predicted grade is the median of the
probabilities, which minimises the expected distance, and is what ordinal models predict (`CORNOutput`).
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dynstg_mm.statistics import (
    Clip,
    Seeds,
    by_subject,
    draw_subjects,
    exchange_subjects,
    interval_ends,
)

ORDINAL = ('mae', 'kappa', 'within_one', 'spearman', 'concordance')
NUMERIC = ('mae', 'spearman', 'concordance', 'coverage')
COVERED = 1.6449  # standard deviations on each side of a normal distribution that hold 90 %


def scale_measures(numeric: bool) -> tuple[str, ...]:
    """Names of the measures.

    `mae` is the mean absolute error, in grades or in the unit of the number; `kappa` Cohen's kappa with quadratic
    weights (Cohen 1968); `within_one` the share of clips at most one grade off; `spearman` the rank correlation, and
    `concordance` Lin's coefficient (Lin 1989), both of the expected grade or the number; `coverage` the share of
    numbers within the 90 % interval.
    """
    return NUMERIC if numeric else ORDINAL


def scale_scores(clips: Sequence[Clip], numeric: bool) -> dict[str, float]:
    """The measures of `scale_measures`; NaN where one is undefined, such as a correlation of equal grades."""
    values = _measures(*_columns(clips), np.ones((1, len(clips))), numeric)[0]
    return dict(zip(scale_measures(numeric), map(float, values)))


def mean_scale_scores(seeds: Seeds, numeric: bool) -> dict[str, float]:
    """The measures of every seed's clips, averaged over the seeds."""
    parts = [scale_scores(clips, numeric) for clips in seeds]
    return {name: float(np.mean([part[name] for part in parts])) for name in scale_measures(numeric)}


def scale_interval(seeds: Seeds, numeric: bool, *, resamples: int = 2000, level: float = 0.95,
                   seed: int = 0) -> dict[str, tuple[float, float]]:
    """Bootstrap interval of every measure that resamples subjects, as `statistics.subject_interval`.

    Draws in which a measure is undefined are left out.

    Args:
        seeds: Clips of each training seed.
        numeric: Whether the target is a number.
        resamples: Number of draws.
        level: Share of the draws inside the interval.
        seed: Seed of the draws.
    """
    subjects = sorted({clip['subject'] for clip in seeds[0]}, key=str)
    draws = draw_subjects(len(subjects), resamples, seed)
    drawn = np.mean([_measures(*_columns(clips), draws[:, _places(clips, subjects)], numeric) for clips in seeds], 0)
    return {name: _defined_ends(values, level) for name, values in zip(scale_measures(numeric), drawn.T)}


def scale_difference(seeds: Seeds, baseline: Seeds, numeric: bool, *, resamples: int = 2000, level: float = 0.95,
                     seed: int = 0) -> dict[str, tuple[float, float, float, float]]:
    """Difference between two models, its interval and p-value, paired by subject as `statistics.paired_difference`.

    Args:
        seeds: Clips of each training seed.
        baseline: The same clips of the other model, with as many seeds.
        numeric: Whether the target is a number.
        resamples, level, seed: As in `scale_interval`.

    Returns:
        For `mae`, and `kappa` or `concordance`: difference of the means over seeds, its lower and upper end, p-value.
    """
    order = [{clip['clip']: clip for clip in part} for part in baseline]
    pairs = [(clips, [theirs[clip['clip']] for clip in clips]) for clips, theirs in zip(seeds, order, strict=True)]
    subjects = sorted({clip['subject'] for clip in seeds[0]}, key=str)
    draws = np.concatenate([np.ones((1, len(subjects)), int), draw_subjects(len(subjects), resamples, seed)])
    exchanged, exact = exchange_subjects(len(subjects), seed)
    drawn, chance = [], []
    for ours, theirs in pairs:
        places = _places(ours, subjects)
        truth, own = _columns(ours)
        other = _columns(theirs)[1]
        weights = draws[:, places]
        drawn.append(_compared(truth, own, weights, numeric) - _compared(truth, other, weights, numeric))
        chance.append(_exchanged(truth, own, other, exchanged[:, places].astype(bool), numeric))
    difference, by_chance = np.mean(drawn, 0), np.mean(chance, 0)
    larger = (np.abs(by_chance) >= np.abs(difference[0]) - 1e-12).sum(0)
    p_values = larger / len(by_chance) if exact else (larger + 1) / (len(by_chance) + 1)
    return {name: (float(difference[0, index]), *_defined_ends(difference[1:, index], level), float(p_values[index]))
            for index, name in enumerate(compared_measures(numeric))}


def compared_measures(numeric: bool) -> tuple[str, str]:
    """The measures of `scale_difference`."""
    return ('mae', 'concordance') if numeric else ('mae', 'kappa')


def distances(clips: Sequence[Clip]) -> np.ndarray:
    """Number of clips (K) whose predicted grade is 0, 1, ... grades from the true one."""
    truth, scores = _columns(clips)
    return np.bincount(np.abs(median_grade(scores) - truth).astype(int), minlength=scores.shape[1])


def by_person(clips: Sequence[Clip], numeric: bool) -> list[dict[str, Any]]:
    """One entry for each person: for grades as `statistics.by_subject`, for numbers the means over the clips."""
    if not numeric:
        return by_subject(clips)
    members: dict[Any, list[Clip]] = {}
    for clip in clips:
        members.setdefault(clip['subject'], []).append(clip)
    return [dict(clip=subject, subject=subject, label=float(np.mean([clip['label'] for clip in own])),
                 score=pooled_number(np.array([clip['score'] for clip in own])).tolist())
            for subject, own in members.items()]


def median_grade(probabilities: np.ndarray) -> np.ndarray:
    """The lowest grade (...) that the truth does not exceed with a probability of a half, of probabilities (..., K)."""
    total = np.cumsum(probabilities, -1)
    return (total < total[..., -1:] / 2 - 1e-9).sum(-1)


def pooled_number(scores: np.ndarray) -> np.ndarray:
    """Value, low and high (..., 3) of several predictions (N, ..., 3) of one number.

    The interval is that of their mixture: by the law of total variance, on each side.
    """
    value, low, high = np.moveaxis(scores, -1, 0)
    between = COVERED**2 * value.var(0)
    below, above = (np.sqrt((part**2).mean(0) + between) for part in (value - low, high - value))
    return np.stack([value.mean(0), value.mean(0) - below, value.mean(0) + above], -1)


def _columns(clips: Sequence[Clip]) -> tuple[np.ndarray, np.ndarray]:
    """True values (N) and scores (N, C)."""
    return np.array([clip['label'] for clip in clips], float), np.array([clip['score'] for clip in clips], float)


def _places(clips: Sequence[Clip], subjects: Sequence[Any]) -> np.ndarray:
    index = {subject: place for place, subject in enumerate(subjects)}
    return np.array([index[clip['subject']] for clip in clips])


def _estimates(scores: np.ndarray, numeric: bool) -> tuple[np.ndarray, np.ndarray]:
    """What errors are taken of, and what correlations: the same number, or the median and the expected grade."""
    if numeric:
        return scores[:, 0], scores[:, 0]
    return median_grade(scores).astype(float), scores @ np.arange(scores.shape[1]) / scores.sum(1)


def _measures(truth: np.ndarray, scores: np.ndarray, weights: np.ndarray, numeric: bool) -> np.ndarray:
    """The measures (R, K) for weights (R, N) of the clips."""
    predicted, expected = _estimates(scores, numeric)
    error = np.abs(predicted - truth)
    found = dict(mae=_mean(weights, error), spearman=_spearman(truth, expected, weights),
                 concordance=_concordance(truth, expected, weights))
    if numeric:
        found['coverage'] = _mean(weights, (scores[:, 1] <= truth) & (truth <= scores[:, 2]))
    else:
        # Cohen's kappa with quadratic weights is Lin's concordance of the grades' numbers (Robieson 1999).
        found.update(kappa=_concordance(truth, predicted, weights), within_one=_mean(weights, error <= 1))
    return np.stack([found[name] for name in scale_measures(numeric)], -1)


def _compared(truth: np.ndarray, scores: np.ndarray, weights: np.ndarray, numeric: bool) -> np.ndarray:
    """The measures (R, 2) of `compared_measures`."""
    predicted = _estimates(scores, numeric)[0]
    return np.stack([_mean(weights, np.abs(predicted - truth)), _concordance(truth, predicted, weights)], -1)


def _exchanged(truth: np.ndarray, own: np.ndarray, other: np.ndarray, exchanged: np.ndarray,
               numeric: bool) -> np.ndarray:
    """Differences (R, 2) of the compared measures after exchanging the clips of `exchanged` (R, N)."""
    ours, theirs = (_estimates(scores, numeric)[0] for scores in (own, other))
    rows = []
    for part in np.array_split(exchanged, -(-len(exchanged) // 1000)):  # which bounds the memory
        weights = np.ones(part.shape)
        first, second = np.where(part, theirs, ours), np.where(part, ours, theirs)
        rows.append(np.stack([
            _mean(weights, np.abs(first - truth)) - _mean(weights, np.abs(second - truth)),
            _concordance(truth, first, weights) - _concordance(truth, second, weights)], -1))
    return np.concatenate(rows)


def _mean(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Weighted means (R) of values (N) or (R, N)."""
    return (weights * values).sum(-1) / weights.sum(-1)


def _concordance(first: np.ndarray, second: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Lin's concordance correlation coefficient."""
    means = [_mean(weights, values)[:, None] for values in (first, second)]
    one, other = first - means[0], second - means[1]
    spread = _mean(weights, one**2) + _mean(weights, other**2) + (means[0] - means[1])[:, 0]**2
    with np.errstate(invalid='ignore', divide='ignore'):
        return 2 * _mean(weights, one * other) / np.where(spread > 1e-12, spread, np.nan)


def _spearman(first: np.ndarray, second: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pearson's correlation of the ranks."""
    ranks = [_ranks(values, weights) for values in (first, second)]
    one, other = (rank - _mean(weights, rank)[:, None] for rank in ranks)
    spread = np.sqrt(_mean(weights, one**2) * _mean(weights, other**2))
    with np.errstate(invalid='ignore', divide='ignore'):
        return _mean(weights, one * other) / np.where(spread > 1e-12, spread, np.nan)


def _ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Ranks (R, N) of values (N) that occur as often as the weights (R, N) say; equal values share the mean rank."""
    order = np.argsort(values, kind='stable')
    starts = np.flatnonzero(np.diff(values[order], prepend=-np.inf) > 1e-12)
    counts = np.add.reduceat(weights[:, order], starts, axis=1)
    ranks = np.cumsum(counts, 1) - (counts - 1) / 2
    groups = np.empty(len(values), int)
    groups[order] = np.repeat(np.arange(len(starts)), np.diff([*starts, len(values)]))
    return ranks[:, groups]


def _defined_ends(values: np.ndarray, level: float) -> tuple[float, float]:
    defined = values[np.isfinite(values)]
    return interval_ends(defined, level) if len(defined) else (np.nan, np.nan)

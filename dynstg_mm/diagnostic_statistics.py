"""One class against the rest, as studies of diagnostic tests report it, with the person as the unit."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dynstg_mm.statistics import Seeds, interval_ends

Estimate = tuple[float, float, float]  # value, lower and upper end
MEASURES = ('sensitivity', 'specificity', 'auc', 'brier', 'slope')
SMALLEST = 1e-6  # a probability of 0 or 1 has no log-odds


def diagnostic_scores(seeds: Seeds, index: int, *, resamples: int = 2000, level: float = .95,
                      seed: int = 0) -> dict[str, Estimate | None]:
    """How well one class is told from all others.

    Everything is the mean over the training seeds; more seeds are not more people.

    Args:
        seeds: People of each training seed, as from `by_subject`: `label` and `score` (C,).
        index: The class.
        resamples: Draws of the bootstrap.
        level: Share inside the intervals.
        seed: Seed of the draws.

    Returns:
        Value and ends of the interval, or None where there is none, of

        - `sensitivity`, `specificity`: share of the people of the class, and of the others, for whom the largest score
          says so; exact interval of Clopper and Pearson (1934).
        - `auc`: area under the ROC curve; bootstrap within the class and within the others.
        - `brier`: mean squared distance of the class's score from 1 or 0 (Brier 1950); bootstrap.
        - `slope`: slope of the calibration, that of a logistic regression of the truth on the log-odds of the score
          (Cox 1958); 1 is ideal, below 1 the scores are too sure. Wald interval. None if the scores separate both.
    """
    truth = np.array([person['label'] == index for person in seeds[0]])
    scores = np.array([[person['score'][index] for person in people] for people in seeds], float)
    called = np.array([[np.argmax(person['score']) == index for person in people] for people in seeds])
    rng = np.random.default_rng(seed)
    found: dict[str, Estimate | None] = dict.fromkeys(MEASURES)
    for name, group, right in (('sensitivity', truth, called), ('specificity', ~truth, ~called)):
        if group.any():
            found[name] = exact_interval(float(right[:, group].sum(1).mean()), int(group.sum()), level)
    if truth.any() and not truth.all():
        found['auc'] = _area(scores[:, truth], scores[:, ~truth], rng, resamples, level)
        found['slope'] = _slope(scores, truth, level)
    errors = ((scores - truth)**2).mean(0)
    drawn = errors[rng.integers(0, len(errors), (resamples, len(errors)))].mean(1)
    found['brier'] = float(errors.mean()), *interval_ends(drawn, level)
    return found


def exact_interval(count: float, total: int, level: float = .95) -> Estimate:
    """Share of `count` in `total` with its exact interval (Clopper and Pearson 1934), by the beta distribution.

    Args:
        count: How many; a mean over seeds need not be a whole number.
        total: Of how many.
        level: Share inside the interval.
    """
    from scipy.stats import beta
    outside = (1 - level) / 2
    low = beta.ppf(outside, count, total - count + 1) if count > 0 else 0.
    high = beta.ppf(1 - outside, count + 1, total - count) if count < total else 1.
    return count / total, float(low), float(high)


def _area(inside: np.ndarray, outside: np.ndarray, rng: np.random.Generator, resamples: int, level: float) -> Estimate:
    """Area under the ROC curve: how often a person of the class (S, P) scores above another (S, N)."""
    above = inside[:, :, None] - outside[:, None]
    wins = ((above > 0) + .5 * (above == 0)).mean(0)

    def draws(count: int) -> np.ndarray:
        return rng.multinomial(count, np.full(count, 1 / count), resamples) / count

    drawn = np.einsum('rp,pn,rn->r', draws(len(wins)), wins, draws(wins.shape[1]), optimize=True)
    return float(wins.mean()), *interval_ends(drawn, level)


def _slope(scores: np.ndarray, truth: np.ndarray, level: float) -> Estimate | None:
    """Mean over the seeds of the calibration slope, with the mean standard error."""
    from scipy.stats import norm
    found = [_fit(np.log(row / (1 - row)), truth) for row in np.clip(scores, SMALLEST, 1 - SMALLEST)]
    if any(one is None for one in found):
        return None
    slope, error = np.mean(np.array(found, float), axis=0)
    half = norm.ppf((1 + level) / 2) * error
    return float(slope), float(slope - half), float(slope + half)


def _fit(odds: np.ndarray, truth: np.ndarray) -> tuple[float, float] | None:
    """Slope of a logistic regression and its standard error; None if one threshold separates both groups."""
    from sklearn.linear_model import LogisticRegression
    inside, outside = odds[truth], odds[~truth]
    if inside.min() >= outside.max() or inside.max() <= outside.min():
        return None
    model = LogisticRegression(C=np.inf, max_iter=1000).fit(odds[:, None], truth)
    chance = model.predict_proba(odds[:, None])[:, 1]
    design = np.stack([np.ones_like(odds), odds], 1)
    information = design.T @ (design * (chance * (1 - chance))[:, None])
    return float(model.coef_[0, 0]), float(np.sqrt(np.linalg.inv(information)[1, 1]))


def net_benefit(seeds: Seeds, index: int, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Decision curve: what it is worth to act on a model's answer (Vickers and Elkin 2006).

    Whoever acts from a probability t on finds a wrong action t / (1 - t) times as bad as a missed one.

    Args:
        seeds: People of each training seed, as from `by_subject`: `label` and `score` (C,).
        index: The class that is acted on.
        thresholds: Probabilities (G,) in (0, 1) from which one acts.

    Returns:
        Net benefit (G,) of the model, mean over the seeds, and of acting on everybody. Acting on nobody is worth 0.
    """
    truth = np.array([person['label'] == index for person in seeds[0]])
    scores = np.array([[person['score'][index] for person in people] for people in seeds])
    acts, price = scores[..., None] >= thresholds, thresholds / (1 - thresholds)
    right, wrong = (acts & group[:, None] for group in (truth, ~truth))
    return right.mean((0, 1)) - price * wrong.mean((0, 1)), truth.mean() - price * (~truth).mean()


def detectable_difference(ends: Sequence[float], level: float = .95, power: float = .8) -> float:
    """The difference that a study with as many people would find with the given power, from the ends of an interval."""
    from scipy.stats import norm
    certain = norm.ppf((1 + level) / 2)
    return float((ends[1] - ends[0]) / 2 * (1 + norm.ppf(power) / certain))


def rest_against(classes: Sequence[Any]) -> list[int]:
    """The classes to report: of two, the second one, since the first is its mirror image."""
    return [1] if len(classes) == 2 else list(range(len(classes)))



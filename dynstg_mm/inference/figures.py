"""What a model card states, measured on the people whom the models did not see."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dynstg_mm.benchmark.results import Clip
from dynstg_mm.inference.calibration import Calibration, person_weights
from dynstg_mm.inference.conformal import Conformal
from dynstg_mm.inference.out_of_fold import OutOfFold
from dynstg_mm.statistics import by_subject, calibration, confusion_of, mean_scores, subject_interval

SHOWN = ('macro_f1', 'accuracy', 'log_loss')


def score_figures(clips: Sequence[Clip], classes: int) -> dict[str, Any]:
    """Scores of people, each with its 95 % interval, and the confusion matrix.

    Args:
        clips: Clips with `subject`, `label`, `score`; a person's score is the mean over the clips.
        classes: Number of classes.
    """
    people = by_subject(clips)
    means, intervals = mean_scores([people], classes), subject_interval([people], classes)
    return dict(people=len(people), recordings=len(clips), confusion=confusion_of(people, classes).tolist(),
                **{name: [means[name], *intervals[name]] for name in SHOWN})


def nested(found: OutOfFold, coverage: float) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated probabilities and p-values of every person, by what the other people alone give.

    Args:
        found: Out-of-fold scores.
        coverage: Nominal coverage.

    Returns:
        Probabilities (N, C), and p-values (N, C).
    """
    people = np.asarray(found.people)
    probabilities, p_values = np.empty_like(found.scores), np.empty_like(found.scores)
    for person in np.unique(people):
        own, rest = people == person, people != person
        known = Calibration.fit(found.scores[rest], found.labels[rest], people[rest])
        sets = Conformal.fit(known.apply(found.scores[rest]), found.labels[rest], people[rest], coverage)
        probabilities[own] = known.apply(found.scores[own])
        p_values[own] = sets.p_values(probabilities[own])
    return probabilities, p_values


def calibration_figures(found: OutOfFold, probabilities: np.ndarray) -> dict[str, Any]:
    """Log-loss and expected calibration error of recordings before and after calibration, people weighted equally.

    Args:
        found: Out-of-fold scores.
        probabilities: From `nested`.
    """
    weights, same = person_weights(found.people), Calibration(1.)
    figures: dict[str, Any] = {}
    for name, scores in (('before', found.scores), ('after', probabilities)):
        clips = [dict(label=label, score=score) for label, score in zip(found.labels, scores)]
        figures[name] = dict(log_loss=same.log_loss(scores, found.labels, weights), error=calibration(clips)[3])
    return figures


def set_figures(found: OutOfFold, p_values: np.ndarray, classes: Sequence[str], coverage: float) -> dict[str, Any]:
    """How often the prediction sets contain the true class, and how large they are, people weighted equally.

    Args:
        found: Out-of-fold scores.
        p_values: From `nested`.
        classes: Names of the classes.
        coverage: Nominal coverage.
    """
    inside, weights = p_values > 1 - coverage, person_weights(found.people)
    covered, sizes = inside[np.arange(len(found.labels)), found.labels], inside.sum(1)

    def mean(values: np.ndarray, chosen: np.ndarray | slice = slice(None)) -> float:
        return float(np.average(values[chosen], weights=weights[chosen]))
    own = {name: found.labels == index for index, name in enumerate(classes)}
    return dict(nominal=coverage, covered=mean(covered), size=mean(sizes), one=mean(sizes == 1), none=mean(sizes == 0),
                by_class={name: dict(covered=mean(covered, chosen), size=mean(sizes, chosen))
                          for name, chosen in own.items() if chosen.any()})


def shifted_coverage(found: OutOfFold, clips: Sequence[Clip], coverage: float) -> dict[str, float]:
    """Coverage and size of the sets on other recordings of the same people, each by what the other people give.

    Args:
        found: Out-of-fold scores of the own recordings, which the sets are made from.
        clips: Clips of the other recordings with `subject`, `label`, `score`.
        coverage: Nominal coverage.

    Returns:
        `covered`, the share of sets with the true class, and `size`, people weighted equally.
    """
    people, inside = np.asarray(found.people), []
    for clip in clips:
        rest = people != clip['subject']
        known = Calibration.fit(found.scores[rest], found.labels[rest], people[rest])
        sets = Conformal.fit(known.apply(found.scores[rest]), found.labels[rest], people[rest], coverage)
        inside.append(sets.p_values(known.apply(np.asarray(clip['score']))) > 1 - coverage)
    weights = person_weights([clip['subject'] for clip in clips])
    covered = [chosen[clip['label']] for chosen, clip in zip(inside, clips)]
    return dict(covered=float(np.average(covered, weights=weights)),
                size=float(np.average(np.sum(inside, 1), weights=weights)))


def auc(inside: np.ndarray, outside: np.ndarray) -> float:
    """How well a distance separates other walks from those of people left out: the area under the ROC curve.

    Args:
        inside: Distances (N) of walks of people left out.
        outside: Distances (M) of other walks.
    """
    from sklearn.metrics import roc_auc_score
    return float(roc_auc_score(np.repeat([0, 1], [len(inside), len(outside)]), np.concatenate([inside, outside])))


def mean_auc(found: OutOfFold, inside: np.ndarray, outside: Sequence[np.ndarray] | np.ndarray) -> float:
    """Mean over the folds of the `auc` of their test people.

    Args:
        found: Out-of-fold recordings.
        inside: Their distances (N).
        outside: For each fold, the distances of other walks.
    """
    return float(np.mean([auc(inside[found.folds == fold], others)
                          for fold, others in zip(np.unique(found.folds), outside)]))


def paired_people(one: Mapping[str, Clip], other: Sequence[Clip]) -> list[Clip]:
    """Those of the clips that another list has as well."""
    return [one[clip['clip']] for clip in other if clip['clip'] in one]

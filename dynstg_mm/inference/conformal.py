"""Prediction sets: all classes that a recording could belong to, with a stated coverage."""
from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from dynstg_mm.inference.calibration import person_weights


@dataclasses.dataclass(frozen=True)
class Conformal:
    """Class-conditional conformal prediction over people.

    The score of a class is 1 - its probability ("hinge"). A class is in the set of a recording if the recording's score
    is not among the largest of the people who have this class. The people are compared one by one, not the recordings,
    since two walks of one person are not exchangeable with those of two people: each person counts as 1 in

        p = (1 + sum over people k of the share of k's scores that are at least the recording's) / (1 + people),

    which is hierarchical conformal prediction (Lee, Barber & Willett 2023, arXiv 2306.06342), and, with one recording a
    person, the p-value of split conformal prediction as in the package crepes. A class is in the set if
    p > 1 - coverage. A class of fewer than 1 / (1 - coverage) - 1 people is in every set.

    The scores are out of fold: those of a model that was trained without the person. The model that answers was trained
    on everybody, so the coverage holds as far as it errs on new people as the models of the folds do.

    Args:
        scores: For each class, the scores (N) of its people's recordings.
        weights: For each class, the weights (N) of those; a person's sum to 1.
        coverage: Share of the people of each class whose class is in the set.
    """

    scores: list[np.ndarray]
    weights: list[np.ndarray]
    coverage: float = 0.9

    @classmethod
    def fit(cls, probabilities: np.ndarray, labels: Sequence[int] | np.ndarray, people: Sequence[Any] | np.ndarray,
            coverage: float = 0.9) -> Conformal:
        """Keep the scores of the true classes.

        Args:
            probabilities: Out-of-fold probabilities (N, C) of recordings.
            labels: The true classes (N).
            people: The people (N).
            coverage: As for the class.
        """
        scores, names = 1 - np.asarray(probabilities, float), np.asarray(people, str)
        own = [np.asarray(labels) == index for index in range(scores.shape[1])]
        return cls([scores[chosen, index] for index, chosen in enumerate(own)],
                   [person_weights(names[chosen]) for chosen in own], coverage)

    def p_values(self, probabilities: np.ndarray) -> np.ndarray:
        """p-values (..., C) of probabilities (..., C)."""
        scores = 1 - np.asarray(probabilities, float)
        return np.stack([_p_values(scores[..., index], known, weights)
                         for index, (known, weights) in enumerate(zip(self.scores, self.weights))], -1)

    def apply(self, probabilities: np.ndarray) -> list[int]:
        """Classes in the set of one recording with probabilities (C); none if it resembles no class."""
        return np.flatnonzero(self.p_values(probabilities) > 1 - self.coverage).tolist()


def _p_values(scores: np.ndarray, known: np.ndarray, weights: np.ndarray) -> np.ndarray:
    larger = ((known >= scores[..., None] - 1e-9) * weights).sum(-1)  # 1e-9: stored scores are rounded
    return (1 + larger) / (1 + weights.sum())

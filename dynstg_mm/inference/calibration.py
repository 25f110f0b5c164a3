"""Calibrated probabilities: temperature scaling."""
from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

SMALLEST = 1e-12  # a score of 0 has no logarithm


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Temperature scaling of a recording's mean scores (Guo 2017, arXiv 1706.04599).

    The probabilities are `softmax(log(scores) / temperature)`. They order the classes as the scores do. One
    number is what a hundred people can fit.

    Args:
        temperature: Above 1 where the scores are too sure.
    """

    temperature: float

    @classmethod
    def fit(cls, scores: np.ndarray, labels: Sequence[int] | np.ndarray,
            people: Sequence[Any] | np.ndarray) -> Calibration:
        """Choose the temperature that minimises the log-loss, each person with the same weight.

        Args:
            scores: Scores (N, C) of recordings by models that did not see these people.
            labels: The true classes (N).
            people: The people (N).
        """
        from scipy.optimize import minimize_scalar
        weights = person_weights(people)
        found = minimize_scalar(lambda power: cls(float(np.exp(power))).log_loss(scores, labels, weights),
                                bounds=(-3, 3), method='bounded')  # e^-3 to e^3: with no error, 0 would be best
        return cls(float(np.exp(found.x)))

    def apply(self, scores: np.ndarray) -> np.ndarray:
        """Probabilities (..., C) of scores (..., C)."""
        logits = np.log(np.maximum(np.asarray(scores, float), SMALLEST)) / self.temperature
        powers = np.exp(logits - logits.max(-1, keepdims=True))
        return powers / powers.sum(-1, keepdims=True)

    def log_loss(self, scores: np.ndarray, labels: Sequence[int] | np.ndarray, weights: np.ndarray) -> float:
        """Weighted mean of -log(probability of the true class)."""
        chosen = self.apply(scores)[np.arange(len(labels)), np.asarray(labels)]
        return float(-np.average(np.log(np.maximum(chosen, SMALLEST)), weights=weights))


def person_weights(people: Sequence[Any] | np.ndarray) -> np.ndarray:
    """Weights (N) of recordings that give each person 1 in total."""
    _, places, counts = np.unique(np.asarray(people, dtype=str), return_inverse=True, return_counts=True)
    return 1 / counts[places]

"""How unlike the training walks a recording is: distances of its features, and of its gait parameters."""
from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dynstg_mm.inference.calibration import person_weights

FAR = 10.  # deviations at which a value is clipped, so that one absurd value cannot hide what the others show


@dataclasses.dataclass(frozen=True)
class Space:
    """The training walks as a centre and a covariance, for the Mahalanobis distance.

    Every value is centred by its median and scaled by its interquartile range; the covariance is that of Ledoit and
    Wolf (2004), which a hundred walks of a hundred values can estimate. A missing value counts as the median.

    Args:
        center: Medians (D).
        scale: Spreads (D).
        whitening: (D, D); the distance is the length of `whitening @ standardised values`. It is 1 for the median
            training walk.
    """

    center: np.ndarray
    scale: np.ndarray
    whitening: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray) -> Space:
        """The space of the training walks' values (N, D); NaN is missing."""
        from sklearn.covariance import LedoitWolf
        values = np.asarray(values, float)
        known = np.where(np.isfinite(values).any(0), values, 0)  # a value that no walk has is 0 everywhere
        low, center, high = np.nanpercentile(known, [25, 50, 75], axis=0)
        scale = (high - low) / 1.349  # of a normal distribution: the standard deviation
        space = cls(center, np.where(scale > 1e-9, scale, 1.), np.eye(len(center)))
        precision = LedoitWolf().fit(space.standardised(values)).precision_
        space = dataclasses.replace(space, whitening=np.linalg.cholesky(precision).T)
        return dataclasses.replace(space, whitening=space.whitening / np.median(space.distance(values)))

    def standardised(self, values: np.ndarray) -> np.ndarray:
        """Values (..., D) in deviations from the median, at most `FAR`; 0 where one is missing."""
        standard = (np.asarray(values, float) - self.center) / self.scale
        return np.clip(np.where(np.isfinite(standard), standard, 0), -FAR, FAR)

    def distance(self, values: np.ndarray) -> np.ndarray:
        """Distances (...) of values (..., D)."""
        return np.linalg.norm(self.standardised(values) @ self.whitening.T, axis=-1)


@dataclasses.dataclass(frozen=True)
class Unlike:
    """Distance from the training walks, compared with people who were left out.

    The features of two models are not the same numbers. So the distance of a person left out is measured in the model
    of that fold, from that fold's training walks, and the distances of all folds are pooled; a recording is measured in
    the model that was trained on everybody, from all training walks.

    Args:
        space: The training walks.
        held_out: Distances (N) of the people left out.
        weights: Their weights (N); a person's sum to 1.
        level: Share of the people left out who are below the limit.
        names: Names (D) of the values, if they have names.
    """

    space: Space
    held_out: np.ndarray
    weights: np.ndarray
    level: float = 0.95
    names: list[str] | None = None

    @classmethod
    def fit(cls, values: np.ndarray, held_out: np.ndarray, people: Sequence[Any] | np.ndarray, *, level: float = 0.95,
            names: Sequence[str] | None = None) -> Unlike:
        """The training walks and the people left out.

        Args:
            values: Values (N, D) of all training walks.
            held_out: Distances (M) of walks, each from the training walks of a fold that did not have this person.
            people: The people (M).
            level, names: As for the class.
        """
        return cls(Space.fit(values), np.asarray(held_out, float), person_weights(people), level,
                   None if names is None else list(names))

    @property
    def limit(self) -> float:
        """The distance above which a recording is unlike the training walks."""
        order = np.argsort(self.held_out)
        share = np.cumsum(self.weights[order]) / self.weights.sum()
        place = min(int(np.searchsorted(share, self.level - 1e-9)), len(order) - 1)
        return float(self.held_out[order][place])

    def score(self, values: np.ndarray | Mapping[str, float]) -> dict[str, float]:
        """How unlike the training walks a recording is.

        Args:
            values: Its values (D), or by name; a name that is missing counts as the median.

        Returns:
            `distance`, 1 for the median training walk; `rank`, the share of the people left out who are nearer;
            `limit`, the distance that the share `level` of them do not exceed.
        """
        if isinstance(values, Mapping):
            values = np.array([values.get(name, np.nan) for name in self.names or ()])
        distance = float(self.space.distance(values))
        rank = float(self.weights[self.held_out < distance].sum() / self.weights.sum())
        return dict(distance=distance, rank=rank, limit=self.limit)

"""What all outputs of a `TargetHead` share."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dynstg_mm.errors import ConfigError


class TargetOutput(nn.Module):
    """A layer that predicts one target, and its loss.

    Attributes:
        width: Numbers that the layer gives. num_grades: Grades of the target; None for a number.
    """

    width: int
    num_grades: int | None = None

    def forward(self, features: Tensor) -> Tensor:
        """Raw predictions (N, width) of features (N, C)."""
        raise NotImplementedError

    def loss(self, raw: Tensor, values: Tensor) -> Tensor:
        """Loss of raw predictions (N, width) for encoded values (N), none of them missing."""
        raise NotImplementedError

    def scores(self, raw: Tensor) -> Tensor:
        """What is reported for raw predictions (N, width): probabilities (N, K), or value, low and high (N, 3)."""
        raise NotImplementedError

    def pool(self, scores: Tensor) -> Tensor:
        """Scores of recordings (B, ...) from those of their windows (B, windows, ...)."""
        return scores.mean(1)

    def fit(self, values: Tensor) -> None:
        """Take from the encoded training values (N) what the loss needs to know."""


class GradesOutput(TargetOutput):
    """An output for grades, whose clips may be weighted by their grade.

    Args:
        num_grades: K, from 2.
        class_weight: Weight of the clips of each grade, or 'balanced': inversely proportional to the number of its
            training clips, as in scikit-learn, which `TargetStatisticsHook` counts. None weighs all alike.
    """

    weight: Tensor

    def __init__(self, num_grades: int, class_weight: Sequence[float] | str | None = None) -> None:
        super().__init__()
        if num_grades < 2:
            raise ConfigError(f'num_grades: {num_grades}; expected at least 2.')
        given = class_weight is not None and class_weight != 'balanced'
        if given and (isinstance(class_weight, str) or len(class_weight or ()) != num_grades or not all(
                isinstance(weight, (int, float)) and weight >= 0 for weight in class_weight or ())):
            raise ConfigError(f"class_weight: {class_weight!r}; expected {num_grades} numbers from 0, 'balanced' or "
                              'None.')
        self.num_grades, self.balanced = num_grades, class_weight == 'balanced'
        self.fitted = False
        weights = class_weight if given and not isinstance(class_weight, str) else [1.] * num_grades
        self.register_buffer('weight', torch.tensor(weights, dtype=torch.float32), persistent=False)

    def weights(self, grades: Tensor) -> Tensor:
        """Weights (N) of clips of these grades (N)."""
        if self.balanced and not self.fitted:
            raise ConfigError("class_weight: 'balanced' needs TargetStatisticsHook in custom_hooks, which counts the "
                              'training clips.')
        return self.weight[grades]

    def fit(self, values: Tensor) -> None:
        """Count the grades, for balanced weights. A grade without clips has no weight."""
        self.fitted = True
        if self.balanced:
            self.weight.copy_(balanced_weights(torch.bincount(values.long(), minlength=len(self.weight))))


def balanced_weights(counts: Tensor) -> Tensor:
    """Weights (K) inversely proportional to the counts (K) of clips, as in scikit-learn; 0 for one of 0."""
    present = counts > 0
    return torch.where(present, counts.sum() / (present.sum() * counts.clamp(min=1)), 0.)


def from_exceedance(above: Tensor) -> Tensor:
    """Probabilities (N, K) of grades, from those (N, K - 1) that the grade is above 0, 1, ..., which must not rise."""
    ones = torch.ones_like(above[:, :1])
    return torch.cat([ones, above], 1) - torch.cat([above, 0 * ones], 1)

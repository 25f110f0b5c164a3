"""Grades or classes without an order."""
from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from mmaction.registry import MODELS
from torch import Tensor, nn

from dynstg_mm.models.target_outputs.base import GradesOutput


@MODELS.register_module()
class SoftmaxOutput(GradesOutput):
    """Softmax with cross-entropy: for a nominal target, or to compare an ordinal output with.

    Args:
        in_channels: C.
        num_grades: K.
        class_weight: See `GradesOutput`.

    Shape:
        features: (N, C). Raw: (N, K) logits. Scores: (N, K) probabilities.
    """

    def __init__(self, in_channels: int, num_grades: int, class_weight: Sequence[float] | str | None = None) -> None:
        super().__init__(num_grades, class_weight)
        self.width = num_grades
        self.fc = nn.Linear(in_channels, num_grades)

    def forward(self, features: Tensor) -> Tensor:
        """Logits."""
        return self.fc(features)

    def loss(self, raw: Tensor, values: Tensor) -> Tensor:
        """Mean cross-entropy, weighted by the grades."""
        grades = values.long()
        weights = self.weights(grades)
        return (weights * F.cross_entropy(raw, grades, reduction='none')).sum() / weights.sum().clamp(min=1e-8)

    def scores(self, raw: Tensor) -> Tensor:
        """Probabilities of the grades."""
        return raw.softmax(-1)

"""Ordered grades by thresholds on one number."""
from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmaction.registry import MODELS
from torch import Tensor, nn

from dynstg_mm.models.target_outputs.base import GradesOutput, from_exceedance


@MODELS.register_module()
class CORALOutput(GradesOutput):
    """CORAL: consistent rank logits (Cao, Mirjalili & Raschka 2020, arXiv 1901.07884).

    P(y > k) = sigmoid(w x + b_k): all thresholds share the weights w (their equation 3), so that few clips suffice.
    Where b is not yet in order, the running minimum over k is taken.

    Args:
        in_channels: C.
        num_grades: K.
        class_weight: See `GradesOutput`.

    Shape:
        features: (N, C). Raw: (N, K - 1) logits. Scores: (N, K) probabilities.
    """

    def __init__(self, in_channels: int, num_grades: int, class_weight: Sequence[float] | str | None = None) -> None:
        super().__init__(num_grades, class_weight)
        self.width = num_grades - 1
        self.fc = nn.Linear(in_channels, 1, bias=False)
        self.bias = nn.Parameter(torch.arange(self.width, 0, -1) / self.width)  # in order, as the authors' code

    def forward(self, features: Tensor) -> Tensor:
        """Logits that the grade is above 0, 1, ..."""
        return self.fc(features) + self.bias

    def loss(self, raw: Tensor, values: Tensor) -> Tensor:
        """Binary cross-entropy, summed over the thresholds (their equation 4), the mean over clips."""
        above = (values[:, None] > torch.arange(self.width, device=raw.device)).to(raw)
        losses = F.binary_cross_entropy_with_logits(raw, above, reduction='none').sum(1)
        weights = self.weights(values.long())
        return (weights * losses).sum() / weights.sum().clamp(min=1e-8)

    def scores(self, raw: Tensor) -> Tensor:
        """Probabilities of the grades."""
        return from_exceedance(raw.sigmoid().cummin(-1).values)

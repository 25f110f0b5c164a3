"""Ordered grades by conditional probabilities."""
from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmaction.registry import MODELS
from torch import Tensor, nn

from dynstg_mm.models.target_outputs.base import GradesOutput, from_exceedance


@MODELS.register_module()
class CORNOutput(GradesOutput):
    """CORN: conditional ordinal regression (Shi, Cao & Raschka 2021, arXiv 2111.08851).

    Logit k is of f_k = P(y > k | y > k - 1), learnt only from clips with y > k - 1 (their equation 7). The chain rule
    gives P(y > k) = f_0 f_1 ... f_k (their equation 6), which never rises with k.

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
        self.fc = nn.Linear(in_channels, self.width)

    def forward(self, features: Tensor) -> Tensor:
        """Logits of the conditional probabilities."""
        return self.fc(features)

    def loss(self, raw: Tensor, values: Tensor) -> Tensor:
        """Mean binary cross-entropy over the clips that each conditional probability is about."""
        steps = torch.arange(self.width, device=raw.device)
        above = (values[:, None] > steps).to(raw)
        counted = (values[:, None] > steps - 1) * self.weights(values.long())[:, None]  # (N, K - 1)
        losses = F.binary_cross_entropy_with_logits(raw, above, reduction='none')
        return (counted * losses).sum() / counted.sum().clamp(min=1e-8)

    def scores(self, raw: Tensor) -> Tensor:
        """Probabilities of the grades."""
        return from_exceedance(raw.sigmoid().cumprod(-1))

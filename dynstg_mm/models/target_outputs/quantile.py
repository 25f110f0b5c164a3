"""A number by its quantiles."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from mmaction.registry import MODELS
from torch import Tensor, nn

from dynstg_mm.models.target_outputs.number import NumberOutput

QUANTILES = (0.5, 0.05, 0.95)


@MODELS.register_module()
class QuantileOutput(NumberOutput):
    """The median and the ends of the 90 % interval by the pinball loss (Koenker & Bassett 1978).

    For errors that are not normal, such as walking speed with a few very slow people. The ends are the median plus a
    distance that is never negative, so quantiles cannot cross.

    Args:
        in_channels: C.

    Shape:
        features: (N, C). Raw: (N, 3). Scores: (N, 3), value, low and high.
    """

    width = 3

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_channels, 3)

    def forward(self, features: Tensor) -> Tensor:
        """Median and raw distances to the ends, in standard deviations of the training values."""
        return self.fc(features)

    def loss(self, raw: Tensor, values: Tensor) -> Tensor:
        """Mean pinball loss, summed over the quantiles."""
        errors = self.standard(values)[:, None] - self._quantiles(raw)
        levels = errors.new_tensor(QUANTILES)
        return torch.maximum(levels * errors, (levels - 1) * errors).sum(1).mean()

    def scores(self, raw: Tensor) -> Tensor:
        """Value, low and high, in the units of the target."""
        return self._quantiles(raw) * self.deviation + self.mean

    @staticmethod
    def _quantiles(raw: Tensor) -> Tensor:
        median, below, above = raw[:, 0], F.softplus(raw[:, 1]), F.softplus(raw[:, 2])
        return torch.stack([median, median - below, median + above], 1)

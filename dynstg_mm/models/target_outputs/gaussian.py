"""A number with the standard deviation of its error."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from mmaction.registry import MODELS
from torch import Tensor, nn

from dynstg_mm.models.target_outputs.number import COVERED, NumberOutput


@MODELS.register_module()
class GaussianOutput(NumberOutput):
    """A normal distribution by its negative log-likelihood (Nix & Weigend 1994).

    Each clip's loss is multiplied by its predicted variance to the power `beta`, without a gradient, since clips of a
    large variance would hardly teach the mean otherwise (beta-NLL: Seitzer et al. 2022, arXiv 2203.09168).

    Args:
        in_channels: C.
        beta: 0 for the plain likelihood; 0.5 as their paper recommends.

    Shape:
        features: (N, C). Raw: (N, 2). Scores: (N, 3), value, and the ends of its 90 % interval.
    """

    width = 2

    def __init__(self, in_channels: int, beta: float = 0.5) -> None:
        super().__init__()
        self.fc, self.beta = nn.Linear(in_channels, 2), beta

    def forward(self, features: Tensor) -> Tensor:
        """Mean and raw variance, in standard deviations of the training values."""
        return self.fc(features)

    def loss(self, raw: Tensor, values: Tensor) -> Tensor:
        """Mean beta-NLL."""
        variance = self._variance(raw)
        losses = F.gaussian_nll_loss(raw[:, 0], self.standard(values), variance, reduction='none')
        return (variance.detach()**self.beta * losses).mean()

    def scores(self, raw: Tensor) -> Tensor:
        """Value, low and high, in the units of the target."""
        mean, half = raw[:, 0], COVERED * self._variance(raw).sqrt()
        return torch.stack([mean, mean - half, mean + half], -1) * self.deviation + self.mean

    @staticmethod
    def _variance(raw: Tensor) -> Tensor:
        return F.softplus(raw[:, 1]) + 1e-4

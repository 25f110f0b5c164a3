"""What the outputs for numbers share: standardised values, and intervals of windows together."""
from __future__ import annotations

import torch
from torch import Tensor

from dynstg_mm.models.target_outputs.base import TargetOutput

COVERED = 1.6449  # standard deviations on each side of a normal distribution that hold 90 %


class NumberOutput(TargetOutput):
    """An output that predicts a number, in standard deviations of the training values.

    `TargetStatisticsHook` sets their mean and standard deviation, which are kept with the weights. Without it, they are
    0 and 1.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer('mean', torch.zeros(()))
        self.register_buffer('deviation', torch.ones(()))

    def standard(self, values: Tensor) -> Tensor:
        """Values in standard deviations from the mean."""
        return (values - self.mean) / self.deviation

    def fit(self, values: Tensor) -> None:
        """Take mean and standard deviation."""
        self.mean.copy_(values.mean())
        self.deviation.copy_(values.std(correction=0) if values.std(correction=0) > 0 else 1.)

    def pool(self, scores: Tensor) -> Tensor:
        """The mean value; its 90 % interval is that of a mixture, by the law of total variance on each side."""
        value, low, high = scores.unbind(-1)
        mean, between = value.mean(1), COVERED**2 * value.var(1, correction=0)
        below, above = ((part.square().mean(1) + between).sqrt() for part in (value - low, high - value))
        return torch.stack([mean, mean - below, mean + above], -1)

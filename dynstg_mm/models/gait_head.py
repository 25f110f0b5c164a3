"""A classification head that also pools how much each feature varies over time."""
from typing import Any

import torch
from mmaction.models import GCNHead
from mmaction.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class GaitHead(GCNHead):
    """MMAction2's `GCNHead` that pools the temporal standard deviation as well as the mean.

    A walk is periodic: the mean over time that `GCNHead` takes loses the range of a movement, such as that of a knee.
    The standard deviation keeps it (statistics pooling, Snyder et al. 2018, X-vectors).

    Args:
        num_classes: Classes.
        in_channels: C, the width of the backbone.
        **kwargs: See `GCNHead`.

    Shape:
        x: (N, M, C, T, V). Result: (N, num_classes), scores before the softmax.
    """

    def __init__(self, num_classes: int, in_channels: int, **kwargs: Any) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        self.fc = torch.nn.Linear(2 * in_channels, num_classes)
        del self.pool

    def forward(self, x: Tensor, **kwargs: Any) -> Tensor:
        """Scores of features."""
        pooled = pooled_statistics(x)
        return self.fc(pooled if self.dropout is None else self.dropout(pooled))


def pooled_statistics(x: Tensor) -> Tensor:
    """Mean and temporal standard deviation (N, 2 C) of features (N, M, C, T, V)."""
    mean = x.mean(3, keepdim=True)  # (N, M, C, 1, V)
    variance = (x - mean).square().mean(3)  # (N, M, C, V); `var` takes two to four times as long
    deviation = (variance + 1e-5).sqrt()  # the gradient of a constant feature is 0, not infinite
    return torch.cat([mean.mean((1, 3, 4)), deviation.mean((1, 3))], 1)

"""A classification head that hears how far a feature swings, not only where it is on average."""
import torch

from mmaction.models import GCNHead
from mmaction.registry import MODELS


@MODELS.register_module()
class GaitHead(GCNHead):
    """MMAction2's `GCNHead` with the standard deviation over time beside the mean.

    A walk is periodic: its mean pose says little, and the mean over time that `GCNHead` takes of a feature loses how
    large the swing is, such as the range of a knee. The standard deviation keeps it (statistics pooling, Snyder et al.
    2018, X-vectors).

    Args:
        num_classes (int): Classes.
        in_channels (int): C, the width of the backbone.
        **kwargs: See `GCNHead`.

    Shape:
        x: (N, M, C, T, V). Result: (N, num_classes), scores before the softmax.
    """

    def __init__(self, num_classes, in_channels, **kwargs):
        super().__init__(num_classes, in_channels, **kwargs)
        self.fc = torch.nn.Linear(2 * in_channels, num_classes)
        del self.pool

    def forward(self, x, **kwargs):
        """Scores of features."""
        swing = (x.var(3, correction=0) + 1e-5).sqrt()  # of a feature that stands still the gradient is 0, not infinite
        pooled = torch.cat([x.mean((1, 3, 4)), swing.mean((1, 3))], 1)
        return self.fc(pooled if self.dropout is None else self.dropout(pooled))

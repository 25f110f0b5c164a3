"""A soft assignment of frames to phases of the movement."""
import torch.nn.functional as F
from torch import Tensor, nn

from dynstg_mm.layers.derived import DerivedModule


class MovementPhases(DerivedModule):
    r"""The phase of each frame: :math:`\pi = \operatorname{softmax}_p(W \bar x_t)`, x a mean over joints.

    Source: Method, Movement phases (our reading of arXiv 2503.13156).

    Args:
        in_channels: Width c.
        num_phases: p; 1 switches the phases off, and every frame is assigned to the only one.

    Shape:
        x: (b, t, v, c). Result: (b, t, p), non-negative, summing to 1 over p.
    """

    def __init__(self, in_channels: int, num_phases: int = 4) -> None:
        super().__init__()
        self.score = nn.Linear(in_channels, num_phases) if num_phases > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        """Phases of features."""
        if self.score is None:
            return x.new_ones(*x.shape[:2], 1)
        weight = self.derived(_mean_over_joints, self.score.weight, x.shape[2])  # (p, v c)
        return F.linear(x.flatten(2), weight, self.score.bias).softmax(-1)


def _mean_over_joints(weight, joints):
    """One matrix for a mean over joints followed by a product, (p, c) -> (p, v c)."""
    return weight.repeat(1, joints) / joints

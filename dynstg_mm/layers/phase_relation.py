"""Relations between joints in a clip, which follow the phase of the movement."""
import torch
from torch import Tensor, nn

from dynstg_mm.ops.graph import frame_relation, phase_features, unit_size


class PhaseRelation(nn.Module):
    r"""How joints relate in each frame of a clip, :math:`\sum_p \pi_{t,p} R_p`.

    .. math::
        R_p = a \left(\frac{M_p - \bar M}{\|M - \bar M\|} + s \frac{\bar M}{\|\bar M\|}\right), \qquad
        M_p = q_p k_p^T, \qquad \bar M = \frac{1}{P} \sum_p M_p

    Query and key come from the mean features in the phase. The part of M that differs between phases, and its mean over
    them, are brought to root mean square 1 in every clip. Source: Method, Dynamic adjacency.

    Args:
        in_channels: Width c.
        size: a.
        relation_channels: c'.

    Shape:
        x: (b, t, v, c). phases: (b, t, p). Result: (b, t, v, w).
    """

    def __init__(self, in_channels: int, size: float, relation_channels: int = 8) -> None:
        super().__init__()
        self.query_key = nn.Linear(in_channels, 2 * relation_channels)
        self.still = nn.Parameter(torch.ones(()))  # s
        self.size = size

    def forward(self, x: Tensor, phases: Tensor) -> Tensor:
        """Relations of features and their phases."""
        query, key = self.query_key(phase_features(x, phases)).chunk(2, -1)  # (b, p, v, c') each
        relation = query @ key.transpose(2, 3)  # (b, p, v, w)
        mean = relation.mean(1, keepdim=True)
        sized = self.still * unit_size(mean)
        if phases.shape[-1] > 1:
            sized = sized + unit_size(relation - mean)
        return self.size * frame_relation(sized, phases)

"""Relations between joints that follow the phase of the movement."""
import torch
from torch import Tensor, nn

from dynstg_mm.ops.graph import frame_relation, phase_features, unit_size


class PhaseRelation(nn.Module):
    r"""How joints relate in each frame, :math:`\sum_p \pi_{t,p} R_p`.

    .. math::
        R_p = T_p + \rho a \left(\frac{M_p - \bar M}{\|M - \bar M\|} + s \frac{\bar M}{\|\bar M\|}\right), \qquad
        M_p = q_p k_p^T, \qquad \bar M = \frac{1}{P} \sum_p M_p

    :math:`T_p` is a learned graph of each phase, which starts at 0: what the training walks have in common.
    :math:`M_p` is the graph of this clip; query and key come from its features in the phase. Its part that differs
    between phases and its mean over them are brought to root mean square 1 in every clip. :math:`a` is the mean size of
    the static adjacency, so that static and dynamic part can be compared. Source: Method, Dynamic adjacency.

    Args:
        in_channels: Width c.
        joints: v.
        num_phases: p.
        size: a.
        share: rho, the size of the clip's graph; a learned graph is as large as training makes it.
        relation_channels: c'.

    Shape:
        x: (b, t, v, c). phases: (b, t, p). Result: (b, t, v, w).
    """

    def __init__(self, in_channels: int, joints: int, num_phases: int, size: float, share: float = 0.2,
                 relation_channels: int = 8) -> None:
        super().__init__()
        self.query_key = nn.Linear(in_channels, 2 * relation_channels)
        self.table = nn.Parameter(torch.zeros(num_phases, joints, joints))
        self.still = nn.Parameter(torch.ones(()))  # s
        self.size = share * size

    def forward(self, x: Tensor, phases: Tensor) -> Tensor:
        """Relations of features and their phases."""
        query, key = self.query_key(phase_features(x, phases)).chunk(2, -1)  # (b, p, v, c') each
        clip = query @ key.transpose(2, 3)  # (b, p, v, w)
        mean = clip.mean(1, keepdim=True)
        relation = self.still * unit_size(mean)
        if len(self.table) > 1:
            relation = relation + unit_size(clip - mean)
        return frame_relation(self.table + self.size * relation, phases)

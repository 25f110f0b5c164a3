"""Relations between joints that follow the phase of the movement."""
from torch import Tensor, nn

from dynstg_mm.ops.graph import frame_relation, phase_features, relation


class PhaseRelation(nn.Module):
    r"""How joints relate in each frame, :math:`\sum_p \pi_{t,p} R_p` with :math:`R_p = \tanh(q_p k_p^T / \sqrt{c'})`.

    Query and key come from the features of the phase. Source: Method, Dynamic adjacency.

    Args:
        in_channels: Width c.
        relation_channels: c'.

    Shape:
        x: (b, t, v, c). phases: (b, t, p). Result: (b, t, v, w).
    """

    def __init__(self, in_channels: int, relation_channels: int = 8) -> None:
        super().__init__()
        self.query_key = nn.Linear(in_channels, 2 * relation_channels)

    def forward(self, x: Tensor, phases: Tensor) -> Tensor:
        """Relations of features and their phases."""
        query, key = self.query_key(phase_features(x, phases)).chunk(2, -1)  # (b, p, v, c') each
        return frame_relation(relation(query, key), phases)

"""A graph of each movement phase."""
import torch
from torch import Tensor, nn

from dynstg_mm.ops.graph import frame_relation


class PhaseGraph(nn.Module):
    r"""A learned graph of each phase, and that of a frame, :math:`\sum_p \pi_{t,p} T_p`.

    It starts at 0. Source: Method, Dynamic adjacency.

    Args:
        joints: v.
        num_phases: p.

    Shape:
        phases: (b, t, p). Result: (b, t, v, w).
    """

    def __init__(self, joints: int, num_phases: int = 4) -> None:
        super().__init__()
        self.graphs = nn.Parameter(torch.zeros(num_phases, joints, joints))

    def forward(self, phases: Tensor) -> Tensor:
        """Graphs of the frames."""
        return frame_relation(self.graphs.expand(len(phases), -1, -1, -1), phases)

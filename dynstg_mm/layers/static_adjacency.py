"""The part of the adjacency that is the same for all clips."""
import torch
from torch import Tensor, nn

from dynstg_mm.layers.derived import DerivedModule


class StaticAdjacency(DerivedModule):
    r"""The static part of the adjacency, :math:`A_0 = (1-g) A + g F`: F a learned filter that starts at A, g a gate.

    Source: Method, Static adjacency; after STG-Mamba (Li 2024, arXiv 2403.12418), which fixes the gate at 0.1. Ours
    starts there, one for each subset.

    Args:
        adjacency: A, the normalised subsets of the layout, (k, v, v).
        learn_filter: If off, the result is A.

    Shape:
        Result: (k, v, v).
    """

    def __init__(self, adjacency: Tensor, learn_filter: bool = True) -> None:
        super().__init__()
        self.register_buffer('adjacency', adjacency.clone())
        self.filter = nn.Parameter(adjacency.clone()) if learn_filter else None
        self.gate = nn.Parameter(torch.full((len(adjacency), 1, 1), -2.2)) if learn_filter else None  # sigmoid: 0.1

    def forward(self) -> Tensor:
        """The adjacency."""
        return self.adjacency if self.filter is None else self.derived(_gated, self.adjacency, self.filter, self.gate)


def _gated(adjacency, learned, gate):
    return torch.lerp(adjacency, learned, gate.sigmoid())

"""One layer of DF-STGNN."""
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from dynstg_mm.layers import DynamicGraphConv, PhaseRelation, PhaseTemporalConv, recompute

CLIP_SHARE = 0.2  # size of the clip's own graph, of that of the static adjacency


class DFSTGNNLayer(nn.Module):
    """Dynamic graph convolution with hierarchy, phase-mixed temporal filter, residual.

    Args:
        in_channels: Width c.
        out_channels: c_out.
        adjacency: A.
        hierarchy: From `limb_hierarchy`; None leaves it out.
        stride: Temporal stride.
        num_phases: p.
        phase_filter: Mix the temporal filter by phase; otherwise one filter serves all frames.
        dynamic: Dynamic part of the adjacency.
        learn_filter: Learned filter and gate of the static part.
        kernel_size: Taps of the temporal filter.
        dilations: Its branches.
        dropout: After the temporal filter.
        with_cp: Recompute the inside of graph and temporal convolution in the backward pass instead of storing it.

    Shape:
        x: (b, t, v, c). phases: (b, t, p). graphs, of the phases of the frames: (b, t, v, v), or None if not `dynamic`.
        adjacency: (k, v, v). hierarchy: (v, v). Result: (b, t', v, c_out) with t' = ceil(t / stride); and the relations
        of these frames, (b, t', v, v) or None.
    """

    def __init__(self, in_channels: int, out_channels: int, adjacency: Tensor, *, hierarchy: Tensor | None = None,
                 stride: int = 1, num_phases: int = 4, phase_filter: bool = True, dynamic: bool = True,
                 learn_filter: bool = True, kernel_size: int = 5, dilations: Sequence[int] = (1, 2),
                 dropout: float = 0., with_cp: bool = False) -> None:
        super().__init__()
        self.stride, self.with_cp = stride, with_cp
        size = CLIP_SHARE * adjacency.abs().mean().item()
        self.relation = PhaseRelation(in_channels, size) if dynamic else None
        self.graph_conv = DynamicGraphConv(in_channels, out_channels, adjacency, hierarchy=hierarchy, dynamic=dynamic,
                                           learn_filter=learn_filter)
        self.graph_norm = nn.BatchNorm1d(out_channels)
        self.temporal_conv = PhaseTemporalConv(out_channels, num_phases=num_phases if phase_filter else 1,
                                               kernel_size=kernel_size, dilations=dilations, stride=stride)
        self.temporal_norm = nn.BatchNorm1d(out_channels)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        self.shortcut = nn.Linear(in_channels, out_channels) if in_channels != out_channels else nn.Identity()

    def forward(self, x: Tensor, phases: Tensor, graphs: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Features and relations of the frames that remain."""
        relations = self.relate(x, phases, graphs)
        y = recompute(self.graph_conv, x, relations, enabled=self.with_cp)  # (b, t, v, c_out)
        y = F.relu(self.graph_norm(y.flatten(0, 2)), inplace=True).view(y.shape)
        y = recompute(self.temporal_conv, y, phases, enabled=self.with_cp)  # (b, t', v, c_out)
        y = self.dropout(self.temporal_norm(y.flatten(0, 2)).view(y.shape))
        y = F.relu(y + self.shortcut(x[:, ::self.stride]), inplace=True)
        return y, relations if relations is None else relations[:, ::self.stride]

    def relate(self, x: Tensor, phases: Tensor, graphs: Tensor | None = None) -> Tensor | None:
        """How joints relate in each frame (b, t, v, v), or None if the graph is static."""
        return None if self.relation is None else self.relation(x, phases) + graphs

    def filters(self, x: Tensor, phases: Tensor, graphs: Tensor | None = None) -> dict[str, Tensor | None]:
        """`phases` (b, t, p) and `adjacency` (b, t, k, v, v) for x, for reading and plotting."""
        relations = self.relate(x, phases, graphs)
        return dict(phases=phases, adjacency=self.graph_conv.adjacency(relations, (x.shape[0], x.shape[1])))

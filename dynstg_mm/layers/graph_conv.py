"""Graph convolutions whose graph follows the clip and the phase of the movement."""
import torch
from torch import nn

from ..ops.graph import frame_relation, mix_joints, phase_features, relation


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation of the last axis, (..., c)."""

    def forward(self, x):
        return super().forward(x.reshape(-1, x.shape[-1])).view(x.shape)


class MovementPhases(nn.Module):
    r"""Where in the gait cycle each frame lies: :math:`\pi = softmax_p(W \bar x_t)`, x averaged over joints.

    Source: method, DF-STGNN 2 (our reading of arXiv 2503.13156).

    Args:
        in_channels (int): c.
        num_phases (int): p.

    Shape:
        x: (b, t, v, c). Result: (b, t, p), non-negative, summing to 1 over p.
    """

    def __init__(self, in_channels, num_phases=4):
        super().__init__()
        self.score = nn.Linear(in_channels, num_phases)

    def forward(self, x):
        return self.score(x.mean(2)).softmax(-1)


class DynamicAdjacency(nn.Module):
    r"""The adjacency of every frame, :math:`A_t = A_0 + \alpha \sum_p \pi_{t,p} R_p` with :math:`A_0 = (1-g) A + g F`.

    F is a learned filter that starts at A, g a learned gate per subset, alpha a weight per subset that starts at 0: an
    untrained layer is exactly the plain graph. Source: method, DF-STGNN 1 and 3; filter and gate after STG-Mamba
    (Li 2024, arXiv 2403.12418), which fixes the gate at 0.1, where ours starts.

    Args:
        in_channels (int): c.
        adjacency (Tensor): A, the layout's normalised subsets, (k, v, v).
        relation_channels (int): c', width of query and key.
        dynamic (bool): Off leaves the static part.
        learn_filter (bool): Off leaves A itself.

    Shape:
        x: (b, t, v, c), phases: (b, t, p). Result: static part (k, v, v), dynamic part (b, t, v, v) or None; the
        adjacency of subset k in frame t is `static[k] + alpha[k] * dynamic[:, t]`.
    """

    def __init__(self, in_channels, adjacency, *, relation_channels=8, dynamic=True, learn_filter=True):
        super().__init__()
        subsets = adjacency.shape[0]
        self.register_buffer('adjacency', adjacency.clone())
        self.filter = nn.Parameter(adjacency.clone()) if learn_filter else None
        self.gate = nn.Parameter(torch.full((subsets, 1, 1), -2.2)) if learn_filter else None  # sigmoid(-2.2) = 0.1
        self.alpha = nn.Parameter(torch.zeros(subsets)) if dynamic else None
        self.query_key = nn.Linear(in_channels, 2 * relation_channels) if dynamic else None

    def forward(self, x, phases):
        static = self.adjacency
        if self.filter is not None:
            static = torch.lerp(static, self.filter, self.gate.sigmoid())
        if self.alpha is None:
            return static, None
        query, key = self.query_key(phase_features(x, phases)).chunk(2, -1)
        return static, frame_relation(relation(query, key), phases)


class DynamicGraphConv(nn.Module):
    r"""Graph convolution with a dynamic adjacency, :math:`y = \sum_k W_k (A_t[k]^T x)`.

    Args:
        in_channels (int): c.
        out_channels (int): c_out.
        adjacency (Tensor): (k, v, v).
        relation_channels, dynamic, learn_filter: See `DynamicAdjacency`.

    Shape:
        x: (b, t, v, c), phases: (b, t, p). Result: (b, t, v, c_out).
    """

    def __init__(self, in_channels, out_channels, adjacency, *, relation_channels=8, dynamic=True, learn_filter=True):
        super().__init__()
        self.graph = DynamicAdjacency(in_channels, adjacency, relation_channels=relation_channels, dynamic=dynamic,
                                      learn_filter=learn_filter)
        self.project = nn.Linear(len(adjacency) * in_channels, out_channels)

    def forward(self, x, phases):
        static, dynamic = self.graph(x, phases)
        parts = [mix_joints(x, subset) for subset in static]
        if dynamic is not None:
            related = mix_joints(x, dynamic.to(x.dtype))
            parts = [part + weight * related for part, weight in zip(parts, self.graph.alpha)]
        return self.project(torch.cat(parts, -1))


class LimbConv(nn.Module):
    """The hierarchy: joints pool to limbs and body, a graph convolution runs there, its result returns to the joints.

    A joint receives its limb's result and the body's. Source: method, DF-STGNN 5.

    Args:
        channels (int): c.
        pool (Tensor): (l, v), from `ops.graph.limb_graph`, the body last.
        adjacency (Tensor): (l, l).

    Shape:
        x: (b, t, v, c). Result: the same.
    """

    def __init__(self, channels, pool, adjacency):
        super().__init__()
        self.register_buffer('pool', pool.clone())
        self.register_buffer('adjacency', adjacency.clone())
        self.project = nn.Linear(channels, channels)

    def forward(self, x):
        limbs = self.project(mix_joints(torch.matmul(self.pool, x), self.adjacency))
        members = (self.pool > 0).to(x.dtype)
        return torch.matmul(members.T, limbs)

"""Graph convolutions whose graph follows the clip and the phase of the movement."""
import torch
from torch import nn

from ..ops.graph import frame_relation, mix_joints, phase_features, relation


class BatchNorm(nn.Module):
    """Batch normalisation of the last axis, (..., c); the norm inside is one that MMEngine's `sync_bn` can convert."""

    def __init__(self, channels):
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, x):
        return self.norm(x.reshape(-1, x.shape[-1])).view(x.shape)


class MovementPhases(nn.Module):
    r"""Where in the gait cycle each frame lies: :math:`\pi = softmax_p(W \bar x_t)`, x averaged over joints.

    Source: method, DF-STGNN 2 (our reading of arXiv 2503.13156).

    Args:
        in_channels (int): c.
        num_phases (int): p; with 1 there is nothing to learn, and every frame has it.

    Shape:
        x: (b, t, v, c). Result: (b, t, p), non-negative, summing to 1 over p.
    """

    def __init__(self, in_channels, num_phases=4):
        super().__init__()
        self.score = nn.Linear(in_channels, num_phases) if num_phases > 1 else None

    def forward(self, x):
        if self.score is None:
            return x.new_ones(*x.shape[:2], 1)
        return self.score(x.mean(2)).softmax(-1)


class PhaseRelation(nn.Module):
    r"""How joints relate in each phase of the movement, :math:`R_p = \tanh(q_p k_p^T / \sqrt{c'})`.

    Query and key come from the features of the phase. Source: method, DF-STGNN 3.

    Args:
        in_channels (int): c.
        relation_channels (int): c'.

    Shape:
        x: (b, t, v, c), phases: (b, t, p). Result: (b, p, v, w).
    """

    def __init__(self, in_channels, relation_channels=8):
        super().__init__()
        self.query_key = nn.Linear(in_channels, 2 * relation_channels)

    def forward(self, x, phases):
        return relation(*self.query_key(phase_features(x, phases)).chunk(2, -1))


class StaticAdjacency(nn.Module):
    r"""The static part of the adjacency, :math:`A_0 = (1-g) A + g F`: F a learned filter that starts at A, g a gate.

    Source: method, DF-STGNN 1; after STG-Mamba (Li 2024, arXiv 2403.12418), which fixes the gate at 0.1, where ours,
    one a subset, starts.

    Args:
        adjacency (Tensor): A, the layout's normalised subsets, (k, v, v).
        learn_filter (bool): Off leaves A itself.

    Shape:
        Result: (k, v, v).
    """

    def __init__(self, adjacency, learn_filter=True):
        super().__init__()
        self.register_buffer('adjacency', adjacency.clone())
        self.filter = nn.Parameter(adjacency.clone()) if learn_filter else None
        self.gate = nn.Parameter(torch.full((len(adjacency), 1, 1), -2.2)) if learn_filter else None  # sigmoid: 0.1

    def forward(self):
        return self.adjacency if self.filter is None else torch.lerp(self.adjacency, self.filter, self.gate.sigmoid())


class DynamicGraphConv(nn.Module):
    r"""Graph convolution whose adjacency follows the phase, :math:`y_t = \sum_k W_k (A_t[k]^T x_t)`.

    .. math:: A_t[k] = A_0[k] + \alpha_k \sum_p \pi_{t,p} R_p

    Alpha starts at 0: an untrained layer is exactly the static graph convolution. Source: method, DF-STGNN 1 and 3. Our
    choice: an alpha for each subset, since the way inward and the way outward may need the phase more or less.

    Args:
        in_channels (int): c.
        out_channels (int): c_out.
        adjacency (Tensor): A, (k, v, v).
        dynamic (bool): Off leaves the static part.
        learn_filter (bool): See `StaticAdjacency`.

    Shape:
        x: (b, t, v, c), phases: (b, t, p), relations: (b, p, v, w) or None. Result: (b, t, v, c_out).
    """

    def __init__(self, in_channels, out_channels, adjacency, *, dynamic=True, learn_filter=True):
        super().__init__()
        self.static = StaticAdjacency(adjacency, learn_filter)
        self.alpha = nn.Parameter(torch.zeros(len(adjacency))) if dynamic else None
        self.project = nn.Linear(len(adjacency) * in_channels, out_channels)

    def forward(self, x, phases=None, relations=None):
        static, channels = self.static(), x.shape[-1]
        # one product mixes all subsets: rows run over joints, then subsets, so that the result is seen as (..., k c)
        mixed = mix_joints(x, static.permute(1, 2, 0).flatten(1))
        y = self.project(mixed.view(*x.shape[:3], -1))
        if self.alpha is None:
            return y
        # the subsets share the dynamic part, so their weights are added up instead
        weight = (self.project.weight.unflatten(1, (-1, channels)) * self.alpha[:, None]).sum(1)
        related = mix_joints(x, frame_relation(relations, phases))
        return torch.addmm(y.flatten(0, 2), related.flatten(0, 2), weight.T.to(y.dtype)).view(y.shape)

    def adjacency(self, phases, relations):
        """The whole adjacency of every frame, for reading and plotting, (b, t, k, v, v)."""
        static = self.static().expand(*phases.shape[:2], -1, -1, -1)
        if self.alpha is None:
            return static
        return static + self.alpha[:, None, None] * frame_relation(relations, phases)[:, :, None]


class LimbConv(nn.Module):
    """The hierarchy: joints pool to limbs and body, a graph convolution runs there, its result is added to the joints.

    A joint receives its limb's result and the body's. Source: method, DF-STGNN 5. Our choice: the body is a node that
    every limb with an edge is linked to, so that one step carries a change from any limb to any other.

    Args:
        channels (int): c.
        pool (Tensor): (l, v), from `ops.graph.limb_graph`, the body last.
        adjacency (Tensor): (l, l).

    Shape:
        x: (b, t, v, c). Result: the same, x included.
    """

    def __init__(self, channels, pool, adjacency):
        super().__init__()
        self.register_buffer('to_limbs', pool.T @ adjacency)  # (v, l): pooled, then mixed over the limbs
        self.register_buffer('to_joints', (pool > 0).float())  # (l, v)
        self.project = nn.Linear(channels, channels)

    def forward(self, x):
        limbs = self.project(mix_joints(x, self.to_limbs))
        return mix_joints(limbs, self.to_joints, add_to=x)

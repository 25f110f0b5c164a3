"""Graph convolutions whose graph follows the clip and the phase of the movement."""
import math

import torch
import torch.nn.functional as F
from torch import nn

from dynstg_mm.layers.derived import DerivedModule
from dynstg_mm.ops.graph import frame_relation, mix_joints, phase_features, relation


class MovementPhases(DerivedModule):
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
        weight = self.derived(_mean_over_joints, self.score.weight, x.shape[2])
        return F.linear(x.flatten(2), weight, self.score.bias).softmax(-1)


def _mean_over_joints(weight, joints):
    """Weights of a mean over joints, and of a product after it, in one."""
    return weight.repeat(1, joints) / joints


class PhaseRelation(nn.Module):
    r"""How joints relate in each frame, :math:`\sum_p \pi_{t,p} R_p` with :math:`R_p = \tanh(q_p k_p^T / \sqrt{c'})`.

    Query and key come from the features of the phase. Source: method, DF-STGNN 3.

    Args:
        in_channels (int): c.
        relation_channels (int): c'.

    Shape:
        x: (b, t, v, c), phases: (b, t, p). Result: (b, t, v, w).
    """

    def __init__(self, in_channels, relation_channels=8):
        super().__init__()
        self.query_key = nn.Linear(in_channels, 2 * relation_channels)

    def forward(self, x, phases):
        return frame_relation(relation(*self.query_key(phase_features(x, phases)).chunk(2, -1)), phases)


class StaticAdjacency(DerivedModule):
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
        return self.adjacency if self.filter is None else self.derived(_gated, self.adjacency, self.filter, self.gate)


def _gated(adjacency, learned, gate):
    return torch.lerp(adjacency, learned, gate.sigmoid())


class DynamicGraphConv(DerivedModule):
    r"""Graph convolution whose adjacency follows the phase, :math:`y_t = \sum_k W_k (A_t[k]^T x_t)`.

    .. math:: A_t[k] = A_0[k] + \alpha_k \sum_p \pi_{t,p} R_p

    Alpha starts at 0: an untrained layer is exactly the static graph convolution. Source: method, DF-STGNN 1, 3 and 5.
    Our choices: an alpha for each subset, since the way inward and the way outward may need the phase more or less; and
    the hierarchy (joints pool to limbs, a graph convolution runs there, its result is added to the joints) is one more
    subset, fixed, with weights of its own: nothing in it bends, so that its three matrices are one.

    Args:
        in_channels (int): c.
        out_channels (int): c_out.
        adjacency (Tensor): A, (k, v, v).
        hierarchy (Tensor, optional): From `ops.graph.limb_hierarchy`, (v, v); None leaves it out.
        dynamic (bool): Off leaves the static part.
        learn_filter (bool): See `StaticAdjacency`.

    Shape:
        x: (b, t, v, c), relations: of each frame, (b, t, v, w), None where `dynamic` is off. Result: (b, t, v, c_out).
    """

    def __init__(self, in_channels, out_channels, adjacency, *, hierarchy=None, dynamic=True, learn_filter=True):
        super().__init__()
        self.static = StaticAdjacency(adjacency, learn_filter)
        self.register_buffer('hierarchy', hierarchy if hierarchy is None else hierarchy[None].clone())
        self.alpha = nn.Parameter(torch.zeros(len(adjacency))) if dynamic else None
        subsets = len(adjacency) + (hierarchy is not None)
        bound = 1 / math.sqrt(subsets * in_channels)
        self.weight = nn.Parameter(torch.empty(subsets, in_channels, out_channels).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(out_channels).uniform_(-bound, bound))

    def forward(self, x, relations=None):
        graph = self.derived(_side_by_side, self.static(), self.hierarchy)
        mixed = mix_joints(x, graph).view(-1, len(self.weight) * x.shape[-1])
        y = torch.addmm(self.bias, mixed, self.weight.flatten(0, 1))
        if self.alpha is not None:
            weight = self.derived(_weighted_sum, self.weight, self.alpha)
            y = torch.addmm(y, mix_joints(x, relations).flatten(0, 2), weight)
        return y.view(*x.shape[:3], len(self.bias))

    def adjacency(self, relations, frames):
        """The whole adjacency of every frame, without the hierarchy, for reading and plotting, (b, t, k, v, v).

        Args:
            relations (Tensor | None): As in `forward`.
            frames (tuple[int, int]): b, t.
        """
        static = self.static().expand(*frames, -1, -1, -1)
        return static if self.alpha is None else static + self.alpha[:, None, None] * relations[:, :, None]


def _side_by_side(static, hierarchy):
    """Subsets as one matrix (v, v k): one product mixes all, and its rows run over joints, then subsets, so that the
    result is seen as (..., k c)."""
    graph = static if hierarchy is None else torch.cat([static, hierarchy])
    return graph.permute(1, 2, 0).flatten(1)


def _weighted_sum(weight, alpha):
    """The subsets share the dynamic part, so their weights are added up instead."""
    return torch.mv(weight[:len(alpha)].flatten(1).T, alpha).view(weight.shape[1:])

"""Graph convolutions whose graph follows the clip and the phase of the movement."""
import math

import torch
from torch import Tensor, nn

from dynstg_mm.layers.derived import DerivedModule
from dynstg_mm.layers.static_adjacency import StaticAdjacency
from dynstg_mm.ops.graph import mix_joints


class DynamicGraphConv(DerivedModule):
    r"""Graph convolution whose adjacency follows the phase, :math:`y_t = \sum_k W_k (A_t[k]^T x_t)`.

    .. math:: A_t[k] = A_0[k] + \alpha_k \sum_p \pi_{t,p} R_p

    With alpha = 0, a layer is exactly the static graph convolution. Source: Method, DF-STGNN. Our choices:

    - Alpha starts at one half. At 0, neither the relations nor the phases get a gradient before it has grown.
    - Each subset has its own alpha, because the inward and the outward edges may depend on the phase to different
      degrees.
    - The hierarchy (joints pool to limbs, a graph convolution runs there, its result is added to the joints) is one
      more subset, fixed, with its own weights. It is linear, so that its three matrices are one.

    Args:
        in_channels: Width c.
        out_channels: c_out.
        adjacency: A.
        hierarchy: From `skeletons.limbs.limb_hierarchy`; None leaves it out.
        dynamic: If off, only the static part is used.
        learn_filter: See `StaticAdjacency`.

    Shape:
        x: (b, t, v, c). adjacency: (k, v, v). hierarchy: (v, v). relations, of each frame: (b, t, v, w), or None
        if not `dynamic`. Result: (b, t, v, c_out).
    """

    def __init__(self, in_channels: int, out_channels: int, adjacency: Tensor, *, hierarchy: Tensor | None = None,
                 dynamic: bool = True, learn_filter: bool = True) -> None:
        super().__init__()
        self.static = StaticAdjacency(adjacency, learn_filter)
        self.register_buffer('hierarchy', hierarchy if hierarchy is None else hierarchy[None].clone())
        self.alpha = nn.Parameter(torch.full((len(adjacency), ), 0.5)) if dynamic else None
        subsets = len(adjacency) + (hierarchy is not None)
        self.weight = nn.Parameter(torch.empty(subsets, in_channels, out_channels))
        self.bias = nn.Parameter(torch.empty(out_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform weights and bias, as in `nn.Linear`."""
        bound = 1 / math.sqrt(self.weight.shape[0] * self.weight.shape[1])
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor, relations: Tensor | None = None) -> Tensor:
        """The convolution of features along the graph of each frame."""
        graph = self.derived(_side_by_side, self.static(), self.hierarchy)  # (v, v k)
        mixed = mix_joints(x, graph).view(-1, len(self.weight) * x.shape[-1])  # (b t v, k c)
        y = torch.addmm(self.bias, mixed, self.weight.flatten(0, 1))  # (b t v, c_out)
        if self.alpha is not None:
            weight = self.derived(_weighted_sum, self.weight, self.alpha)  # (c, c_out)
            y = torch.addmm(y, mix_joints(x, relations).flatten(0, 2), weight)
        return y.view(*x.shape[:3], len(self.bias))

    def adjacency(self, relations: Tensor | None, frames: tuple[int, int]) -> Tensor:
        """The adjacency of every frame without the hierarchy, for reading and plotting.

        Args:
            relations: As in `forward`.
            frames: b and t.

        Shape:
            Result: (b, t, k, v, v).
        """
        static = self.static().expand(*frames, -1, -1, -1)
        if self.alpha is None:
            return static
        if relations is None:
            raise ValueError('relations: None; a dynamic graph convolution needs them.')
        return static + self.alpha[:, None, None] * relations[:, :, None]


def _side_by_side(static, hierarchy):
    """All subsets as one matrix (v, v k), whose columns run over joints, then subsets.

    One product mixes all of them, and its result is seen as (..., k c).
    """
    graph = static if hierarchy is None else torch.cat([static, hierarchy])
    return graph.permute(1, 2, 0).flatten(1)


def _weighted_sum(weight, alpha):
    """Sum of the weights (k, c, c_out), since the subsets share the dynamic part, (c, c_out)."""
    return torch.mv(weight[:len(alpha)].flatten(1).T, alpha).view(weight.shape[1:])

"""Graphs over joints: mixing, movement phases and dynamic relations, channels last."""
import torch
from torch import Tensor


def mix_joints(x: Tensor, adjacency: Tensor) -> Tensor:
    """Propagate features along a graph: `y[w] = sum_v A[v, w] x[v]`.

    Shape:
        x: (b, t, v, c). adjacency: (v, w), or one for each frame, (b, t, v, w). Result: (b, t, w, c).
    """
    frames = x.flatten(0, 1)  # (b t, v, c)
    # expanded, not copied: with a batch stride of 0, the product reads the same matrix again
    matrix = adjacency.flatten(0, 1) if adjacency.dim() == 4 else adjacency.expand(len(frames), -1, -1)  # (b t, v, w)
    y = torch.bmm(matrix.transpose(1, 2).to(x.dtype), frames)  # (b t, w, c)
    return y.view(*x.shape[:2], *y.shape[1:])


def phase_features(x: Tensor, phases: Tensor) -> Tensor:
    """Mean of the features over the frames of each movement phase (Method, Dynamic adjacency).

    Shape:
        x: (b, t, v, c). phases, a soft assignment: (b, t, p). Result: (b, p, v, c).
    """
    share = phases / phases.sum(1, keepdim=True).clamp_min(1e-6)  # (b, t, p), summing to 1 over t
    return torch.bmm(share.transpose(1, 2).to(x.dtype), x.flatten(2)).view(len(x), phases.shape[-1], *x.shape[2:])


def unit_size(graphs: Tensor) -> Tensor:
    """The graphs of each clip, brought to a root mean square of 1 over phases and pairs of joints.

    Shape:
        graphs, result: (b, p, v, w).
    """
    return graphs * (graphs.square().mean((1, 2, 3), keepdim=True) + 1e-6).rsqrt()


def frame_relation(relations: Tensor, phases: Tensor) -> Tensor:
    r"""Relation of each frame, :math:`\sum_p \pi_{t,p} R_p`: rank p in time, never t x t (Method, Dynamic adjacency).

    Shape:
        relations: (b, p, v, w). phases: (b, t, p). Result: (b, t, v, w).
    """
    return torch.bmm(phases.to(relations.dtype), relations.flatten(2)).view(*phases.shape[:2], *relations.shape[2:])

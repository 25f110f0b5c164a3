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


def relation(query: Tensor, key: Tensor) -> Tensor:
    r"""Relation between joints in each phase, :math:`R_p = \tanh(q_p k_p^T / \sqrt{c'})` (Method, Dynamic adjacency).

    Shape:
        query, key: (b, p, v, c'). Result: (b, p, v, w).
    """
    scaled = query * query.shape[-1]**-0.5
    product = torch.bmm(scaled.flatten(0, 1), key.flatten(0, 1).transpose(1, 2))  # (b p, v, w)
    return torch.tanh(product).view(*query.shape[:3], key.shape[2])


def frame_relation(relations: Tensor, phases: Tensor) -> Tensor:
    r"""Relation of each frame, :math:`\sum_p \pi_{t,p} R_p`: rank p in time, never t x t (Method, Dynamic adjacency).

    Shape:
        relations: (b, p, v, w). phases: (b, t, p). Result: (b, t, v, w).
    """
    return torch.bmm(phases.to(relations.dtype), relations.flatten(2)).view(*phases.shape[:2], *relations.shape[2:])


def phase_balance(phases: Tensor) -> Tensor:
    """How unevenly the phases are used: 0 if all are used equally, p - 1 if one takes every frame.

    Our choice: the sum of squares of the mean use over clips and frames. It keeps one phase from taking all frames;
    whether frames differ in their phase is left to the task.

    Shape:
        phases: (b, t, p). Result: scalar.
    """
    usage = phases.mean((0, 1))  # (p,)
    return phases.shape[-1] * usage.square().sum() - 1

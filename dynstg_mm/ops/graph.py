"""Graphs over joints: mixing, movement phases, dynamic relations and limbs.

All tensors are channels last, (b, t, v, c), so that channel products are plain matrix products without a copy.
"""
import torch


def mix_joints(x, adjacency):
    """Propagate features along a graph: `y[w] = sum_v A[v, w] x[v]`.

    Shape:
        x: (b, t, v, c). adjacency: (v, w) or, one a frame, (b, t, v, w). Result: (b, t, w, c).
    """
    frames = x.flatten(0, 1)
    # expanded, not copied: a product with strides per batch reads one matrix again and again
    matrix = adjacency.flatten(0, 1) if adjacency.dim() == 4 else adjacency.expand(len(frames), -1, -1)
    y = torch.bmm(matrix.transpose(1, 2).to(x.dtype), frames)
    return y.view(*x.shape[:2], *y.shape[1:])


def phase_features(x, phases):
    """Mean of the features over the frames of each movement phase (method, DF-STGNN 3).

    Shape:
        x: (b, t, v, c). phases: (b, t, p), a soft assignment. Result: (b, p, v, c).
    """
    share = phases / phases.sum(1, keepdim=True).clamp_min(1e-6)
    return torch.bmm(share.transpose(1, 2).to(x.dtype), x.flatten(2)).view(len(x), phases.shape[-1], *x.shape[2:])


def relation(query, key):
    r"""Relation between joints in each phase, :math:`R_p = \tanh(q_p k_p^T / \sqrt{c'})` (method, DF-STGNN 3).

    Shape:
        query, key: (b, p, v, c'). Result: (b, p, v, w).
    """
    product = torch.bmm((query * query.shape[-1]**-0.5).flatten(0, 1), key.flatten(0, 1).transpose(1, 2))
    return torch.tanh(product).view(*query.shape[:3], key.shape[2])


def frame_relation(relations, phases):
    r"""Relation of each frame, :math:`\sum_p \pi_{t,p} R_p`: rank p in time, never t x t (method, DF-STGNN 3).

    Shape:
        relations: (b, p, v, w). phases: (b, t, p). Result: (b, t, v, w).
    """
    return torch.bmm(phases.to(relations.dtype), relations.flatten(2)).view(*phases.shape[:2], *relations.shape[2:])


def phase_balance(phases):
    """How unevenly the phases are used: 0 when all are used alike, p - 1 when one takes every frame.

    Our choice: the sum of squares of the mean use, over clips and frames. It keeps one phase from taking all; that
    frames differ in their phase it leaves to the task.

    Shape:
        phases: (b, t, p). Result: scalar.
    """
    usage = phases.mean((0, 1))
    return phases.shape[-1] * usage.square().sum() - 1

"""Relations between the nodes of skeleton graphs, and between whole clips, as pure functions."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

NODE_KINDS = ('joint', 'frame', 'limb')
MASKED = torch.finfo(torch.float32).min  # has weight 0 in a softmax, and gives no NaN if a whole row is masked


def graph_nodes(x: Tensor, pool: Tensor, frames: int) -> dict[str, Tensor]:
    """Joint, frame and limb nodes of the last feature maps, L2-normalised.

    Args:
        x: Feature maps.
        pool: Mean over the joints of each limb, from `skeletons.limbs.limb_pool`.
        frames: Number t' of frame nodes; the t frames are averaged to it.

    Shape:
        - x: (b, t, v, c)
        - pool: (l, v)
        - Output: `joint` (b, v, c), `frame` (b, t', c), `limb` (b, l, c)
    """
    maps = x.movedim(-1, 1)  # (b, c, t, v), as adaptive_avg_pool1d needs it
    joint = maps.mean(2).transpose(1, 2)
    frame = F.adaptive_avg_pool1d(maps.mean(3), frames).transpose(1, 2)
    limb = torch.matmul(pool.to(x.dtype), joint)
    return {kind: F.normalize(nodes, dim=-1) for kind, nodes in zip(NODE_KINDS, (joint, frame, limb))}


def relation_loss(student: Tensor, teacher: Tensor, student_keys: Tensor, teacher_keys: Tensor, temperature: float,
                  excluded: Tensor | None = None, row_length: int | None = None) -> Tensor:
    r"""KL divergence from the teacher's to the student's relations, averaged over rows.

    .. math:: S = softmax(Z K^T / \tau), \quad L = mean_{rows} KL(S_{teacher} \| S_{student})

    Source: Yang 2022 (CIRKD, arXiv 2204.06986), for both the relations within a batch and those to a memory.

    One matrix product holds all pairs of nodes and keys. A row is softmax-normalised over all keys, or over
    `row_length` keys at a time.

    Args:
        student, teacher: Nodes Z of both networks.
        student_keys, teacher_keys: What each network compares its nodes with, K.
        temperature: Tau.
        excluded: True where the nodes of a clip are not compared with a key.
        row_length: Number of keys in a row; m is a multiple of it.

    Shape:
        - student: (b, n, c_s); teacher: (b, n, c_t)
        - student_keys: (m, c_s); teacher_keys: (m, c_t)
        - excluded: (b, m)
        - Output: scalar, not negative, 0 if the relations of both are equal
    """
    def log_rows(nodes: Tensor, keys: Tensor) -> Tensor:
        similarity = nodes @ keys.T / temperature  # (b, n, m)
        if excluded is not None:
            similarity = similarity.masked_fill(excluded[:, None], MASKED)
        if row_length:
            similarity = similarity.unflatten(-1, (-1, row_length))  # (b, n, m / row_length, row_length)
        return similarity.log_softmax(-1)

    divergence = F.kl_div(log_rows(student, student_keys), log_rows(teacher, teacher_keys), reduction='none',
                          log_target=True)
    return divergence.sum(-1).mean()


def pairwise_distances(clips: Tensor) -> Tensor:
    r"""Distances between embeddings, divided by their mean.

    .. math:: \psi_D(t_i, t_j) = \|t_i - t_j\|_2 / \mu

    Source: Park 2019 (RKD, arXiv 1904.05068), eq. 4.

    Shape:
        - clips: (b, c)
        - Output: (b (b - 1) / 2, ), each pair once
    """
    distances = F.pdist(clips)
    return distances / distances.mean().clamp_min(1e-12)


def triplet_angles(clips: Tensor) -> Tensor:
    r"""Cosines of the angles that three embeddings form.

    .. math:: \psi_A(t_i, t_j, t_k) = \langle e^{ij}, e^{kj} \rangle

    Source: Park 2019 (RKD, arXiv 1904.05068), eq. 7.

    Shape:
        - clips: (b, c)
        - Output: (b, b, b), indexed [j, i, k] with the vertex j first
    """
    sides = F.normalize(clips[None] - clips[:, None], dim=-1)  # (j, i, c)
    return sides @ sides.transpose(1, 2)

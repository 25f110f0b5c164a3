"""Relations between the nodes of skeleton graphs, for distillation (method, CGRKD; after CIRKD, Yang 2022)."""
import torch
import torch.nn.functional as F

LOWEST = torch.finfo(torch.float32).min


def graph_nodes(x, pool, frames):
    """Joint, frame and limb nodes of the last feature maps, L2-normalised.

    Args:
        x (Tensor): Feature maps, (b, c, t, v).
        pool (Tensor): Mean over a limb's joints, (l, v), from `ops.graph.limb_pool`.
        frames (int): t', the number of frame nodes; t is averaged to it.

    Returns:
        dict[str, Tensor]: `joint` (b, v, c), `frame` (b, t', c), `limb` (b, l, c).
    """
    joint = x.mean(2).transpose(1, 2)
    frame = F.adaptive_avg_pool1d(x.mean(3), frames).transpose(1, 2)
    nodes = dict(joint=joint, frame=frame, limb=torch.matmul(pool.to(x.dtype), joint))
    return {name: F.normalize(value, dim=-1) for name, value in nodes.items()}


def relation_loss(student, teacher, student_to, teacher_to, temperature, left_out=None, row=None):
    r"""KL from the teacher's to the student's relations, :math:`S = softmax(Z Z'^T / \tau)`, averaged over rows.

    One matrix product holds all pairs; a row's softmax runs over everything that its node is compared with, or over `row`
    entries at a time.

    Args:
        student, teacher (Tensor): Nodes, (b, n, c_s) and (b, n, c_t).
        student_to, teacher_to (Tensor): What they are compared with, (m, c_s) and (m, c_t).
        temperature (float): Tau.
        left_out (Tensor, optional): True where nodes of a clip are not compared with an entry, (b, m).
        row (int, optional): Entries of a row, m a multiple of it.

    Returns:
        Tensor: Scalar, not negative, 0 where both see the same relations.
    """
    def rows(nodes, others):
        similar = nodes @ others.T / temperature
        if left_out is not None:
            similar = similar.masked_fill(left_out[:, None], LOWEST)  # of weight 0, and where all are left out no NaN
        return (similar.unflatten(-1, (-1, row)) if row else similar).log_softmax(-1)

    return F.kl_div(rows(student, student_to), rows(teacher, teacher_to), reduction='none', log_target=True).sum(-1).mean()


def rkd_distances(clips):
    r"""Distances between embeddings beside their mean, :math:`\psi_D(t_i, t_j) = \|t_i - t_j\|_2 / \mu` (Park 2019,
    eq. 4).

    Shape:
        clips: (b, c). Result: (b (b - 1) / 2, ), each pair once.
    """
    distances = F.pdist(clips)
    return distances / distances.mean().clamp_min(1e-12)


def rkd_angles(clips):
    r"""Cosines of the angles that embeddings form, :math:`\psi_A(t_i, t_j, t_k) = \langle e^{ij}, e^{kj} \rangle`
    (Park 2019, eq. 7).

    Shape:
        clips: (b, c). Result: (b, b, b), the corner j first.
    """
    sides = F.normalize(clips[None] - clips[:, None], dim=-1)
    return sides @ sides.transpose(1, 2)

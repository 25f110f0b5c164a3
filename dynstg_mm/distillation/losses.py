"""Losses of a `Distiller`: what a student can learn from its teacher."""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmaction.registry import MODELS
from mmengine.dist import get_rank
from torch import Tensor, nn

from dynstg_mm.distillation.memory import NodeMemory
from dynstg_mm.distillation.outputs import Outputs, gather_clips
from dynstg_mm.distillation.pair import Pair
from dynstg_mm.distillation.relations import NODE_KINDS, pairwise_distances, relation_loss, triplet_angles
from dynstg_mm.errors import ConfigError


class DistillationLoss(nn.Module):
    """Base class of the losses: one term of what the student learns from the teacher.

    A subclass implements `forward`. If it compares the nodes of both graphs (`Outputs.nodes`, `pool`, `projection`), it
    sets `compares_nodes`; the distiller then creates the projection and calls `setup` once.

    Args:
        weight: Weight of the term; 0 switches it off.
        name: The term is logged as `loss_<name>`.

    Raises:
        ConfigError: An option has a wrong value.
    """

    compares_nodes = False

    def __init__(self, weight: float, name: str) -> None:
        super().__init__()
        self.name, self.weight = name, weight
        usable = isinstance(name, str) and name.isidentifier() and not hasattr(nn.ModuleDict(), name)
        self._require('name', usable, name, 'a Python identifier that nn.ModuleDict does not use itself')
        self._require('weight', _is_number(weight, 0), weight, 'a number of at least 0')

    def setup(self, pair: Pair) -> None:
        """Prepare for the two networks; called once, before training, if `compares_nodes`."""

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor) -> Tensor:
        """The weighted loss, a scalar.

        Args:
            student, teacher: Outputs for the same windows, the labelled ones first.
            labels: Classes of the labelled windows.
        """
        raise NotImplementedError

    def _require(self, field: str, valid: bool, value: Any, expected: str) -> None:
        if not valid:
            raise ConfigError(f'{self.name} loss: {field}: {value!r}; expected {expected}.')


@MODELS.register_module()
class LogitLoss(DistillationLoss):
    r"""KL divergence from the teacher's to the student's softened scores.

    .. math:: L = \tau^2 KL(softmax(z_t / \tau) \| softmax(z_s / \tau))

    Source: Hinton 2015 (arXiv 1503.02531), section 2.

    Args:
        weight, name: See `DistillationLoss`.
        temperature: Tau.

    Example:
        >>> scores = torch.randn(4, 3)
        >>> outputs = Outputs(features=torch.zeros(4, 1, 8, 16, 25), scores=scores)
        >>> LogitLoss(temperature=4.)(outputs, outputs, labels=torch.zeros(4))
        tensor(0.)
    """

    def __init__(self, weight: float = 1., temperature: float = 4., name: str = 'logit') -> None:
        super().__init__(weight, name)
        self._require('temperature', _is_number(temperature, 1e-6), temperature, 'a number of at least 1e-6')
        self.temperature = temperature

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor) -> Tensor:
        """See `DistillationLoss.forward`."""
        ours, theirs = ((outputs.scores / self.temperature).log_softmax(-1) for outputs in (student, teacher))
        return self.weight * self.temperature**2 * F.kl_div(ours, theirs, reduction='batchmean', log_target=True)


@MODELS.register_module()
class RelationLoss(DistillationLoss):
    """Cross-graph relations: how similar joints, frames and limbs are to those of other clips.

    Without `memory`, both networks compare the nodes of a clip with their own nodes of all other clips of the batch, on
    all ranks. With `memory`, both compare them with the same keys: a ring of the teacher's latest nodes of each class,
    written from labelled training windows. The loss is the KL divergence between the two rows of similarities
    (`relations.relation_loss`).

    Source: Yang 2022 (CIRKD, arXiv 2204.06986), applied to the nodes of skeleton graphs.

    Our choice: a row runs over the nodes of all other clips, not of one clip at a time as in CIRKD (`pairwise=True`).
    The teacher's last features show which clips are alike (joints of one class had a mean cosine of 0.74, of different
    classes -0.18) and little about which joints are. A softmax over a single clip removes how alike it is as a whole.

    If the skeletons differ, their joints cannot be compared one by one; frames and the limbs that have the same name in
    both carry the relations. A batch of one clip has no in-batch relations.

    Args:
        weight, name: See `DistillationLoss`; the name is `batch`, or `memory` with a memory.
        temperature: Tau of the relations.
        nodes: Kinds of nodes: `joint`, `frame`, `limb`. By default all that the two skeletons share.
        pairwise: Normalise a row of in-batch relations over the nodes of one clip at a time; not with a memory.
        memory: Nodes that the memory keeps of each kind and class; 256 are the joints of the last 10 clips if there
            are 25. It takes kinds * classes * memory * c_t floats.
    """

    compares_nodes = True

    def __init__(self, weight: float = 0.1, temperature: float = 0.1, nodes: Sequence[str] | str | None = None,
                 pairwise: bool = False, memory: int | None = None, name: str | None = None) -> None:
        super().__init__(weight, name or ('batch' if memory is None else 'memory'))
        self._require('temperature', _is_number(temperature, 1e-6), temperature, 'a number of at least 1e-6')
        self._require('pairwise', pairwise is False or pairwise is True and memory is None, pairwise,
                      'True or False, and False with a memory')
        self._require('memory', memory is None or isinstance(memory, int) and _is_number(memory, 1), memory,
                      'a whole number of at least 1; weight=0 switches the memory off')
        kinds = NODE_KINDS if nodes is None else tuple(nodes) if isinstance(nodes, (list, tuple)) else (nodes, )
        self._require('nodes', bool(kinds) and all(kind in NODE_KINDS for kind in kinds), nodes,
                      f'one or more of {", ".join(NODE_KINDS)}')
        self.nodes, self.kinds = nodes, tuple(kind for kind in NODE_KINDS if kind in kinds)
        self.temperature, self.pairwise, self.memory_size = temperature, pairwise, memory
        self.memory: NodeMemory | None = None

    def setup(self, pair: Pair) -> None:
        """Keep the kinds of nodes that both skeletons share, and create the memory for them."""
        if not pair.same_joints:
            self._require('nodes', self.nodes is None or 'joint' not in self.kinds, self.nodes,
                          'frame, limb or both; the joints of the two skeletons differ')
            self.kinds = tuple(kind for kind in self.kinds if kind != 'joint')
        if self.memory_size is not None:
            self.memory = NodeMemory(self.kinds, pair.num_classes, self.memory_size, pair.teacher_channels)

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor) -> Tensor:
        """See `DistillationLoss.forward`; afterwards the memory holds the teacher's nodes of this batch."""
        if self.memory is None:
            losses = [self._in_batch(student.nodes[kind], teacher.nodes[kind]) for kind in self.kinds]
            return self.weight * sum(losses) / len(losses)
        losses = [self._to_memory(student.nodes[kind], teacher.nodes[kind], self.memory.read(kind))
                  for kind in self.kinds]
        self.memory.write(teacher.nodes, labels)
        return self.weight * sum(loss / len(losses) for loss in losses)

    def _in_batch(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Relations of the nodes (b, n, c) of this rank to those of all other clips, on all ranks."""
        student_clips, teacher_clips = gather_clips(student), gather_clips(teacher)  # (ranks * b, n, c)
        nodes, excluded = student.shape[1], None
        if not self.pairwise:
            clips = torch.arange(len(student_clips), device=student.device)
            same_clip = clips[:, None] == clips.repeat_interleave(nodes)
            excluded = same_clip[get_rank() * len(student):][:len(student)]
        return relation_loss(student, teacher, student_clips.flatten(0, 1), teacher_clips.flatten(0, 1),
                             self.temperature, excluded, nodes if self.pairwise else None)

    def _to_memory(self, student: Tensor, teacher: Tensor, keys: Tensor) -> Tensor:
        """Relations of the nodes (b, n, c) to the keys (m, c) of the memory."""
        if not len(keys):
            return 0 * student.sum()  # every parameter still gets a gradient, which distributed training needs
        return relation_loss(student, teacher, keys, keys, self.temperature)


@MODELS.register_module()
class FeatureLoss(DistillationLoss):
    """Mean squared error between the teacher's last feature maps and a linear map of the student's.

    Source: Romero 2015 (FitNets, arXiv 1412.6550), eq. 3, with the last maps as the hint and a regressor of one layer.

    Frames are averaged to the shorter of the two maps. Equal skeletons are compared joint by joint, others by the limbs
    that both have.

    Args:
        weight, name: See `DistillationLoss`.
    """

    compares_nodes = True

    def __init__(self, weight: float = 1., name: str = 'feature') -> None:
        super().__init__(weight, name)
        self.by_limb = False

    def setup(self, pair: Pair) -> None:
        """Compare limbs if the joints differ."""
        self.by_limb = not pair.same_joints

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor) -> Tensor:
        """See `DistillationLoss.forward`."""
        return self.weight * F.mse_loss(student.projection(self._maps(student)), self._maps(teacher))

    def _maps(self, outputs: Outputs) -> Tensor:
        """Feature maps (n, frames, joints or limbs, c); persons are averaged."""
        maps = outputs.features.mean(1)  # (n, c, t, v)
        if self.by_limb:
            maps = maps @ outputs.pool.T
        return F.adaptive_avg_pool2d(maps, (outputs.frames, maps.shape[-1])).movedim(1, -1)


class ClipRelationLoss(DistillationLoss):
    """Base class: Huber loss between the relations of the clips of a batch, on all ranks, in both networks.

    Source: Park 2019 (RKD, arXiv 1904.05068). A clip is the mean of its last feature maps. A subclass sets `relation`.
    """

    relation: Callable[[Tensor], Tensor]

    def forward(self, student: Outputs, teacher: Outputs, labels: Tensor) -> Tensor:
        """See `DistillationLoss.forward`; 0 for a single clip, which has no relations."""
        if len(student.clips) < 2:
            return 0 * student.clips.sum()
        return self.weight * F.smooth_l1_loss(self.relation(student.clips), self.relation(teacher.clips))


@MODELS.register_module()
class DistanceLoss(ClipRelationLoss):
    """Huber loss between the distances of the clips of a batch (RKD, eqs. 4 to 6).

    Args:
        weight, name: See `DistillationLoss`; the default is the paper's for classification.
    """

    relation = staticmethod(pairwise_distances)

    def __init__(self, weight: float = 25., name: str = 'distance') -> None:
        super().__init__(weight, name)


@MODELS.register_module()
class AngleLoss(ClipRelationLoss):
    """Huber loss between the angles of the clips of a batch (RKD, eqs. 7 to 9).

    Args:
        weight, name: See `DistillationLoss`; the default is the paper's for classification.
    """

    relation = staticmethod(triplet_angles)

    def __init__(self, weight: float = 50., name: str = 'angle') -> None:
        super().__init__(weight, name)


def _is_number(value: Any, at_least: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and at_least <= value < math.inf

"""Outputs of student and teacher, which the losses of a distiller compare."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from mmengine.dist import all_gather, all_reduce, get_rank, get_world_size
from torch import Tensor, nn

from dynstg_mm.distillation.relations import graph_nodes


@dataclass
class Outputs:
    """Outputs of one network for a batch of windows, in float32.

    The labelled windows come first. Values that several losses share are computed once.

    Attributes:
        features: Last maps of the backbone, (n, m, c, t, v), where m are the persons of a window.
        scores: Class scores before the softmax, (n, classes).
        pool: Mean over the joints of each limb and of the body, (l, v); empty if no loss compares nodes.
        projection: Linear map of channels, the last axis, to those of the teacher.
        frames: Number of frames that both networks are averaged to.
    """

    features: Tensor
    scores: Tensor
    pool: Tensor = field(default_factory=lambda: torch.empty(0, 0))
    projection: Callable[[Tensor], Tensor] = nn.Identity()
    frames: int = 1

    @cached_property
    def nodes(self) -> dict[str, Tensor]:
        """Joint, frame and limb nodes in the teacher's channels, each (n, nodes, c); persons are averaged."""
        return graph_nodes(self.projection(self.features.mean(1).movedim(1, -1)), self.pool, self.frames)

    @cached_property
    def clips(self) -> Tensor:
        """Mean features of the windows of all ranks, (ranks * n, c)."""
        return gather_clips(self.features.mean((1, 3, 4)))


class _GatherRows(torch.autograd.Function):
    """Rows of all ranks; the gradients of all ranks for a row are summed on the rank that it comes from.

    `torch.distributed.nn.functional.all_gather` does the same but is deprecated.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.cat(all_gather(x.contiguous()))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous()
        all_reduce(gradient)
        return gradient.chunk(get_world_size())[get_rank()]


def gather_clips(x: Tensor) -> Tensor:
    """Rows of all ranks in the order of the ranks, differentiable; x itself in a single process.

    Shape:
        - x: (n, ...), with the same n on all ranks
        - Output: (ranks * n, ...)
    """
    return x if get_world_size() == 1 else _GatherRows.apply(x)

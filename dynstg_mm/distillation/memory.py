"""The memory of the teacher's nodes."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.dist import all_gather
from torch import Tensor, nn


class NodeMemory(nn.Module):
    """Rings of the teacher's latest nodes, one for each kind of node and class.

    Source: the memory of Yang 2022 (CIRKD, arXiv 2204.06986), for the nodes of skeleton graphs.

    The rings are buffers, so that a checkpoint holds them and a resumed run continues with the same memory. All ranks
    write the nodes of all ranks.

    Args:
        kinds: Kinds of nodes that are kept.
        num_classes: Number of classes.
        size: Number of nodes that a ring holds.
        channels: Length c of a node.
    """

    def __init__(self, kinds: Sequence[str], num_classes: int, size: int, channels: int) -> None:
        super().__init__()
        self.kinds = tuple(kinds)
        self.register_buffer('rings', torch.zeros(len(self.kinds), num_classes, size, channels))
        self.register_buffer('written', torch.zeros(len(self.kinds), num_classes, dtype=torch.long))

    @property
    def size(self) -> int:
        """Number of nodes that a ring holds."""
        return self.rings.shape[2]

    def read(self, kind: str) -> Tensor:
        """A copy of the nodes of one kind, (classes * n, c).

        Every class has the same number n of nodes, that of the class with the fewest, so that none outweighs another.
        """
        index = self.kinds.index(kind)
        entries = int(self.written[index].min().clamp_max(self.size))
        return self.rings[index, :, :entries].flatten(0, 1).clone()

    @torch.no_grad()
    def write(self, nodes: dict[str, Tensor], labels: Tensor) -> None:
        """Replace the oldest nodes of each class by those of the labelled windows of all ranks.

        Shape:
            - nodes: per kind (b, n, c), the labelled windows first
            - labels: (labelled, )
        """
        labelled = {kind: nodes[kind][:len(labels)].contiguous() for kind in self.kinds}
        labels = torch.cat(all_gather(labels))
        for index, kind in enumerate(self.kinds):
            gathered = torch.cat(all_gather(labelled[kind]))
            for label in labels.unique().tolist():
                new = gathered[labels == label].flatten(0, 1)[-self.size:]
                places = (self.written[index, label] + torch.arange(len(new), device=new.device)) % self.size
                self.rings[index, label, places] = new
                self.written[index, label] += len(new)

    def clear(self) -> None:
        """Empty all rings."""
        self.rings.zero_()
        self.written.zero_()

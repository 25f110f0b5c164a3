"""BlockGCN: a graph network with block-wise graph convolutions and the topology of the pose."""
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmaction.registry import MODELS
from torch import Tensor, nn

from dynstg_mm.models.gcn_backbone import GCNBackbone, JointNorm, SpatioTemporalBlock, shortcut
from dynstg_mm.models.graph import hop_graph


@MODELS.register_module()
class BlockGCN(GCNBackbone):
    """Block graph convolutional network.

    Zhou et al., BlockGCN: Redefine Topology Awareness for Skeleton-Based Action Recognition, CVPR 2024
    (https://arxiv.org/abs/2305.11468). Nine blocks have the published 1.3 M parameters and 1.63 G multiply-adds; the
    authors' code has ten, with `num_stages=10, inflate_stages=(5, ), down_stages=(5, 8)`.

    The result of a person depends on no other: persons are normalized alike, and each has its own topology, relative to
    its own largest distance. The authors' code normalizes two persons apart, takes the topology of their mean, and
    scales it by the largest distance in the batch.

    Args:
        graph_cfg: `layout` (name or dict).
        in_channels: Input channels, C.
        coordinates: The first channels, in which distances between joints are measured. By default all.
        base_channels: Channels of the first blocks, a multiple of `num_groups` and 4.
        num_stages: Blocks.
        inflate_stages: Blocks, counted from 1, that double the channels.
        down_stages: Blocks that halve the frames.
        num_groups: Groups of channels with a graph of their own, g.
        num_elements: Numbers that describe the topology.
        init_cfg: See MMEngine.

    Shape:
        x: (N, M, T, V, C). Result: (N, M, C', T', V).
    """

    def __init__(self, graph_cfg: dict[str, Any], in_channels: int = 3, coordinates: int | None = None,
                 base_channels: int = 128, num_stages: int = 9, inflate_stages: Sequence[int] = (4, ),
                 down_stages: Sequence[int] = (4, 7), num_groups: int = 8, num_elements: int = 64,
                 init_cfg: dict[str, Any] | None = None) -> None:
        layout, hops = hop_graph(graph_cfg)
        super().__init__(layout, in_channels, init_cfg)
        self.coordinates = coordinates or in_channels
        self.embed = nn.Conv2d(in_channels, base_channels, 1)
        self.joints = nn.Parameter(torch.randn(base_channels, 1, len(hops)))
        self.data_bn = JointNorm(base_channels, len(hops))
        self.blocks = nn.ModuleList()
        self.widths, channels = [], base_channels
        for stage in range(1, num_stages + 1):
            width = channels * (1 + (stage in inflate_stages))
            self.blocks.append(SpatioTemporalBlock(_BlockGraphConv(channels, width, hops, num_groups), channels, width,
                                                   stride=1 + (stage in down_stages)))
            self.widths.append(channels)
            channels = width
        self.topology = _TopologyEncoding(num_elements, sum(self.widths))

    def features(self, x: Tensor) -> Tensor:
        """Features of persons; see `GCNBackbone`."""
        topologies = self.topology(x[:, :self.coordinates]).split(self.widths, 1)
        x = self.data_bn(self.embed(x) + self.joints)
        for block, topology in zip(self.blocks, topologies):
            x = block(x + topology)
        return x


class _BlockGraphConv(nn.Module):
    """BlockGC, section 4.3 of the paper, summed over three subsets k, with static topological encoding (section 4.1).

    z_g[w] = sum_k sum_v (A_kg + B_kg)[v, w] W_kg x_g[v] for each group of channels g. A is learned, B has a learned
    number for each distance along the skeleton; columns of both have length 1. Then y = ReLU(BN(z) + shortcut(x)).
    """

    def __init__(self, in_channels, out_channels, hops, groups, subsets=3):
        super().__init__()
        self.register_buffer('hops', hops, persistent=False)
        self.adjacency = nn.Parameter(torch.eye(len(hops)).repeat(subsets, groups, 1, 1))
        self.encoding = nn.Parameter(torch.zeros(subsets, groups, int(hops.max()) + 1))
        self.transform = nn.Conv2d(subsets * in_channels, out_channels, 1, groups=groups)
        self.bn = nn.BatchNorm2d(out_channels)
        self.shortcut = shortcut(in_channels, out_channels)

    def forward(self, x):
        """(b, c, t, v) -> (b, c', t, v)."""
        graph = _unit_columns(self.adjacency) + _unit_columns(self.encoding[..., self.hops])  # (k, g, v, w)
        mixed = torch.einsum('bgctv,kgvw->bgkctw', x.unflatten(1, (graph.shape[1], -1)), graph)
        return torch.relu(self.bn(self.transform(mixed.flatten(1, 3))) + self.shortcut(x))


def _unit_columns(matrix):
    return matrix / (matrix.norm(dim=-2, keepdim=True) + 1e-4)


class _TopologyEncoding(nn.Module):
    """Dynamic topological encoding (section 4.2 of the paper): what the pose's persistent homology adds to each block.

    The distances d at which components of the mean pose merge are pooled by learned elements,
    y_e = sum_d exp(-s_e^2 (d - m_e)^2) (Hofer et al., NeurIPS 2017), and mapped to the channels of all blocks.
    """

    def __init__(self, elements, channels):
        super().__init__()
        self.centers = nn.Parameter(torch.rand(elements))
        self.sharpness = nn.Parameter(torch.full((elements, ), 3.))
        self.transform = nn.Linear(elements, channels)
        self.bn = nn.BatchNorm1d(channels)

    def forward(self, x):
        """(b, c, t, v) -> (b, sum of channels, 1, 1)."""
        mergers = merging_distances(x.mean(2).transpose(1, 2))
        pooled = torch.exp(-(self.sharpness * (mergers[..., None] - self.centers)).square()).sum(1)
        y = self.transform(pooled)
        if self.training and len(y) == 1:  # one clip has no variance
            y = F.batch_norm(y, self.bn.running_mean, self.bn.running_var, self.bn.weight, self.bn.bias)
        else:
            y = self.bn(y)
        return torch.relu(y)[..., None, None]


@torch.no_grad()
def merging_distances(pose: Tensor) -> Tensor:
    """Persistent homology of dimension 0: distances at which components of a Vietoris-Rips complex merge.

    They are the lengths of the edges of a minimum spanning tree (Prim's algorithm).

    Args:
        pose: Places of joints (b, v, c).

    Returns:
        Distances (b, v - 1), relative to the largest between two joints, in ascending order.
    """
    distances = (pose[:, :, None] - pose[:, None]).norm(dim=-1)  # (b, v, v)
    distances = distances / distances.amax((1, 2), keepdim=True).clamp(min=1e-6)
    clips, mergers = torch.arange(len(pose), device=pose.device), []
    outside = torch.full_like(distances[:, 0], 0.)  # infinity for the joints in the tree
    nearest, joint = torch.full_like(outside, torch.inf), torch.zeros_like(clips)  # distance to the tree
    for _ in range(pose.shape[1] - 1):
        outside = outside.index_put((clips, joint), outside.new_tensor(torch.inf))
        nearest = torch.minimum(nearest, distances[clips, joint])
        merger, joint = (nearest + outside).min(1)
        mergers.append(merger)
    return torch.stack(mergers, 1).sort(1).values

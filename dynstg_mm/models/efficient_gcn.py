"""EfficientGCN: a small graph network with separable convolutions and branches for joints, velocities and bones."""
from collections.abc import Sequence
from typing import Any

import torch
from mmaction.registry import MODELS
from torch import Tensor, nn

from dynstg_mm.models.gcn_backbone import GCNBackbone, conv_norm, shortcut
from dynstg_mm.models.graph import hop_graph
from dynstg_mm.skeletons.layout import parents


@MODELS.register_module()
class EfficientGCN(GCNBackbone):
    """EfficientGCN-B0.

    Song et al., Constructing Stronger and Faster Baselines for Skeleton-based Action Recognition, TPAMI 2022
    (https://arxiv.org/abs/2106.15125). It has the published 0.29 M parameters and 2.73 G multiply-adds (288
    frames).

    The input branches are made from the places of joints here, not in the pipeline.

    Args:
        graph_cfg: `layout` (name or dict).
        in_channels: Input channels, C.
        coordinates: The first channels, which are places; others are not used. By default all.
        stem_channels: Channels of the first layers of each branch.
        branch_channels: Channels of the blocks of each branch.
        main_channels: Channels of the blocks after the branches, each of which halves the frames.
        init_cfg: See MMEngine.

    Shape:
        x: (N, M, T, V, C). Result: (N, M, C', T', V).
    """

    def __init__(self, graph_cfg: dict[str, Any], in_channels: int = 3, coordinates: int | None = None,
                 stem_channels: int = 64, branch_channels: Sequence[int] = (48, 32),
                 main_channels: Sequence[int] = (64, 128), init_cfg: dict[str, Any] | None = None) -> None:
        layout, hops = hop_graph(graph_cfg)
        super().__init__(layout, in_channels, init_cfg)
        self.coordinates = coordinates or in_channels
        self.parents, graph = parents(layout), _distance_subsets(hops)
        self.branches = nn.ModuleList()
        for _ in range(3):
            branch = [nn.BatchNorm2d(2 * self.coordinates),
                      _SpatialLayer(2 * self.coordinates, stem_channels, graph), _TemporalLayer(stem_channels)]
            for before, width in zip((stem_channels, *branch_channels), branch_channels):
                branch += [_SpatialLayer(before, width, graph), _JointAttention(width)]
            self.branches.append(nn.Sequential(*branch))
        main: list[nn.Module] = []
        for before, width in zip((3 * branch_channels[-1], *main_channels), main_channels):
            main += [_SpatialLayer(before, width, graph), _SandglassLayer(width), _JointAttention(width)]
        self.main = nn.Sequential(*main)

    def features(self, x: Tensor) -> Tensor:
        """Features of persons; see `GCNBackbone`."""
        x = x[:, :self.coordinates]
        parts = (self._joints(x), self._velocities(x), self._bones(x))
        return self.main(torch.cat([branch(part) for branch, part in zip(self.branches, parts)], 1))

    def _joints(self, x):
        """Places, and places relative to the skeleton's centre."""
        return torch.cat([x, x - x[..., [self.layout['center']]]], 1)

    def _velocities(self, x):
        """Steps of one and of two frames; beyond the end the person stands still."""
        ahead = torch.cat([x, x[:, :, -1:], x[:, :, -1:]], 2)
        return torch.cat([ahead[:, :, step:x.shape[2] + step] - x for step in (1, 2)], 1)

    def _bones(self, x):
        """Vectors from the parent joints, and their angles to the axes."""
        bones = x - x[..., self.parents]
        return torch.cat([bones, torch.acos(bones / (bones.norm(dim=1, keepdim=True) + 1e-4))], 1)


def _distance_subsets(hops, furthest=2):
    """Adjacency (k, v, w) of joints 0, 1 and 2 edges apart; the weights of all that reach a joint sum up to 1."""
    near = (hops <= furthest) / (hops <= furthest).sum(0)
    return torch.stack([near * (hops == distance) for distance in range(furthest + 1)])


class _SpatialLayer(nn.Module):
    """y = swish(BN(sum_k (A_k * E_k) W_k x) + shortcut(x)), with a learned importance E of each edge."""

    def __init__(self, in_channels, out_channels, graph):
        super().__init__()
        self.register_buffer('graph', graph, persistent=False)
        self.importance = nn.Parameter(torch.ones_like(graph))
        self.transform = nn.Conv2d(in_channels, len(graph) * out_channels, 1)
        self.bn = nn.BatchNorm2d(out_channels)
        self.shortcut = shortcut(in_channels, out_channels)
        self.act = nn.SiLU()

    def forward(self, x):
        """(b, c, t, v) -> (b, c', t, v)."""
        parts = self.transform(x).unflatten(1, (len(self.graph), -1))
        return self.act(self.bn(torch.einsum('bkctv,kvw->bctw', parts, self.graph * self.importance))
                        + self.shortcut(x))


class _TemporalLayer(nn.Module):
    """y = swish(BN(conv(x)) + x)."""

    def __init__(self, channels, kernel_size=5):
        super().__init__()
        self.conv, self.act = conv_norm(channels, channels, kernel_size), nn.SiLU()

    def forward(self, x):
        """(b, c, t, v) -> (b, c, t, v)."""
        return self.act(self.conv(x) + x)


class _SandglassLayer(nn.Module):
    """Temporal sandglass layer, figure 6 of the paper: depth-wise, reduced, expanded and depth-wise again."""

    def __init__(self, channels, kernel_size=5, stride=2, reduction=2):
        super().__init__()
        self.layers = nn.Sequential(
            conv_norm(channels, channels, kernel_size, groups=channels), nn.SiLU(),
            conv_norm(channels, channels // reduction), conv_norm(channels // reduction, channels), nn.SiLU(),
            conv_norm(channels, channels, kernel_size, stride, groups=channels))
        self.shortcut = shortcut(channels, channels, stride)

    def forward(self, x):
        """(b, c, t, v) -> (b, c, ceil(t / 2), v)."""
        return self.layers(x) + self.shortcut(x)


class _JointAttention(nn.Module):
    """Spatial temporal joint attention, section 4.4 of the paper: y = swish(BN(x * a_t * a_v) + x)."""

    def __init__(self, channels, reduction=2):
        super().__init__()
        self.reduce = nn.Sequential(*conv_norm(channels, channels // reduction), nn.Hardswish())
        self.frames = nn.Conv2d(channels // reduction, channels, 1)
        self.joints = nn.Conv2d(channels // reduction, channels, 1)
        self.bn, self.act = nn.BatchNorm2d(channels), nn.SiLU()

    def forward(self, x):
        """(b, c, t, v) -> (b, c, t, v)."""
        pooled = torch.cat([x.mean(3, keepdim=True), x.mean(2, keepdim=True).transpose(2, 3)], 2)  # (b, c, t + v, 1)
        frames, joints = self.reduce(pooled).split([x.shape[2], x.shape[3]], 2)
        attention = self.frames(frames).sigmoid() * self.joints(joints.transpose(2, 3)).sigmoid()
        return self.act(self.bn(x * attention) + x)

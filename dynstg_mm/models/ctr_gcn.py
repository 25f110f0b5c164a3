"""CTR-GCN: a graph network that refines the skeleton's graph for each channel and clip."""
from collections.abc import Sequence
from typing import Any

import torch
from mmaction.registry import MODELS
from torch import Tensor, nn

from dynstg_mm.models.gcn_backbone import GCNBackbone, JointNorm, SpatioTemporalBlock, shortcut
from dynstg_mm.models.graph import build_graph


@MODELS.register_module()
class CTRGCN(GCNBackbone):
    """Channel-wise topology refinement graph convolutional network.

    Chen et al., Channel-wise Topology Refinement Graph Convolution for Skeleton-Based Action Recognition, ICCV 2021
    (https://arxiv.org/abs/2107.12213). It has the published 1.46 M parameters (120 classes) and 1.97 G
    multiply-adds.

    Persons are normalized alike, as in MMAction2's backbones; the authors' code normalizes two persons apart.
    MMAction2's folder `projects/ctrgcn` registers the same name: import only one of them.

    Args:
        graph_cfg: `layout` (name or dict) and `mode`, as for MMAction2's backbones.
        in_channels: Input channels, C.
        base_channels: Channels of the first blocks, a multiple of 8.
        num_stages: Blocks.
        inflate_stages: Blocks, counted from 1, that double the channels.
        down_stages: Blocks that halve the frames.
        init_cfg: See MMEngine.

    Shape:
        x: (N, M, T, V, C). Result: (N, M, C', T', V).
    """

    def __init__(self, graph_cfg: dict[str, Any], in_channels: int = 3, base_channels: int = 64, num_stages: int = 10,
                 inflate_stages: Sequence[int] = (5, 8), down_stages: Sequence[int] = (5, 8),
                 init_cfg: dict[str, Any] | None = None) -> None:
        layout, adjacency = build_graph(**graph_cfg)
        super().__init__(layout, in_channels, init_cfg)
        self.data_bn = JointNorm(in_channels, layout['num_node'])
        blocks, channels, width = [], in_channels, base_channels
        for stage in range(1, num_stages + 1):
            width *= 1 + (stage in inflate_stages)
            blocks.append(SpatioTemporalBlock(
                _RefinedGraphConv(channels, width, adjacency), channels, width,
                stride=1 + (stage in down_stages), residual=stage > 1))
            channels = width
        self.blocks = nn.Sequential(*blocks)

    def features(self, x: Tensor) -> Tensor:
        """Features of persons; see `GCNBackbone`."""
        return self.blocks(self.data_bn(x))


class _RefinedGraphConv(nn.Module):
    """Channel-wise topology refinement graph convolution (equations 4 to 8 of the paper), summed over subsets k.

    z[w] = sum_k sum_v R_k[v, w] W_k x[v] with R_k = A_k + alpha xi_k(tanh(psi_k(x[v]) - phi_k(x[w]))), where psi and
    phi see the mean over time, and R differs from channel to channel; then y = ReLU(BN(z) + shortcut(x)).
    """

    def __init__(self, in_channels, out_channels, adjacency, reduction=8):
        super().__init__()
        subsets, reduced = len(adjacency), max(8, in_channels // reduction)
        self.adjacency = nn.Parameter(adjacency.clone())  # A (k, v, w), shared by all channels
        self.alpha = nn.Parameter(torch.zeros(()))
        self.psi = nn.Conv2d(in_channels, subsets * reduced, 1)
        self.phi = nn.Conv2d(in_channels, subsets * reduced, 1)
        self.xi = nn.Conv2d(subsets * reduced, subsets * out_channels, 1, groups=subsets)
        self.transform = nn.Conv2d(in_channels, subsets * out_channels, 1)
        self.bn = nn.BatchNorm2d(out_channels)
        nn.init.constant_(self.bn.weight, 1e-6)  # starts as the shortcut, as MMAction2's AAGCN does
        self.shortcut = shortcut(in_channels, out_channels)

    def forward(self, x):
        """(b, c, t, v) -> (b, c', t, v)."""
        subsets, mean = len(self.adjacency), x.mean(2, keepdim=True)
        difference = torch.tanh(self.psi(mean).transpose(2, 3) - self.phi(mean))  # (b, k r, v, w)
        refined = self.adjacency[:, None] + self.alpha * self.xi(difference).unflatten(1, (subsets, -1))
        z = torch.einsum('bkctv,bkcvw->bctw', self.transform(x).unflatten(1, (subsets, -1)), refined)
        return torch.relu(self.bn(z) + self.shortcut(x))

"""What the graph networks of other authors share: input, shapes and their temporal convolution."""
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from dynstg_mm.errors import ConfigError


class GCNBackbone(BaseModule):
    """Base of backbones that see each person apart, with MMAction2's input and output.

    Args:
        layout: A completed layout.
        in_channels: Input channels, C.
        init_cfg: See MMEngine.

    Shape:
        x: (N, M, T, V, C). Result: (N, M, C', T', V).
    """

    def __init__(self, layout: dict[str, Any], in_channels: int, init_cfg: dict[str, Any] | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.layout, self.in_channels = layout, in_channels

    def forward(self, x: Tensor) -> Tensor:
        """Features of clips."""
        persons, expected = x.shape[1], (self.layout['num_node'], self.in_channels)
        if x.shape[3:] != expected:
            raise ConfigError(f'graph_cfg, in_channels: the backbone was built for {expected[0]} joints and '
                              f'{expected[1]} channels; the clips have {x.shape[3]} joints and {x.shape[4]} channels.')
        return self.features(x.flatten(0, 1).permute(0, 3, 1, 2)).unflatten(0, (-1, persons))

    def features(self, x: Tensor) -> Tensor:
        """Features of persons.

        Shape:
            x: (b, C, T, V). Result: (b, C', T', V).
        """
        raise NotImplementedError


class JointNorm(nn.BatchNorm1d):
    """Batch normalization of each channel of each joint, over persons and frames.

    Args:
        channels: Channels, c.
        joints: Joints, v.

    Shape:
        x: (b, c, t, v). Result: the same.
    """

    def __init__(self, channels: int, joints: int) -> None:
        super().__init__(channels * joints)

    def forward(self, x: Tensor) -> Tensor:
        """Normalized x."""
        return super().forward(x.transpose(2, 3).flatten(1, 2)).unflatten(1, (x.shape[1], -1)).transpose(2, 3)


def conv_norm(in_channels: int, out_channels: int, kernel_size: int = 1, stride: int = 1, dilation: int = 1,
              groups: int = 1) -> nn.Sequential:
    """A temporal convolution that keeps the frames (but for the stride), and its batch normalization."""
    padding = dilation * (kernel_size - 1) // 2
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, (kernel_size, 1), (stride, 1), (padding, 0), (dilation, 1), groups),
        nn.BatchNorm2d(out_channels))


def shortcut(in_channels: int, out_channels: int, stride: int = 1) -> nn.Module:
    """What is added to the result of a block: its input, convolved if the shapes differ."""
    same = in_channels == out_channels and stride == 1
    return nn.Identity() if same else conv_norm(in_channels, out_channels, stride=stride)


class MultiScaleTemporalConv(nn.Module):
    """Temporal branches of a quarter of the channels each: two dilated convolutions, a maximum, and the frame itself.

    Section 3.4 and figure 3 of the paper of `CTRGCN`.

    Args:
        channels: Channels of input and output; a multiple of 4.
        stride: Step in frames.
        kernel_size: Taps of the convolutions.
        dilations: Two dilations.

    Shape:
        x: (b, c, t, v). Result: (b, c, ceil(t / stride), v).
    """

    def __init__(self, channels: int, stride: int = 1, kernel_size: int = 5,
                 dilations: Sequence[int] = (1, 2)) -> None:
        super().__init__()
        width = channels // (len(dilations) + 2)

        def reduced(*layers: nn.Module) -> nn.Sequential:
            return nn.Sequential(*conv_norm(channels, width), nn.ReLU(inplace=True), *layers)

        self.branches = nn.ModuleList(
            reduced(*conv_norm(width, width, kernel_size, stride, dilation)) for dilation in dilations)
        self.branches.append(reduced(nn.MaxPool2d((3, 1), (stride, 1), (1, 0)), nn.BatchNorm2d(width)))
        self.branches.append(conv_norm(channels, width, stride=stride))

    def forward(self, x: Tensor) -> Tensor:
        """Features of all branches."""
        return torch.cat([branch(x) for branch in self.branches], 1)


class SpatioTemporalBlock(nn.Module):
    """y = ReLU(temporal(spatial(x)) + shortcut(x)).

    Args:
        spatial: From in_channels to out_channels.
        in_channels: Channels of x.
        out_channels: Channels of y.
        stride: Step of the temporal convolution, in frames.
        residual: Add the shortcut.
    """

    def __init__(self, spatial: nn.Module, in_channels: int, out_channels: int, stride: int = 1,
                 residual: bool = True) -> None:
        super().__init__()
        self.spatial = spatial
        self.temporal = MultiScaleTemporalConv(out_channels, stride)
        self.shortcut = shortcut(in_channels, out_channels, stride) if residual else None

    def forward(self, x: Tensor) -> Tensor:
        """Features of the block."""
        y = self.temporal(self.spatial(x))
        return torch.relu(y if self.shortcut is None else y + self.shortcut(x))

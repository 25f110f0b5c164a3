"""Temporal filters that follow the phase of the movement."""
import math

import torch
import torch.nn.functional as F
from torch import nn

from dynstg_mm.ops.temporal_filter import temporal_filter


class PhaseTemporalConv(nn.Module):
    r"""Depthwise temporal filter mixed per frame from one kernel a phase, then a product over channels.

    .. math:: y_t = W \sum_j \Big(\sum_p \pi_{t,p} K_p[j]\Big) \odot x_{t + (j - \lfloor J/2 \rfloor) \delta}

    The channels fall into as many branches as there are dilations. Kernels are mixed before they meet the joints, so
    that phases cost next to nothing. Source: method, DF-STGNN 4; branches after ST-GCN++ (Duan 2022). Our choice: the
    product W over channels after the filter, without which channels of different dilations would never meet.

    Args:
        channels (int): c.
        num_phases (int): p; 1 is a plain temporal convolution.
        kernel_size (int): J, odd.
        dilations (tuple[int]): One branch each.
        stride (int): Temporal stride.

    Shape:
        x: (b, t, v, c), phases: (b, t, p). Result: (b, ceil(t / stride), v, c).
    """

    def __init__(self, channels, *, num_phases=4, kernel_size=5, dilations=(1, 2), stride=1):
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f'kernel_size: {kernel_size}; expected an odd number.')
        reach = range(-(kernel_size // 2), kernel_size // 2 + 1)
        self.offsets = tuple(tuple(tap * dilation for tap in reach) for dilation in dilations)
        self.stride = stride
        self.kernel = nn.Parameter(torch.empty(num_phases, kernel_size, channels))
        bound = math.sqrt(3 / kernel_size)
        nn.init.uniform_(self.kernel, -bound, bound)
        self.project = nn.Linear(channels, channels)

    def forward(self, x, phases):
        if len(self.kernel) == 1:
            kernel = self.kernel[0]
        else:
            kernel = F.linear(phases[:, ::self.stride], self.kernel.flatten(1).T).unflatten(2, self.kernel.shape[1:])
        return self.project(temporal_filter(x, kernel, self.offsets, self.stride))

    def more_multiply_adds(self, result):
        """Multiply-adds of the filter that gave this result, which PyTorch's counter does not see."""
        return result.numel() * self.kernel.shape[1]

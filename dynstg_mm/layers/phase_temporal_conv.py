"""Temporal filters that follow the phase of the movement."""
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dynstg_mm.errors import ConfigError
from dynstg_mm.ops.temporal_filter import temporal_filter


class PhaseTemporalConv(nn.Module):
    r"""Depthwise temporal filter mixed per frame from one kernel a phase, then a product over channels.

    .. math:: y_t = W \sum_j \Big(\sum_p \pi_{t,p} K_p[j]\Big) \odot x_{t + (j - \lfloor J/2 \rfloor) \delta}

    The channels fall into as many branches as there are dilations. Kernels are mixed before they meet the joints,
    so the phases cost little. Source: Method, Temporal filter; branches after ST-GCN++ (Duan 2022). Our choice:
    the product W over channels after the filter, without which channels of different dilations would never mix, and
    kernels of the phases that start nearly alike.

    Args:
        channels: Width c.
        num_phases: p; 1 is a plain temporal convolution.
        kernel_size: J, odd.
        dilations: One for each branch.
        stride: Temporal stride.

    Shape:
        x: (b, t, v, c). phases: (b, t, p). Result: (b, ceil(t / stride), v, c).

    Raises:
        ConfigError: `kernel_size` is even.
    """

    def __init__(self, channels: int, *, num_phases: int = 4, kernel_size: int = 5,
                 dilations: Sequence[int] = (1, 2), stride: int = 1) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ConfigError(f'kernel_size: {kernel_size}; expected an odd number.')
        reach = range(-(kernel_size // 2), kernel_size // 2 + 1)
        self.offsets = tuple(tuple(tap * dilation for tap in reach) for dilation in dilations)
        self.stride = stride
        self.kernel = nn.Parameter(torch.empty(num_phases, kernel_size, channels))
        bound = math.sqrt(3 / kernel_size)
        nn.init.uniform_(self.kernel, -bound, bound)
        with torch.no_grad():  # one kernel, and a tenth of what the others differ from their mean
            self.kernel.copy_(self.kernel[0] + 0.1 * (self.kernel - self.kernel.mean(0)))
        self.project = nn.Linear(channels, channels)

    def forward(self, x: Tensor, phases: Tensor) -> Tensor:
        """The convolution of features, with the kernel of each frame's phase."""
        if len(self.kernel) == 1:
            kernel = self.kernel[0]  # (j, c)
        else:
            kernel = F.linear(phases[:, ::self.stride], self.kernel.flatten(1).T)  # (b, t', j c)
            kernel = kernel.unflatten(2, self.kernel.shape[1:])  # (b, t', j, c)
        return self.project(temporal_filter(x, kernel, self.offsets, self.stride))

    def more_multiply_adds(self, result: Tensor) -> int:
        """Multiply-adds of the filter for this result, which PyTorch's counter does not see."""
        return result.numel() * self.kernel.shape[1]

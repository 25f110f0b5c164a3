"""Temporal filters that follow the phase of the movement."""
import math

import torch
import torch.nn.functional as F
from torch import nn


class PhaseTemporalConv(nn.Module):
    r"""Depthwise temporal filter mixed per frame from one kernel a phase, then a product over channels.

    .. math:: y_t = W \sum_j \Big(\sum_p \pi_{t,p} K_p[j]\Big) \odot x_{t + (j - \lfloor J/2 \rfloor) \delta}

    The channels fall into as many branches as there are dilations. Kernels are mixed before they meet the joints, so that
    phases cost next to nothing. Source: method, DF-STGNN 4; branches after ST-GCN++ (Duan 2022).

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
        self.dilations, self.stride = tuple(dilations), stride
        self.kernel = nn.Parameter(torch.empty(num_phases, kernel_size, channels))
        bound = math.sqrt(3 / kernel_size)
        nn.init.uniform_(self.kernel, -bound, bound)
        self.project = nn.Linear(channels, channels)

    def forward(self, x, phases):
        taps, channels = self.kernel.shape[1:]
        kernel = torch.einsum('btp,pjc->jbtc', phases[:, ::self.stride], self.kernel.to(x.dtype))[:, :, :, None]
        sizes = [channels // len(self.dilations)] * len(self.dilations)
        sizes[0] += channels - sum(sizes)
        frames = kernel.shape[2]
        branches = []
        for dilation, part, weight in zip(self.dilations, x.split(sizes, -1), kernel.split(sizes, -1)):
            reach = dilation * (taps // 2)
            padded = F.pad(part, (0, 0, 0, 0, reach, reach))
            span = (frames - 1) * self.stride + 1
            branch = 0
            for tap in range(taps):
                branch = branch + weight[tap] * padded[:, tap * dilation:tap * dilation + span:self.stride]
            branches.append(branch)
        return self.project(torch.cat(branches, -1))

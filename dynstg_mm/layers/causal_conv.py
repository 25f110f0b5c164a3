"""The short convolution along time in front of the scan."""
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dynstg_mm.ops.temporal_filter import temporal_filter


class CausalConv1d(nn.Module):
    r"""Depthwise causal convolution along time, followed by SiLU, as in front of Mamba's scan.

    .. math:: y_t = silu\Big(bias + \sum_{j=0}^{J-1} weight_j \odot x_{t-J+1+j}\Big)

    If there are two directions, the second half of the channels sees the same number of later frames instead.

    Args:
        channels: d.
        kernel_size: J; 1 sees the frame alone.
        directions: 1 or 2.

    Shape:
        x: (b, t, v, d). Result: as x. `weight` is (J, d), mamba's `conv1d.weight` without its axis of 1, transposed.
    """

    def __init__(self, channels: int, kernel_size: int = 4, directions: int = 1) -> None:
        super().__init__()
        past = tuple(range(1 - kernel_size, 1))
        self.offsets = (past, tuple(-tap for tap in past))[:directions]
        self.weight = nn.Parameter(torch.empty(kernel_size, channels))
        self.bias = nn.Parameter(torch.empty(channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform weights of variance 1 / (3 J), and a bias of 0."""
        bound = len(self.weight)**-0.5
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """The convolution over a whole clip."""
        return temporal_filter(x, self.weight, self.offsets, bias=self.bias, silu=True)

    def step(self, frames: Tensor) -> Tensor:
        """The result for the last of J frames, (b, J, v, d) -> (b, v, d)."""
        return F.silu(torch.einsum('jd,bjvd->bvd', self.weight, frames) + self.bias)

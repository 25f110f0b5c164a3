"""The temporal filter in PyTorch alone, as one product of windows and kernels.

A GPU is limited by the number of operations here, so all taps of all branches are one.
"""
import functools

import torch
import torch.nn.functional as F
from torch import Tensor


def apply_filter(x: Tensor, kernel: Tensor, offsets: tuple[tuple[int, ...], ...], sizes: tuple[int, ...], stride: int,
                 bias: Tensor | None, silu: bool) -> Tensor:
    """`temporal_filter`, with the number of channels of each branch as `sizes`."""
    first, last = min(0, *map(min, offsets)), max(0, *map(max, offsets))
    padded = F.pad(x, (0, 0, 0, 0, -first, last))
    windows = padded.unfold(1, last - first + 1, stride)  # (b, t', v, c, window), a view
    places = _places(offsets, sizes, first, last, x.dtype, x.device)  # (window, j, c)
    kernel = (kernel.to(x.dtype).unsqueeze(-3) * places).sum(-2).transpose(-1, -2)  # (c, window) or (b, t', c, window)
    y = (windows * kernel.unsqueeze(-3)).sum(-1)  # (b, t', v, c)
    y = y if bias is None else y + bias.to(y.dtype)
    return F.silu(y) if silu else y


@functools.lru_cache(64)
def _places(offsets, sizes, first, last, dtype, device):
    """1 where a tap of a channel lies in the window, otherwise 0. Shape: (window, j, c)."""
    with torch.inference_mode(False):  # the cached tensor serves training as well
        window = torch.arange(first, last + 1).view(-1, 1, 1)
        taps = torch.tensor(offsets).repeat_interleave(torch.tensor(sizes), 0).T  # (j, c)
        return (window == taps).to(device, dtype)

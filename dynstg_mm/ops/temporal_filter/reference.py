"""The temporal filter as a sum of shifted clips: the version that the fast ones are tested against."""
import torch
import torch.nn.functional as F
from torch import Tensor


def apply_filter(x: Tensor, kernel: Tensor, offsets: tuple[tuple[int, ...], ...], sizes: tuple[int, ...], stride: int,
                 bias: Tensor | None, silu: bool) -> Tensor:
    """`temporal_filter`, with the number of channels of each branch as `sizes`."""
    kernel = kernel.to(x.dtype)
    span = (-(-x.shape[1] // stride) - 1) * stride + 1  # from the first to the last frame that is a centre
    branches = []
    for part, weight, taps in zip(x.split(sizes, -1), kernel.split(sizes, -1), offsets):
        before, after = max(0, -min(taps)), max(0, max(taps))
        padded = F.pad(part, (0, 0, 0, 0, before, after))
        shifted = [padded[:, before + tap:before + tap + span:stride] for tap in taps]  # j times (b, t', v, size)
        branches.append(sum(weight[..., j, None, :] * frames for j, frames in enumerate(shifted)))
    y = torch.cat(branches, -1)  # (b, t', v, c)
    y = y if bias is None else y + bias.to(y.dtype)
    return F.silu(y) if silu else y

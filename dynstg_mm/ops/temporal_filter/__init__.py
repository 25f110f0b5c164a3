"""Depthwise filters along time, one kernel for all frames or one for each."""
import functools

import torch
import torch.nn.functional as F


def temporal_filter(x, kernel, offsets, stride=1, bias=None, silu=False, *, backend='auto'):
    r"""Weighted sum of the frames around each frame, :math:`y_t = \sum_j K_{t,j} \odot x_{stride\, t + offset_j}`.

    Frames outside the clip count as 0. The channels fall into equal branches (the first takes what is left over) with
    offsets of their own: dilations, or the two directions of time.

    Args:
        x (Tensor): (b, t, v, c).
        kernel (Tensor): One for all frames, (j, c), or one a frame, (b, t', j, c) with t' = ceil(t / stride).
        offsets (tuple[tuple[int]]): Frames from the centre to each of the j taps, one tuple a branch.
        stride (int): Temporal stride.
        bias (Tensor, optional): Added to the result, (c,).
        silu (bool): Apply SiLU to the result.
        backend (str): 'numba' (compiled, CPU, float32), 'torch' (anywhere), 'ref' (`temporal_filter_ref`), or 'auto',
            which is 'numba' where that runs, else 'torch'.

    Returns:
        Tensor: (b, t', v, c).

    Raises:
        ValueError: A shape or device does not fit, or there is no such backend; the message names it.
    """
    compiled = x.device.type == 'cpu' and x.dtype != torch.float64
    if backend == 'auto':
        backend = 'numba' if compiled else 'torch'
    if backend == 'ref':
        return temporal_filter_ref(x, kernel, offsets, stride, bias, silu)
    if backend not in ('numba', 'torch'):
        raise ValueError(f'backend: {backend!r}; expected one of auto, numba, torch, ref.')
    if backend == 'numba' and not compiled:
        raise ValueError(f'backend: numba computes in float32 on the CPU; x is {x.dtype} on {x.device}.')
    offsets = _check(x, kernel, offsets, stride, bias)
    if backend == 'torch':
        return _filter_torch(x, kernel, offsets, stride, bias, silu)
    from dynstg_mm.ops.temporal_filter.numba import depthwise
    kernel = kernel[None, None] if kernel.dim() == 2 else kernel
    bias = bias if bias is None else bias.float()
    return depthwise(x.float(), kernel.float(), bias, silu, offsets, stride).to(x.dtype)


def temporal_filter_ref(x, kernel, offsets, stride=1, bias=None, silu=False):
    """The truth that `temporal_filter` is tested against: shifted clips, weighted and added."""
    offsets = _check(x, kernel, offsets, stride, bias)
    sizes = branch_sizes(x.shape[-1], len(offsets))
    span = (-(-x.shape[1] // stride) - 1) * stride + 1
    kernel = kernel.to(x.dtype)
    branches = []
    for part, weight, taps in zip(x.split(sizes, -1), kernel.split(sizes, -1), offsets):
        before, after = max(0, -min(taps)), max(0, max(taps))
        padded = F.pad(part, (0, 0, 0, 0, before, after))
        branches.append(sum(weight[..., j, :].unsqueeze(-2) * padded[:, before + tap:before + tap + span:stride]
                            for j, tap in enumerate(taps)))
    return _activate(torch.cat(branches, -1), bias, silu)


def _filter_torch(x, kernel, offsets, stride, bias, silu):
    """All taps of all branches in one product of windows and kernels: a GPU waits for the number of operations."""
    first, last = min(0, *map(min, offsets)), max(0, *map(max, offsets))
    windows = F.pad(x, (0, 0, 0, 0, -first, last)).unfold(1, last - first + 1, stride)  # (b, t', v, c, window), a view
    places = _places(offsets, first, last, x.shape[-1], x.dtype, x.device)
    kernel = (kernel.to(x.dtype).unsqueeze(-3) * places).sum(-2).transpose(-1, -2)  # (c, window), and each frame's
    return _activate((windows * kernel.unsqueeze(-3)).sum(-1), bias, silu)


@functools.lru_cache(64)
def _places(offsets, first, last, channels, dtype, device):
    """Where in a window each tap of a channel lies, (window, j, c), 1 there and 0 elsewhere."""
    with torch.inference_mode(False):  # kept for training, too
        window = torch.arange(first, last + 1).view(-1, 1, 1)
        taps = torch.tensor(offsets).repeat_interleave(torch.tensor(branch_sizes(channels, len(offsets))), 0).T
        return (window == taps).to(device, dtype)


def _activate(y, bias, silu):
    y = y if bias is None else y + bias.to(y.dtype)
    return F.silu(y) if silu else y


def branch_sizes(channels, branches):
    """Channels of each branch: equal, and the first takes what is left over."""
    size = channels // branches
    return [channels - size * (branches - 1)] + [size] * (branches - 1)


def _check(x, kernel, offsets, stride, bias):
    """Raise on what does not fit; returns the offsets as tuples."""
    if x.dim() != 4 or not x.shape[1]:
        raise ValueError(f'x: shape {tuple(x.shape)}; expected (b, t, v, c) with t of at least 1.')
    offsets = tuple(map(tuple, offsets))
    if len(set(map(len, offsets))) != 1:
        raise ValueError(f'offsets: {offsets}; expected as many taps in every branch.')
    taps, (b, t, _, c) = len(offsets[0]), x.shape
    expected = [(taps, c), (b, -(-t // stride), taps, c)]
    if tuple(kernel.shape) not in expected:
        raise ValueError(f'kernel: shape {tuple(kernel.shape)}; expected {expected[0]} or {expected[1]}, as x is '
                         f'{tuple(x.shape)} and there are {taps} taps.')
    if bias is not None and tuple(bias.shape) != (c, ):
        raise ValueError(f'bias: shape {tuple(bias.shape)}; expected {(c, )}.')
    for name, value in (('kernel', kernel), ('bias', bias)):
        if value is not None and value.device != x.device:
            raise ValueError(f'{name}: on {value.device}; x is on {x.device}.')
    return offsets

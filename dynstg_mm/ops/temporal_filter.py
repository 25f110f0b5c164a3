"""Depthwise filters along time, one kernel for all frames or one for each."""
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
        backend (str): 'numba' (compiled, CPU, float32), 'ref' (`temporal_filter_ref`, anywhere) or 'auto'.

    Returns:
        Tensor: (b, t', v, c).

    Raises:
        ValueError: A shape or device does not fit, or there is no such backend; the message names it.
    """
    compiled = x.device.type == 'cpu' and x.dtype != torch.float64
    if backend == 'auto':
        backend = 'numba' if compiled else 'ref'
    if backend == 'ref':
        return temporal_filter_ref(x, kernel, offsets, stride, bias, silu)
    if backend != 'numba':
        raise ValueError(f'backend: {backend!r}; expected one of auto, numba, ref.')
    if not compiled:
        raise ValueError(f'backend: numba computes in float32 on the CPU; x is {x.dtype} on {x.device}.')
    offsets = _check(x, kernel, offsets, stride, bias)
    from .filter_numba import depthwise
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
    y = torch.cat(branches, -1)
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

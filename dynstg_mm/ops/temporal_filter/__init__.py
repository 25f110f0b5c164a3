"""Depthwise filters along time, one kernel for all frames or one for each: contract and choice of backend."""
import importlib
from collections.abc import Sequence

import torch
from torch import Tensor

MODULES = {'reference': 'reference', 'torch': 'pytorch', 'numba': 'numba'}


def temporal_filter(x: Tensor, kernel: Tensor, offsets: Sequence[Sequence[int]], stride: int = 1,
                    bias: Tensor | None = None, silu: bool = False, *, backend: str = 'auto') -> Tensor:
    r"""Weighted sum of the frames around each frame, :math:`y_t = \sum_j K_{t,j} \odot x_{stride\, t + offset_j}`.

    Frames outside the clip count as 0. The channels fall into equal branches (the first takes the remainder) with
    offsets of their own: dilations, or the two directions of time.

    Args:
        x: Input.
        kernel: One for all frames, or one for each frame of the result.
        offsets: Frames from the centre to each of the j taps, one sequence for each branch.
        stride: Temporal stride.
        bias: Added to the result.
        silu: Apply SiLU to the result.
        backend: 'numba' (CPU, float32), 'torch' (anywhere), 'reference' (anywhere, slow), or 'auto', which is 'numba'
            where that runs, otherwise 'torch'.

    Shape:
        x: (b, t, v, c). kernel: (j, c) or (b, t', j, c) with t' = ceil(t / stride). bias: (c,).
        Result: (b, t', v, c).

    Raises:
        ValueError: The shape or device of an argument does not fit, or the backend cannot compute it.

    Example:
        >>> x = torch.tensor([1., 2., 3.]).view(1, 3, 1, 1)
        >>> temporal_filter(x, torch.ones(2, 1), [(-1, 0)]).flatten().tolist()
        [1.0, 3.0, 5.0]
    """
    offsets = tuple(map(tuple, offsets))
    compiled = x.device.type == 'cpu' and x.dtype != torch.float64
    if backend == 'auto':
        backend = 'numba' if compiled else 'torch'
    if backend not in MODULES:
        raise ValueError(f'backend: {backend!r}; expected one of auto, {", ".join(MODULES)}.')
    if backend == 'numba' and not compiled:
        raise ValueError(f'backend: numba computes in float32 on the CPU; x is {x.dtype} on {x.device}.')
    _check(x, kernel, offsets, stride, bias)
    size = x.shape[-1] // len(offsets)
    sizes = (x.shape[-1] - size * (len(offsets) - 1), *[size] * (len(offsets) - 1))  # channels of each branch
    apply_filter = importlib.import_module(f'{__name__}.{MODULES[backend]}').apply_filter
    return apply_filter(x, kernel, offsets, sizes, stride, bias, silu)


def _check(x, kernel, offsets, stride, bias):
    """Raise ValueError if something does not fit."""
    if x.dim() != 4 or not x.shape[1]:
        raise ValueError(f'x: shape {tuple(x.shape)}; expected (b, t, v, c) with at least one frame.')
    if len(set(map(len, offsets))) != 1:
        raise ValueError(f'offsets: {offsets}; expected the same number of taps in every branch.')
    taps, (b, t, _, c) = len(offsets[0]), x.shape
    shapes = [(taps, c), (b, -(-t // stride), taps, c)]
    if tuple(kernel.shape) not in shapes:
        raise ValueError(f'kernel: shape {tuple(kernel.shape)}; expected {shapes[0]} or {shapes[1]}, because x is '
                         f'{tuple(x.shape)} and there are {taps} taps.')
    if bias is not None and tuple(bias.shape) != (c, ):
        raise ValueError(f'bias: shape {tuple(bias.shape)}; expected {(c, )}.')
    for name, value in (('kernel', kernel), ('bias', bias)):
        if value is not None and value.device != x.device:
            raise ValueError(f'{name}: on {value.device}; x is on {x.device}.')

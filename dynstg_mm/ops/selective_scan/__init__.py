"""The selective scan of Mamba (Gu and Dao 2023, arXiv 2312.00752, section 3.2): contract and choice of backend."""
import functools
import importlib
import os
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

MODULES = {'reference': 'reference', 'torch': 'pytorch', 'numba': 'numba', 'triton': 'triton', 'mamba': 'mamba'}


def scan_joints(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None = None,
                z: Tensor | None = None, delta_bias: Tensor | None = None, delta_softplus: bool = False, *,
                reverse: bool | tuple[bool, ...] = False, backend: str = 'auto') -> Tensor:
    r"""Selective scan along the frames of every joint, channels last.

    .. math::
        h_t = e^{\Delta_t A} h_{t-1} + \Delta_t B_t u_t, \qquad y_t = C_t h_t + D u_t, \qquad out_t = y_t\, silu(z_t)

    Source: Mamba, equations 2 and 4, with its simplified discretisation of B. The channels fall into g equal groups,
    each with its own B, C and direction of time. The state is float32 or float64, whatever the type of `u`.

    Args:
        u: Input.
        delta: Step; not negative after the bias and softplus.
        A: Diagonal of the state matrix, negative.
        B: Input matrix.
        C: Output matrix.
        D: Skip weight.
        z: Gate.
        delta_bias: Added to the step.
        delta_softplus: Apply softplus to the step.
        reverse: Scan from the last frame to the first; one value for all groups, or one for each.
        backend: 'numba' (CPU, float32), 'triton' (our GPU kernel), 'mamba' (mamba-ssm's CUDA kernel), 'torch'
            (anywhere), 'reference' (anywhere, slow), or 'auto': 'numba' on the CPU; on a GPU the first of 'mamba' and
            'triton' that runs there, otherwise 'torch'.

    Shape:
        u, delta, z: (b, t, v, d). A: (d, n). B, C: (b, t, v, g, n). D, delta_bias: (d,). Result: as u.

    Raises:
        ValueError: The shape or device of an argument does not fit, or the backend cannot compute it.
    """
    directions = _check(u, delta, A, B, C, D, z, delta_bias, reverse)
    if backend == 'auto':
        backend = _best_backend(u)
    _check_backend(backend, u)
    scan = importlib.import_module(f'{__name__}.{MODULES[backend]}').scan
    return scan(u, delta, A, B, C, D, z, delta_bias, delta_softplus, directions)


def selective_scan(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None = None,
                   z: Tensor | None = None, delta_bias: Tensor | None = None, delta_softplus: bool = False, *,
                   backend: str = 'auto') -> Tensor:
    """Selective scan with the arguments and the layout of state-spaces/mamba.

    A view of `scan_joints` for code that is written for mamba's `selective_scan_fn`. Nothing is copied where the
    tensors are stored as (b, l, d).

    Args:
        u, delta, A, B, C, D, z, delta_bias, delta_softplus, backend: See `scan_joints`.

    Shape:
        u, delta, z: (b, d, l). A: (d, n). B, C: (b, n, l) or (b, g, n, l). D, delta_bias: (d,). Result: as u.

    Raises:
        ValueError: As `scan_joints`.

    Example:
        >>> u, B = torch.randn(2, 6, 100), torch.randn(2, 4, 100)
        >>> selective_scan(u, torch.rand_like(u), -torch.rand(6, 4), B, B).shape
        torch.Size([2, 6, 100])
    """
    if u.dim() != 3:
        raise ValueError(f'u: shape {tuple(u.shape)}; expected (b, d, l).')
    b, _, length = u.shape
    groups = B.shape[1:2] if B.dim() == 4 else ()
    per_state = (b, *groups, A.shape[-1], length)
    _check_shapes(u, delta=(delta, u.shape), z=(z, u.shape), B=(B, per_state), C=(C, per_state))
    if not groups:
        B, C = B[:, None], C[:, None]  # (b, 1, n, l)
    B, C = (x.permute(0, 3, 1, 2)[:, :, None] for x in (B, C))  # (b, l, 1, g, n)
    u, delta = (x.transpose(1, 2)[:, :, None] for x in (u, delta))  # (b, l, 1, d)
    z = None if z is None else z.transpose(1, 2)[:, :, None]
    y = scan_joints(u, delta, A, B, C, D, z, delta_bias, delta_softplus, backend=backend)
    return y.squeeze(2).transpose(1, 2)  # `squeeze` is a view in the backward pass, an index would be a copy


@functools.cache
def runs(backend: str, device: str) -> bool:
    """Whether a backend runs on a device, by a trial with two frames, forward and backward.

    Some versions of mamba-ssm can be imported without their kernel and fail when it is called.

    Args:
        backend: See `scan_joints`.
        device: Such as 'cpu' or 'cuda'.
    """
    def trial() -> None:
        one = torch.ones(1, 2, 1, 1, device=device, requires_grad=True)
        matrix = one[..., None]
        scan_joints(one, one, -one[0, 0], matrix, matrix, backend=backend).sum().backward()

    # in a thread of its own, which no_grad and the checkpointing hooks of the caller do not reach
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(trial).exception() is None  # a broken kernel may raise anything


def _best_backend(u):
    double = u.dtype == torch.float64
    if u.device.type == 'cpu':
        return 'torch' if double else 'numba'
    if u.device.type == 'cuda':
        for backend in ('triton', ) if double else ('mamba', 'triton'):
            if runs(backend, u.device.type):
                return backend
    return 'torch'


def _check_backend(backend, u):
    if backend not in MODULES:
        raise ValueError(f'backend: {backend!r}; expected one of auto, {", ".join(MODULES)}.')
    if backend == 'numba' and (u.device.type != 'cpu' or u.dtype == torch.float64):
        raise ValueError(f'backend: numba computes in float32 on the CPU; u is {u.dtype} on {u.device}.')
    if backend == 'triton' and u.device.type == 'cpu' and os.environ.get('TRITON_INTERPRET') != '1':
        raise ValueError('backend: triton needs a GPU; u is on the CPU. (TRITON_INTERPRET=1 runs it there, slowly.)')


def _check(u, delta, A, B, C, D, z, delta_bias, reverse):
    """Raise ValueError if something does not fit; returns `reverse` as one bool a group."""
    if u.dim() != 4 or not u.shape[1]:
        raise ValueError(f'u: shape {tuple(u.shape)}; expected (b, t, v, d) with at least one frame.')
    if A.dim() != 2:
        raise ValueError(f'A: shape {tuple(A.shape)}; expected (d, n).')
    if B.dim() != 5:
        raise ValueError(f'B: shape {tuple(B.shape)}; expected (b, t, v, g, n).')
    *frames, d = u.shape
    groups, n = B.shape[3], A.shape[1]
    if d % groups:
        raise ValueError(f'B: {groups} groups; they do not divide the {d} channels of u.')
    per_state = (*frames, groups, n)
    _check_shapes(u, delta=(delta, u.shape), A=(A, (d, n)), B=(B, per_state), C=(C, per_state), D=(D, (d,)),
                  z=(z, u.shape), delta_bias=(delta_bias, (d,)))
    directions = (reverse, ) * groups if isinstance(reverse, bool) else tuple(reverse)
    if len(directions) != groups:
        raise ValueError(f'reverse: {len(directions)} directions; B has {groups} groups.')
    return directions


def _check_shapes(u, **expected):
    for name, (value, shape) in expected.items():
        if value is None:
            continue
        if value.shape != tuple(shape):
            raise ValueError(f'{name}: shape {tuple(value.shape)}; expected {tuple(shape)}, because u is '
                             f'{tuple(u.shape)}.')
        if value.device != u.device:
            raise ValueError(f'{name}: on {value.device}; u is on {u.device}.')

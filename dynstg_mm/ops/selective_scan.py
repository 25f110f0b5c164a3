"""The selective scan of Mamba (Gu and Dao 2023, arXiv 2312.00752, section 3.2)."""
import functools

import torch
import torch.nn.functional as F

BACKENDS = ('auto', 'mamba', 'numba', 'torch', 'ref')


def selective_scan(u, delta, A, B, C, D=None, z=None, delta_bias=None, delta_softplus=False, backend='auto'):
    r"""State-space scan whose step, input and output matrices depend on the input.

    .. math:: h_t = e^{\Delta_t A} h_{t-1} + \Delta_t B_t u_t, \qquad y_t = C_t h_t + D u_t, \qquad out_t = y_t\, silu(z_t)

    Argument order and meaning are those of state-spaces/mamba. Computed in float32 whatever the input's type; the result
    has the type of `u`.

    Args:
        u (Tensor): Input, (b, d, t).
        delta (Tensor): Step, (b, d, t).
        A (Tensor): State matrix (its diagonal), (d, n), negative.
        B (Tensor): Input matrix, (b, n, t).
        C (Tensor): Output matrix, (b, n, t).
        D (Tensor, optional): Skip weight, (d,).
        z (Tensor, optional): Gate, (b, d, t).
        delta_bias (Tensor, optional): Added to the step, (d,).
        delta_softplus (bool): Apply softplus to the step.
        backend (str): 'mamba' (mamba-ssm's CUDA kernel), 'numba' (compiled, CPU), 'torch' (anywhere), 'ref'
            (`selective_scan_ref`), or 'auto': 'numba' on the CPU, 'mamba' on a GPU where its kernel runs, else 'torch'.

    Returns:
        Tensor: (b, d, t).

    Raises:
        ValueError: An argument's shape or device does not fit, or there is no such backend; the message names it.
    """
    if backend not in BACKENDS:
        raise ValueError(f'backend: {backend!r}; expected one of {", ".join(BACKENDS)}.')
    if backend == 'ref':
        return selective_scan_ref(u, delta, A, B, C, D, z, delta_bias, delta_softplus)
    _check(u, delta, A, B, C, D, z, delta_bias)
    kind = u.dtype
    u, delta, A, B, C = (value.float() if value.dtype != torch.float64 else value for value in (u, delta, A, B, C))
    step = _step(delta, delta_bias, delta_softplus)
    if backend == 'auto':
        backend = _best(u.device)
    y = dict(mamba=_scan_mamba, numba=_scan_numba, torch=_scan_torch)[backend](u, step, A, B, C)
    return _output(y, u, D, z).to(kind)


def _best(device):
    if device.type == 'cpu':
        return 'numba'
    return 'mamba' if device.type == 'cuda' and _mamba_runs() else 'torch'


@functools.cache
def _mamba_runs():
    """Whether mamba-ssm's CUDA kernel is really there: recent versions import without it and fail on call."""
    try:
        one = torch.ones(1, 1, 1, device='cuda')
        _scan_mamba(one, one, -one[0], one, one)
        return True
    except Exception:  # whatever a missing or broken kernel raises, it does not run
        return False


def _scan_mamba(u, step, A, B, C):
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
    return selective_scan_fn(u.contiguous(), step.contiguous(), A, B.contiguous(), C.contiguous())


def _scan_torch(u, step, A, B, C):
    """Time first, then state: every operation runs over contiguous channels."""
    from .scan_torch import LinearRecurrence
    frames, inputs = step.permute(2, 0, 1)[:, None], (step * u).permute(2, 0, 1)[:, None]  # (t, 1, b, d)
    decay = torch.exp(frames * A.T[:, None])  # (t, n, b, d)
    h = LinearRecurrence.apply(decay, inputs * B.permute(2, 1, 0)[..., None])
    return (h * C.permute(2, 1, 0)[..., None]).sum(1).permute(1, 2, 0)


def _scan_numba(u, step, A, B, C):
    from .scan_numba import NumbaScan
    u, step, B, C = (value.transpose(1, 2) for value in (u, step, B, C))
    return NumbaScan.apply(u, step, A.T, B, C).transpose(1, 2)


def selective_scan_ref(u, delta, A, B, C, D=None, z=None, delta_bias=None, delta_softplus=False):
    """The truth that `selective_scan` is tested against: the equation, one frame after the other, in the input's type."""
    _check(u, delta, A, B, C, D, z, delta_bias)
    step = _step(delta, delta_bias, delta_softplus)
    h = u.new_zeros(u.shape[0], u.shape[1], A.shape[1])
    y = []
    for t in range(u.shape[2]):
        h = torch.exp(step[:, :, t, None] * A) * h + (step[:, :, t] * u[:, :, t])[..., None] * B[:, None, :, t]
        y.append((h * C[:, None, :, t]).sum(-1))
    return _output(torch.stack(y, -1), u, D, z)


def _step(delta, delta_bias, delta_softplus):
    if delta_bias is not None:
        delta = delta + delta_bias.to(delta.dtype)[:, None]
    return F.softplus(delta) if delta_softplus else delta


def _output(y, u, D, z):
    if D is not None:
        y = y + u * D.to(u.dtype)[:, None]
    return y if z is None else y * F.silu(z.to(y.dtype))


def _check(u, delta, A, B, C, D, z, delta_bias):
    if u.dim() != 3 or not u.shape[2]:
        raise ValueError(f'u: shape {tuple(u.shape)}; expected (b, d, t) with t of at least 1.')
    if A.dim() != 2:
        raise ValueError(f'A: shape {tuple(A.shape)}; expected (d, n).')
    (b, d, t), n = u.shape, A.shape[1]
    expected = dict(delta=(delta, (b, d, t)), A=(A, (d, n)), B=(B, (b, n, t)), C=(C, (b, n, t)), D=(D, (d,)),
                    z=(z, (b, d, t)), delta_bias=(delta_bias, (d,)))
    for name, (value, shape) in expected.items():
        if value is None:
            continue
        if tuple(value.shape) != shape:
            raise ValueError(f'{name}: shape {tuple(value.shape)}; expected {shape}, as u is {tuple(u.shape)} and A '
                             f'{tuple(A.shape)}.')
        if value.device != u.device:
            raise ValueError(f'{name}: on {value.device}; u is on {u.device}.')

"""The selective scan of Mamba (Gu and Dao 2023, arXiv 2312.00752, section 3.2)."""
import functools
import os
from concurrent.futures import ThreadPoolExecutor

import torch
import torch.nn.functional as F
from einops import rearrange

BACKENDS = ('auto', 'mamba', 'triton', 'numba', 'torch', 'ref')


def selective_scan(u, delta, A, B, C, D=None, z=None, delta_bias=None, delta_softplus=False, *, reverse=False,
                   backend='auto'):
    r"""State-space scan whose step, input and output matrices depend on the input.

    .. math::
        h_t = e^{\Delta_t A} h_{t-1} + \Delta_t B_t u_t, \qquad y_t = C_t h_t + D u_t, \qquad out_t = y_t\, silu(z_t)

    Argument order and meaning are those of state-spaces/mamba, and so are groups: with B and C of shape (b, g, n, t),
    each of g equal blocks of channels has its own. Added are joints, v sequences side by side in one clip, and the
    direction. The state is float32 at least, but in 'ref'; the result has the type of `u`. Nothing is copied for the
    kernels 'numba' and 'triton' where the arguments are seen as (b, v, d, t) and stored as (b, t, v, d).

    Args:
        u (Tensor): Input, (b, d, t) or (b, v, d, t).
        delta (Tensor): Step, as `u`; with its bias, and after softplus, not negative.
        A (Tensor): State matrix (its diagonal), (d, n), negative.
        B (Tensor): Input matrix, (b, n, t) or (b, g, n, t); with joints (b, v, n, t) or (b, v, g, n, t).
        C (Tensor): Output matrix, as `B`.
        D (Tensor, optional): Skip weight, (d,).
        z (Tensor, optional): Gate, as `u`.
        delta_bias (Tensor, optional): Added to the step, (d,).
        delta_softplus (bool): Apply softplus to the step.
        reverse (bool | tuple[bool]): Scan from the last frame to the first; one for each group, or one for all.
        backend (str): 'mamba' (mamba-ssm's CUDA kernel), 'triton' (ours, GPU), 'numba' (compiled, CPU, float32),
            'torch' (anywhere), 'ref' (`selective_scan_ref`), or 'auto': 'numba' on the CPU, on a GPU the first of
            'mamba' and 'triton' that runs there, else 'torch'.

    Returns:
        Tensor: As `u`.

    Raises:
        ValueError: An argument's shape or device does not fit, or there is no such backend; the message names it.
    """
    if backend not in BACKENDS:
        raise ValueError(f'backend: {backend!r}; expected one of {", ".join(BACKENDS)}.')
    reverse = _check(u, delta, A, B, C, D, z, delta_bias, reverse)
    if backend == 'auto':
        backend = _best(u)
    if backend == 'numba' and (u.device.type != 'cpu' or u.dtype == torch.float64):
        raise ValueError(f'backend: numba computes in float32 on the CPU; u is {u.dtype} on {u.device}.')
    if backend == 'triton' and u.device.type == 'cpu' and os.environ.get('TRITON_INTERPRET') != '1':
        raise ValueError('backend: triton needs a GPU; u is on cpu. (TRITON_INTERPRET=1 runs it there, slowly.)')
    flat = u.dim() == 3
    u, delta, B, C, z = (value if value is None or not flat else value[:, None] for value in (u, delta, B, C, z))
    B, C = (value if value.dim() == 5 else value[:, :, None] for value in (B, C))
    scan = _scan_compiled if backend in ('numba', 'triton') else _scan_by_group
    y = scan(backend, u, delta, A, B, C, D, z, delta_bias, delta_softplus, reverse)
    return y.squeeze(1) if flat else y  # a view both ways; a selection's gradient is a copy


def selective_scan_ref(u, delta, A, B, C, D=None, z=None, delta_bias=None, delta_softplus=False, *, reverse=False):
    """The truth that `selective_scan` is tested against, in the input's type: all steps made discrete, as in mamba's
    own reference, then one frame after the other."""
    return selective_scan(u, delta, A, B, C, D, z, delta_bias, delta_softplus, reverse=reverse, backend='ref')


def _scan_ref(u, delta, A, B, C, D, z, bias, softplus):
    step = _step(delta, bias, softplus)
    decay = torch.exp(step[..., None] * A[:, None])
    inputs = (step * u)[..., None] * B.transpose(-1, -2)[:, :, None]
    h, y = torch.zeros_like(inputs[..., 0, :]), []
    for t in range(u.shape[-1]):
        h = decay[..., t, :] * h + inputs[..., t, :]
        y.append((h * C[..., None, :, t]).sum(-1))
    return _output(torch.stack(y, -1), u, D, z).to(u.dtype)


def _scan_torch(u, delta, A, B, C, D, z, bias, softplus):
    """Time first, then state: every operation runs over contiguous channels."""
    from dynstg_mm.ops.selective_scan.pytorch import LinearRecurrence
    kind = u.dtype
    u, delta, A, B, C = (value.float() if value.dtype != torch.float64 else value for value in (u, delta, A, B, C))
    step = _step(delta, bias, softplus)
    frames, inputs = (rearrange(value, 'b v d t -> t 1 b v d') for value in (step, step * u))
    decay = torch.exp(frames * rearrange(A, 'd n -> n 1 1 d'))
    B, C = (rearrange(value, 'b v n t -> t n b v 1') for value in (B, C))
    h = LinearRecurrence.apply(decay, inputs * B)
    return _output(rearrange((h * C).sum(1), 't b v d -> b v d t'), u, D, z).to(kind)


def _scan_mamba(u, delta, A, B, C, D, z, bias, softplus):
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
    joints = u.shape[1]
    u, delta, B, C, z = (value if value is None else rearrange(value, 'b v c t -> (b v) c t').to(u.dtype).contiguous()
                         for value in (u, delta, B, C, z))
    A, D, bias = (value if value is None else value.float().contiguous() for value in (A, D, bias))
    return rearrange(selective_scan_fn(u, delta, A, B, C, D, z, bias, softplus), '(b v) d t -> b v d t', v=joints)


def _scan_by_group(backend, u, delta, A, B, C, D, z, bias, softplus, reverse):
    """For scans that know neither groups nor directions: one call a group, on flipped time where it runs backwards.

    Shape:
        u, delta, z: (b, v, d, t). B, C: (b, v, g, n, t); a call gets (b, v, n, t). Result: as u.
    """
    scan = dict(mamba=_scan_mamba, torch=_scan_torch, ref=_scan_ref)[backend]
    groups, parts = len(reverse), []
    for group, backwards in enumerate(reverse):
        def turn(value):
            return value.flip(-1) if backwards and value is not None else value

        def pick(value, dim):
            return value if value is None else value.chunk(groups, dim)[group]

        part = scan(turn(pick(u, 2)), turn(pick(delta, 2)), pick(A, 0), turn(B[:, :, group]), turn(C[:, :, group]),
                    pick(D, 0), turn(pick(z, 2)), pick(bias, 0), softplus)
        parts.append(turn(part))
    return torch.cat(parts, 2) if groups > 1 else parts[0]


def _scan_compiled(backend, u, delta, A, B, C, D, z, bias, softplus, reverse):
    """Kernels that know groups and directions, and read (b, t, v, d) where it lies. Shape: as `_scan_by_group`."""
    kind = u.dtype
    u, delta, z = (value if value is None else value.permute(0, 3, 1, 2) for value in (u, delta, z))
    B, C = (value.permute(0, 4, 1, 2, 3) for value in (B, C))
    if backend == 'numba':
        from dynstg_mm.ops.selective_scan.numba import scan
        u, delta, A, B, C, D, bias, z = (value if value is None else value.float()
                                         for value in (u, delta, A, B, C, D, bias, z))
        y = scan(u, delta, A, B, C, D, bias, z, softplus, reverse).to(kind)
    else:
        from dynstg_mm.ops.selective_scan.triton import TritonScan
        step = delta if bias is None else delta + bias
        y = TritonScan.apply(u, F.softplus(step) if softplus else step, A, B, C, D, z, reverse,
                             torch.is_grad_enabled())
    return y.permute(0, 2, 3, 1)


def _best(u):
    if u.device.type == 'cpu' and u.dtype != torch.float64:
        return 'numba'
    if u.device.type == 'cuda':
        kernels = ('triton', ) if u.dtype == torch.float64 else ('mamba', 'triton')
        return next((backend for backend in kernels if runs(backend, u.device.type)), 'torch')
    return 'torch'


@functools.cache
def runs(backend, device):
    """Whether a backend really runs on a device: recent versions of mamba-ssm import without a kernel and fail on call.

    Args:
        backend (str): See `selective_scan`.
        device (str): Such as 'cpu' or 'cuda'.

    Returns:
        bool: What a trial with two frames, forward and backward, has shown.
    """
    def trial():
        one = torch.ones(1, 1, 2, device=device, requires_grad=True)
        selective_scan(one, one, -one[0, :, :1], one, one, backend=backend).sum().backward()

    # in a thread of its own, where neither no_grad nor a checkpoint's hooks of the caller are in force
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(trial).exception() is None  # whatever a missing or broken kernel raises, it does not run


def _step(delta, delta_bias, delta_softplus):
    if delta_bias is not None:
        delta = delta + delta_bias.to(delta.dtype)[:, None]
    return F.softplus(delta) if delta_softplus else delta


def _output(y, u, D, z):
    if D is not None:
        y = y + u * D.to(u.dtype)[:, None]
    return y if z is None else y * F.silu(z.to(y.dtype))


def _check(u, delta, A, B, C, D, z, delta_bias, reverse):
    """Raise on what does not fit; returns `reverse` as one bool a group."""
    if u.dim() not in (3, 4) or not u.shape[-1]:
        raise ValueError(f'u: shape {tuple(u.shape)}; expected (b, d, t) or (b, v, d, t) with t of at least 1.')
    if A.dim() != 2:
        raise ValueError(f'A: shape {tuple(A.shape)}; expected (d, n).')
    (*clips, d, t), n = u.shape, A.shape[1]
    groups = (B.shape[-3], ) if B.dim() == u.dim() + 1 else ()
    if groups and d % groups[0]:
        raise ValueError(f'B: {groups[0]} groups; u has {d} channels, which do not divide by that.')
    per_state = (*clips, *groups, n, t)
    expected = dict(delta=(delta, u.shape), A=(A, (d, n)), B=(B, per_state), C=(C, per_state), D=(D, (d,)),
                    z=(z, u.shape), delta_bias=(delta_bias, (d,)))
    for name, (value, shape) in expected.items():
        if value is None:
            continue
        if tuple(value.shape) != tuple(shape):
            raise ValueError(f'{name}: shape {tuple(value.shape)}; expected {tuple(shape)}, as u is {tuple(u.shape)} '
                             f'and A {tuple(A.shape)}.')
        if value.device != u.device:
            raise ValueError(f'{name}: on {value.device}; u is on {u.device}.')
    count = groups[0] if groups else 1
    reverse = (reverse, ) * count if isinstance(reverse, bool) else tuple(reverse)
    if len(reverse) != count:
        raise ValueError(f'reverse: {len(reverse)} directions; B has {count} groups.')
    return reverse

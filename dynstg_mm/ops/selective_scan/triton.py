"""The selective scan as Triton kernels with skip and gate, whose states stay in registers.

One work item is one sequence (a joint of a clip), one group and one block of the group's channels; its state is a
(channels, n) tile. The forward pass keeps the state at every `CHUNK`-th frame; the backward pass rebuilds one chunk of
states at a time in a scratch buffer that fits into the GPU's cache. Sums over channels, sequences and states have a
fixed order, without atomics, so that results do not change from run to run.
"""
import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor

CHUNK = 32
MAX_BLOCK_D = 64
SCRATCH = 2 ** 24  # most numbers in the scratch buffer: enough programs at once to hide the latency of memory


@triton.jit
def _load(pointer, mask, REAL: tl.constexpr):
    return tl.load(pointer, mask=mask, other=0).to(REAL)  # padding with 0 adds 0 to every sum


@triton.jit
def _sigmoid(x):
    small = tl.exp(-tl.abs(x))  # never overflows
    return tl.where(x >= 0, 1, small) / (1 + small)


@triton.jit
def _advance(h, x, dt, a, b):
    return tl.exp(dt[:, None] * a) * h + (dt * x)[:, None] * b[None, :]


@triton.jit
def _add(total, lost, value):
    """Kahan's summation, accurate over thousands of frames: (total, lost) after adding value."""
    value -= lost
    after = total + value
    return after, (after - total) - value


@triton.jit
def _place(item, reverse, t, v, d, g, BLOCK_D: tl.constexpr):
    """Where the data of a work item are; frame i in scan order is row `first + i * stride` of the (b t v) rows."""
    blocks = tl.cdiv(d // g, BLOCK_D)
    block, group, sequence = item % blocks, item // blocks % g, (item // blocks // g).to(tl.int64)
    offset = block * BLOCK_D + tl.arange(0, BLOCK_D)
    backwards = (reverse >> group) & 1
    first = sequence // v * t * v + sequence % v + backwards * (t - 1) * v
    stride = (v - 2 * v * backwards).to(tl.int64)
    return sequence, first, stride, group, group * blocks + block, group * (d // g) + offset, offset < d // g


@triton.jit(do_not_specialize=['reverse'])
def _forward(u, step, A, B, C, D, z, out, kept, reverse, t, v, d, g,
             n: tl.constexpr, CHUNK: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_N: tl.constexpr):
    REAL: tl.constexpr = A.dtype.element_ty
    sequence, first, stride, group, _, channel, in_d = _place(tl.program_id(0), reverse, t, v, d, g, BLOCK_D)
    state = tl.arange(0, BLOCK_N)
    tile, in_n = channel[:, None] * n + state[None, :], state < n
    inside = in_d[:, None] & in_n[None, :]
    a = _load(A + tile, inside, REAL)
    h = tl.zeros((BLOCK_D, BLOCK_N), REAL)
    if D is not None:
        skip = _load(D + channel, in_d, REAL)
    for i in range(t):
        if kept is not None:
            if i % CHUNK == 0:
                tl.store(kept + (sequence * tl.cdiv(t, CHUNK) + i // CHUNK) * d * n + tile, h, mask=inside)
        row = first + i * stride
        wide, narrow = row * d + channel, (row * g + group) * n + state
        x = _load(u + wide, in_d, REAL)
        h = _advance(h, x, _load(step + wide, in_d, REAL), a, _load(B + narrow, in_n, REAL))
        y = tl.sum(h * _load(C + narrow, in_n, REAL)[None, :], 1)
        if D is not None:
            y += skip * x
        if z is not None:
            gate = _load(z + wide, in_d, REAL)
            y *= gate * _sigmoid(gate)
        tl.store(out + wide, y.to(out.dtype.element_ty), mask=in_d)


@triton.jit(do_not_specialize=['reverse'])
def _backward(u, step, A, B, C, D, z, kept, grad, scratch, du, dstep, dA, dB, dC, dD, dz, reverse, t, v, d, g, items,
              n: tl.constexpr, CHUNK: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_N: tl.constexpr):
    REAL: tl.constexpr = A.dtype.element_ty
    state = tl.arange(0, BLOCK_N)
    in_n = state < n
    saved = tl.arange(0, BLOCK_D)[:, None] * BLOCK_N + state[None, :]  # padded, so that no mask is needed
    saved += tl.program_id(0).to(tl.int64) * (CHUNK * BLOCK_D * BLOCK_N)
    for item in range(tl.program_id(0), items, tl.num_programs(0)):
        sequence, first, stride, group, part, channel, in_d = _place(item, reverse, t, v, d, g, BLOCK_D)
        parts = tl.cdiv(d // g, BLOCK_D) * g
        tile, inside = channel[:, None] * n + state[None, :], in_d[:, None] & in_n[None, :]
        a = _load(A + tile, inside, REAL)
        grad_a, grad_h = tl.zeros((BLOCK_D, BLOCK_N), REAL), tl.zeros((BLOCK_D, BLOCK_N), REAL)
        lost_a = tl.zeros((BLOCK_D, BLOCK_N), REAL)
        grad_skip, lost_skip = tl.zeros((BLOCK_D,), REAL), tl.zeros((BLOCK_D,), REAL)
        if D is not None:
            skip = _load(D + channel, in_d, REAL)
        for chunk in range(tl.cdiv(t, CHUNK) - 1, -1, -1):
            length = tl.minimum(CHUNK, t - chunk * CHUNK)
            start = first + chunk * CHUNK * stride
            h = _load(kept + (sequence * tl.cdiv(t, CHUNK) + chunk) * d * n + tile, inside, REAL)
            for i in range(length):
                tl.store(scratch + i * (BLOCK_D * BLOCK_N) + saved, h)  # the state before frame i
                row = start + i * stride
                wide, narrow = row * d + channel, (row * g + group) * n + state
                x, dt = _load(u + wide, in_d, REAL), _load(step + wide, in_d, REAL)
                h = _advance(h, x, dt, a, _load(B + narrow, in_n, REAL))
            tl.debug_barrier()  # below, a thread may read what another has written above
            for i in range(length - 1, -1, -1):
                row = start + i * stride
                wide, narrow = row * d + channel, (row * g + group) * n + state
                x, dt = _load(u + wide, in_d, REAL), _load(step + wide, in_d, REAL)
                b, c = _load(B + narrow, in_n, REAL)[None, :], _load(C + narrow, in_n, REAL)[None, :]
                dy, before = _load(grad + wide, in_d, REAL), tl.load(scratch + i * (BLOCK_D * BLOCK_N) + saved)
                if z is not None:
                    gate = _load(z + wide, in_d, REAL)
                    opening = _sigmoid(gate)
                    y = tl.sum(h * c, 1)
                    if D is not None:
                        y += skip * x
                    dgate = dy * y * opening * (1 + gate * (1 - opening))
                    tl.store(dz + wide, dgate.to(dz.dtype.element_ty), mask=in_d)
                    dy *= gate * opening
                narrow = (row * parts + part) * n + state
                tl.store(dC + narrow, tl.sum(dy[:, None] * h, 0).to(dC.dtype.element_ty), mask=in_n)
                grad_h += dy[:, None] * c
                tl.store(dB + narrow, tl.sum((dt * x)[:, None] * grad_h, 0).to(dB.dtype.element_ty), mask=in_n)
                through_b = tl.sum(grad_h * b, 1)
                grad_h *= tl.exp(dt[:, None] * a)
                through_decay = grad_h * before
                grad_a, lost_a = _add(grad_a, lost_a, through_decay * dt[:, None])
                dx, ddt = dt * through_b, x * through_b + tl.sum(through_decay * a, 1)
                if D is not None:
                    dx += skip * dy
                    grad_skip, lost_skip = _add(grad_skip, lost_skip, dy * x)
                tl.store(du + wide, dx.to(du.dtype.element_ty), mask=in_d)
                tl.store(dstep + wide, ddt.to(dstep.dtype.element_ty), mask=in_d)
                h = before
            tl.debug_barrier()  # before the scratch is written again
        tl.store(dA + sequence * d * n + tile, grad_a, mask=inside)
        if D is not None:
            tl.store(dD + sequence * d + channel, grad_skip, mask=in_d)


def scan(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, z: Tensor | None,
         delta_bias: Tensor | None, delta_softplus: bool, reverse: tuple[bool, ...]) -> Tensor:
    """`scan_joints` on a GPU, with `reverse` as one bool a group."""
    delta = delta if delta_bias is None else delta + delta_bias
    delta = F.softplus(delta) if delta_softplus else delta
    return TritonScan.apply(u, delta, A, B, C, D, z, reverse, torch.is_grad_enabled())


class TritonScan(torch.autograd.Function):
    """h[t] = exp(step[t] A) h[t-1] + step[t] B[t] u[t], out[t] = (C[t] h[t] + D u[t]) silu(z[t]).

    Computed in float32, or in float64 if `u` is; results and gradients have the types of their inputs. Without z there
    is no gate, without D no skip.

    Shape:
        u, step, z: (b, t, v, d). A: (d, n). B, C: (b, t, v, g, n), one for each group of d / g channels. D: (d,).
        reverse: g bools (at most 63), true if the group is scanned from the last frame to the first. keep_states:
        bool, needed for a backward pass.
        Result: (b, t, v, d).
    """

    @staticmethod
    def forward(ctx, u: Tensor, step: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, z: Tensor | None,
                reverse: tuple[bool, ...], keep_states: bool) -> Tensor:
        """The result for all frames."""
        inputs = [value if value is None else value.contiguous() for value in (u, step, A, B, C, D, z)]
        items, sizes, options = _plan(u, B, reverse)
        out, kept, real = torch.empty_like(inputs[0]), None, _real(u)
        if keep_states:
            b, t, v, _ = u.shape
            kept = u.new_empty(b * v, triton.cdiv(t, CHUNK), *A.shape, dtype=real)
            ctx.save_for_backward(*inputs, kept)
            ctx.reverse = reverse
        u, step, A, B, C, D, z = inputs
        with torch.cuda.device_of(u):
            _forward[items,](u, step, A.to(real), B, C, D, z, out, kept, *sizes, **options)
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the tensors."""
        u, step, A, B, C, D, z, kept = ctx.saved_tensors
        (b, t, v, d), (g, n), real = u.shape, B.shape[3:], _real(u)
        items, sizes, options = _plan(u, B, ctx.reverse)
        blocks, tile = triton.cdiv(d // g, options['BLOCK_D']), CHUNK * options['BLOCK_D'] * options['BLOCK_N']
        programs = min(items, max(SCRATCH // tile, 1))
        scratch = u.new_empty(programs * tile, dtype=real)
        du, dstep = torch.empty_like(u), torch.empty_like(step)
        dz = z if z is None else torch.empty_like(z)
        dA = u.new_empty(b * v, d, n, dtype=real)
        dD = D if D is None else u.new_empty(b * v, d, dtype=real)
        dB, dC = (x.new_empty(b, t, v, g, blocks, n, dtype=x.dtype if blocks == 1 else real) for x in (B, C))
        _backward[programs,](u, step, A.to(real), B, C, D, z, kept, grad.contiguous(), scratch,
                             du, dstep, dA, dB, dC, dD, dz, *sizes, items, **options)
        dB, dC = (x.squeeze(4) if blocks == 1 else x.sum(4) for x in (dB, dC))
        dD = dD if dD is None else dD.sum(0).to(D.dtype)
        return du, dstep, dA.sum(0).to(A.dtype), dB.to(B.dtype), dC.to(C.dtype), dD, dz, None, None


def _real(u):
    """The type to compute in."""
    return torch.float64 if u.dtype == torch.float64 else torch.float32


def _plan(u, B, reverse):
    """The number of work items, the kernels' last arguments and their options."""
    (b, t, v, d), (g, n) = u.shape, B.shape[3:]
    block_d, block_n = min(triton.next_power_of_2(d // g), MAX_BLOCK_D), triton.next_power_of_2(n)
    items = b * v * g * triton.cdiv(d // g, block_d)
    flags = sum(int(flag) << group for group, flag in enumerate(reverse))
    warps = min(max(block_d * block_n // 256, 1), 8)  # 8 numbers of the state a thread: room for their gradients
    return items, (flags, t, v, d, g), dict(n=n, CHUNK=CHUNK, BLOCK_D=block_d, BLOCK_N=block_n, num_warps=warps)

"""The selective scan compiled for the CPU by Numba: states are recomputed in the backward pass, never stored.

Everything is channels last, (b, t, v, d), and read where it lies: a sequence is one joint's frames. Its state is kept
as (n, d), so that the inner loops run over contiguous channels and become vector instructions, the exponential
included. The forward pass keeps the state at every `CHUNK`-th frame; the backward pass rebuilds one chunk of states at
a time, so its memory grows with d n t / CHUNK a sequence in place of d n t. Softplus, skip and gate run on the row of
channels at hand, where they cost no memory at all.
"""
import numba
import numpy as np
import torch
from llvmlite import ir
from numba.extending import intrinsic

from .threads import max_parts, share_out

CHUNK = 16
BLOCK = 512  # channels of as many joints as are scanned side by side: long runs of memory, few enough for the cache
# without 'nnan' and 'ninf': a NaN must come out as one
OPTIONS = dict(nogil=True, cache=True, error_model='numpy', fastmath={'nsz', 'arcp', 'contract', 'afn', 'reassoc'})
f32, i32 = np.float32, np.int32


@intrinsic
def _float_of_bits(typing_context, bits):
    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.FloatType())

    return numba.float32(numba.int32), generate


@numba.njit(inline='always', **OPTIONS)
def _exp(x):
    """exp of a float32 that is not positive, within 1 unit in the last place; libm's is no vector instruction.

    2^k by the exponent's bits times a polynomial on [-ln 2 / 2, ln 2 / 2] (Cephes, expf).
    """
    x = f32(-87) if x < f32(-87) else x  # a NaN stays one
    k = np.floor(x * f32(1.44269504) + f32(0.5))
    r = x - k * f32(0.693359375) + k * f32(2.12194440e-4)
    p = f32(1.9875691500e-4)
    p = p * r + f32(1.3981999507e-3)
    p = p * r + f32(8.3334519073e-3)
    p = p * r + f32(4.1665795894e-2)
    p = p * r + f32(1.6666665459e-1)
    p = p * r + f32(5.0000001201e-1)
    return (p * r * r + r + f32(1)) * _float_of_bits((i32(k) + i32(127)) << i32(23))


@numba.njit(inline='always', **OPTIONS)
def _sigmoid(x):
    e = _exp(-abs(x))
    return (f32(1) if x >= 0 else e) / (f32(1) + e)


@numba.njit(inline='always', **OPTIONS)
def _softplus(x):
    """max(x, 0) + log(1 + e) with e = exp(-|x|), the logarithm as 2 artanh(e / (2 + e))."""
    e = _exp(-abs(x))
    s = e / (f32(2) + e)
    q = s * s
    p = f32(1 / 13)
    p = p * q + f32(1 / 11)
    p = p * q + f32(1 / 9)
    p = p * q + f32(1 / 7)
    p = p * q + f32(1 / 5)
    p = p * q + f32(1 / 3)
    return (x if x > 0 else f32(0)) + f32(2) * s * (p * q + f32(1))


@numba.njit(inline='always', **OPTIONS)
def _step_row(raw, bias, softplus, step):
    for d in range(len(step)):
        step[d] = raw[d] + bias[d]
    if softplus:
        for d in range(len(step)):
            step[d] = _softplus(step[d])


@numba.njit(**OPTIONS)
def _forward(u, delta, A, B, C, D, bias, z, softplus, gated, reverse, block, first, last, y, kept):
    frames, joints = u.shape[1:3]
    blocks, states, groups = -(-joints // block), A.shape[0], len(reverse)
    width = A.shape[1] // groups
    step, h = np.empty(width, f32), np.empty((block, states, width), f32)
    for item in range(first, last):
        b, start = item // blocks, item % blocks * block
        end = min(start + block, joints)
        for g in range(groups):
            low, high = g * width, (g + 1) * width
            skip, shift = D[low:high], bias[low:high]
            h[:] = 0
            for i in range(frames):
                t = frames - 1 - i if reverse[g] else i
                for v in range(start, end):
                    if i % CHUNK == 0 and len(kept):
                        kept[b, i // CHUNK, g, v] = h[v - start]
                    x, out = u[b, t, v, low:high], y[b, t, v, low:high]
                    _step_row(delta[b, t, v, low:high], shift, softplus, step)
                    for d in range(width):
                        out[d] = skip[d] * x[d]
                    for n in range(states):
                        state, a = h[v - start, n], A[n, low:high]
                        from_input, to_output = B[b, t, v, g, n], C[b, t, v, g, n]
                        for d in range(width):
                            value = _exp(step[d] * a[d]) * state[d] + step[d] * x[d] * from_input
                            state[d] = value
                            out[d] += value * to_output
                    if gated:
                        gate = z[b, t, v, low:high]
                        for d in range(width):
                            out[d] *= gate[d] * _sigmoid(gate[d])


@numba.njit(**OPTIONS)
def _backward(u, delta, A, B, C, D, bias, z, softplus, gated, reverse, block, first, last, kept, grad, du, ddelta, dA,
              dB, dC, dD, dbias, dz):
    frames, joints = u.shape[1:3]
    blocks, states, groups = -(-joints // block), A.shape[0], len(reverse)
    width = A.shape[1] // groups
    h = np.empty((block, CHUNK + 1, states, width), f32)  # h[:, i] is the state before the i-th frame of the chunk
    decay, steps = np.empty((block, CHUNK, states, width), f32), np.empty((block, CHUNK, width), f32)
    dh, das = np.empty((block, states, width), f32), np.empty((states, width), f32)
    dy, out, dstep, dskip, dshift = np.empty((5, width), f32)
    for item in range(first, last):
        b, start = item // blocks, item % blocks * block
        end = min(start + block, joints)
        for g in range(groups):
            low, high = g * width, (g + 1) * width
            skip, shift = D[low:high], bias[low:high]
            dh[:] = 0
            for chunk in range((frames - 1) // CHUNK, -1, -1):
                length = min(CHUNK, frames - chunk * CHUNK)
                for v in range(start, end):
                    h[v - start, 0] = kept[b, chunk, g, v]
                for i in range(length):
                    t = frames - 1 - chunk * CHUNK - i if reverse[g] else chunk * CHUNK + i
                    for v in range(start, end):
                        x, step = u[b, t, v, low:high], steps[v - start, i]
                        _step_row(delta[b, t, v, low:high], shift, softplus, step)
                        for n in range(states):
                            before, after, through = h[v - start, i, n], h[v - start, i + 1, n], decay[v - start, i, n]
                            a, from_input = A[n, low:high], B[b, t, v, g, n]
                            for d in range(width):
                                through[d] = _exp(step[d] * a[d])
                                after[d] = through[d] * before[d] + step[d] * x[d] * from_input
                das[:] = 0
                dskip[:] = 0
                dshift[:] = 0
                for i in range(length - 1, -1, -1):
                    t = frames - 1 - chunk * CHUNK - i if reverse[g] else chunk * CHUNK + i
                    for v in range(start, end):
                        x, step, dout = u[b, t, v, low:high], steps[v - start, i], grad[b, t, v, low:high]
                        dx = du[b, t, v, low:high]
                        for d in range(width):
                            dy[d] = dout[d]
                        if gated:
                            gate, dgate = z[b, t, v, low:high], dz[b, t, v, low:high]
                            for d in range(width):
                                out[d] = skip[d] * x[d]
                            for n in range(states):
                                after, to_output = h[v - start, i + 1, n], C[b, t, v, g, n]
                                for d in range(width):
                                    out[d] += after[d] * to_output
                            for d in range(width):
                                opening = _sigmoid(gate[d])
                                dy[d] = dout[d] * gate[d] * opening
                                dgate[d] = dout[d] * out[d] * opening * (f32(1) + gate[d] * (f32(1) - opening))
                        for d in range(width):
                            dx[d] = dy[d] * skip[d]
                            dskip[d] += dy[d] * x[d]
                            dstep[d] = 0
                        for n in range(states):
                            before, after, through = h[v - start, i, n], h[v - start, i + 1, n], decay[v - start, i, n]
                            a, dstate, da = A[n, low:high], dh[v - start, n], das[n]
                            from_input, to_output = B[b, t, v, g, n], C[b, t, v, g, n]
                            sum_b, sum_c = f32(0), f32(0)
                            for d in range(width):
                                total = dstate[d] + dy[d] * to_output
                                back = total * through[d]
                                decayed = back * before[d]
                                sum_c += dy[d] * after[d]
                                sum_b += total * step[d] * x[d]
                                dx[d] += total * step[d] * from_input
                                dstep[d] += total * x[d] * from_input + decayed * a[d]
                                da[d] += decayed * step[d]
                                dstate[d] = back
                            dB[b, t, v, g, n] = sum_b
                            dC[b, t, v, g, n] = sum_c
                        raw, draw = delta[b, t, v, low:high], ddelta[b, t, v, low:high]
                        if softplus:
                            for d in range(width):
                                dstep[d] *= _sigmoid(raw[d] + shift[d])
                        for d in range(width):
                            draw[d] = dstep[d]
                            dshift[d] += dstep[d]
                dA[:, low:high] += das  # in float64, chunk by chunk: thousands of frames are added up
                dD[low:high] += dskip
                dbias[low:high] += dshift


def scan(u, delta, A, B, C, D, bias, z, softplus, reverse):
    """`selective_scan` of float32 tensors on the CPU, with everything that belongs to it in one kernel.

    Shape:
        u, delta, z: (b, t, v, d). A: (d, n). B, C: (b, t, v, g, n). D, bias: (d,). Result: (b, t, v, d).
        softplus: bool. reverse: one bool a group.
    """
    if torch.is_grad_enabled():
        return NumbaScan.apply(u, delta, A, B, C, D, bias, z, softplus, reverse)
    return _run(False, u, delta, A, B, C, D, bias, z, softplus, reverse)[0]


def _run(keep_states, u, delta, A, B, C, D, bias, z, softplus, reverse):
    """Result, inputs and options as the kernels take them, and the states kept for a backward pass."""
    nothing = u.new_zeros(u.shape[-1]) if D is None or bias is None else None
    inputs = [value.contiguous() for value in (
        u, delta, A.T, B, C, nothing if D is None else D, nothing if bias is None else bias, u if z is None else z)]
    batch, frames, joints, channels = u.shape
    width = channels // len(reverse)
    block = min(max(1, BLOCK // width), -(-joints // 2))
    options = softplus, z is not None, np.array(reverse), block
    kept = u.new_empty(batch if keep_states else 0, -(-frames // CHUNK), len(reverse), joints, A.shape[1], width)
    y = torch.empty_like(inputs[0])
    arrays = [value.detach().numpy() for value in inputs]
    share_out(lambda part, first, last: _forward(*arrays, *options, first, last, y.numpy(), kept.numpy()),
              batch * -(-joints // block), u.numel() * A.shape[1])
    return y, inputs, options, kept


class NumbaScan(torch.autograd.Function):
    """`scan` with its gradient."""

    @staticmethod
    def forward(ctx, u, delta, A, B, C, D, bias, z, softplus, reverse):
        ctx.given = [value is not None for value in (D, bias, z)]
        y, inputs, ctx.options, kept = _run(True, u, delta, A, B, C, D, bias, z, softplus, reverse)
        ctx.save_for_backward(*inputs, kept)
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        *inputs, kept = ctx.saved_tensors
        u, delta, A, B, C, D, bias, z = inputs
        grad = grad.contiguous()
        du, ddelta, dB, dC = map(torch.empty_like, (u, delta, B, C))
        dz = torch.empty_like(z) if ctx.given[-1] else z.new_empty(0, *z.shape[1:])
        total = len(u) * -(-u.shape[2] // ctx.options[-1])
        # every part sums for itself what all sequences share
        dA, dD, dbias = (torch.zeros(max_parts(total), *value.shape, dtype=torch.float64) for value in (A, D, bias))
        arrays = [value.numpy() for value in inputs]
        share_out(lambda part, first, last: _backward(
            *arrays, *ctx.options, first, last, *(value.numpy() for value in (
                kept, grad, du, ddelta, dA[part], dB, dC, dD[part], dbias[part], dz))), total, 4 * u.numel() * len(A))
        dA, dD, dbias = (value.sum(0).float() for value in (dA, dD, dbias))
        dD, dbias, dz = (value if given else None for value, given in zip((dD, dbias, dz), ctx.given))
        return du, ddelta, dA.T, dB, dC, dD, dbias, dz, None, None

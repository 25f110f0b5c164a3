"""The selective scan compiled for the CPU by Numba: states are recomputed in the backward pass, never stored.

Everything is channels last, (b, t, v, d), and read where it lies: a sequence is one joint's frames. Its state is kept
as (n, d), so that the inner loops run over contiguous channels and become vector instructions, the exponential
included. The forward pass keeps the state at every `CHUNK`-th frame; the backward pass rebuilds one chunk of states at
a time, so its memory grows with d n t / CHUNK a sequence in place of d n t. Softplus, skip and gate run on the row of
channels at hand, where they cost no memory at all. Rows are indexed, never sliced: a slice counts references, and that
costs more than a short row.
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


@numba.njit(**OPTIONS)
def _forward(u, delta, A, B, C, D, bias, z, softplus, reverse, block, first, last, y, kept):
    frames, joints, groups, width = u.shape[1:]
    blocks, states = -(-joints // block), A.shape[0]
    step, h = np.empty(width, f32), np.empty((block, states, width), f32)
    for item in range(first, last):
        b, start = item // blocks, item % blocks * block
        for g in range(groups):
            h[:] = 0
            for i in range(frames):
                t = frames - 1 - i if reverse[g] else i
                for v in range(start, min(start + block, joints)):
                    j = v - start
                    if i % CHUNK == 0 and len(kept):
                        for n in range(states):
                            for d in range(width):
                                kept[b, i // CHUNK, g, v, n, d] = h[j, n, d]
                    for d in range(width):
                        raw = delta[b, t, v, g, d] + bias[g, d]
                        step[d] = _softplus(raw) if softplus else raw
                        y[b, t, v, g, d] = D[g, d] * u[b, t, v, g, d]
                    for n in range(states):
                        from_input, to_output = B[b, t, v, g, n], C[b, t, v, g, n]
                        for d in range(width):
                            value = _exp(step[d] * A[n, g, d]) * h[j, n, d] + step[d] * u[b, t, v, g, d] * from_input
                            h[j, n, d] = value
                            y[b, t, v, g, d] += value * to_output
                    if z is not None:
                        for d in range(width):
                            gate = z[b, t, v, g, d]
                            y[b, t, v, g, d] *= gate * _sigmoid(gate)


@numba.njit(**OPTIONS)
def _backward(u, delta, A, B, C, D, bias, z, softplus, reverse, block, first, last, kept, grad, du, ddelta, dA,
              dB, dC, dD, dbias, dz):
    frames, joints, groups, width = u.shape[1:]
    blocks, states = -(-joints // block), A.shape[0]
    # of every frame of a chunk: the decay, and what it leaves of the state before
    decay, carried = np.empty((block, CHUNK, states, width), f32), np.empty((block, CHUNK, states, width), f32)
    steps, outs = np.empty((block, CHUNK, width), f32), np.empty((block, CHUNK, width), f32)
    h, dh = np.empty((block, states, width), f32), np.empty((block, states, width), f32)
    das, (dy, source, dsource, dstep, dskip, dshift) = np.empty((states, width), f32), np.empty((6, width), f32)
    for item in range(first, last):
        b, start = item // blocks, item % blocks * block
        end = min(start + block, joints)
        for g in range(groups):
            dh[:] = 0
            for chunk in range((frames - 1) // CHUNK, -1, -1):
                length = min(CHUNK, frames - chunk * CHUNK)
                for v in range(start, end):
                    for n in range(states):
                        for d in range(width):
                            h[v - start, n, d] = kept[b, chunk, g, v, n, d]
                for i in range(length):
                    t = frames - 1 - chunk * CHUNK - i if reverse[g] else chunk * CHUNK + i
                    for v in range(start, end):
                        j = v - start
                        for d in range(width):
                            raw = delta[b, t, v, g, d] + bias[g, d]
                            steps[j, i, d] = _softplus(raw) if softplus else raw
                            source[d] = steps[j, i, d] * u[b, t, v, g, d]
                        for n in range(states):
                            from_input = B[b, t, v, g, n]
                            for d in range(width):
                                through = _exp(steps[j, i, d] * A[n, g, d])
                                rest = through * h[j, n, d]
                                decay[j, i, n, d] = through
                                carried[j, i, n, d] = rest
                                h[j, n, d] = rest + source[d] * from_input
                        if z is not None:
                            for d in range(width):
                                outs[j, i, d] = D[g, d] * u[b, t, v, g, d]
                            for n in range(states):
                                from_input, to_output = B[b, t, v, g, n], C[b, t, v, g, n]
                                for d in range(width):
                                    outs[j, i, d] += (carried[j, i, n, d] + source[d] * from_input) * to_output
                das[:] = 0
                dskip[:] = 0
                dshift[:] = 0
                for i in range(length - 1, -1, -1):
                    t = frames - 1 - chunk * CHUNK - i if reverse[g] else chunk * CHUNK + i
                    for v in range(start, end):
                        j = v - start
                        if z is not None:
                            for d in range(width):
                                gate, dout = z[b, t, v, g, d], grad[b, t, v, g, d]
                                opening = _sigmoid(gate)
                                dy[d] = dout * gate * opening
                                slope = opening * (f32(1) + gate * (f32(1) - opening))
                                dz[b, t, v, g, d] = dout * outs[j, i, d] * slope
                        else:
                            for d in range(width):
                                dy[d] = grad[b, t, v, g, d]
                        through_input = f32(0)
                        for d in range(width):
                            source[d] = steps[j, i, d] * u[b, t, v, g, d]
                            through_input += dy[d] * source[d]
                            dsource[d] = 0
                            dstep[d] = 0
                        for n in range(states):
                            from_input, to_output = B[b, t, v, g, n], C[b, t, v, g, n]
                            sum_b, sum_c = f32(0), through_input * from_input
                            for d in range(width):
                                total = dh[j, n, d] + dy[d] * to_output
                                rest = carried[j, i, n, d]
                                decayed = total * rest
                                sum_c += dy[d] * rest
                                sum_b += total * source[d]
                                dsource[d] += total * from_input
                                dstep[d] += decayed * A[n, g, d]
                                das[n, d] += decayed * steps[j, i, d]
                                dh[j, n, d] = total * decay[j, i, n, d]
                            dB[b, t, v, g, n] = sum_b
                            dC[b, t, v, g, n] = sum_c
                        for d in range(width):
                            x = u[b, t, v, g, d]
                            slope = _sigmoid(delta[b, t, v, g, d] + bias[g, d]) if softplus else f32(1)
                            draw = (dstep[d] + x * dsource[d]) * slope
                            du[b, t, v, g, d] = dy[d] * D[g, d] + steps[j, i, d] * dsource[d]
                            ddelta[b, t, v, g, d] = draw
                            dskip[d] += dy[d] * x
                            dshift[d] += draw
                for d in range(width):  # in float64, chunk by chunk: thousands of frames are added up
                    dD[g, d] += dskip[d]
                    dbias[g, d] += dshift[d]
                for n in range(states):
                    for d in range(width):
                        dA[n, g, d] += das[n, d]


def scan(u, delta, A, B, C, D, bias, z, softplus, reverse):
    """`selective_scan` of float32 tensors on the CPU, with everything that belongs to it in one kernel.

    Shape:
        u, delta, z: (b, t, v, d). A: (d, n). B, C: (b, t, v, g, n). D, bias: (d,). Result: (b, t, v, d).
        softplus: bool. reverse: one bool a group.
    """
    u, delta, A, D, bias, z = (value if value is None else value.unflatten(-1, (len(reverse), -1))
                               for value in (u, delta, A.T, D, bias, z))
    run = NumbaScan.apply if torch.is_grad_enabled() else lambda *arguments: _run(False, *arguments)[0]
    return run(u, delta, A, B, C, D, bias, z, softplus, reverse).flatten(-2)


def _array(value):
    return value if value is None else value.detach().numpy()


def _run(keep_states, u, delta, A, B, C, D, bias, z, softplus, reverse):
    """Result, inputs and options as the kernels take them, and the states kept for a backward pass.

    Shape:
        u, delta, z, result: (b, t, v, g, d). A: (n, g, d). B, C: (b, t, v, g, n). D, bias: (g, d).
    """
    batch, frames, joints, groups, width = u.shape
    nothing = u.new_zeros(groups, width) if D is None or bias is None else None
    inputs = [value.contiguous() for value in (
        u, delta, A, B, C, nothing if D is None else D, nothing if bias is None else bias)]
    inputs += [z if z is None else z.contiguous()]
    block = min(max(1, BLOCK // width), -(-joints // 2))
    options = softplus, np.array(reverse), block
    kept = u.new_empty(batch if keep_states else 0, -(-frames // CHUNK), groups, joints, len(A), width)
    y = torch.empty_like(inputs[0])
    arrays = [_array(value) for value in inputs]
    share_out(lambda part, first, last: _forward(*arrays, *options, first, last, y.numpy(), kept.numpy()),
              batch * -(-joints // block), u.numel() * len(A))
    return y, inputs, options, kept


class NumbaScan(torch.autograd.Function):
    """`scan` with its gradient."""

    @staticmethod
    def forward(ctx, u, delta, A, B, C, D, bias, z, softplus, reverse):
        ctx.given = [value is not None for value in (D, bias)]
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
        dz = z if z is None else torch.empty_like(z)
        total = len(u) * -(-u.shape[2] // ctx.options[-1])
        # every part sums for itself what all sequences share
        dA, dD, dbias = (torch.zeros(max_parts(total), *value.shape, dtype=torch.float64) for value in (A, D, bias))
        arrays = [_array(value) for value in inputs]
        share_out(lambda part, first, last: _backward(
            *arrays, *ctx.options, first, last, *(_array(value) for value in (
                kept, grad, du, ddelta, dA[part], dB, dC, dD[part], dbias[part], dz))), total, 4 * u.numel() * len(A))
        dA, dD, dbias = (value.sum(0).float() for value in (dA, dD, dbias))
        dD, dbias = (value if given else None for value, given in zip((dD, dbias), ctx.given))
        return du, ddelta, dA, dB, dC, dD, dbias, dz, None, None

"""The selective scan compiled for the CPU by Numba: states are recomputed in the backward pass, never stored.

Everything is channels last, (b, t, v, d), and is not copied: a sequence is the frames of one joint. Its state is stored
as (n, d), and the inner loops work on vectors of channels, exponentials included. All steps of a row are computed
before the first is used, so that no vector waits for the long chain of its own softplus, and what the backward pass
will read is prefetched: both matter more than the arithmetic. The forward pass keeps the state at every `CHUNK`-th
frame and the backward pass rebuilds one chunk of states at a time, so that memory grows with d n t / CHUNK for each
sequence instead of d n t. Softplus, skip and gate are part of the kernels and need no memory.
"""
import numba
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dynstg_mm.ops.cpu.threads import max_parts, share_out
from dynstg_mm.ops.cpu.vectors import LOG2_E, OPTIONS, WIDTH, exp2, f32, load, prefetch, sigmoid, splat, store, total
from dynstg_mm.ops.cpu.vectors import softplus as smooth

VECTORS = 'e1fd769f'  # digest of vectors.py, whose changes Numba's cache does not see; a test checks it
CHUNK = 16
BLOCK = 512  # channels of all joints that are scanned side by side: long runs of memory that fit into the cache


@numba.njit(**OPTIONS)
def _forward(u, delta, A, B, C, D, bias, z, softplus, reverse, block, first, last, y, kept):
    frames, joints, groups, width = u.shape[1:]
    blocks, states, chunks = -(-joints // block), A.shape[0], kept.shape[1]
    from_input, to_output = B.reshape(-1), C.reshape(-1)
    h, steps = np.empty(block * states * width, f32), np.empty(width, f32)
    for item in range(first, last):
        b, start = item // blocks, item % blocks * block
        for g in range(groups):
            h[:] = 0
            for i in range(frames):
                t = frames - 1 - i if reverse[g] else i
                keep = i % CHUNK == 0 and len(kept) > 0
                for v in range(start, min(start + block, joints)):
                    row = ((b * frames + t) * joints + v) * groups + g
                    for d in range(0, width, WIDTH):
                        step = load(delta, row * width + d) + load(bias, g * width + d)
                        store(steps, d, smooth(step) if softplus else step)
                    for d in range(0, width, WIDTH):
                        at, own, state_at = row * width + d, g * width + d, (v - start) * states * width + d
                        kept_at = (((b * chunks + i // CHUNK) * groups + g) * joints + v) * states * width + d
                        x, step = load(u, at), load(steps, d)
                        source, out = step * x, load(D, own) * x
                        for n in range(states):
                            state = load(h, state_at + n * width)
                            if keep:
                                store(kept, kept_at + n * width, state)
                            decay = exp2(step * load(A, n * groups * width + own))
                            state = decay * state + source * from_input[row * states + n]
                            store(h, state_at + n * width, state)
                            out = out + state * to_output[row * states + n]
                        if z is not None:
                            gate = load(z, at)
                            out = out * gate * sigmoid(gate)
                        store(y, at, out)


@numba.njit(**OPTIONS)
def _backward(u, delta, A, B, C, D, bias, z, softplus, reverse, block, first, last, kept, grad, du, ddelta, dA,
              dB, dC, dD, dbias, dz):
    frames, joints, groups, width = u.shape[1:]
    blocks, states, chunks = -(-joints // block), A.shape[0], kept.shape[1]
    from_input, to_output, dfrom, dto = B.reshape(-1), C.reshape(-1), dB.reshape(-1), dC.reshape(-1)
    kept_flat = kept.reshape(-1)
    # for every frame of a chunk: decay, decay times the previous state, step, slope of its softplus, and result
    size = block * CHUNK * width
    decays, rests = np.empty(size * states, f32), np.empty(size * states, f32)
    steps, slopes, outs = np.empty(size, f32), np.empty(size, f32), np.empty(size, f32)
    h, dh = np.empty(block * states * width, f32), np.empty(block * states * width, f32)
    das, dskip, dshift = np.empty(states * width, f32), np.empty(width, f32), np.empty(width, f32)
    sums_b, sums_c = np.empty(states * WIDTH, f32), np.empty(states * WIDTH, f32)
    for item in range(first, last):
        b, start = item // blocks, item % blocks * block
        end = min(start + block, joints)
        for g in range(groups):
            next_chunk = (CHUNK if reverse[g] else -CHUNK) * joints * groups * width
            dh[:] = 0
            for chunk in range((frames - 1) // CHUNK, -1, -1):
                length = min(CHUNK, frames - chunk * CHUNK)
                kept_at = (((b * chunks + chunk) * groups + g) * joints + start) * states * width
                for k in range((end - start) * states * width):
                    h[k] = kept_flat[kept_at + k]
                for i in range(length):
                    t = frames - 1 - chunk * CHUNK - i if reverse[g] else chunk * CHUNK + i
                    for v in range(start, end):
                        j, row = v - start, ((b * frames + t) * joints + v) * groups + g
                        for d in range(0, width, WIDTH):
                            at, frame_at = row * width + d, (j * CHUNK + i) * width + d
                            raw = load(delta, at) + load(bias, g * width + d)
                            store(steps, frame_at, smooth(raw) if softplus else raw)
                            if softplus:
                                store(slopes, frame_at, sigmoid(raw))
                        for d in range(0, width, WIDTH):
                            at, own = row * width + d, g * width + d
                            frame_at = (j * CHUNK + i) * width + d
                            x, step = load(u, at), load(steps, frame_at)
                            prefetch(u, at + next_chunk)
                            prefetch(delta, at + next_chunk)
                            prefetch(grad, at)  # for the second loop
                            prefetch(du, at)
                            prefetch(ddelta, at)
                            source, out = step * x, load(D, own) * x
                            for n in range(states):
                                here = ((j * CHUNK + i) * states + n) * width + d
                                state_at = (j * states + n) * width + d
                                decay = exp2(step * load(A, n * groups * width + own))
                                rest = decay * load(h, state_at)
                                store(decays, here, decay)
                                store(rests, here, rest)
                                state = rest + source * from_input[row * states + n]
                                store(h, state_at, state)
                                out = out + state * to_output[row * states + n]
                            if z is not None:
                                store(outs, frame_at, out)
                das[:] = 0
                dskip[:] = 0
                dshift[:] = 0
                for i in range(length - 1, -1, -1):
                    t = frames - 1 - chunk * CHUNK - i if reverse[g] else chunk * CHUNK + i
                    for v in range(start, end):
                        j, row = v - start, ((b * frames + t) * joints + v) * groups + g
                        sums_b[:] = 0
                        sums_c[:] = 0
                        for d in range(0, width, WIDTH):
                            at, own, frame_at = row * width + d, g * width + d, (j * CHUNK + i) * width + d
                            x, step, dy = load(u, at), load(steps, frame_at), load(grad, at)
                            if z is not None:
                                gate = load(z, at)
                                opening = sigmoid(gate)
                                slope = opening * (f32(1) + gate * (f32(1) - opening))
                                store(dz, at, dy * load(outs, frame_at) * slope)
                                dy = dy * gate * opening
                            source, dsource, dstep = step * x, splat(f32(0)), splat(f32(0))
                            for n in range(states):
                                here = ((j * CHUNK + i) * states + n) * width + d
                                state_at = (j * states + n) * width + d
                                rest, b_n = load(rests, here), from_input[row * states + n]
                                dstate = load(dh, state_at) + dy * to_output[row * states + n]
                                ddecay = dstate * rest
                                store(sums_c, n * WIDTH, load(sums_c, n * WIDTH) + dy * (rest + source * b_n))
                                store(sums_b, n * WIDTH, load(sums_b, n * WIDTH) + dstate * source)
                                dsource = dsource + dstate * b_n
                                dstep = dstep + ddecay * load(A, n * groups * width + own)
                                store(das, n * width + d, load(das, n * width + d) + ddecay * step)
                                store(dh, state_at, dstate * load(decays, here))
                            draw = dstep * f32(1 / LOG2_E) + x * dsource
                            if softplus:
                                draw = draw * load(slopes, frame_at)
                            store(du, at, dy * load(D, own) + step * dsource)
                            store(ddelta, at, draw)
                            store(dskip, d, load(dskip, d) + dy * x)
                            store(dshift, d, load(dshift, d) + draw)
                        for n in range(states):
                            dfrom[row * states + n] = total(load(sums_b, n * WIDTH))
                            dto[row * states + n] = total(load(sums_c, n * WIDTH))
                for d in range(width):  # in float64, chunk by chunk, because these are sums over thousands of frames
                    dD[g, d] += dskip[d]
                    dbias[g, d] += dshift[d]
                for n in range(states):
                    for d in range(width):
                        dA[n, g, d] += das[n * width + d]


def scan(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, z: Tensor | None,
         delta_bias: Tensor | None, delta_softplus: bool, reverse: tuple[bool, ...]) -> Tensor:
    """`scan_joints` in float32 on the CPU, with `reverse` as one bool a group."""
    dtype, groups = u.dtype, len(reverse)
    u, delta, A, B, C, D, bias, z = (x if x is None else x.float() for x in (u, delta, A, B, C, D, delta_bias, z))
    u, delta, A, D, bias, z = (x if x is None else x.unflatten(-1, (groups, -1))
                               for x in (u, delta, A.T, D, bias, z))  # (..., g, d / g)
    width = u.shape[-1]
    if width % WIDTH:  # channels of zeros: the kernels work on whole vectors
        u, delta, A, D, bias, z = (x if x is None else F.pad(x, (0, -width % WIDTH))
                                   for x in (u, delta, A, D, bias, z))
    run = NumbaScan.apply if torch.is_grad_enabled() else _infer
    y = run(u, delta, A, B, C, D, bias, z, delta_softplus, reverse)
    return (y[..., :width] if width % WIDTH else y).flatten(-2).to(dtype)  # (b, t, v, d)


def _infer(*arguments):
    return _run(False, *arguments)[0]


def _array(value):
    return value if value is None else value.detach().numpy()


def _run(keep_states, u, delta, A, B, C, D, bias, z, softplus, reverse):
    """Result, the inputs and options of the kernels, and the states kept for a backward pass.

    Shape:
        u, delta, z, result: (b, t, v, g, d). A: (n, g, d). B, C: (b, t, v, g, n). D, bias: (g, d).
    """
    batch, frames, joints, groups, width = u.shape
    nothing = u.new_zeros(groups, width) if D is None or bias is None else None
    D, bias = (nothing if value is None else value for value in (D, bias))
    inputs = [value if value is None else value.contiguous() for value in (u, delta, A * LOG2_E, B, C, D, bias, z)]
    block = min(max(1, BLOCK // width), -(-joints // 2))
    options = softplus, np.array(reverse), block
    kept = u.new_empty(batch if keep_states else 0, -(-frames // CHUNK), groups, joints, len(A), width)
    y = torch.empty_like(inputs[0])
    arrays = [_array(value) for value in inputs]
    share_out(lambda part, first, last: _forward(*arrays, *options, first, last, y.numpy(), kept.numpy()),
              batch * -(-joints // block), u.numel() * len(A))
    return y, inputs, options, kept


class NumbaScan(torch.autograd.Function):
    """The scan with its gradient. Shape: as `_run`."""

    @staticmethod
    def forward(ctx, u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, bias: Tensor | None,
                z: Tensor | None, softplus: bool, reverse: tuple[bool, ...]) -> Tensor:
        """The result for all frames."""
        ctx.given = [value is not None for value in (D, bias)]
        y, inputs, ctx.options, kept = _run(True, u, delta, A, B, C, D, bias, z, softplus, reverse)
        ctx.save_for_backward(*inputs, kept)
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the tensors."""
        *inputs, kept = ctx.saved_tensors
        u, delta, A, B, C, D, bias, z = inputs
        grad = grad.contiguous()
        du, ddelta, dB, dC = map(torch.empty_like, (u, delta, B, C))
        dz = z if z is None else torch.empty_like(z)
        items = len(u) * -(-u.shape[2] // ctx.options[-1])
        # what all sequences share is summed by each part, then over parts
        dA, dD, dbias = (torch.zeros(max_parts(items), *value.shape, dtype=torch.float64) for value in (A, D, bias))
        arrays = [_array(value) for value in inputs]
        share_out(lambda part, first, last: _backward(
            *arrays, *ctx.options, first, last, *(_array(value) for value in (
                kept, grad, du, ddelta, dA[part], dB, dC, dD[part], dbias[part], dz))), items, 4 * u.numel() * len(A))
        dA, dD, dbias = (value.sum(0).float() for value in (dA, dD, dbias))
        dD, dbias = (value if given else None for value, given in zip((dD, dbias), ctx.given))
        return du, ddelta, dA, dB, dC, dD, dbias, dz, None, None

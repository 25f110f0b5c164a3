"""The temporal filter compiled for the CPU by Numba.

A frame is one long row of joints and channels, (v c), because starting a short loop over the channels of one joint
costs more than its work. Weights are repeated for every joint, and every distinct offset is a tap whose weights are 0
outside the channels of its branches. Bias and SiLU are applied to the row in the kernel, and the backward pass
recomputes the row instead of storing it.
"""
import functools

import numba
import numpy as np
import torch
from torch import Tensor

from dynstg_mm.ops.cpu.threads import max_parts, share_out
from dynstg_mm.ops.cpu.vectors import OPTIONS, f32, sigmoid

VECTORS = 'e1fd769f'  # digest of vectors.py, whose changes Numba's cache does not see; a test checks it


@numba.njit(**OPTIONS)
def _repeat(row, channels):
    """Fill a row of (v c) with its first c values, doubling what is there."""
    done = channels
    while done < len(row):
        size = min(done, len(row) - done)
        target, given = row[done:done + size], row[:size]
        for i in range(size):
            target[i] = given[i]
        done += size


@numba.njit(**OPTIONS)
def _weight_rows(kernel, places, bounds, rows):
    """kernel (j, c) -> rows (taps, v c)."""
    channels = kernel.shape[1]
    for tap in range(len(rows)):
        rows[tap, :channels] = 0
    for j in range(len(kernel)):
        for branch in range(len(bounds) - 1):
            low, high = bounds[branch], bounds[branch + 1]
            rows[places[j, branch], low:high] = kernel[j, low:high]
    for tap in range(len(rows)):
        _repeat(rows[tap], channels)


@numba.njit(**OPTIONS)
def _filtered(clip, rows, taps, centre, bias, out):
    for i in range(len(out)):
        out[i] = bias[i]
    for tap in range(len(taps)):
        source = centre + taps[tap]
        if 0 <= source < len(clip):
            weight, given = rows[tap], clip[source]
            for i in range(len(out)):
                out[i] += weight[i] * given[i]


@numba.njit(**OPTIONS)
def _forward(x, kernel, bias, silu, taps, places, bounds, stride, first, last, y):
    frames, size = y.shape[1:]
    rows, shift = np.empty((len(taps), size), f32), np.empty(size, f32)
    shift[:len(bias)] = bias
    _repeat(shift, len(bias))
    per_frame = kernel.shape[1] > 1 or len(kernel) > 1
    for item in range(first, last):
        b, t = item // frames, item % frames
        if per_frame or item == first:
            _weight_rows(kernel[b % len(kernel), t % kernel.shape[1]], places, bounds, rows)
        out = y[b, t]
        _filtered(x[b], rows, taps, t * stride, shift, out)
        if silu:
            for i in range(size):
                out[i] *= sigmoid(out[i])


@numba.njit(**OPTIONS)
def _backward(x, kernel, bias, silu, taps, places, bounds, stride, first, last, grad, dx, dkernel, dbias):
    frames, size = grad.shape[1:]
    channels, per_frame = len(bias), kernel.shape[1] > 1 or len(kernel) > 1
    rows, drows = np.empty((len(taps), size), f32), np.empty((len(taps), size), f32)
    shift, out, dout, dshift = np.empty((4, size), f32)
    shift[:channels] = bias
    _repeat(shift, channels)
    for b in range(first, last):
        dx[b] = 0
        dshift[:] = 0
        drows[:] = 0
        for t in range(frames):
            if per_frame or (t == 0 and b == first):
                _weight_rows(kernel[b % len(kernel), t % kernel.shape[1]], places, bounds, rows)
            if per_frame:
                drows[:, :channels] = 0
            dout[:] = grad[b, t]
            if silu:
                _filtered(x[b], rows, taps, t * stride, shift, out)
                for i in range(size):
                    opening = sigmoid(out[i])
                    dout[i] *= opening * (f32(1) + out[i] * (f32(1) - opening))
            for i in range(size):
                dshift[i] += dout[i]
            for tap in range(len(taps)):
                source = t * stride + taps[tap]
                if 0 <= source < x.shape[1]:
                    weight, given, dgiven, drow = rows[tap], x[b, source], dx[b, source], drows[tap]
                    for i in range(size):
                        dgiven[i] += weight[i] * dout[i]
                    if per_frame:
                        for start in range(0, size, channels):
                            for c in range(channels):
                                drow[c] += given[start + c] * dout[start + c]
                    else:
                        for i in range(size):
                            drow[i] += given[i] * dout[i]
            if per_frame:
                _collect(drows[:, :channels], places, bounds, dkernel[b, t])
        if not per_frame:  # in float64, clip by clip, because these are sums over thousands of frames
            for start in range(0, size, channels):
                _collect(drows[:, start:start + channels], places, bounds, dkernel[0, 0])
        for start in range(0, size, channels):
            dbias += dshift[start:start + channels]


@numba.njit(**OPTIONS)
def _collect(drows, places, bounds, dkernel):
    for j in range(len(dkernel)):
        for branch in range(len(bounds) - 1):
            low, high = bounds[branch], bounds[branch + 1]
            dkernel[j, low:high] += drows[places[j, branch], low:high]


@functools.cache
def _places(offsets):
    """Distinct offsets, and the index among them of each tap of each branch, (j, branches)."""
    taps, places = np.unique(np.array(offsets).T, return_inverse=True)
    return taps, places.reshape(len(offsets[0]), len(offsets))


@functools.cache
def _bounds(sizes):
    """First channel of each branch, and the number of channels, (branches + 1,)."""
    return np.cumsum([0, *sizes])


def apply_filter(x: Tensor, kernel: Tensor, offsets: tuple[tuple[int, ...], ...], sizes: tuple[int, ...], stride: int,
                 bias: Tensor | None, silu: bool) -> Tensor:
    """`temporal_filter` in float32 on the CPU, with the number of channels of each branch as `sizes`."""
    dtype, x = x.dtype, x.float().contiguous()
    kernel = (kernel if kernel.dim() == 4 else kernel[None, None]).float().contiguous()  # (b, t', j, c) or (1, 1, j, c)
    bias = x.new_zeros(x.shape[-1]) if bias is None else bias.float()
    options = silu, *_places(offsets), _bounds(sizes), stride
    run = NumbaFilter.apply if torch.is_grad_enabled() else _run
    return run(x, kernel, bias, options).to(dtype)


def _run(x, kernel, bias, options):
    batch, frames, joints, channels = x.shape
    y = x.new_empty(batch, -(-frames // options[-1]), joints, channels)
    arrays = [value.detach().numpy() for value in (x.flatten(2), kernel, bias)]
    out = y.flatten(2).numpy()
    share_out(lambda part, first, last: _forward(*arrays, *options, first, last, out), y.shape[0] * y.shape[1],
              y.numel())
    return y


class NumbaFilter(torch.autograd.Function):
    """The filter with its gradient."""

    @staticmethod
    def forward(ctx, x: Tensor, kernel: Tensor, bias: Tensor, options: tuple) -> Tensor:
        """The result for all frames."""
        ctx.options = options
        ctx.save_for_backward(x, kernel, bias)
        return _run(x, kernel, bias, options)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the tensors."""
        x, kernel, bias = ctx.saved_tensors
        dx = torch.empty_like(x)
        arrays = [value.numpy() for value in (x.flatten(2), kernel, bias)]
        grads = [value.numpy() for value in (grad.contiguous().flatten(2), dx.flatten(2))]
        # what all clips share is summed by each part, then over parts
        shared, parts = kernel.shape[:2] == (1, 1), max_parts(len(x))
        dkernel = torch.zeros(parts if shared else 1, *kernel.shape, dtype=torch.float64 if shared else kernel.dtype)
        dbias = torch.zeros(parts, *bias.shape, dtype=torch.float64)
        share_out(lambda part, first, last: _backward(
            *arrays, *ctx.options, first, last, *grads, dkernel[part if shared else 0].numpy(), dbias[part].numpy()),
            len(x), 2 * dx.numel())
        return dx, dkernel.sum(0).float(), dbias.sum(0).float(), None

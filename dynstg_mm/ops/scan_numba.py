"""The selective scan compiled for the CPU by Numba: states are recomputed in the backward pass, never stored.

Everything is channels last, (b, t, d) and (b, t, n), and sequences are shared out among threads of ours: Numba's own
take four times as long to compile. The state of a sequence is kept as
(n, d), so that the inner loop runs over contiguous channels and becomes vector instructions. The forward pass keeps the
state at every `CHUNK`-th frame; the backward pass rebuilds one chunk of states at a time, so its memory grows with
d n (t / CHUNK + CHUNK) a sequence in place of d n t.
"""
import math
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import torch

CHUNK = 32


@numba.njit(nogil=True, fastmath=True, cache=True, error_model='numpy')
def _forward(u, step, A, B, C, y, kept):
    batch, frames, channels = u.shape
    states = A.shape[0]
    for b in range(batch):
        h = np.zeros((states, channels), u.dtype)
        for t in range(frames):
            if t % CHUNK == 0:
                kept[b, t // CHUNK] = h
            for d in range(channels):
                y[b, t, d] = 0
            for n in range(states):
                for d in range(channels):
                    dt = step[b, t, d]
                    h[n, d] = math.exp(dt * A[n, d]) * h[n, d] + dt * u[b, t, d] * B[b, t, n]
                    y[b, t, d] += h[n, d] * C[b, t, n]


@numba.njit(nogil=True, fastmath=True, cache=True, error_model='numpy')
def _backward(u, step, A, B, C, kept, grad, du, dstep, dA, dB, dC):
    batch, frames, channels = u.shape
    states = A.shape[0]
    for b in range(batch):
        h = np.empty((CHUNK + 1, states, channels), u.dtype)  # h[i] is the state before frame start + i
        decay = np.empty((CHUNK, states, channels), u.dtype)
        g = np.zeros((states, channels), u.dtype)  # gradient of the state
        for chunk in range((frames - 1) // CHUNK, -1, -1):
            start = chunk * CHUNK
            length = min(CHUNK, frames - start)
            h[0] = kept[b, chunk]
            for i in range(length):
                t = start + i
                for n in range(states):
                    for d in range(channels):
                        dt = step[b, t, d]
                        decay[i, n, d] = math.exp(dt * A[n, d])
                        h[i + 1, n, d] = decay[i, n, d] * h[i, n, d] + dt * u[b, t, d] * B[b, t, n]
            for i in range(length - 1, -1, -1):
                t = start + i
                for d in range(channels):
                    du[b, t, d] = 0
                    dstep[b, t, d] = 0
                for n in range(states):
                    sum_b, sum_c = u.dtype.type(0), u.dtype.type(0)
                    for d in range(channels):
                        dt, x, dy = step[b, t, d], u[b, t, d], grad[b, t, d]
                        total = g[n, d] + dy * C[b, t, n]
                        through = total * h[i, n, d] * decay[i, n, d]
                        sum_c += dy * h[i + 1, n, d]
                        sum_b += total * dt * x
                        du[b, t, d] += total * dt * B[b, t, n]
                        dstep[b, t, d] += total * x * B[b, t, n] + through * A[n, d]
                        dA[b, n, d] += through * dt
                        g[n, d] = total * decay[i, n, d]
                    dB[b, t, n] = sum_b
                    dC[b, t, n] = sum_c


class NumbaScan(torch.autograd.Function):
    """h[t] = exp(step[t] A) h[t-1] + step[t] B[t] u[t], y[t] = C[t] h[t].

    Shape:
        u, step: (b, t, d). A: (n, d). B, C: (b, t, n). Result: (b, t, d).
    """

    @staticmethod
    def forward(ctx, u, step, A, B, C):
        inputs = [value.contiguous() for value in (u, step, A, B, C)]
        batch, frames, channels = u.shape
        y = torch.empty_like(inputs[0])
        kept = u.new_empty(batch, -(-frames // CHUNK), A.shape[0], channels)
        _share_out(_forward, *inputs, y, kept)
        ctx.save_for_backward(*inputs, kept)
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        u, step, A, B, C, kept = ctx.saved_tensors
        du, dstep, dB, dC = map(torch.empty_like, (u, step, B, C))
        dA = A.new_zeros(len(u), *A.shape)
        _share_out(_backward, u, step, A, B, C, kept, grad.contiguous(), du, dstep, dA, dB, dC)
        return du, dstep, dA.sum(0), dB, dC


def _share_out(kernel, u, step, A, *others):
    """Run the kernel on as many parts of the batch as torch may use threads; A belongs to every sequence."""
    arrays = [tensor.detach().numpy() for tensor in (u, step, *others)]
    batch, threads = len(u), torch.get_num_threads()
    bounds = np.linspace(0, batch, min(threads, batch) + 1).astype(int)

    def part(start, end):
        first, second, *rest = (array[start:end] for array in arrays)
        kernel(first, second, A.detach().numpy(), *rest)

    if len(bounds) == 2:
        part(0, batch)
    else:
        with ThreadPoolExecutor(len(bounds) - 1) as pool:
            list(pool.map(part, bounds[:-1], bounds[1:]))

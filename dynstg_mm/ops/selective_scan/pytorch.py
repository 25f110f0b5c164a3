"""The selective scan in PyTorch alone: time first, so that every operation runs over contiguous channels."""
from itertools import pairwise

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor


def scan(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, z: Tensor | None,
         delta_bias: Tensor | None, delta_softplus: bool, reverse: tuple[bool, ...]) -> Tensor:
    """`scan_joints` in float32, or in float64 where `u` is, with `reverse` as one bool a group."""
    dtype, groups = u.dtype, len(reverse)
    u, delta, A, B, C = (x if x.dtype == torch.float64 else x.float() for x in (u, delta, A, B, C))
    delta = delta if delta_bias is None else delta + delta_bias.to(delta.dtype)
    delta = F.softplus(delta) if delta_softplus else delta
    parts = []
    for group, backwards in enumerate(reverse):
        step, inputs = (rearrange(x.chunk(groups, -1)[group], 'b t v d -> t 1 b v d') for x in (delta, delta * u))
        decay = torch.exp(step * rearrange(A.chunk(groups)[group], 'd n -> n 1 1 d'))  # (t, n, b, v, d / g)
        to_state, to_output = (rearrange(x[..., group, :], 'b t v n -> t n b v 1') for x in (B, C))
        h = LinearRecurrence.apply(decay, inputs * to_state, backwards)  # (t, n, b, v, d / g)
        parts.append(rearrange((h * to_output).sum(1), 't b v d -> b t v d'))
    y = torch.cat(parts, -1) if groups > 1 else parts[0]
    y = y if D is None else y + u * D.to(u.dtype)
    y = y if z is None else y * F.silu(z.to(y.dtype))
    return y.to(dtype)


class LinearRecurrence(torch.autograd.Function):
    """h[t] = a[t] h[t-1] + x[t] along the first axis, from a state of 0.

    Each step is one fused multiply-add over contiguous memory, and the backward pass is the same recurrence in the
    other direction. It is stable for any a in [0, 1], because nothing is divided by a product of a.

    Shape:
        a, x: (t, ...). Result: (t, ...). `reverse`, a bool, replaces h[t-1] by h[t+1].
    """

    @staticmethod
    def forward(ctx, a: Tensor, x: Tensor, reverse: bool) -> Tensor:
        """The states of all frames."""
        frames = range(len(x))[::-1] if reverse else range(len(x))
        h = torch.empty_like(x)
        h[frames[0]] = x[frames[0]]
        for before, t in pairwise(frames):
            torch.addcmul(x[t], a[t], h[before], out=h[t])
        ctx.save_for_backward(a, h)
        ctx.reverse, ctx.frames = reverse, frames
        return h

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        """Gradients of a and x."""
        a, h = ctx.saved_tensors
        grad_x = torch.empty_like(grad, memory_format=torch.contiguous_format)
        grad_x[ctx.frames[-1]] = grad[ctx.frames[-1]]
        for after, t in pairwise(ctx.frames[::-1]):
            torch.addcmul(grad[t], a[after], grad_x[after], out=grad_x[t])
        later, earlier = (slice(None, -1), slice(1, None)) if ctx.reverse else (slice(1, None), slice(None, -1))
        grad_a = torch.zeros_like(a)
        torch.mul(grad_x[later], h[earlier], out=grad_a[later])
        return grad_a, grad_x, None

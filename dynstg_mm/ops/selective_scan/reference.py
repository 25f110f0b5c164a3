"""The selective scan, one frame after the other: the version that the fast ones are tested against."""
import torch
import torch.nn.functional as F
from torch import Tensor


def scan(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, z: Tensor | None,
         delta_bias: Tensor | None, delta_softplus: bool, reverse: tuple[bool, ...]) -> Tensor:
    """`scan_joints` in the type of `u`, with `reverse` as one bool a group."""
    groups = len(reverse)
    delta = delta if delta_bias is None else delta + delta_bias.to(delta.dtype)
    delta = F.softplus(delta) if delta_softplus else delta
    frames, parts = range(u.shape[1]), []
    for group, backwards in enumerate(reverse):
        step, x = (value.chunk(groups, -1)[group] for value in (delta, u))  # (b, t, v, d / g)
        decay = torch.exp(step[..., None] * A.chunk(groups)[group])  # (b, t, v, d / g, n)
        inputs = (step * x)[..., None] * B[..., group, None, :]  # (b, t, v, d / g, n)
        h, y = torch.zeros_like(inputs[:, 0]), {}  # h: (b, v, d / g, n)
        for t in reversed(frames) if backwards else frames:
            h = decay[:, t] * h + inputs[:, t]
            y[t] = (h * C[:, t, :, group, None]).sum(-1)  # (b, v, d / g)
        parts.append(torch.stack([y[t] for t in frames], 1))
    y = torch.cat(parts, -1)  # (b, t, v, d)
    y = y if D is None else y + u * D.to(u.dtype)
    y = y if z is None else y * F.silu(z.to(y.dtype))
    return y.to(u.dtype)

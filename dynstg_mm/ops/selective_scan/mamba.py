"""The selective scan by mamba-ssm's CUDA kernel, which takes (b, d, l) and knows no direction of time."""
import torch
from einops import rearrange
from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
from torch import Tensor


def scan(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, z: Tensor | None,
         delta_bias: Tensor | None, delta_softplus: bool, reverse: tuple[bool, ...]) -> Tensor:
    """`scan_joints`, one call of the kernel for each group, with `reverse` as one bool a group."""
    groups, parts = len(reverse), []
    for group, backwards in enumerate(reverse):
        wide = [x if x is None else x.chunk(groups, -1)[group] for x in (u, delta, z)]  # (b, t, v, d / g)
        to_state, to_output = (x[..., group, :] for x in (B, C))  # (b, t, v, n)
        x, step, to_state, to_output, gate = (
            x if x is None else _to_sequences(x.to(u.dtype), backwards)
            for x in (*wide[:2], to_state, to_output, wide[2]))  # (b v, d / g or n, t)
        matrix, skip, bias = (x if x is None else x.chunk(groups)[group].float().contiguous()
                              for x in (A, D, delta_bias))
        y = selective_scan_fn(x, step, matrix, to_state, to_output, skip, gate, bias, delta_softplus)
        parts.append(rearrange(_turn(y, backwards), '(b v) d t -> b t v d', v=u.shape[2]))
    return torch.cat(parts, -1)


def _to_sequences(x, backwards):
    """(b, t, v, c) -> (b v, c, t), in the order of the scan."""
    return _turn(rearrange(x, 'b t v c -> (b v) c t'), backwards).contiguous()


def _turn(x, backwards):
    return x.flip(-1) if backwards else x

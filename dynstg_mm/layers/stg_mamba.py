"""STG-Mamba: a selective state space along time whose step listens to the neighbouring joints."""
import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn

from ..ops.graph import mix_joints
from ..ops.selective_scan import selective_scan
from .graph_conv import DynamicAdjacency, MovementPhases


class GraphSelectiveScan(nn.Module):
    r"""Causal convolution, graph convolution and graph-selective scan of one direction.

    .. math:: \Delta_{t,v} = softplus\Big(\sum_w \hat A_{wv} (W u)_{t,w} + bias\Big)

    The step is mixed over joints before softplus, so that it stays positive whatever the sign of the adjacency.
    Source: method, STG-Mamba; scan and initial values after Mamba (arXiv 2312.00752).

    Args:
        channels (int): d.
        state_size (int): n.
        kernel_size (int): Taps of the causal depthwise convolution.

    Shape:
        u: (b, t, v, d), mix: a function that mixes (b, t, v, c) over joints. Result: (b, t, v, d).
    """

    def __init__(self, channels, *, state_size=4, kernel_size=4):
        super().__init__()
        self.rank, self.state_size = math.ceil(channels / 16), state_size
        self.kernel = nn.Parameter(torch.empty(kernel_size, channels))
        self.kernel_bias = nn.Parameter(torch.zeros(channels))
        nn.init.uniform_(self.kernel, -kernel_size**-0.5, kernel_size**-0.5)
        self.select = nn.Linear(channels, self.rank + 2 * state_size, bias=False)
        self.step = nn.Linear(self.rank, channels, bias=False)
        nn.init.uniform_(self.step.weight, -self.rank**-0.5, self.rank**-0.5)
        first = torch.exp(torch.rand(channels) * (math.log(0.1) - math.log(0.001)) + math.log(0.001))
        self.step_bias = nn.Parameter(first + torch.log(-torch.expm1(-first)))  # softplus of it is `first`
        self.A_log = nn.Parameter(torch.log(torch.arange(1, state_size + 1.)).repeat(channels, 1))
        self.D = nn.Parameter(torch.ones(channels))

    def forward(self, u, mix):
        b, t, v, d = u.shape
        taps = len(self.kernel)
        padded = F.pad(u, (0, 0, 0, 0, taps - 1, 0))
        u = sum(self.kernel[tap] * padded[:, tap:tap + t] for tap in range(taps)) + self.kernel_bias
        u = F.silu(mix(u))
        step, B, C = self.select(u).split([self.rank, self.state_size, self.state_size], -1)
        step = mix(self.step(step))
        # stored channels last, seen as (b, d, t)
        u, step, B, C = (rearrange(value, 'b t v c -> (b v) t c').transpose(1, 2) for value in (u, step, B, C))
        y = selective_scan(u, step, -torch.exp(self.A_log.float()), B, C, self.D.float(),
                           delta_bias=self.step_bias.float(), delta_softplus=True)
        return rearrange(y, '(b v) d t -> b t v d', v=v)


class STGMambaBlock(nn.Module):
    """Residual block: norm, in-projection to u and gate, graph-selective scan, gate, out-projection.

    With the identity as adjacency it is plain Mamba, joint by joint. Not causal by default; with `bidirectional=False` the
    graph is static, so that no frame hears of a later one. Source: method, STG-Mamba; root: Li 2024, arXiv 2403.12418.

    Args:
        channels (int): c.
        adjacency (Tensor): (k, v, v), summed over the subsets and normalised by columns.
        expand (float): d = expand * c.
        state_size (int): n.
        kernel_size (int): Taps of the causal convolution.
        num_phases (int): p of the dynamic adjacency.
        bidirectional (bool): Scan in both directions and add.
        dynamic (bool): Dynamic adjacency (needs `bidirectional`).
        graph_selective (bool): Mix the step over joints; off leaves each joint its own.
        dropout (float): On the residual branch.

    Shape:
        x: (b, t, v, c). Result: the same.
    """

    def __init__(self, channels, adjacency, *, expand=1., state_size=4, kernel_size=4, num_phases=4, bidirectional=True,
                 dynamic=True, graph_selective=True, dropout=0.):
        super().__init__()
        inner = round(expand * channels)
        total = adjacency.sum(0, keepdim=True)
        total = total / total.sum(1, keepdim=True).clamp_min(1e-6)
        dynamic = dynamic and bidirectional
        self.graph_selective = graph_selective
        self.norm = nn.LayerNorm(channels)
        self.phases = MovementPhases(channels, num_phases) if dynamic else None
        self.graph = DynamicAdjacency(channels, total, dynamic=dynamic)
        self.in_project = nn.Linear(channels, 2 * inner, bias=False)
        self.directions = nn.ModuleList(
            GraphSelectiveScan(inner, state_size=state_size, kernel_size=kernel_size)
            for _ in range(2 if bidirectional else 1))
        self.out_project = nn.Linear(inner, channels, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        normed = self.norm(x)
        u, z = self.in_project(normed).chunk(2, -1)
        adjacency = self._adjacency(normed)

        y = self._scan(self.directions[0], u, adjacency)
        if len(self.directions) == 2:
            back = adjacency.flip(1) if adjacency.dim() == 4 else adjacency
            y = y + self._scan(self.directions[1], u.flip(1), back).flip(1)
        return x + self.dropout(self.out_project(y * F.silu(z)))

    def _adjacency(self, x):
        phases = self.phases(x) if self.phases is not None else None
        static, dynamic = self.graph(x, phases)
        return static[0] if dynamic is None else static[0] + self.graph.alpha * dynamic

    def _scan(self, direction, u, adjacency):
        if not self.graph_selective:
            return direction(u, lambda value: value)
        return direction(u, lambda value: mix_joints(value, adjacency.to(value.dtype)))

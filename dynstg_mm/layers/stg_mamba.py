"""STG-Mamba: a selective state space along time whose step listens to the neighbouring joints."""
import math

import torch
import torch.nn.functional as F
from torch import nn

from dynstg_mm.layers.derived import DerivedModule
from dynstg_mm.layers.graph_conv import MovementPhases, PhaseRelation, StaticAdjacency
from dynstg_mm.layers.recompute import recompute
from dynstg_mm.ops.graph import mix_joints
from dynstg_mm.ops.selective_scan import selective_scan
from dynstg_mm.ops.temporal_filter import temporal_filter

SCANS = ('temporal', 'spatio-temporal')


class STGMambaBlock(DerivedModule):
    r"""Residual block: norm, in-projection to u and gate z, graph convolution, temporal convolution, scan,
    out-projection.

    .. math::
        \Delta_{t,v} = softplus\Big(\sum_w \hat A_{t,wv} (W u)_{t,w} + bias\Big)

    The step is mixed over joints before softplus, so that it stays positive whatever the sign of the adjacency. With
    the identity as adjacency it is plain Mamba, joint by joint. Source: method, STG-Mamba (our reading of arXiv
    2503.13156); roots: Li 2024, arXiv 2403.12418; scan and initial values of Mamba, arXiv 2312.00752.

    Our choices: the adjacency is summed over the subsets and normalised by columns, so that mixing a step is a mean
    over neighbours; the graph convolution has no weights of its own, as in-projection and scan have; it comes before
    the temporal one, which then runs together with its SiLU; with both directions of time, each takes half of the inner
    channels, so that hearing the future costs no more than the past alone; without, the graph is static, so that no
    frame hears of a later one.

    Args:
        channels (int): c.
        adjacency (Tensor): (k, v, v), summed over the subsets and normalised by columns.
        expand (float): d = expand * c, rounded to what the directions can share.
        state_size (int): n.
        kernel_size (int): Taps of the causal depthwise convolution; 1 switches it off.
        num_phases (int | None): p of the dynamic adjacency; None where the caller hands over the relations.
        scan (str): 'temporal', each joint for itself, or 'spatio-temporal', all joints of a frame one after the other,
            then the next frame.
        joint_order (Sequence[int], optional): Of the spatio-temporal scan, such as `skeletons.depth_first`.
        bidirectional (bool): Half of the channels scan backwards.
        dynamic (bool): Dynamic adjacency (needs `bidirectional`).
        learn_filter (bool): Learned filter and gate of the adjacency's static part.
        graph_conv (bool): Graph convolution on u.
        graph_selective (bool): Mix the step over joints; off leaves each joint its own.
        dropout (float): On the residual branch.
        with_cp (bool): Compute the inside of the block again in the backward pass in place of keeping it.

    Shape:
        x: (b, t, v, c), relations: of each frame, from `PhaseRelation`, (b, t, v, v). Result: as x.
    """

    def __init__(self, channels, adjacency, *, expand=1., state_size=4, kernel_size=4, num_phases=4, scan='temporal',
                 joint_order=None, bidirectional=True, dynamic=True, learn_filter=True, graph_conv=True,
                 graph_selective=True, dropout=0., with_cp=False):
        super().__init__()
        if scan not in SCANS:
            raise ValueError(f'scan: {scan!r}; expected one of {", ".join(SCANS)}.')
        joints, groups = adjacency.shape[-1], 2 if bidirectional else 1
        order = torch.arange(joints) if joint_order is None else torch.tensor(joint_order)
        if sorted(order.tolist()) != list(range(joints)):
            raise ValueError(f'joint_order: {order.tolist()}; expected every one of {joints} joints once.')
        inner = groups * max(1, round(expand * channels / groups))
        self.rank, self.state_size, self.groups = math.ceil(inner / 16), state_size, groups
        self.scan, self.graph_conv, self.graph_selective, self.with_cp = scan, graph_conv, graph_selective, with_cp
        self.register_buffer('order', order, persistent=False)
        self.register_buffer('place', order.argsort(), persistent=False)
        total = adjacency.sum(0, keepdim=True)
        total = total / total.sum(1, keepdim=True).clamp_min(1e-6)
        self.norm = nn.LayerNorm(channels)
        mixes = graph_conv or graph_selective
        dynamic = dynamic and bidirectional and mixes
        self.static = StaticAdjacency(total, learn_filter) if mixes else None
        self.alpha = nn.Parameter(torch.zeros(())) if dynamic else None
        own = dynamic and num_phases is not None
        self.phases = MovementPhases(channels, num_phases) if own else None
        self.relation = PhaseRelation(channels) if own else None
        self.in_project = nn.Linear(channels, 2 * inner, bias=False)
        self.kernel = nn.Parameter(torch.empty(kernel_size, inner).uniform_(-kernel_size**-0.5, kernel_size**-0.5))
        self.kernel_bias = nn.Parameter(torch.zeros(inner))
        self.select = nn.Linear(inner, self.rank + 2 * groups * state_size, bias=False)
        self.step_size = nn.Linear(self.rank, inner, bias=False)
        nn.init.uniform_(self.step_size.weight, -self.rank**-0.5, self.rank**-0.5)
        first = torch.exp(torch.rand(inner) * (math.log(0.1) - math.log(0.001)) + math.log(0.001))
        self.step_bias = nn.Parameter(first + torch.log(-torch.expm1(-first)))  # softplus of it is `first`
        self.A_log = nn.Parameter(torch.log(torch.arange(1, state_size + 1.)).repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner))
        self.out_project = nn.Linear(inner, channels, bias=False)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        past = tuple(range(1 - kernel_size, 1))
        self.offsets = (past, tuple(-tap for tap in past))[:groups]

    def forward(self, x, relations=None):
        return x + self.dropout(recompute(self._branch, x, relations, enabled=self.with_cp))

    def _branch(self, x, relations=None):
        x = self.norm(x)
        adjacency = self._adjacency(x, relations)
        u, z = self._project(x, adjacency)
        u = temporal_filter(u, self.kernel, self.offsets, 1, self.kernel_bias, True)
        delta, B, C = self._select(u, adjacency)
        u, delta, B, C, z = map(self._to_sequences, (u, delta, B, C, z))
        y = selective_scan(
            *(value.permute(0, 2, 3, 1) for value in (u, delta)), self._state_matrix(),
            *(value.unflatten(-1, (self.groups, -1)).permute(0, 2, 3, 4, 1) for value in (B, C)), self.D.float(),
            z.permute(0, 2, 3, 1), self.step_bias.float(), True, reverse=(False, True)[:self.groups])
        return self.out_project(self._from_sequences(y.permute(0, 3, 1, 2), x.shape[1]))

    def step(self, frame, state=None):
        """One frame of the streaming form; frame by frame it gives what `forward` gives for the whole clip.

        Args:
            frame (Tensor): (b, v, c).
            state (tuple[Tensor, Tensor], optional): What the last call returned; None at the first frame.

        Returns:
            tuple[Tensor, tuple[Tensor, Tensor]]: The result (b, v, c) and the state to carry: the last inputs of the
            temporal convolution (b, j - 1, v, d), and the scan's state (b, v, d, n), with one v for a
            spatio-temporal scan. Its size does not grow with time, and no gradient goes through it.

        Raises:
            ValueError: The block is bidirectional, which needs the whole clip.
        """
        if self.groups == 2:
            raise ValueError('step: a bidirectional block needs the whole clip; build it with bidirectional=False.')
        x = self.norm(frame[:, None])
        adjacency = self._adjacency(x)
        u, z = self._project(x, adjacency)
        if state is None:
            sequences = frame.shape[1] if self.scan == 'temporal' else 1
            state = (u.new_zeros(len(u), len(self.kernel) - 1, *u.shape[2:]),
                     u.new_zeros(len(u), sequences, u.shape[-1], self.state_size))
        recent, h = torch.cat([state[0], u], 1), state[1]
        u = F.silu(torch.einsum('jd,bjvd->bvd', self.kernel, recent) + self.kernel_bias)[:, None]
        delta, B, C = self._select(u, adjacency)
        u, delta, B, C = map(self._to_sequences, (u, delta, B, C))
        step, A, y = F.softplus(delta + self.step_bias), self._state_matrix(), []
        for i in range(u.shape[1]):  # one joint after the other in a spatio-temporal scan
            h = torch.exp(step[:, i, ..., None] * A) * h + (step * u)[:, i, ..., None] * B[:, i, :, None]
            y.append((h * C[:, i, :, None]).sum(-1))
        y = self._from_sequences(torch.stack(y, 1) + self.D * u, 1) * F.silu(z)
        return frame + self.out_project(y.to(z.dtype))[:, 0], (recent[:, 1:].detach(), h.detach())

    def more_multiply_adds(self, result):
        """Multiply-adds of the filter and the scan that gave this result, which PyTorch's counter does not see."""
        return result.numel() // result.shape[-1] * len(self.D) * (len(self.kernel) + 3 * self.state_size)

    def filters(self, x, phases=None, relations=None):
        """What the block makes of x, for reading and plotting: `phases` (b, t, p), its own where it has some, else
        those given, and `adjacency` (b, t, 1, v, v), or None where nothing is mixed."""
        x = self.norm(x)
        found = self._adjacency(x, relations)
        return dict(phases=phases if self.phases is None else self.phases(x),
                    adjacency=found if found is None else found.expand(*x.shape[:2], -1, -1)[:, :, None])

    def _adjacency(self, x, relations=None):
        """(v, v) or, where it is dynamic, (b, t, v, v)."""
        if self.static is None:
            return None
        static = self.static()[0]
        if self.alpha is None:
            return static
        if self.phases is not None:
            relations = self.relation(x, self.phases(x))
        elif relations is None:
            raise ValueError('relations: None; a dynamic block built with num_phases=None is handed them.')
        return torch.addcmul(static, self.alpha, relations.to(static.dtype))

    def _project(self, x, adjacency):
        """u, mixed over joints, and gate, (b, t, v, d)."""
        # two products in place of one that is cut: the kernels read contiguous rows
        u, z = (F.linear(x, weight) for weight in self.in_project.weight.chunk(2))
        return mix_joints(u, adjacency) if self.graph_conv else u, z

    def _select(self, u, adjacency):
        """Step before bias and softplus (b, t, v, d); B and C (b, t, v, g n)."""
        states = self.groups * self.state_size
        step, B, C = self.select(u).split([self.rank, states, states], -1)
        if self.graph_selective:  # on the few channels before `step_size`: both are linear, on joints and on channels
            step = mix_joints(step, adjacency)
        return self.step_size(step), B, C

    def _state_matrix(self):
        return self.derived(_negative_exp, self.A_log)

    def _to_sequences(self, x):
        """(b, t, v, c), or (b, t v, 1, c) for a spatio-temporal scan."""
        return x if self.scan == 'temporal' else x[:, :, self.order].flatten(1, 2)[:, :, None]

    def _from_sequences(self, x, frames):
        return x if self.scan == 'temporal' else x[:, :, 0].unflatten(1, (frames, -1))[:, :, self.place]


def _negative_exp(logarithm):
    return -torch.exp(logarithm.float())

"""STG-Mamba: a selective state space along time whose step depends on the neighbouring joints."""
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dynstg_mm.errors import ConfigError
from dynstg_mm.layers.derived import DerivedModule
from dynstg_mm.layers.movement_phases import MovementPhases
from dynstg_mm.layers.phase_graph import PhaseGraph
from dynstg_mm.layers.phase_relation import PhaseRelation
from dynstg_mm.layers.recompute import recompute
from dynstg_mm.layers.static_adjacency import StaticAdjacency
from dynstg_mm.ops.graph import mix_joints
from dynstg_mm.ops.selective_scan import scan_joints
from dynstg_mm.ops.temporal_filter import temporal_filter

SCANS = ('temporal', 'spatio-temporal')
# names of parameters in checkpoints of dynstg_mm 0.1, and those of mamba, which replaced them
RENAMED = {'in_project.weight': 'in_proj.weight', 'kernel': 'conv1d_weight', 'kernel_bias': 'conv1d_bias',
           'select.weight': 'x_proj.weight', 'step_size.weight': 'dt_proj.weight', 'step_bias': 'dt_bias',
           'out_project.weight': 'out_proj.weight'}


class STGMambaBlock(DerivedModule):
    r"""Residual block of a graph convolution, a temporal convolution and a selective scan along time.

    .. math::
        \Delta_{t,v} = softplus\Big(\sum_w \hat A_{t,wv} (W u)_{t,w} + bias\Big)

    The step is mixed over joints before softplus, so that it stays positive whatever the sign of the adjacency. With
    the identity as adjacency, the block is plain Mamba, joint by joint. Source: Method, STG-Mamba (our reading of arXiv
    2503.13156); roots: Li 2024, arXiv 2403.12418; scan and initial values of Mamba, arXiv 2312.00752.

    The parameters have the names of mamba::

        in_proj        c -> 2 d          input u and gate z
        conv1d_weight  (j, d)            causal depthwise convolution along time, with SiLU
        conv1d_bias    (d,)
        x_proj         d -> r + 2 g n    the parts of the step, B and C
        dt_proj        r -> d            the step
        dt_bias        (d,)              its bias, as in Mamba-2
        A_log          (d, n)            A = -exp(A_log)
        D              (d,)              skip weight
        out_proj       d -> c

    Our choices:

    - The adjacency is summed over the subsets and normalised by columns: mixing a step is a mean over neighbours.
    - The graph convolution has no weights of its own, because in-projection and scan have. It comes before the temporal
      convolution, which then runs together with its SiLU.
    - In a bidirectional block, each direction has half of the inner channels: it costs as much as a causal block.
      In a causal block, the graph is static, so that no frame depends on a later one.
    - The rank of the step is ceil(d / 16), where mamba has ceil(c / 16). `dt_rank` sets it.
    - Weight decay applies to all parameters. Mamba exempts `A_log` and `D`; to do the same, add
      `paramwise_cfg=dict(custom_keys={'.A_log': dict(decay_mult=0.), '.D': dict(decay_mult=0.)})` to `optim_wrapper`.

    The documentation of the method compares the last two on inner folds.

    Args:
        channels: Width c.
        adjacency: A, summed over the subsets and normalised by columns.
        expand: d = expand * c, rounded to a multiple of the directions.
        state_size: State size n.
        dt_rank: r; 'auto' is ceil(d / 16), 'mamba' is mamba's ceil(c / 16).
        kernel_size: Taps j of the convolution along time; 1 switches it off.
        num_phases: p of the dynamic adjacency; None if the caller passes the relations.
        scan: 'temporal' scans each joint separately; 'spatio-temporal' scans all joints of a frame in turn, then
            those of the next frame.
        joint_order: Order of the joints in a spatio-temporal scan, such as `skeletons.depth_first`.
        bidirectional: Half of the channels scan backwards.
        dynamic: Dynamic adjacency (needs `bidirectional`).
        learn_filter: Learned filter and gate of the adjacency's static part.
        graph_conv: Graph convolution on u.
        graph_selective: Mix the step over joints; otherwise each joint has its own.
        dropout: On the residual branch.
        with_cp: Recompute the inside of the block in the backward pass instead of storing it.

    Shape:
        x: (b, t, v, c). adjacency: (k, v, v). relations, of each frame, from `PhaseRelation`: (b, t, v, v).
        Result: as x.

    Raises:
        ConfigError: An option is none of the values above.
    """

    def __init__(self, channels: int, adjacency: Tensor, *, expand: float = 1., state_size: int = 4,
                 dt_rank: int | str = 'auto', kernel_size: int = 4, num_phases: int | None = 4, scan: str = 'temporal',
                 joint_order: Sequence[int] | None = None, bidirectional: bool = True, dynamic: bool = True,
                 learn_filter: bool = True, graph_conv: bool = True, graph_selective: bool = True, dropout: float = 0.,
                 with_cp: bool = False) -> None:
        super().__init__()
        joints, groups = adjacency.shape[-1], 2 if bidirectional else 1
        order = list(range(joints)) if joint_order is None else list(joint_order)
        _check_options(scan, dt_rank, order, joints)
        d = groups * max(1, round(expand * channels / groups))
        ranks = {'auto': math.ceil(d / 16), 'mamba': math.ceil(channels / 16)}
        r = ranks[dt_rank] if isinstance(dt_rank, str) else dt_rank
        self.dt_rank, self.state_size, self.groups = r, state_size, groups
        self.scan, self.graph_conv, self.graph_selective, self.with_cp = scan, graph_conv, graph_selective, with_cp
        self.register_buffer('order', torch.tensor(order), persistent=False)
        self.register_buffer('place', self.order.argsort(), persistent=False)
        past = tuple(range(1 - kernel_size, 1))
        self.offsets = (past, tuple(-tap for tap in past))[:groups]
        self.norm = nn.LayerNorm(channels)
        self._build_graph(channels, adjacency, num_phases, dynamic and bidirectional, learn_filter)
        # The lines are in the order of the random numbers. Parameters of the block itself keep their order, too: the
        # norm of all gradients, which training clips, is rounded differently in another.
        self.in_proj = nn.Linear(channels, 2 * d, bias=False)
        self.conv1d_weight = nn.Parameter(torch.empty(kernel_size, d).uniform_(-kernel_size**-0.5, kernel_size**-0.5))
        self.conv1d_bias = nn.Parameter(torch.zeros(d))
        self.x_proj = nn.Linear(d, r + 2 * groups * state_size, bias=False)
        self.dt_proj = nn.Linear(r, d, bias=False)
        nn.init.uniform_(self.dt_proj.weight, -r**-0.5, r**-0.5)
        self.dt_bias = nn.Parameter(_first_dt_bias(d))
        self.A_log = nn.Parameter(torch.log(torch.arange(1, state_size + 1.)).repeat(d, 1))  # (d, n)
        self.D = nn.Parameter(torch.ones(d))
        self.out_proj = nn.Linear(d, channels, bias=False)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    def _build_graph(self, channels, adjacency, num_phases, dynamic, learn_filter):
        mixes = self.graph_conv or self.graph_selective
        total = adjacency.sum(0, keepdim=True)  # (1, v, v)
        total = total / total.sum(1, keepdim=True).clamp_min(1e-6)
        dynamic = dynamic and mixes
        self.static = StaticAdjacency(total, learn_filter) if mixes else None
        self.alpha = nn.Parameter(torch.tensor(0.5)) if dynamic else None
        self.phases = self.relation = None
        if dynamic and num_phases is not None:
            joints = adjacency.shape[-1]
            signal = torch.randn(joints, channels) / math.sqrt(joints * channels)
            self.phases = MovementPhases(signal, num_phases, learn=True)
            self.graphs = PhaseGraph(joints, num_phases)
            self.relation = PhaseRelation(channels, 0.2 * total.abs().mean().item())

    def forward(self, x: Tensor, relations: Tensor | None = None) -> Tensor:
        """The block on whole clips."""
        return x + self.dropout(recompute(self._branch, x, relations, enabled=self.with_cp))

    def _branch(self, x, relations=None):
        x = self.norm(x)  # (b, t, v, c)
        adjacency = self._adjacency(x, relations)  # (v, v) or (b, t, v, v)
        u, z = self._project(x, adjacency)  # (b, t, v, d) each
        u = temporal_filter(u, self.conv1d_weight, self.offsets, bias=self.conv1d_bias, silu=True)  # (b, t, v, d)
        delta, B, C = self._select(u, adjacency)  # (b, t, v, d), (b, t, v, g, n) twice
        u, delta, B, C, z = map(self._to_sequences, (u, delta, B, C, z))  # spatio-temporal: (b, t v, 1, ...)
        y = scan_joints(u, delta, self._state_matrix(), B, C, self.D.float(), z, self.dt_bias.float(), True,
                        reverse=(False, True)[:self.groups])
        return self.out_proj(self._from_sequences(y, x.shape[1]))  # (b, t, v, c)

    def step(self, frame: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[
            Tensor, tuple[Tensor, Tensor]]:
        """One frame of the streaming form; frame by frame it gives what `forward` gives for the whole clip.

        Args:
            frame: One frame of each clip.
            state: What the last call returned; None at the first frame.

        Returns:
            The result, and the state to pass on: the last inputs of the convolution and the state of the scan. Their
            size does not grow with time, and no gradient passes through them.

        Shape:
            frame, result: (b, v, c). state: (b, j - 1, v, d) and (b, v, d, n), the latter with one v for a
            spatio-temporal scan.

        Raises:
            ConfigError: The block is bidirectional, which needs the whole clip.
        """
        if self.groups == 2:
            raise ConfigError('step: a bidirectional block needs the whole clip; build it with bidirectional=False.')
        x = self.norm(frame[:, None])  # (b, 1, v, c)
        adjacency = self._adjacency(x)  # (v, v)
        u, z = self._project(x, adjacency)  # (b, 1, v, d) each
        if state is None:
            sequences = frame.shape[1] if self.scan == 'temporal' else 1
            state = (u.new_zeros(len(u), len(self.conv1d_weight) - 1, *u.shape[2:]),
                     u.new_zeros(len(u), sequences, u.shape[-1], self.state_size))
        recent, h = torch.cat([state[0], u], 1), state[1]  # (b, j, v, d), (b, v, d, n)
        u = torch.einsum('jd,bjvd->bvd', self.conv1d_weight, recent) + self.conv1d_bias
        u = F.silu(u)[:, None]  # (b, 1, v, d)
        u, delta, B, C = map(self._to_sequences, (u, *self._select(u, adjacency)))
        step, A, y = F.softplus(delta + self.dt_bias), self._state_matrix(), []
        for i in range(u.shape[1]):  # one joint after the other in a spatio-temporal scan
            h = torch.exp(step[:, i, ..., None] * A) * h + (step * u)[:, i, ..., None] * B[:, i]  # (b, v, d, n)
            y.append((h * C[:, i]).sum(-1))  # (b, v, d)
        y = self._from_sequences(torch.stack(y, 1) + self.D * u, 1) * F.silu(z)  # (b, 1, v, d)
        return frame + self.out_proj(y.to(z.dtype))[:, 0], (recent[:, 1:].detach(), h.detach())

    def more_multiply_adds(self, result: Tensor) -> int:
        """Multiply-adds of the convolution and the scan for this result, which PyTorch's counter does not see."""
        return result.numel() // result.shape[-1] * len(self.D) * (len(self.conv1d_weight) + 3 * self.state_size)

    def filters(self, x: Tensor, phases: Tensor | None = None, relations: Tensor | None = None) -> dict[
            str, Tensor | None]:
        """Phases and adjacency of each frame, for reading and plotting.

        Returns:
            `phases` (b, t, p), the block's own or those given, and `adjacency` (b, t, 1, v, v), which is None if the
            block mixes nothing.
        """
        x = self.norm(x)
        phases = phases if self.phases is None else self.phases(x)
        adjacency = self._adjacency(x, relations)
        if adjacency is not None:
            adjacency = adjacency.expand(*x.shape[:2], -1, -1)[:, :, None]
        return dict(phases=phases, adjacency=adjacency)

    def _adjacency(self, x, relations=None):
        """(v, v), or (b, t, v, v) if it is dynamic, or None if nothing is mixed."""
        if self.static is None:
            return None
        static = self.static()[0]  # (v, v)
        if self.alpha is None:
            return static
        if self.phases is not None and self.relation is not None:
            phases = self.phases(x)
            relations = self.relation(x, phases) + self.graphs(phases)  # (b, t, v, v)
        elif relations is None:
            raise ValueError('relations: None; a dynamic block with num_phases=None needs them.')
        return torch.addcmul(static, self.alpha, relations.to(static.dtype))

    def _project(self, x, adjacency):
        """Input u, mixed over joints, and gate z, (b, t, v, d) each."""
        # two products instead of one that is split: the kernels read contiguous rows
        u, z = (F.linear(x, weight) for weight in self.in_proj.weight.chunk(2))
        return mix_joints(u, adjacency) if self.graph_conv else u, z

    def _select(self, u, adjacency):
        """Step before bias and softplus (b, t, v, d); B and C, (b, t, v, g, n) each."""
        states = self.groups * self.state_size
        dt, B, C = self.x_proj(u).split([self.dt_rank, states, states], -1)  # (b, t, v, r), (b, t, v, g n) twice
        if self.graph_selective:  # on r channels instead of d: mixing joints commutes with `dt_proj`
            dt = mix_joints(dt, adjacency)
        delta = F.linear(dt, self.dt_proj.weight)  # the scan adds the bias
        return delta, *(x.unflatten(-1, (self.groups, -1)) for x in (B, C))

    def _state_matrix(self):
        return self.derived(_negative_exp, self.A_log)  # (d, n)

    def _to_sequences(self, x):
        """(b, t, v, ...), or (b, t v, 1, ...) for a spatio-temporal scan."""
        return x if self.scan == 'temporal' else x[:, :, self.order].flatten(1, 2)[:, :, None]

    def _from_sequences(self, x, frames):
        """The reverse of `_to_sequences`."""
        return x if self.scan == 'temporal' else x[:, :, 0].unflatten(1, (frames, -1))[:, :, self.place]

    def _load_from_state_dict(self, state_dict, prefix, *args):
        if any(f'{prefix}{name}' in state_dict for name in RENAMED):
            raise ConfigError('checkpoint: its STG-Mamba blocks have the parameter names of dynstg_mm 0.1; convert it '
                              'with:  python -m dynstg_mm upgrade-checkpoint OLD NEW')
        super()._load_from_state_dict(state_dict, prefix, *args)


def _check_options(scan, dt_rank, order, joints):
    if scan not in SCANS:
        raise ConfigError(f'scan: {scan!r}; expected one of {", ".join(SCANS)}.')
    if dt_rank not in ('auto', 'mamba') and not (isinstance(dt_rank, int) and dt_rank > 0):
        raise ConfigError(f"dt_rank: {dt_rank!r}; expected 'auto', 'mamba' or a positive integer.")
    if sorted(order) != list(range(joints)):
        raise ConfigError(f'joint_order: {order}; expected each of {joints} joints once.')


def _first_dt_bias(channels):
    """Bias (d,) whose softplus is log-uniform from 0.001 to 0.1, as in mamba."""
    dt = torch.exp(torch.rand(channels) * (math.log(0.1) - math.log(0.001)) + math.log(0.001))
    return dt + torch.log(-torch.expm1(-dt))  # the inverse of softplus


def _negative_exp(logarithm):
    return -torch.exp(logarithm.float())

"""DF-STGNN: a spatio-temporal graph network whose filter follows clip and movement phase."""
import torch
import torch.nn.functional as F
from mmaction.registry import MODELS
from mmengine.logging import MessageHub
from mmengine.model import BaseModule
from torch import nn

from dynstg_mm.layers import DynamicGraphConv, MovementPhases, PhaseRelation, PhaseTemporalConv, recompute
from dynstg_mm.models.graph import build_graph
from dynstg_mm.ops.graph import phase_balance
from dynstg_mm.skeletons.limbs import limb_hierarchy


class _WithAuxiliaryLoss(torch.autograd.Function):
    """Identity on x that adds a loss term's gradient, so that any head and recognizer trains it."""

    @staticmethod
    def forward(ctx, x, loss):
        ctx.kind = loss.dtype
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return grad, grad.new_ones((), dtype=ctx.kind)


class DFSTGNNLayer(nn.Module):
    """One layer: dynamic graph convolution with hierarchy, phase-mixed temporal filter, residual.

    Args:
        in_channels (int): c.
        out_channels (int): c_out.
        adjacency (Tensor): (k, v, v).
        hierarchy (Tensor, optional): Of `limb_hierarchy`; None leaves it out.
        stride (int): Temporal stride.
        num_phases (int): p; 1 switches the phases off.
        phase_filter (bool): Mix the temporal filter by phase; off is one filter for all frames.
        dynamic (bool): Dynamic part of the adjacency.
        learn_filter (bool): Learned filter and gate.
        kernel_size, dilations: See `PhaseTemporalConv`.
        dropout (float): After the temporal filter.
        with_cp (bool): Compute the inside of graph and temporal convolution again in the backward pass in place of
            keeping it.

    Shape:
        x: (b, t, v, c). Result: (b, t', v, c_out) with t' = ceil(t / stride); of the frames that it stands for, the
        phases (b, t', p) and the relations (b, t', v, v), or None.
    """

    def __init__(self, in_channels, out_channels, adjacency, *, hierarchy=None, stride=1, num_phases=4,
                 phase_filter=True, dynamic=True, learn_filter=True, kernel_size=5, dilations=(1, 2), dropout=0.,
                 with_cp=False):
        super().__init__()
        self.stride, self.with_cp = stride, with_cp
        if not (dynamic or phase_filter):
            num_phases = 1  # nothing reads them
        self.phases = MovementPhases(in_channels, num_phases)
        self.relation = PhaseRelation(in_channels) if dynamic else None
        self.graph_conv = DynamicGraphConv(in_channels, out_channels, adjacency, hierarchy=hierarchy, dynamic=dynamic,
                                           learn_filter=learn_filter)
        self.graph_norm = nn.BatchNorm1d(out_channels)
        self.temporal_conv = PhaseTemporalConv(out_channels, num_phases=num_phases if phase_filter else 1,
                                               kernel_size=kernel_size, dilations=dilations, stride=stride)
        self.temporal_norm = nn.BatchNorm1d(out_channels)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        self.shortcut = nn.Linear(in_channels, out_channels) if in_channels != out_channels else nn.Identity()

    def forward(self, x):
        phases, relations = self.read(x)
        y = recompute(self.graph_conv, x, relations, enabled=self.with_cp)
        y = F.relu(self.graph_norm(y.flatten(0, 2)), inplace=True).view(y.shape)
        y = recompute(self.temporal_conv, y, phases, enabled=self.with_cp)
        y = self.dropout(self.temporal_norm(y.flatten(0, 2)).view(y.shape))
        y = F.relu(y + self.shortcut(x[:, ::self.stride]), inplace=True)
        return y, phases[:, ::self.stride], relations if relations is None else relations[:, ::self.stride]

    def read(self, x):
        """Phases (b, t, p) of x, and how joints relate in each frame, (b, t, v, v) or None."""
        phases = self.phases(x)
        return phases, None if self.relation is None else self.relation(x, phases)

    def filters(self, x):
        """What the dynamic filter makes of x: `phases` (b, t, p) and `adjacency` (b, t, k, v, v)."""
        phases, relations = self.read(x)
        return dict(phases=phases, adjacency=self.graph_conv.adjacency(relations, x.shape[:2]))


@MODELS.register_module()
class DFSTGNN(BaseModule):
    """Dynamic spatio-temporal filter graph network (arXiv 2503.13156; our reading in the layers).

    Args:
        graph_cfg (dict): `layout` (name or dict) and `mode`, as MMAction2's backbones take it.
        in_channels (int): Input channels, C.
        base_channels (list[int]): Width of each stage; t halves from one stage to the next.
        depths (list[int]): Layers of each stage.
        tubelet_size (int): Frames of a joint that are lifted together, so that all that follows runs at a fraction of
            the rate and sees velocities from the start; 1 switches it off. Our choice, as is lifting itself: phases
            are read from a mean over joints, in which left and right would cancel in plain coordinates.
        num_phases (int): Movement phases, p; 1 switches them off.
        phase_filter (bool): Mix the temporal filters by phase; off is one filter for all frames.
        dynamic (bool): Dynamic part of the adjacency.
        learn_filter (bool): Learned filter and gate of the adjacency's static part.
        hierarchy (bool): Limbs and body as part of the graph.
        kernel_size (int): Taps of the temporal filter.
        dilations (tuple[int]): Its branches.
        dropout (float): In every layer.
        with_cp (bool): Compute the inside of the layers again in the backward pass in place of keeping it: half of the
            memory for more time.
        balance_weight (float): Weight of the load-balance term that keeps the phases in use; the term is trained
            with any head, and logged as `phase_balance`. A loss scaler or gradient accumulation does not reach it: with
            float16 it counts for less, with `accumulative_counts` for as many times more.
        init_cfg (dict, optional): Of MMEngine.

    Shape:
        x: (N, M, T, V, C). Result: (N, M, C', T', V), T' that of the tubelets, halved between stages.
    """

    def __init__(self, graph_cfg, in_channels=2, base_channels=(16, 32, 64), depths=(1, 1, 1), tubelet_size=2,
                 num_phases=4, phase_filter=True, dynamic=True, learn_filter=True, hierarchy=True, kernel_size=5,
                 dilations=(1, 2), dropout=0., with_cp=False, balance_weight=0.01, init_cfg=None):
        super().__init__(init_cfg=init_cfg)
        if len(base_channels) != len(depths):
            raise ValueError(f'depths: {len(depths)} numbers; base_channels has {len(base_channels)} stages.')
        if tubelet_size < 1:
            raise ValueError(f'tubelet_size: {tubelet_size}; expected 1 or more frames.')
        layout, adjacency = build_graph(**graph_cfg)
        self.layout = layout
        self.in_channels, self.balance_weight, self.with_cp = in_channels, balance_weight, with_cp
        self.dynamic, self.tubelet_size = dynamic, tubelet_size
        self.data_bn = nn.BatchNorm1d(in_channels * layout['num_node'])
        self.embed = nn.Linear(tubelet_size * in_channels, base_channels[0])
        limbs = limb_hierarchy(layout) if hierarchy else None
        self.stages = nn.ModuleList()
        channels = base_channels[0]
        for stage, (width, depth) in enumerate(zip(base_channels, depths)):
            layers = nn.ModuleList()
            for index in range(depth):
                stride = 2 if stage > 0 and index == 0 else 1
                layers.append(DFSTGNNLayer(
                    channels, width, adjacency, hierarchy=limbs, stride=stride, num_phases=num_phases,
                    phase_filter=phase_filter, dynamic=dynamic, learn_filter=learn_filter, kernel_size=kernel_size,
                    dilations=dilations, dropout=dropout, with_cp=with_cp))
                channels = width
            end = self.build_stage_end(width, layout, adjacency)
            if end is not None:
                layers.append(end)
            self.stages.append(layers)

    def build_stage_end(self, channels, layout, adjacency):
        """Module that ends a stage, called with x (b, t, v, c) and the relations of its frames (b, t, v, v); DF-STGNN
        alone has none."""
        return None

    def forward(self, x):
        persons, x, used = x.shape[1], self._embed(x), []
        for layer in self._layers():
            if isinstance(layer, DFSTGNNLayer):
                x, phases, relations = layer(x)
                used.append(phases)
            else:
                x = layer(x, relations)
        if self.training and self.balance_weight and used[0].shape[-1] > 1:
            x = self._balance(x, used)
        return x.permute(0, 3, 1, 2).unflatten(0, (-1, persons))

    @torch.no_grad()
    def filters(self, x):
        """What the dynamic filters make of a clip, layer by layer, for reading and plotting, in eval mode.

        Args:
            x (Tensor): (N, M, T, V, C).

        Returns:
            list[dict]: Of every layer, `phases` (N M, t, p) and `adjacency` (N M, t, k, V, V), which is None where a
            block mixes nothing; t halves from one stage to the next.

        Raises:
            ValueError: The backbone is in training mode, where looking would change its statistics.
        """
        if self.training:
            raise ValueError('filters: the backbone is in training mode; call eval() first.')
        x, found = self._embed(x), []
        for layer in self._layers():
            if isinstance(layer, DFSTGNNLayer):
                found.append(layer.filters(x))
                x, phases, relations = layer(x)
            else:
                found.append(layer.filters(x, phases, relations))
                x = layer(x, relations)
        return found

    def _embed(self, x):
        """(N, M, T, V, C) -> (b, t, v, c): channels normalised joint by joint over batch and time, `tubelet_size`
        frames of a joint taken together, and lifted."""
        v, c = x.shape[3:]
        joints = self.layout['num_node']
        if (v, c) != (joints, self.in_channels):
            raise ValueError(f'input: {v} joints and {c} channels; the backbone was built for '
                             f'{joints} joints and {self.in_channels} channels.')
        x = self.data_bn(x.flatten(0, 2).flatten(1)).view(-1, *x.shape[2:])
        if self.tubelet_size > 1:
            missing = -x.shape[1] % self.tubelet_size
            if missing:
                x = torch.cat([x, x[:, -1:].expand(-1, missing, -1, -1)], 1)  # the last frame again
            x = x.unflatten(1, (-1, self.tubelet_size)).transpose(2, 3).flatten(3)
        return F.relu(self.embed(x), inplace=True)

    def _layers(self):
        return (layer for stage in self.stages for layer in stage)

    def _balance(self, x, phases):
        balance = sum(map(phase_balance, phases)) / len(phases)
        MessageHub.get_current_instance().update_scalar('train/phase_balance', balance.item())
        return _WithAuxiliaryLoss.apply(x, self.balance_weight * balance)

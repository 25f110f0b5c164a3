"""DF-STGNN: a spatio-temporal graph network whose filter follows clip and movement phase."""
import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub
from mmengine.model import BaseModule
from torch import nn

from mmaction.models.utils import Graph
from mmaction.registry import MODELS

from ..layers import DynamicGraphConv, LimbConv, MovementPhases, PhaseTemporalConv
from ..layers.graph_conv import BatchNorm
from ..ops.graph import limb_graph, phase_balance
from ..skeletons import get_layout


def build_graph(layout, mode='spatial', **options):
    """Adjacency subsets of a layout, by MMAction2's `Graph`.

    Args:
        layout (str | dict): See `skeletons.get_layout`.
        mode (str): 'spatial' (self, inward, outward) or 'stgcn_spatial'.
        **options: Passed to `Graph`.

    Returns:
        tuple[dict, Tensor]: The completed layout, and A (k, v, v).
    """
    layout = get_layout(layout)
    return layout, torch.tensor(Graph(layout, mode=mode, **options).A, dtype=torch.float32)


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
        limbs (tuple[Tensor, Tensor], optional): Of `limb_graph`; None leaves the hierarchy out.
        stride (int): Temporal stride.
        num_phases (int): p; 1 switches the phases off.
        dynamic (bool): Dynamic part of the adjacency.
        learn_filter (bool): Learned filter and gate.
        dropout (float): After the temporal filter.

    Shape:
        x: (b, t, v, c). Result: (b, ceil(t / stride), v, c_out) and the phases (b, t, p).
    """

    def __init__(self, in_channels, out_channels, adjacency, *, limbs=None, stride=1, num_phases=4, dynamic=True,
                 learn_filter=True, kernel_size=5, dilations=(1, 2), dropout=0.):
        super().__init__()
        self.stride = stride
        self.phases = MovementPhases(in_channels, num_phases)
        self.graph_conv = DynamicGraphConv(in_channels, out_channels, adjacency, dynamic=dynamic,
                                           learn_filter=learn_filter)
        self.limb_conv = LimbConv(out_channels, *limbs) if limbs is not None else None
        self.graph_norm = BatchNorm(out_channels)
        self.temporal_conv = PhaseTemporalConv(out_channels, num_phases=num_phases, kernel_size=kernel_size,
                                               dilations=dilations, stride=stride)
        self.temporal_norm = BatchNorm(out_channels)
        self.dropout = nn.Dropout(dropout)
        self.shortcut = nn.Linear(in_channels, out_channels) if in_channels != out_channels else nn.Identity()

    def forward(self, x):
        phases = self.phases(x)
        y = self.graph_conv(x, phases)
        if self.limb_conv is not None:
            y = y + self.limb_conv(y)
        y = F.relu(self.graph_norm(y))
        y = self.dropout(self.temporal_norm(self.temporal_conv(y, phases)))
        return F.relu(y + self.shortcut(x[:, ::self.stride])), phases


@MODELS.register_module()
class DFSTGNN(BaseModule):
    """Dynamic spatio-temporal filter graph network (arXiv 2503.13156; our reading in the layers).

    Args:
        graph_cfg (dict): `layout` (name or dict) and `mode`, as MMAction2's backbones take it.
        in_channels (int): Input channels, C.
        base_channels (list[int]): Width of each stage; t halves from one stage to the next.
        depths (list[int]): Layers of each stage.
        num_phases (int): Movement phases, p; 1 switches them off.
        dynamic (bool): Dynamic part of the adjacency.
        learn_filter (bool): Learned filter and gate of the adjacency's static part.
        hierarchy (bool): Limbs and body as part of the graph.
        kernel_size (int): Taps of the temporal filter.
        dilations (tuple[int]): Its branches.
        dropout (float): In every layer.
        balance_weight (float): Weight of the load-balance term that keeps the phases in use; the term is trained
            with any head, and logged as `phase_balance`.
        init_cfg (dict, optional): Of MMEngine.

    Shape:
        x: (N, M, T, V, C). Result: (N, M, C', T', V).
    """

    def __init__(self, graph_cfg, in_channels=2, base_channels=(24, 48, 96), depths=(2, 2, 2), num_phases=4,
                 dynamic=True, learn_filter=True, hierarchy=True, kernel_size=5, dilations=(1, 2), dropout=0.,
                 balance_weight=0.01, init_cfg=None):
        super().__init__(init_cfg=init_cfg)
        if len(base_channels) != len(depths):
            raise ValueError(f'depths: {len(depths)} numbers; base_channels has {len(base_channels)} stages.')
        layout, adjacency = build_graph(**graph_cfg)
        self.adjacency_shape = adjacency.shape
        self.in_channels, self.balance_weight = in_channels, balance_weight
        self.data_bn = nn.BatchNorm1d(in_channels * layout['num_node'])
        limbs = limb_graph(layout) if hierarchy else None
        self.stages = nn.ModuleList()
        channels = in_channels
        for stage, (width, depth) in enumerate(zip(base_channels, depths)):
            layers = nn.ModuleList()
            for index in range(depth):
                stride = 2 if stage > 0 and index == 0 else 1
                layers.append(DFSTGNNLayer(
                    channels, width, adjacency, limbs=limbs, stride=stride, num_phases=num_phases, dynamic=dynamic,
                    learn_filter=learn_filter, kernel_size=kernel_size, dilations=dilations, dropout=dropout))
                channels = width
            end = self.build_stage_end(width, adjacency)
            if end is not None:
                layers.append(end)
            self.stages.append(layers)

    def build_stage_end(self, channels, adjacency):
        """Module (b, t, v, c) -> the same that ends a stage; DF-STGNN alone has none."""
        return None

    def forward(self, x):
        n, m, t, v, c = x.shape
        if (v, c) != (self.adjacency_shape[-1], self.in_channels):
            raise ValueError(f'input: {v} joints and {c} channels; the backbone was built for '
                             f'{self.adjacency_shape[-1]} joints and {self.in_channels} channels.')
        x = self.data_bn(x.reshape(n * m, t, v * c).transpose(1, 2)).transpose(1, 2).reshape(n * m, t, v, c)
        phases = []
        for layer in (layer for stage in self.stages for layer in stage):
            if isinstance(layer, DFSTGNNLayer):
                x, pi = layer(x)
                phases.append(pi)
            else:
                x = layer(x)
        if self.training and self.balance_weight and phases[0].shape[-1] > 1:
            x = self._balance(x, phases)
        x = x.permute(0, 3, 1, 2)
        return x.reshape(n, m, *x.shape[1:])

    def _balance(self, x, phases):
        balance = sum(map(phase_balance, phases)) / len(phases)
        MessageHub.get_current_instance().update_scalar('train/phase_balance', balance.item())
        return _WithAuxiliaryLoss.apply(x, self.balance_weight * balance)

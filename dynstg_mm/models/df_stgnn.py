"""DF-STGNN: a spatio-temporal graph network whose filter follows the clip and the movement phase."""
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmaction.registry import MODELS
from mmengine.logging import MessageHub
from mmengine.model import BaseModule
from torch import Tensor, nn

from dynstg_mm.errors import ConfigError
from dynstg_mm.models.df_stgnn_layer import DFSTGNNLayer
from dynstg_mm.models.graph import build_graph
from dynstg_mm.ops.graph import phase_balance
from dynstg_mm.skeletons.limbs import limb_hierarchy


@MODELS.register_module()
class DFSTGNN(BaseModule):
    """Dynamic spatio-temporal filter graph network (arXiv 2503.13156; our reading of it is in the layers).

    Args:
        graph_cfg: `layout` (name or dict) and `mode`, as for MMAction2's backbones.
        in_channels: Input channels, C.
        base_channels: Width of each stage; t halves from one stage to the next.
        depths: Layers of each stage.
        tubelet_size: Frames of a joint that are embedded together, so that all layers run at a fraction of the rate
            and have velocities from the start; 1 switches it off. This is our choice, and so is the embedding: phases
            are read from a mean over joints, in which left and right would cancel in plain coordinates.
        num_phases: Movement phases, p; 1 switches them off.
        phase_filter: Mix the temporal filters by phase; otherwise one filter serves all frames.
        dynamic: Dynamic part of the adjacency.
        learn_filter: Learned filter and gate of the adjacency's static part.
        hierarchy: Limbs and body as part of the graph.
        kernel_size: Taps of the temporal filter.
        dilations: Its branches.
        dropout: In every layer.
        with_cp: Recompute the inside of the layers in the backward pass instead of storing it: half of the memory for
            more time.
        balance_weight: Weight of the load-balance term that keeps all phases in use. The term is trained with any head
            and logged as `phase_balance`. Loss scaling and gradient accumulation do not reach it: its weight is
            smaller with float16, and `accumulative_counts` times as large with gradient accumulation.
        init_cfg: See MMEngine.

    Shape:
        x: (N, M, T, V, C). Result: (N, M, C', T', V) with T' the number of tubelets, halved between stages.

    Raises:
        ConfigError: An option is none of the values above.
    """

    def __init__(self, graph_cfg: dict[str, Any], in_channels: int = 2, base_channels: Sequence[int] = (16, 32, 64),
                 depths: Sequence[int] = (1, 1, 1), tubelet_size: int = 2, num_phases: int = 4,
                 phase_filter: bool = True, dynamic: bool = True, learn_filter: bool = True, hierarchy: bool = True,
                 kernel_size: int = 5, dilations: Sequence[int] = (1, 2), dropout: float = 0., with_cp: bool = False,
                 balance_weight: float = 0.01, init_cfg: dict[str, Any] | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if len(base_channels) != len(depths):
            raise ConfigError(f'depths: {len(depths)} numbers; base_channels has {len(base_channels)} stages.')
        if tubelet_size < 1:
            raise ConfigError(f'tubelet_size: {tubelet_size}; expected 1 or more frames.')
        layout, adjacency = build_graph(**graph_cfg)
        self.layout = layout
        self.in_channels, self.balance_weight, self.with_cp = in_channels, balance_weight, with_cp
        self.dynamic, self.tubelet_size = dynamic, tubelet_size
        self.data_bn = nn.BatchNorm1d(in_channels * layout['num_node'])
        self.embed = nn.Linear(tubelet_size * in_channels, base_channels[0])
        options: dict[str, Any] = dict(
            hierarchy=limb_hierarchy(layout) if hierarchy else None, num_phases=num_phases, phase_filter=phase_filter,
            dynamic=dynamic, learn_filter=learn_filter, kernel_size=kernel_size, dilations=dilations, dropout=dropout,
            with_cp=with_cp)
        self.stages = nn.ModuleList()
        channels = base_channels[0]
        for stage, (width, depth) in enumerate(zip(base_channels, depths)):
            layers = nn.ModuleList()
            for index in range(depth):
                stride = 2 if stage > 0 and index == 0 else 1
                layers.append(DFSTGNNLayer(channels, width, adjacency, stride=stride, **options))
                channels = width
            end = self.build_stage_end(width, layout, adjacency)
            if end is not None:
                layers.append(end)
            self.stages.append(layers)

    def build_stage_end(self, channels: int, layout: dict[str, Any], adjacency: Tensor) -> nn.Module | None:
        """A module for the end of a stage, called with x (b, t, v, c) and the relations of its frames (b, t, v, v).

        DF-STGNN alone has none.
        """
        return None

    def forward(self, x: Tensor) -> Tensor:
        """Features of clips."""
        persons, x, phases_of_layers = x.shape[1], self._embed(x), []
        for layer in self._layers():
            if isinstance(layer, DFSTGNNLayer):
                x, phases, relations = layer(x)
                phases_of_layers.append(phases)
            else:
                x = layer(x, relations)
        if self.training and self.balance_weight and phases_of_layers[0].shape[-1] > 1:
            x = self._balance(x, phases_of_layers)
        return x.permute(0, 3, 1, 2).unflatten(0, (-1, persons))

    @torch.no_grad()
    def filters(self, x: Tensor) -> list[dict[str, Tensor | None]]:
        """Phases and adjacency of each layer for a clip, for reading and plotting, in eval mode.

        Args:
            x: As in `forward`.

        Returns:
            For each layer `phases` (N M, t, p) and `adjacency` (N M, t, k, V, V), which is None if a block mixes
            nothing; t halves from one stage to the next.

        Raises:
            RuntimeError: The backbone is in training mode, where a call would change its statistics.
        """
        if self.training:
            raise RuntimeError('filters: the backbone is in training mode; call eval() first.')
        x, of_layers = self._embed(x), []
        for layer in self._layers():
            if isinstance(layer, DFSTGNNLayer):
                of_layers.append(layer.filters(x))
                x, phases, relations = layer(x)
            else:
                of_layers.append(layer.filters(x, phases, relations))
                x = layer(x, relations)
        return of_layers

    def _embed(self, x):
        """(N, M, T, V, C) -> (b, t, v, c).

        Channels are normalised joint by joint over batch and time; then `tubelet_size` frames of a joint are embedded
        together.
        """
        v, c = x.shape[3:]
        joints = self.layout['num_node']
        if (v, c) != (joints, self.in_channels):
            raise ConfigError(f'graph_cfg, in_channels: the backbone was built for {joints} joints and '
                              f'{self.in_channels} channels; the clips have {v} joints and {c} channels. The data '
                              'set (layout) and dynstg_mm.inference.GaitInferencer map joints.')
        x = self.data_bn(x.flatten(0, 2).flatten(1)).view(-1, *x.shape[2:])  # (b, T, v, C)
        if self.tubelet_size > 1:
            missing = -x.shape[1] % self.tubelet_size
            if missing:
                x = torch.cat([x, x[:, -1:].expand(-1, missing, -1, -1)], 1)  # the last frame is repeated
            x = x.unflatten(1, (-1, self.tubelet_size)).transpose(2, 3).flatten(3)  # (b, t, v, tubelet C)
        return F.relu(self.embed(x), inplace=True)

    def _layers(self) -> Iterator[nn.Module]:
        return (layer for stage in self.stages for layer in stage)

    def _balance(self, x, phases):
        balance = sum(map(phase_balance, phases)) / len(phases)
        MessageHub.get_current_instance().update_scalar('train/phase_balance', balance.item())
        return _WithAuxiliaryLoss.apply(x, self.balance_weight * balance)


class _WithAuxiliaryLoss(torch.autograd.Function):
    """Identity on x that adds the gradient of a loss term, so that any head and recognizer trains it."""

    @staticmethod
    def forward(ctx, x, loss):
        ctx.dtype = loss.dtype
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return grad, grad.new_ones((), dtype=ctx.dtype)

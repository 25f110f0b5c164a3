"""DF-STGNN: a spatio-temporal graph network whose filter follows the clip and the movement phase."""
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from dynstg_mm.errors import ConfigError
from dynstg_mm.layers import MovementPhases, PhaseGraph
from dynstg_mm.models.df_stgnn_layer import DFSTGNNLayer
from dynstg_mm.models.graph import build_graph, leg_difference
from dynstg_mm.skeletons import mirror_order
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
            and have velocities from the start; 1 switches it off (our choice).
        num_phases: Movement phases, p, which all layers share; 1 switches them off.
        learn_phases: Learn the signal from which phases are read, for movements other than walking. Otherwise it is the
            difference between the legs, if the layout names them.
        phase_filter: Mix the temporal filters by phase; otherwise one filter serves all frames.
        joint_embedding: A learned vector for each joint, added to its embedding, so that one joint can be told from
            another that moves alike (our choice).
        dynamic: Dynamic part of the adjacency.
        learn_filter: Learned filter and gate of the adjacency's static part.
        hierarchy: Limbs and body as part of the graph.
        kernel_size: Taps of the temporal filter.
        dilations: Its branches.
        dropout: In every layer.
        with_cp: Recompute the inside of the layers in the backward pass instead of storing it: half of the memory for
            more time.
        init_cfg: See MMEngine.

    Shape:
        x: (N, M, T, V, C). Result: (N, M, C', T', V) with T' the number of tubelets, halved between stages.

    Raises:
        ConfigError: An option is none of the values above.
    """

    def __init__(self, graph_cfg: dict[str, Any], in_channels: int = 2, base_channels: Sequence[int] = (16, 32, 64),
                 depths: Sequence[int] = (1, 1, 1), tubelet_size: int = 2, num_phases: int = 4,
                 learn_phases: bool = False, phase_filter: bool = True, dynamic: bool = True, learn_filter: bool = True,
                 hierarchy: bool = True, joint_embedding: bool = True, kernel_size: int = 5,
                 dilations: Sequence[int] = (1, 2), dropout: float = 0., with_cp: bool = False,
                 init_cfg: dict[str, Any] | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if len(base_channels) != len(depths):
            raise ConfigError(f'depths: {len(depths)} numbers; base_channels has {len(base_channels)} stages.')
        if tubelet_size < 1:
            raise ConfigError(f'tubelet_size: {tubelet_size}; expected 1 or more frames.')
        layout, adjacency = build_graph(**graph_cfg)
        self.layout = layout
        self.in_channels, self.with_cp = in_channels, with_cp
        self.dynamic, self.tubelet_size = dynamic, tubelet_size
        self.data_bn = nn.BatchNorm1d(in_channels * layout['num_node'])
        self.embed = nn.Linear(tubelet_size * in_channels, base_channels[0])
        first = 0.1 * torch.randn(layout['num_node'], base_channels[0])
        self.joint_embedding = nn.Parameter(first) if joint_embedding else None
        if not (dynamic or phase_filter):
            num_phases = 1  # nothing uses them
        self.phases = MovementPhases(
            leg_difference(layout, in_channels), num_phases, learn=learn_phases or not layout.get('legs'),
            mirror=mirror_order(layout) if layout.get('left') else None)
        self.phase_graph = PhaseGraph(layout['num_node'], num_phases) if dynamic else None
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
        persons, (x, phases, graphs) = x.shape[1], self._embed(x)
        for layer in self._layers():
            if isinstance(layer, DFSTGNNLayer):
                x, relations = layer(x, phases, graphs)
                phases, graphs = phases[:, ::layer.stride], None if graphs is None else graphs[:, ::layer.stride]
            else:
                x = layer(x, relations)
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
        (x, phases, graphs), of_layers = self._embed(x), []
        for layer in self._layers():
            if isinstance(layer, DFSTGNNLayer):
                of_layers.append(layer.filters(x, phases, graphs))
                x, relations = layer(x, phases, graphs)
                phases, graphs = phases[:, ::layer.stride], None if graphs is None else graphs[:, ::layer.stride]
            else:
                of_layers.append(layer.filters(x, phases, relations))
                x = layer(x, relations)
        return of_layers

    def _embed(self, x):
        """(N, M, T, V, C) -> features (b, t, v, c) and phases (b, t, p).

        Channels are normalised joint by joint over batch and time; then `tubelet_size` frames of a joint are embedded
        together. The phases are those of the tubelet's mean pose.
        """
        v, c = x.shape[3:]
        joints = self.layout['num_node']
        if (v, c) != (joints, self.in_channels):
            raise ConfigError(f'graph_cfg, in_channels: the backbone was built for {joints} joints and '
                              f'{self.in_channels} channels; the clips have {v} joints and {c} channels. The data '
                              'set (layout) and dynstg_mm.inference.GaitInferencer map joints.')
        x = self.data_bn(x.flatten(0, 2).flatten(1)).view(-1, *x.shape[2:])  # (b, T, v, C)
        missing = -x.shape[1] % self.tubelet_size
        if missing:
            x = torch.cat([x, x[:, -1:].expand(-1, missing, -1, -1)], 1)  # the last frame is repeated
        x = x.unflatten(1, (-1, self.tubelet_size))  # (b, t, tubelet, v, C)
        phases = self.phases(x.mean(2))
        x = self.embed(x.transpose(2, 3).flatten(3))  # (b, t, v, c)
        if self.joint_embedding is not None:
            x = x + self.joint_embedding
        graphs = None if self.phase_graph is None else self.phase_graph(phases)
        return F.relu(x, inplace=True), phases, graphs

    def _layers(self) -> Iterator[nn.Module]:
        return (layer for stage in self.stages for layer in stage)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        if f'{prefix}stages.0.0.phases.score.weight' in state_dict:
            raise ConfigError('checkpoint: it was trained by a version whose movement phases were read in every layer; '
                              'train it again, or use that version.')
        super()._load_from_state_dict(state_dict, prefix, *args)

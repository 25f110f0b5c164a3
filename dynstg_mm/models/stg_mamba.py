"""STG-Mamba as a backbone alone or after any other."""
from collections.abc import Sequence
from typing import Any

from einops import rearrange
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from dynstg_mm.errors import ConfigError
from dynstg_mm.layers import STGMambaBlock
from dynstg_mm.models.graph import build_graph
from dynstg_mm.skeletons import depth_first


@MODELS.register_module()
class STGMamba(BaseModule):
    """STG-Mamba blocks, alone or after another backbone.

    For example, `dict(type='STGMamba', backbone=dict(type='STGCN', graph_cfg=...), graph_cfg=..., channels=256)`.

    Args:
        graph_cfg: `layout` and `mode`.
        channels: Width of the blocks; with `backbone`, the number of channels that it returns.
        in_channels: Input channels without `backbone`; a linear layer embeds them in `channels`.
        depth: Number of blocks.
        backbone: Config of the backbone in front, (N, M, T, V, C) -> (N, M, C', T', V).
        init_cfg: See MMEngine.
        **kwargs: Options of `STGMambaBlock`.

    Shape:
        x: (N, M, T, V, C). Result: (N, M, channels, T', V), T' being that of the backbone, or T.
    """

    def __init__(self, graph_cfg: dict[str, Any], channels: int, in_channels: int = 2, depth: int = 1,
                 backbone: dict[str, Any] | None = None, init_cfg: dict[str, Any] | None = None,
                 **kwargs: Any) -> None:
        super().__init__(init_cfg=init_cfg)
        layout, adjacency = build_graph(**graph_cfg)
        self.backbone: nn.Module | None = None if backbone is None else MODELS.build(backbone)
        self.lift = nn.Linear(in_channels, channels) if backbone is None else nn.Identity()
        self.blocks = nn.Sequential(*(STGMambaBlock(channels, adjacency, joint_order=depth_first(layout), **kwargs)
                                      for _ in range(depth)))
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """Features of clips."""
        persons = x.shape[1]
        if self.backbone is None:
            x = self.lift(rearrange(x, 'n m t v c -> (n m) t v c'))
        else:
            x = rearrange(self.backbone(x), 'n m c t v -> (n m) t v c')
            if x.shape[-1] != self.channels:
                raise ConfigError(f'channels: {self.channels}; the backbone returns {x.shape[-1]}.')
        return rearrange(self.blocks(x), '(n m) t v c -> n m c t v', m=persons).contiguous()

    def step(self, frame: Tensor, states: Sequence[Any] | None = None) -> tuple[Tensor, list[Any]]:
        """One frame of the streaming form, for live recordings; needs `bidirectional=False` and no `backbone`.

        Args:
            frame: One frame of each clip.
            states: What the last call returned; None at the first frame.

        Returns:
            What `forward` gives for this frame, and the states to pass on.

        Shape:
            frame: (N, M, V, C). Result: (N, M, channels, 1, V).

        Raises:
            ConfigError: There is a backbone in front, or the blocks are bidirectional: both need the whole clip.
        """
        if self.backbone is not None:
            raise ConfigError('step: the backbone in front needs the whole clip; build STGMamba without `backbone`.')
        x, new_states = self.lift(frame.flatten(0, 1)), []
        for block, state in zip(self.blocks, states or [None] * len(self.blocks)):
            x, state = block.step(x, state)
            new_states.append(state)
        return rearrange(x, '(n m) v c -> n m c 1 v', m=frame.shape[1]), new_states

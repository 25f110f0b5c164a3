"""STG-Mamba as a backbone of its own, or behind any other."""
from einops import rearrange
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from torch import nn

from dynstg_mm.layers import STGMambaBlock
from dynstg_mm.models.graph import build_graph
from dynstg_mm.skeletons import depth_first


@MODELS.register_module()
class STGMamba(BaseModule):
    """STG-Mamba blocks, alone or behind another backbone: `dict(type='STGMamba', backbone=dict(type='STGCN', ...),
    ...)`.

    Args:
        graph_cfg (dict): `layout` and `mode`.
        channels (int): Width of the blocks; with `backbone`, the number of channels that it returns.
        in_channels (int): Input channels without `backbone`; a linear layer lifts them to `channels`.
        depth (int): Number of blocks.
        backbone (dict, optional): Config of the backbone in front, (N, M, T, V, C) -> (N, M, C', T', V).
        init_cfg (dict, optional): Of MMEngine.
        **kwargs: Options of `STGMambaBlock`.

    Shape:
        x: (N, M, T, V, C). Result: (N, M, channels, T', V), T' that of the backbone, or T.
    """

    def __init__(self, graph_cfg, channels, in_channels=2, depth=1, backbone=None, init_cfg=None, **kwargs):
        super().__init__(init_cfg=init_cfg)
        layout, adjacency = build_graph(**graph_cfg)
        self.backbone = MODELS.build(backbone) if backbone is not None else None
        self.lift = nn.Linear(in_channels, channels) if backbone is None else None
        self.blocks = nn.Sequential(*(STGMambaBlock(channels, adjacency, joint_order=depth_first(layout), **kwargs)
                                      for _ in range(depth)))
        self.channels = channels

    def forward(self, x):
        persons = x.shape[1]
        if self.backbone is None:
            x = self.lift(rearrange(x, 'n m t v c -> (n m) t v c'))
        else:
            x = rearrange(self.backbone(x), 'n m c t v -> (n m) t v c')
            if x.shape[-1] != self.channels:
                raise ValueError(f'channels: {self.channels}; the backbone returns {x.shape[-1]}.')
        return rearrange(self.blocks(x), '(n m) t v c -> n m c t v', m=persons).contiguous()

    def step(self, frame, states=None):
        """One frame of the streaming form, for live recordings: alone, and with `bidirectional=False`.

        Args:
            frame (Tensor): (N, M, V, C).
            states (list, optional): What the last call returned; None at the first frame.

        Returns:
            tuple[Tensor, list]: (N, M, channels, 1, V), what `forward` gives for this frame, and the states to carry.

        Raises:
            ValueError: There is a backbone in front, or the blocks are bidirectional: both need the whole clip.
        """
        if self.backbone is not None:
            raise ValueError('step: the backbone in front needs the whole clip; build STGMamba without `backbone`.')
        x, carried = self.lift(frame.flatten(0, 1)), []
        for block, state in zip(self.blocks, states or [None] * len(self.blocks)):
            x, state = block.step(x, state)
            carried.append(state)
        return rearrange(x, '(n m) v c -> n m c 1 v', m=frame.shape[1]), carried

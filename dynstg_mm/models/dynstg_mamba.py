"""DynSTG-Mamba: DF-STGNN stages, each ended by an STG-Mamba block."""
from mmaction.registry import MODELS

from ..layers import STGMambaBlock
from .df_stgnn import DFSTGNN

SIZES = {
    # the teacher
    'large': dict(base_channels=(64, 128, 192), depths=(2, 2, 2)),
    # the student: at most 0.15 M parameters
    'small': dict(base_channels=(24, 48, 72), depths=(2, 1, 1)),
}


@MODELS.register_module()
class DynSTGMamba(DFSTGNN):
    """Dynamic spatio-temporal graph Mamba (arXiv 2503.13156).

    Args:
        graph_cfg (dict): `layout` and `mode`.
        size (str, optional): 'large' or 'small'; it sets `base_channels` and `depths` where they are not given.
        mamba (dict, optional): Options of `STGMambaBlock`; None gives its defaults, False leaves the blocks out.
        **kwargs: See `DFSTGNN`.

    Shape:
        x: (N, M, T, V, C). Result: (N, M, C', T', V), with T' = T / 4 and C' the width of the last stage.
    """

    def __init__(self, graph_cfg, size='small', mamba=None, **kwargs):
        if size not in SIZES:
            raise ValueError(f'size: {size!r}; expected one of {", ".join(SIZES)}.')
        self.mamba = mamba
        super().__init__(graph_cfg, **{**SIZES[size], **kwargs})

    def build_stage_end(self, channels, adjacency):
        return None if self.mamba is False else STGMambaBlock(channels, adjacency, **(self.mamba or {}))

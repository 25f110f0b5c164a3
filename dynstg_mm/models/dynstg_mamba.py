"""DynSTG-Mamba: DF-STGNN stages, each ended by an STG-Mamba block."""
from mmaction.registry import MODELS

from dynstg_mm.layers import STGMambaBlock
from dynstg_mm.models.df_stgnn import DFSTGNN
from dynstg_mm.skeletons import depth_first

SIZES = {
    # the teacher
    'large': dict(base_channels=(64, 128, 192), depths=(2, 2, 2), expand=1),
    # the student, at most 0.15 M parameters: narrow where there are many frames, and each direction of a block scans
    # 16, 32, 64 channels, whole vector registers
    'small': dict(base_channels=(16, 32, 64), depths=(1, 1, 1), expand=2),
}


@MODELS.register_module()
class DynSTGMamba(DFSTGNN):
    """Dynamic spatio-temporal graph Mamba (arXiv 2503.13156): stages of DF-STGNN layers, each ended by an STG-Mamba
    block.

    Our choice: a block takes the relations of joints from its stage's last layer, which has just found them, in place
    of finding its own (`mamba=dict(num_phases=4)` lets it).

    Args:
        graph_cfg (dict): `layout` and `mode`.
        size (str): 'large' or 'small'; it sets `base_channels`, `depths` and the blocks' `expand` where they are not
            given.
        mamba (dict | bool): Options of `STGMambaBlock`; False leaves the blocks out.
        **kwargs: See `DFSTGNN`.

    Shape:
        x: (N, M, T, V, C). Result: (N, M, C', T', V), with T' = ceil(T / 8) for tubelets of 2, and C' the width of the
        last stage.
    """

    def __init__(self, graph_cfg, size='small', mamba=True, **kwargs):
        if size not in SIZES:
            raise ValueError(f'size: {size!r}; expected one of {", ".join(SIZES)}.')
        options = dict(SIZES[size])
        expand = options.pop('expand')
        self.mamba = None if mamba is False else {'expand': expand, **(mamba if isinstance(mamba, dict) else {})}
        super().__init__(graph_cfg, **{**options, **kwargs})

    def build_stage_end(self, channels, layout, adjacency):
        if self.mamba is None:
            return None
        given = dict(num_phases=None, joint_order=depth_first(layout), with_cp=self.with_cp, dynamic=True)
        options = {**given, **self.mamba}
        options['dynamic'] &= self.dynamic
        return STGMambaBlock(channels, adjacency, **options)

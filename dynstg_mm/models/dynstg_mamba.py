"""DynSTG-Mamba: DF-STGNN stages, each ended by an STG-Mamba block."""
from typing import Any

from mmaction.registry import MODELS
from torch import Tensor, nn

from dynstg_mm.errors import ConfigError
from dynstg_mm.layers import STGMambaBlock
from dynstg_mm.models.df_stgnn import DFSTGNN
from dynstg_mm.skeletons import depth_first

SIZES: dict[str, dict[str, Any]] = {
    # the teacher
    'large': dict(base_channels=(64, 128, 192), depths=(2, 2, 2), expand=1),
    # the student, at most 0.15 M parameters: narrow where there are many frames; each direction of a block scans 16,
    # 32, 64 channels, which fill vector registers
    'small': dict(base_channels=(16, 32, 64), depths=(1, 1, 1), expand=2),
}


@MODELS.register_module()
class DynSTGMamba(DFSTGNN):
    """Dynamic spatio-temporal graph Mamba (arXiv 2503.13156): stages of DF-STGNN layers, each with an STG-Mamba block.

    Our choice: a block takes the relations of joints from the last layer of its stage instead of computing its own
    (`mamba=dict(num_phases=4)` lets it compute them). They contain a learned graph, so that a block has no learned
    filter (`mamba=dict(learn_filter=True)` gives it one).

    Args:
        graph_cfg: `layout` and `mode`.
        size: 'large' or 'small'; the default of `base_channels`, `depths` and the blocks' `expand`.
        mamba: Options of `STGMambaBlock`; False leaves the blocks out.
        **kwargs: See `DFSTGNN`.

    Shape:
        x: (N, M, T, V, C). Result: (N, M, C', T', V), with T' = ceil(T / 8) for tubelets of 2, and C' the width of the
        last stage.

    Raises:
        ConfigError: An option is none of the values above.
    """

    def __init__(self, graph_cfg: dict[str, Any], size: str = 'small', mamba: dict[str, Any] | bool = True,
                 **kwargs: Any) -> None:
        if size not in SIZES:
            raise ConfigError(f'size: {size!r}; expected one of {", ".join(SIZES)}.')
        options = dict(SIZES[size])
        expand = options.pop('expand')
        self.mamba = None if mamba is False else {'expand': expand, **(mamba if isinstance(mamba, dict) else {})}
        super().__init__(graph_cfg, **{**options, **kwargs})

    def build_stage_end(self, channels: int, layout: dict[str, Any], adjacency: Tensor) -> nn.Module | None:
        """The block of a stage, if blocks are not left out."""
        if self.mamba is None:
            return None
        defaults = dict(num_phases=None, joint_order=depth_first(layout), with_cp=self.with_cp, dynamic=True,
                        learn_filter=False)
        options = {**defaults, **self.mamba}
        options['dynamic'] &= self.dynamic
        return STGMambaBlock(channels, adjacency, **options)

from .graph_conv import DynamicGraphConv, MovementPhases, PhaseRelation, StaticAdjacency
from .recompute import recompute
from .stg_mamba import STGMambaBlock
from .temporal_conv import PhaseTemporalConv

__all__ = ['DynamicGraphConv', 'MovementPhases', 'PhaseRelation', 'PhaseTemporalConv', 'STGMambaBlock',
           'StaticAdjacency', 'recompute']

from dynstg_mm.layers.graph_conv import DynamicGraphConv, MovementPhases, PhaseRelation, StaticAdjacency
from dynstg_mm.layers.recompute import recompute
from dynstg_mm.layers.stg_mamba import STGMambaBlock
from dynstg_mm.layers.temporal_conv import PhaseTemporalConv

__all__ = ['DynamicGraphConv', 'MovementPhases', 'PhaseRelation', 'PhaseTemporalConv', 'STGMambaBlock',
           'StaticAdjacency', 'recompute']

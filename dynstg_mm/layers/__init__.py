from .graph_conv import DynamicAdjacency, DynamicGraphConv, LimbConv, MovementPhases
from .stg_mamba import STGMambaBlock
from .temporal_conv import PhaseTemporalConv

__all__ = ['DynamicAdjacency', 'DynamicGraphConv', 'LimbConv', 'MovementPhases', 'PhaseTemporalConv', 'STGMambaBlock']

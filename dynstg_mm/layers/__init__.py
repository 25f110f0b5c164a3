"""Blocks of the networks, as plain PyTorch modules; the letters of the shapes are those of `dynstg_mm.ops`."""
from dynstg_mm.layers.dynamic_graph_conv import DynamicGraphConv
from dynstg_mm.layers.movement_phases import MovementPhases
from dynstg_mm.layers.phase_graph import PhaseGraph
from dynstg_mm.layers.phase_relation import PhaseRelation
from dynstg_mm.layers.phase_temporal_conv import PhaseTemporalConv
from dynstg_mm.layers.recompute import recompute
from dynstg_mm.layers.static_adjacency import StaticAdjacency
from dynstg_mm.layers.stg_mamba import STGMambaBlock

__all__ = ['DynamicGraphConv', 'MovementPhases', 'PhaseGraph', 'PhaseRelation', 'PhaseTemporalConv', 'STGMambaBlock',
           'StaticAdjacency', 'recompute']

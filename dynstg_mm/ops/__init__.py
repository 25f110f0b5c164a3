"""Pure functions on tensors: no modules, no state, nothing of MMAction2.

An operation with several implementations is a folder: `__init__` holds the contract and chooses the implementation,
`reference.py` is the plain version that the others are tested against, and `cpu/` is what the Numba kernels share.

Shapes are channels last, (b, t, v, c), so that a product over channels is a matrix product without a copy. The letters
are the same in ops, layers and models:

    b   batch (clips x persons)       k   adjacency subsets
    t   frames                        p   movement phases
    v w joints                        j   taps of a temporal filter
    c   channels                      g   groups of channels (directions of time)
    d   inner channels of the scan    r   rank of the step
    n   state size
"""
from dynstg_mm.ops.selective_scan import scan_joints, selective_scan
from dynstg_mm.ops.temporal_filter import temporal_filter

__all__ = ['scan_joints', 'selective_scan', 'temporal_filter']

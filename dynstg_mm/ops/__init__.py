from dynstg_mm.ops.selective_scan import selective_scan, selective_scan_ref
from dynstg_mm.ops.temporal_filter import temporal_filter, temporal_filter_ref

__all__ = ['selective_scan', 'selective_scan_ref', 'temporal_filter', 'temporal_filter_ref']

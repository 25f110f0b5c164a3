from .selective_scan import selective_scan, selective_scan_ref
from .temporal_filter import temporal_filter, temporal_filter_ref

__all__ = ['selective_scan', 'selective_scan_ref', 'temporal_filter', 'temporal_filter_ref']

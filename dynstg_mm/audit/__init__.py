"""The audit of an annotation file, before a model sees it.

`audit_file` reads, checks and measures a file and lists all that is wrong with it, whereas `GaitDataset` stops at the
first error. `text_report`, `json_report` and `draw_page` show the result.
"""
from dynstg_mm.audit.audit import Audit, audit_file
from dynstg_mm.audit.findings import KINDS, Finding, Kind
from dynstg_mm.audit.near_copies import Copy, near_copies
from dynstg_mm.audit.page import draw_page
from dynstg_mm.audit.report import json_report, text_report

__all__ = [
    'Audit', 'Copy', 'Finding', 'KINDS', 'Kind', 'audit_file', 'draw_page', 'json_report', 'near_copies', 'text_report'
]

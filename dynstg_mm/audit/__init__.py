"""The audit of an annotation file, before a model sees it.

`audit_file` reads, checks and measures a file and lists all that is wrong with it, where `GaitDataset` stops at the
first error; `text_report`, `json_report` and `draw_page` show what it found.
"""
from dynstg_mm.audit.audit import Audit, audit_file
from dynstg_mm.audit.duplicates import Copy, exact_copies, near_copies
from dynstg_mm.audit.findings import KINDS, Finding
from dynstg_mm.audit.page import draw_page
from dynstg_mm.audit.report import json_report, text_report

__all__ = [
    'Audit', 'Copy', 'Finding', 'KINDS', 'audit_file', 'draw_page', 'exact_copies', 'json_report',
    'near_copies', 'text_report'
]

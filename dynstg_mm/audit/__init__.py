"""The audit of an annotation file, before a model sees it.

`audit_file` reads, checks and measures a file and lists all that is wrong with it, where `GaitDataset` stops at the
first error; `text_report`, `json_report` and `draw_page` show what it found.
"""
from .audit import Audit, audit_file
from .duplicates import Copy, exact_copies, near_copies
from .findings import KINDS, Finding
from .page import draw_page
from .report import json_report, text_report
from .splits import UnknownSplit

__all__ = [
    'Audit', 'Copy', 'Finding', 'KINDS', 'UnknownSplit', 'audit_file', 'draw_page', 'exact_copies', 'json_report',
    'near_copies', 'text_report'
]

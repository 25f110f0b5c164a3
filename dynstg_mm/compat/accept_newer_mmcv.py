"""MMAction2 1.2 refuses mmcv 2.2 and later, whose parts it uses are unchanged (open-mmlab/mmaction2#2709).

Does nothing when MMAction2 accepts the mmcv that is installed.
"""
from typing import Any

from dynstg_mm.import_hooks import Execute, wrap_import


def apply() -> None:
    wrap_import('mmaction', _import_beside_newer_mmcv)


def _import_beside_newer_mmcv(execute: Execute, mmaction: Any) -> None:
    try:
        execute(mmaction)
        return
    except AssertionError:
        import mmcv
        if not mmcv.__version__.startswith('2.'):
            raise
    installed = mmcv.__version__
    mmcv.__version__ = '2.1.0'
    try:
        execute(mmaction)
    finally:
        mmcv.__version__ = installed

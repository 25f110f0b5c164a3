"""Gait data sets and the transforms of their pipelines.

The names are imported when they are first used: reading annotation files and folds must not wait for MMAction2.
"""
import importlib
from typing import Any

_HOMES = {
    'dynstg_mm.datasets.action_dataset': ('ActionDataset', ),
    'dynstg_mm.datasets.catalog': ('ActedGaitDataset', 'AtaxiaDataset', 'CAREPDDataset', 'KOANMDataset',
                                   'KOAPDNMDataset', 'KOAStageDataset', 'MSNDDataset', 'PDWalkDataset',
                                   'SyntheticGaitDataset'),
    'dynstg_mm.datasets.gait_dataset': ('GaitDataset', 'check_sides'),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(importlib.import_module(_HOME_OF[name]), name)

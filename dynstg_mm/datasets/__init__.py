"""Gait data sets and the transforms of their pipelines."""
from dynstg_mm.datasets import transforms
from dynstg_mm.datasets.catalog import (
    AtaxiaDataset,
    KOANMDataset,
    KOAPDNMDataset,
    KOAStageDataset,
    MSNDDataset,
    PDWalkDataset,
    SyntheticGaitDataset,
)
from dynstg_mm.datasets.gait_dataset import GaitDataset, check_sides
from dynstg_mm.datasets.transforms import *  # noqa: F403

__all__ = [
    'AtaxiaDataset', 'GaitDataset', 'KOANMDataset', 'KOAPDNMDataset', 'KOAStageDataset', 'MSNDDataset',
    'PDWalkDataset', 'SyntheticGaitDataset', 'check_sides', 'transforms', *transforms.__all__
]

from .catalog import (AtaxiaDataset, KOANMDataset, KOAPDNMDataset, KOAStageDataset, PDWalkDataset,
                      SyntheticGaitDataset)
from .gait_dataset import AnnotationError, GaitDataset
from .transforms import (CenterSkeleton, ClipError, FillMissingJoints, GaitFeatures, MirrorDirection, ResampleRate,
                         SampleWindows, ScaleByLegLength)

__all__ = [
    'AnnotationError', 'AtaxiaDataset', 'CenterSkeleton', 'ClipError', 'FillMissingJoints', 'GaitDataset',
    'GaitFeatures', 'KOANMDataset', 'KOAPDNMDataset', 'KOAStageDataset', 'MirrorDirection', 'PDWalkDataset',
    'ResampleRate', 'SampleWindows', 'ScaleByLegLength', 'SyntheticGaitDataset'
]

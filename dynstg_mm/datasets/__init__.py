from .augmentations import (RandomGaussianNoise, RandomJointDropout, RandomRot, RandomScale, RandomSwapSides,
                            RandomTimeWarp)
from .catalog import (AtaxiaDataset, KOANMDataset, KOAPDNMDataset, KOAStageDataset, MSNDDataset, PDWalkDataset,
                      SyntheticGaitDataset)
from .corruptions import AddNoise, CutClip, LoseJoints, LowerRate
from .features import GaitFeatures, feature_channels
from .gait_dataset import AnnotationError, GaitDataset, check_sides
from .transforms import (AlignHeading, CenterSkeleton, ClipError, FillMissingJoints, KeepTrackedPerson, MapLayout,
                         MirrorDirection, ProjectToImage, ResampleRate, SampleWindows, ScaleByLegLength,
                         SideView, TeacherInput, UnlabelledWindows)

__all__ = [
    'AddNoise', 'AlignHeading', 'AnnotationError', 'AtaxiaDataset', 'CenterSkeleton', 'ClipError', 'CutClip',
    'FillMissingJoints', 'GaitDataset', 'GaitFeatures', 'KOANMDataset', 'KOAPDNMDataset', 'KOAStageDataset',
    'KeepTrackedPerson', 'LoseJoints', 'LowerRate', 'MSNDDataset', 'MapLayout', 'MirrorDirection', 'PDWalkDataset',
    'ProjectToImage', 'RandomGaussianNoise', 'RandomJointDropout', 'RandomRot', 'RandomScale', 'RandomSwapSides',
    'RandomTimeWarp', 'ResampleRate', 'SampleWindows', 'ScaleByLegLength', 'SideView', 'SyntheticGaitDataset',
    'TeacherInput', 'UnlabelledWindows', 'check_sides', 'feature_channels'
]

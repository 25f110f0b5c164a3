"""Transforms on MMAction2's results dict."""
from dynstg_mm.datasets.transforms.augment import (
    RandomGaussianNoise,
    RandomJointDropout,
    RandomProportions,
    RandomRot,
    RandomScale,
    RandomSwapSides,
    RandomTimeWarp,
)
from dynstg_mm.datasets.transforms.clean import FillMissingJoints, KeepTrackedPerson, MapLayout, ResampleRate
from dynstg_mm.datasets.transforms.corrupt import AddNoise, CutClip, LoseJoints, LowerRate
from dynstg_mm.datasets.transforms.distill import TeacherInput, UnlabelledWindows
from dynstg_mm.datasets.transforms.features import GaitFeatures, feature_channels
from dynstg_mm.datasets.transforms.heat_maps import ProjectToImage
from dynstg_mm.datasets.transforms.normalize import (
    AlignHeading,
    CenterSkeleton,
    MirrorDirection,
    SampleWindows,
    ScaleByLegLength,
    SideView,
    StretchClip,
)

__all__ = [
    'AddNoise', 'AlignHeading', 'CenterSkeleton', 'CutClip', 'FillMissingJoints', 'GaitFeatures', 'KeepTrackedPerson',
    'LoseJoints', 'LowerRate', 'MapLayout', 'MirrorDirection', 'ProjectToImage', 'RandomGaussianNoise',
    'RandomJointDropout', 'RandomProportions', 'RandomRot', 'RandomScale', 'RandomSwapSides', 'RandomTimeWarp',
    'ResampleRate', 'SampleWindows', 'ScaleByLegLength', 'SideView', 'StretchClip', 'TeacherInput', 'UnlabelledWindows',
    'feature_channels'
]

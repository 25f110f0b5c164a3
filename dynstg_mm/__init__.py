"""DynSTG-Mamba for MMAction2: recognising gait disorders from skeletons (arXiv 2503.13156).

Importing this package mends what keeps MMAction2 1.2 from running on today's Python stack (`compat`) and registers into
`mmaction.registry`, so that a config needs only `custom_imports = dict(imports='dynstg_mm')`:

backbones   DFSTGNN, DynSTGMamba, and STGMamba, a block that stands alone or behind any other backbone
data sets   GaitDataset, KOANMDataset, KOAPDNMDataset, KOAStageDataset, MSNDDataset, PDWalkDataset, AtaxiaDataset
transforms  KeepTrackedPerson, MapLayout, FillMissingJoints, ResampleRate, SampleWindows, MirrorDirection, AlignHeading,
            SideView, CenterSkeleton, ScaleByLegLength, GaitFeatures; to augment RandomRot, RandomScale, RandomGaussianNoise,
            RandomSwapSides, RandomJointDropout, RandomTimeWarp; to make a recording worse LoseJoints, AddNoise,
            LowerRate, CutClip; for PoseC3D ProjectToImage; for a teacher with another skeleton TeacherInput, and
            UnlabelledWindows for what it says of walks that nobody has labelled
heads       GaitHead; GaitParameterHead, to pretrain without labels
metric      GaitMetric
recognizer  CGRKD, a teacher that trains a student; to judge it by, LogitKD, FitNet, RKD
hooks       EpochSeedHook, DistillationHook

Letters of the shapes, the same everywhere: b batch (clips x persons), t frames, v w joints, c channels, k adjacency
subsets, p movement phases, d inner channels, n state size.
"""
import os

# Threads that wait give their core away, but not at once: spinning for milliseconds, as by default, a step beside another
# busy process takes ten times as long; sleeping between any two operations, a small model's latency doubles. OpenMP reads
# this once, when torch is imported.
if 'OMP_WAIT_POLICY' not in os.environ:
    os.environ['OMP_WAIT_POLICY'] = 'passive'
    os.environ.setdefault('GOMP_SPINCOUNT', '2000')  # turns, of GNU's OpenMP

from dynstg_mm import compat

compat.apply()  # before anything of MMAction2 is imported

from dynstg_mm import benchmark, datasets, distillation, hooks, models  # noqa: E402,F401

__version__ = '0.1.0'

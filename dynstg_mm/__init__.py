"""DynSTG-Mamba for MMAction2: recognising gait disorders from skeletons (arXiv 2503.13156).

Importing this package patches what keeps MMAction2 1.2 from running on today's Python stack (`compat`) and registers
into `mmaction.registry`, so that a config needs only `custom_imports = dict(imports='dynstg_mm')`. The import itself is
quick: patches and registrations follow when MMAction2's own modules are imported. It registers:

backbones   DFSTGNN, DynSTGMamba, and STGMamba, a block for use alone or after any other backbone
heads       GaitHead; GaitParameterHead, to pretrain without labels; TargetHead for scores beside the class, with
            CORNOutput, CORALOutput, SoftmaxOutput, GaussianOutput, QuantileOutput
data sets   GaitDataset, KOANMDataset, KOAPDNMDataset, KOAStageDataset, MSNDDataset, ActedGaitDataset, CAREPDDataset,
            PDWalkDataset, AtaxiaDataset
transforms  to clean       KeepTrackedPerson, MapLayout, FillMissingJoints, ResampleRate, SampleWindows
            to normalise   MirrorDirection, AlignHeading, SideView, CenterSkeleton, ScaleByLegLength, GaitFeatures
            to augment     RandomRot, RandomScale, RandomGaussianNoise, RandomSwapSides, RandomJointDropout,
                           RandomProportions, RandomTimeWarp
            to corrupt     LoseJoints, AddNoise, LowerRate, CutClip
            for others     ProjectToImage for PoseC3D; TeacherInput for a teacher with another skeleton;
                           UnlabelledWindows for distillation on unlabelled walks
sampler     BalancedSampler, for several sites in one training
metric      GaitMetric
recognizer  Distiller, a student with a teacher and a list of losses (LogitLoss, RelationLoss, FeatureLoss,
            DistanceLoss, AngleLoss); CGRKD and, for comparison, LogitKD, FitNet, RKD are such lists with a name
hooks       EpochSeedHook, ModelInputsHook, TargetStatisticsHook, DistillationHook
schedule    WarmupCosineLR
inferencer  GaitInferencer

Letters of the shapes, the same everywhere: b batch (clips x persons), t frames, v w joints, c channels, k adjacency
subsets, p movement phases, d inner channels, n state size.
"""
import os

# Waiting threads should yield their core after a short spin. With the default, which spins for milliseconds, a training
# step next to another busy process takes ten times as long; without any spin, the latency of a small model doubles.
# OpenMP reads these variables once, when torch is imported.
if 'OMP_WAIT_POLICY' not in os.environ:
    os.environ['OMP_WAIT_POLICY'] = 'passive'
    os.environ.setdefault('GOMP_SPINCOUNT', '2000')  # spins of GNU OpenMP

from dynstg_mm import compat, registration

compat.apply()
registration.register()

__version__ = '0.2.0'

"""Distillation: a large teacher trains a small student.

`Distiller` combines a student, a frozen `Teacher` and a list of losses. CGRKD, LogitKD, FitNet and RKD are named lists.
`DistillationHook` loads the teacher and checks that it fits the student and the data.
"""
from dynstg_mm.distillation.distiller import Distiller
from dynstg_mm.distillation.hook import DistillationHook
from dynstg_mm.distillation.losses import (
    AngleLoss,
    DistanceLoss,
    DistillationLoss,
    FeatureLoss,
    LogitLoss,
    RelationLoss,
)
from dynstg_mm.distillation.methods import CGRKD, RKD, FitNet, LogitKD
from dynstg_mm.distillation.outputs import Outputs

__all__ = ['AngleLoss', 'CGRKD', 'DistanceLoss', 'DistillationHook', 'DistillationLoss', 'Distiller', 'FeatureLoss',
           'FitNet', 'LogitKD', 'LogitLoss', 'Outputs', 'RKD', 'RelationLoss']

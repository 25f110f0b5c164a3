"""A large teacher trains a small student."""
from dynstg_mm.distillation.cgrkd import CGRKD
from dynstg_mm.distillation.distiller import DistillationHook
from dynstg_mm.distillation.other_distillers import RKD, FitNet, LogitKD

__all__ = ['CGRKD', 'DistillationHook', 'FitNet', 'LogitKD', 'RKD']

from .cgrkd import CGRKD
from .df_stgnn import DFSTGNN
from .distiller import DistillationHook
from .dynstg_mamba import DynSTGMamba
from .gait_head import GaitHead, GaitParameterHead
from .other_distillers import RKD, FitNet, LogitKD
from .stg_mamba import STGMamba

__all__ = ['CGRKD', 'DFSTGNN', 'DistillationHook', 'DynSTGMamba', 'FitNet', 'GaitHead', 'GaitParameterHead', 'LogitKD',
           'RKD', 'STGMamba']

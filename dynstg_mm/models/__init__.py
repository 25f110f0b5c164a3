from .cgrkd import CGRKD
from .df_stgnn import DFSTGNN
from .dynstg_mamba import DynSTGMamba
from .gait_head import GaitHead
from .stg_mamba import STGMamba

__all__ = ['CGRKD', 'DFSTGNN', 'DynSTGMamba', 'GaitHead', 'STGMamba']

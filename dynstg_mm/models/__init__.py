"""Backbones and heads, registered in MMAction2; the letters of the shapes are those of `dynstg_mm.ops`."""
from dynstg_mm.models.block_gcn import BlockGCN
from dynstg_mm.models.class_losses import BalancedSoftmaxLoss, FocalLoss
from dynstg_mm.models.ctr_gcn import CTRGCN
from dynstg_mm.models.df_stgnn import DFSTGNN
from dynstg_mm.models.dynstg_mamba import DynSTGMamba
from dynstg_mm.models.efficient_gcn import EfficientGCN
from dynstg_mm.models.gait_head import GaitHead
from dynstg_mm.models.gait_parameter_head import GaitParameterHead
from dynstg_mm.models.stg_mamba import STGMamba
from dynstg_mm.models.target_head import TargetHead
from dynstg_mm.models.target_outputs import (
    CORALOutput,
    CORNOutput,
    GaussianOutput,
    QuantileOutput,
    SoftmaxOutput,
)

__all__ = ['BalancedSoftmaxLoss', 'BlockGCN', 'CORALOutput', 'CORNOutput', 'CTRGCN', 'DFSTGNN', 'DynSTGMamba',
           'EfficientGCN', 'FocalLoss', 'GaitHead', 'GaitParameterHead', 'GaussianOutput', 'QuantileOutput',
           'STGMamba', 'SoftmaxOutput', 'TargetHead']

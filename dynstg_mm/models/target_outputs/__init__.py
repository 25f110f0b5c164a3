"""What a `TargetHead` predicts: one layer and its loss for each target."""
from dynstg_mm.models.target_outputs.coral import CORALOutput
from dynstg_mm.models.target_outputs.corn import CORNOutput
from dynstg_mm.models.target_outputs.gaussian import GaussianOutput
from dynstg_mm.models.target_outputs.quantile import QuantileOutput
from dynstg_mm.models.target_outputs.softmax import SoftmaxOutput

__all__ = ['CORALOutput', 'CORNOutput', 'GaussianOutput', 'QuantileOutput', 'SoftmaxOutput']

"""A head for pretraining without labels."""
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmaction.registry import MODELS
from torch import Tensor

from dynstg_mm.errors import ConfigError
from dynstg_mm.models.gait_head import GaitHead


@MODELS.register_module()
class GaitParameterHead(GaitHead):
    """A head that regresses gait parameters, to pretrain a backbone on walks without a diagnosis.

    The parameters that a gait laboratory measures (step length and time, joint ranges, symmetry, regularity) can be
    computed from any walk, so a backbone can learn them from unlabelled walks. Our choice: self-supervision by
    regressing known descriptors of the input.

    Args:
        num_parameters: P, the number of `gait_parameters` of a clip.
        in_channels: C, the width of the backbone.
        **kwargs: See `GCNHead`.

    Shape:
        x: (N, M, C, T, V). Result: (N, P). Data samples hold `gait_parameters` (P,), of mean 0 and variance 1 over the
        clips; `PackActionInputs(algorithm_keys=('gait_parameters', ))` puts them there.
    """

    def __init__(self, num_parameters: int, in_channels: int, **kwargs: Any) -> None:
        super().__init__(num_parameters, in_channels, **kwargs)

    def loss_by_feat(self, cls_scores: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """Smooth L1 distance to the parameters; each window of a clip is compared with those of the clip.

        Raises:
            ConfigError: The clips do not have `num_parameters` parameters.
        """
        target = torch.stack([torch.as_tensor(sample.gait_parameters) for sample in data_samples]).to(cls_scores)
        if target.shape[1] != cls_scores.shape[1]:
            raise ConfigError(f'num_parameters: {cls_scores.shape[1]}; the clips have {target.shape[1]} '
                              'gait_parameters.')
        target = target.repeat_interleave(len(cls_scores) // len(target), 0)
        return dict(loss_parameters=F.smooth_l1_loss(cls_scores, target))

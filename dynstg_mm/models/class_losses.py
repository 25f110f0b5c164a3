"""Losses for classes of which some are rare; they count the training clips of each class by themselves."""
from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmaction.models.losses.base import BaseWeightedLoss
from mmaction.registry import MODELS
from torch import Tensor

from dynstg_mm.errors import ConfigError
from dynstg_mm.models.target_outputs.base import balanced_weights


class CountingLoss(BaseWeightedLoss):
    """Base class of losses that know how many training clips each class has.

    Args:
        loss_weight: Factor of the loss.

    Shape:
        cls_score: (N, K), before the softmax. label: (N), classes, or (N, K), shares of the classes, as label smoothing
        makes them. Result: a scalar.
    """

    def __init__(self, loss_weight: float = 1.) -> None:
        super().__init__(loss_weight=loss_weight)
        self.counts: Tensor | None = None

    def fit_classes(self, labels: Tensor) -> None:
        """Count the clips of each class; `TargetStatisticsHook` calls this before training."""
        self.counts = torch.bincount(labels)

    def counts_of(self, scores: Tensor) -> Tensor:
        """Training clips of each class, (K); ConfigError if they were not counted or there are more classes."""
        if self.counts is None:
            raise ConfigError(f"model.cls_head.loss_cls: {type(self).__name__} needs TargetStatisticsHook in "
                              "custom_hooks, which counts the training clips; the command train adds it.")
        missing = scores.shape[1] - len(self.counts)
        if missing < 0:
            raise ConfigError(f'model.cls_head.num_classes: {scores.shape[1]}; the training clips have '
                              f'{len(self.counts)} classes.')
        return F.pad(self.counts, (0, missing)).to(scores)


@MODELS.register_module()
class FocalLoss(CountingLoss):
    r"""Cross-entropy that gives less weight to clips that are recognised already, and perhaps more to rare classes.

    .. math:: L = \sum_i w_{y_i} (1 - p_i)^\gamma (-\log p_i) / \sum_i w_{y_i}, \quad p = softmax(z)_y

    Source: Lin 2017 (arXiv 1708.02002), equation 5, with the softmax. `gamma=0` is cross-entropy with class weights.

    Args:
        gamma: How much less, from 0.
        class_weight: Weight of each class, or 'balanced': inversely proportional to the number of its training clips,
            as in scikit-learn. None weighs all alike.
        loss_weight: Factor of the loss.

    Raises:
        ConfigError: An option has a wrong value.
    """

    def __init__(self, gamma: float = 2., class_weight: Sequence[float] | str | None = None,
                 loss_weight: float = 1.) -> None:
        super().__init__(loss_weight)
        if isinstance(gamma, bool) or not isinstance(gamma, (int, float)) or not gamma >= 0:
            raise ConfigError(f'FocalLoss: gamma: {gamma!r}; expected a number from 0.')
        if class_weight not in (None, 'balanced') and (isinstance(class_weight, str) or not all(
                isinstance(weight, (int, float)) and weight >= 0 for weight in class_weight or ())):
            raise ConfigError(f"FocalLoss: class_weight: {class_weight!r}; expected numbers from 0, 'balanced' or "
                              "None.")
        self.gamma, self.class_weight = gamma, class_weight

    def _forward(self, cls_score: Tensor, label: Tensor) -> Tensor:
        scores = cls_score.float()
        log_p = scores.log_softmax(1)
        weights = self._weights(scores)
        weighted = shares(label, scores) * weights
        hard = (-torch.expm1(log_p)).clamp(min=1e-7) ** self.gamma  # 1 - p; above 0, where the gradient may be infinite
        return -(weighted * hard * log_p).sum() / weighted.sum().clamp(min=1e-12)

    def _weights(self, scores: Tensor) -> Tensor:
        if self.class_weight is None:
            return torch.ones_like(scores[0])
        if isinstance(self.class_weight, str):
            return balanced_weights(self.counts_of(scores))
        if len(self.class_weight) != scores.shape[1]:
            raise ConfigError(f'model.cls_head.loss_cls.class_weight: {len(self.class_weight)} numbers; expected one '
                              f'for each of {scores.shape[1]} classes.')
        return torch.tensor(self.class_weight).to(scores)


@MODELS.register_module()
class BalancedSoftmaxLoss(CountingLoss):
    r"""Cross-entropy for classes that are rare in the training clips only, and as common as the others in the test.

    .. math:: L = -\log \frac{n_y e^{z_y}}{\sum_k n_k e^{z_k}}

    Source: Ren 2020 (arXiv 2007.10740), equation 4, with the numbers n of training clips. The prediction is the plain
    softmax. Do not draw the clips evenly as well, which would correct twice.

    Args:
        loss_weight: Factor of the loss.
    """

    def _forward(self, cls_score: Tensor, label: Tensor) -> Tensor:
        scores = cls_score.float()
        log_p = (scores + self.counts_of(scores).clamp(min=1).log()).log_softmax(1)
        return -(shares(label, scores) * log_p).sum(1).mean()


def shares(label: Tensor, scores: Tensor) -> Tensor:
    """Labels as the share of each class, (N, K)."""
    return label.to(scores) if label.shape == scores.shape else F.one_hot(label, scores.shape[1]).to(scores)

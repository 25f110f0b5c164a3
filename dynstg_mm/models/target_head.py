"""A head for scores beside the class: several targets at once, of which some may be missing."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmaction.models.heads import BaseHead
from mmaction.registry import MODELS
from torch import Tensor, nn

from dynstg_mm.errors import ConfigError
from dynstg_mm.models.gait_head import pooled_statistics
from dynstg_mm.models.target_outputs.base import TargetOutput


@MODELS.register_module()
class TargetHead(BaseHead):
    """An output for each target, on the mean and the temporal standard deviation of the features, as in `GaitHead`.

    The loss of a target is taken over the clips that have a value, and is 0 if none in the batch has one.

    Args:
        in_channels: C, the width of the backbone.
        outputs: Name of each target -> settings of its output: `CORNOutput`, `CORALOutput` or `SoftmaxOutput` with
            `num_grades`, `GaussianOutput`, `QuantileOutput`. The order is that of the data set's `targets`.
        loss_weights: Name of a target -> weight of its loss; 1 by default.
        dropout: Share of the pooled features that is dropped in training.
        init_cfg: See `BaseHead`.

    Shape:
        x: (N, M, C, T, V) of a graph network, or (N, C, T, H, W). Result: (N, sum of the outputs' widths). Data samples
        hold `targets`, which `PackActionInputs(algorithm_keys=('targets', ))` puts there; predictions are
        `pred_targets`, a dict of scores by name, and `pred_score` for a single target with grades.
    """

    def __init__(self, in_channels: int, outputs: Mapping[str, Mapping[str, Any]],
                 loss_weights: Mapping[str, float] | None = None, dropout: float = 0.,
                 init_cfg: Mapping[str, Any] | None = None) -> None:
        if not isinstance(outputs, Mapping) or not outputs:
            raise ConfigError(f'outputs: {outputs!r}; expected the settings of an output for each target.')
        unknown = [name for name in loss_weights or () if name not in outputs]
        if unknown:
            raise ConfigError(f'loss_weights: {unknown[0]}: no such target; expected some of {", ".join(outputs)}.')
        built = {name: MODELS.build(dict(settings, in_channels=2 * in_channels)) for name, settings in outputs.items()}
        for name, output in built.items():
            if not isinstance(output, TargetOutput):
                raise ConfigError(f'outputs.{name}.type: {outputs[name]["type"]}; expected an output of a target, such '
                                  'as CORNOutput or GaussianOutput.')
        grades = [output.num_grades for output in built.values()]
        super().__init__(grades[0] or 0 if len(grades) == 1 else 0, in_channels, average_clips='prob',
                         init_cfg=init_cfg)
        self.outputs = nn.ModuleDict(built)
        self.loss_weights = {name: float((loss_weights or {}).get(name, 1)) for name in built}
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, **kwargs: Any) -> Tensor:
        """Raw predictions of all targets, side by side."""
        if x.shape[1] == self.in_channels and x.shape[2] != self.in_channels:  # of a 3-D network
            x = x.flatten(3)[:, None]
        features = self.dropout(pooled_statistics(x))
        return torch.cat([output(features) for output in self.outputs.values()], 1)

    def loss_by_feat(self, cls_scores: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """Loss of every target; each window of a clip is compared with the clip's value.

        Raises:
            ConfigError: The data set has other targets.
        """
        values = torch.stack([_values(sample) for sample in data_samples]).to(cls_scores)
        if values.shape[1] != len(self.outputs):
            raise ConfigError(f'model.cls_head.outputs: {", ".join(self.outputs)}; the data set has '
                              f'{values.shape[1]} targets.')
        values = values.repeat_interleave(len(cls_scores) // len(values), 0)
        losses = {}
        for (name, output, raw), column in zip(self._split(cls_scores), values.T):
            known = column.isfinite()
            losses[f'loss_{name}'] = self.loss_weights[name] * (
                output.loss(raw[known], column[known]) if known.any() else 0. * raw.sum())
        return losses

    def predict_by_feat(self, cls_scores: Tensor, data_samples: Sequence[Any]) -> Sequence[Any]:
        """Put the scores of every target, pooled over the windows, into the data samples."""
        scores = {}
        for name, output, raw in self._split(cls_scores):
            own = output.scores(raw)
            scores[name] = output.pool(own.reshape(len(data_samples), -1, own.shape[-1]))
        for index, sample in enumerate(data_samples):
            sample.set_field({name: rows[index] for name, rows in scores.items()}, 'pred_targets')
            if self.num_classes:
                sample.set_pred_score(next(iter(scores.values()))[index])
        return data_samples

    def _split(self, raw: Tensor) -> list[tuple[str, TargetOutput, Tensor]]:
        """Name, output and raw predictions of every target."""
        widths = [output.width for output in self.outputs.values()]
        return [(name, output, part) for (name, output), part in zip(self.outputs.items(), raw.split(widths, 1))]


def _values(sample: Any) -> Tensor:
    values = getattr(sample, 'targets', None)
    if values is None or isinstance(values, Mapping):
        raise ConfigError('model.cls_head: TargetHead; the data set has no targets. Name them in dataset.targets, and '
                          'pack them with PackActionInputs(algorithm_keys=("targets", )).')
    return torch.as_tensor(values)

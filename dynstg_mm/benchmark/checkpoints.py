"""Test a checkpoint in this process, on data of choice."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.runner import Runner, load_checkpoint
from torch import nn

from dynstg_mm.benchmark.results import Clip
from dynstg_mm.datasets.targets import Target, is_separate
from dynstg_mm.errors import ConfigError


def load_model(cfg: Config, path: str | Path) -> nn.Module:
    """The model of a run with the weights of its checkpoint, in eval mode.

    Raises:
        ConfigError: The weights do not fit.
    """
    model = MODELS.build(cfg.model).to(get_device()).eval()
    try:
        load_checkpoint(model, str(path), map_location='cpu', strict=True, logger='silent')
    except RuntimeError as error:
        if 'do not match' not in str(error):
            raise
        raise ConfigError(f'{path}: the weights do not fit the model in the run.json beside it.') from None
    return model


@torch.no_grad()
def score_clips(model: nn.Module, cfg: Config, dataset: dict[str, Any], target: Target | None = None) -> list[Clip]:
    """Clips of a data set with `clip`, `subject`, `label` and the model's `score`.

    Args:
        model: The model.
        cfg: Its config, whose `test_dataloader` gives the batches.
        dataset: Settings of the data set.
        target: A target to score instead of the classes; clips without a value are left out.

    Raises:
        ConfigError: The data set has a number or several targets, and none is chosen.
    """
    loader = Runner.build_dataloader(dict(cfg.test_dataloader.to_dict(), dataset=dataset))
    targets = getattr(loader.dataset, 'targets', {})
    if target is None and is_separate(targets):
        raise ConfigError(f'{loader.dataset.ann_file}: targets: {", ".join(targets)}; expected classes, or grades of '
                          'one scale.')
    samples = [sample for batch in loader for sample in model.test_step(batch)]
    if target is None or not is_separate(targets):
        return [dict(clip=sample.frame_dir, subject=sample.subject, label=int(sample.gt_label),
                     score=sample.pred_score.tolist()) for sample in samples]
    place, number = list(targets).index(target.name), float if target.is_numeric else int
    return [dict(clip=sample.frame_dir, subject=sample.subject, label=number(sample.targets[place]),
                 score=sample.pred_targets[target.name].tolist())
            for sample in samples if np.isfinite(sample.targets[place])]

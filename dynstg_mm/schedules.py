"""Learning-rate schedules that MMEngine does not have."""
from __future__ import annotations

import math
from typing import Any

from mmaction.registry import PARAM_SCHEDULERS
from mmengine.optim import BaseOptimWrapper, _ParamScheduler
from mmengine.optim.scheduler.lr_scheduler import LRSchedulerMixin
from torch.optim import Optimizer

from dynstg_mm.errors import ConfigError


@PARAM_SCHEDULERS.register_module()
class WarmupCosineLR(LRSchedulerMixin, _ParamScheduler):
    """Linear warm-up, then cosine decay to 0, both following the length of the training.

    The values are those of MMEngine's `LinearLR` followed by its `CosineAnnealingLR`. Those two need the length of the
    warm-up twice in a config. Here it is a tenth of the epochs, so that `train_cfg.max_epochs` alone sets the schedule.
    A config must set `convert_to_iter_based=True`; MMEngine then fills in the other arguments.

    Args:
        optimizer: The optimizer or its wrapper.
        end: Epochs of the training.
        epoch_length: Iterations of an epoch.
        warmup_epochs: Epochs of the warm-up; by default a tenth of `end`, rounded.
        start_factor: Learning rate of the first iteration, as a share of the full one.
        **kwargs: Passed to MMEngine's `_ParamScheduler`.

    Raises:
        ConfigError: The warm-up is as long as the training, or longer.
    """

    def __init__(self, optimizer: Optimizer | BaseOptimWrapper, *, end: int, epoch_length: int,
                 warmup_epochs: int | None = None, start_factor: float = 0.01, **kwargs: Any):
        if warmup_epochs is None:
            warmup_epochs = round(end / 10)
        if not 0 <= warmup_epochs < end:
            raise ConfigError(f'param_scheduler.warmup_epochs: {warmup_epochs}; expected 0 or more, and fewer than the '
                              f'{end} epochs of the training.')
        steps = int(warmup_epochs * epoch_length)
        self.warmup = steps if steps > 1 else 0  # in a single iteration the rate cannot rise
        self.start_factor = start_factor
        super().__init__(optimizer, end=end * epoch_length, by_epoch=False, **kwargs)

    @classmethod
    def build_iter_from_epoch(cls, *args: Any, by_epoch: bool = True, **kwargs: Any) -> WarmupCosineLR:
        """The schedule in iterations; MMEngine calls this for `convert_to_iter_based=True`."""
        return cls(*args, **kwargs)

    def _get_value(self) -> list[float]:
        """The next values, each as a factor of the present one, as MMEngine's schedulers compute them."""
        step, warmup, start = self.last_step, self.warmup, self.start_factor
        if step < warmup:
            factor = start if step == 0 else 1 + (1 - start) / ((warmup - 1) * start + (step - 1) * (1 - start))
        elif step == warmup:
            factor = 1.
        else:
            step, steps = step - warmup, self.end - warmup
            factor = (1 + math.cos(math.pi * step / steps)) / (1 + math.cos(math.pi * (step - 1) / steps))
        return [group[self.param_name] * factor for group in self.optimizer.param_groups]

"""Check the parts of a config that act after a validation: without one they do nothing, and MMEngine says nothing."""
from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from mmaction.registry import HOOKS, METRICS, PARAM_SCHEDULERS
from mmengine.config import Config
from mmengine.hooks import CheckpointHook, EarlyStoppingHook
from mmengine.optim.scheduler import ReduceOnPlateauParamScheduler
from mmengine.registry import Registry

from dynstg_mm.errors import ConfigError

FIELDS = ('val_dataloader', 'val_evaluator', 'val_cfg')


def check_validation(cfg: Config, why_none: str | None = None) -> None:
    """Check that early stopping and schedules on a plateau have validations to act on, with the score they follow.

    Args:
        cfg: Config of a training, checked by `check_config`.
        why_none: Why there is no validation, if the config does not decide it.

    Raises:
        ConfigError: There are no validations, too few, or they do not give the score.
    """
    validates = why_none is None and all(cfg.get(field) is not None for field in FIELDS)
    for field, settings, built in _watching(cfg):
        name = built.__name__
        if issubclass(built, CheckpointHook):
            if not validates:
                continue  # without a best checkpoint, it still saves the last one
            scores = settings.get('save_best')
        else:
            scores = settings.get('monitor', 'loss')
            if not validates:
                reason = why_none or f'{next(name for name in FIELDS if cfg.get(name) is None)} is missing'
                raise ConfigError(f'{cfg.filename}: {field}: {name} acts after validations, and there are none: '
                                  f'{reason}. Set {", ".join(FIELDS)} for clips that are not tested, or remove it.')
        for score in [scores] if isinstance(scores, str) else scores or ():
            _check_score(cfg, f'{field}.{"save_best" if issubclass(built, CheckpointHook) else "monitor"}', score)
        if issubclass(built, EarlyStoppingHook) and settings.get('stopping_threshold') is None:
            _check_patience(cfg, field, settings.get('patience', 5))


def _watching(cfg: Config) -> Iterator[tuple[str, dict[str, Any], type]]:
    """Hooks and schedules that act after a validation: field, settings and class."""
    named = [(f'default_hooks.{name}', hook) for name, hook in (cfg.get('default_hooks') or {}).items()]
    listed = [(f'custom_hooks.{index}', hook) for index, hook in enumerate(cfg.get('custom_hooks') or ())]
    schedules = cfg.get('param_scheduler') or []
    schedules = schedules if isinstance(schedules, (list, tuple)) else [schedules]
    for parts, registry, watching in (
            (named + listed, HOOKS, (EarlyStoppingHook, CheckpointHook)),
            ([(f'param_scheduler.{index}', part) for index, part in enumerate(schedules)], PARAM_SCHEDULERS,
             (ReduceOnPlateauParamScheduler, ))):
        for field, settings in parts:
            built = _class_of(settings, registry)
            if built is not None and issubclass(built, watching):
                yield field, settings, built


def _class_of(settings: Any, registry: Registry) -> type | None:
    named = settings.get('type') if isinstance(settings, dict) else None
    built = registry.get(named) if isinstance(named, str) else named
    return built if isinstance(built, type) else None


def _check_score(cfg: Config, field: str, score: str) -> None:
    """Compare what stands before the slash of a score, such as `gait/macro_f1`, with what the metrics put there."""
    evaluators = cfg.val_evaluator.get('metrics') or cfg.val_evaluator if isinstance(
        cfg.val_evaluator, dict) else cfg.val_evaluator
    prefixes = []
    for settings in evaluators if isinstance(evaluators, (list, tuple)) else [evaluators]:
        built = _class_of(settings, METRICS)
        prefixes.append(settings.get('prefix') or getattr(built, 'default_prefix', None) if built else None)
    own, _, rest = score.rpartition('/')
    if score != 'auto' and None not in prefixes and own not in prefixes:
        raise ConfigError(f'{cfg.filename}: {field}: {score}; the validation has no such score; expected '
                          f'{" or ".join(f"{prefix}/..." for prefix in prefixes)}, such as '
                          f'{"gait/macro_f1" if "gait" in prefixes else f"{prefixes[0]}/{rest}"}.')


def _check_patience(cfg: Config, field: str, patience: int) -> None:
    """Refuse a patience that is not over before the training is."""
    loop = cfg.get('train_cfg') or {}
    unit = 'max_epochs' if 'max_epochs' in loop else 'max_iters'
    length, first = loop.get(unit), loop.get('val_begin', 1)
    interval = loop.get('val_interval', 1 if unit == 'max_epochs' else 1000)
    if not all(isinstance(value, int) for value in (length, first, interval, patience)) or 'dynamic_intervals' in loop:
        return
    validations = math.ceil(length / interval) - max(0, math.ceil(first / interval) - 1)
    if validations < patience + 2:  # the first sets the best score, and the last one ends the training anyway
        raise ConfigError(f'{cfg.filename}: {field}.patience: {patience}; it cannot stop the training, which has '
                          f'{max(0, validations)} validations. Set train_cfg.val_interval, now {interval}, lower, or '
                          f'train_cfg.{unit}, now {length}, higher; expected {patience + 2} validations or more.')

"""What a search varies: a YAML file of settings, each with its choices or its range::

    optim_wrapper.optimizer.lr: {low: 1.0e-4, high: 1.0e-2, log: true}
    train_cfg.max_epochs: {low: 10, high: 40, step: 10}    # whole numbers, since low and high are
    model.cls_head.dropout: [0.0, 0.25, 0.5]               # choices
    feats: [[j, jm], [b, bm]]

Settings are named as for `--cfg-options`.
"""
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from dynstg_mm.benchmark.experiment import option_texts, read_yaml, value_text
from dynstg_mm.benchmark.plan import RESERVED
from dynstg_mm.errors import ConfigError

if TYPE_CHECKING:
    from optuna import Trial

_SCALAR = dict(type=['string', 'number', 'boolean', 'null'])
_CHOICES = dict(type='array', minItems=2, items=dict(anyOf=[_SCALAR, dict(type='array', items=_SCALAR, minItems=1)]))
_RANGE = dict(type='object', additionalProperties=False, required=['low', 'high'], properties=dict(
    low=dict(type='number'), high=dict(type='number'), step=dict(type='number', exclusiveMinimum=0),
    log=dict(type='boolean')))
SCHEMA = dict(
    type='object', minProperties=1, propertyNames=dict(type='string', minLength=1),
    description='settings, each with its choices or its range',
    additionalProperties=dict(anyOf=[_CHOICES, _RANGE],
                              description='a list of at least two choices, or low and high, with step or log'))


def read_space(path: str | os.PathLike) -> dict[str, Any]:
    """Read a search space: setting -> choices, or a range.

    Raises:
        FileNotFoundError: There is no such file.
        ConfigError: It is not YAML, a setting is chosen by the search itself, or a range is wrong.
    """
    space = read_yaml(path, SCHEMA, 'search space')
    for key, values in space.items():
        if key in (*RESERVED, 'split') or key.endswith(('.ann_file', '.split', '.fold')):
            raise ConfigError(f'{path}: {key}: is chosen by the search, which trains and tests on inner folds.')
        if isinstance(values, list):
            texts = [value_text(value) for value in values]
            if len(set(texts)) < len(texts):
                raise ConfigError(f'{path}: {key}: {values}; expected each choice once.')
        elif values['low'] >= values['high'] or values.get('log') and ('step' in values or values['low'] <= 0):
            raise ConfigError(f'{path}: {key}: {values}; expected low < high, and above 0 and without step if log.')
        elif whole(values) and not isinstance(values.get('step', 1), int):
            raise ConfigError(f'{path}: {key}.step: {values["step"]}; expected a whole number, as low and high are.')
    return space


def whole(values: dict[str, Any]) -> bool:
    """Whether a range has whole numbers only."""
    return isinstance(values['low'], int) and isinstance(values['high'], int)


def first_options(space: dict[str, Any]) -> list[str]:
    """One point of the space as `KEY=VALUE`: to check that the config has all settings."""
    return option_texts({key: values[0] if isinstance(values, list) else values['low']
                         for key, values in space.items()})


def suggest(trial: Trial, space: dict[str, Any]) -> None:
    """Choose a point for a trial; `options_of` returns it."""
    for key, values in space.items():
        if isinstance(values, list):
            trial.suggest_categorical(key, [value_text(value) for value in values])
        elif whole(values):
            trial.suggest_int(key, values['low'], values['high'], step=values.get('step', 1),
                              log=values.get('log', False))
        else:
            trial.suggest_float(key, values['low'], values['high'], step=values.get('step'),
                                log=values.get('log', False))


def options_of(params: dict[str, Any]) -> list[str]:
    """The point of a trial as `KEY=VALUE`; numbers of a range have 4 digits, so that they can be typed."""
    return [f'{key}={float(f"{value:.4g}")!r}' if isinstance(value, float) else f'{key}={value}'
            for key, value in params.items()]

"""What a checkpoint of a task records about its training, besides its weights: `meta['training_record']`."""
from __future__ import annotations

import dataclasses
import reprlib
import types
import typing
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from dynstg_mm.errors import ConfigError
from dynstg_mm.inference.calibration import Calibration
from dynstg_mm.inference.conformal import Conformal
from dynstg_mm.inference.unlike import Unlike

FIELD = 'training_record'


@dataclasses.dataclass(frozen=True)
class TrainingRecord:
    """What an answer needs from the training besides the weights, and what the model card shows.

    Args:
        calibration: From scores to probabilities; fitted on out-of-fold scores by person.
        conformal: From probabilities to prediction sets.
        features: How unlike the training walks the input of the head's last layer is.
        gait: The same for gait parameters (`gait.parameters.gait_features`).
        gait_reference: Class -> gait parameter -> `unit`, `people`, and the percentiles over people `p5`, `p25`,
            `median`, `p75`, `p95`.
        estimator: The pose estimator of the training keypoints, such as 'OpenPose'.
        dataset: Name of the training data.
        people: Class -> number of people.
        figures: What was measured, for the model card; see `docs/model_cards`.
    """

    calibration: Calibration | None = None
    conformal: Conformal | None = None
    features: Unlike | None = None
    gait: Unlike | None = None
    gait_reference: dict[str, dict[str, dict[str, Any]]] = dataclasses.field(default_factory=dict)
    estimator: str | None = None
    dataset: str | None = None
    people: dict[str, int] = dataclasses.field(default_factory=dict)
    figures: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def metadata_keeps_up(self) -> bool:
        """Whether the recording's metadata alone may tell the classes apart as well: the 95 % intervals overlap."""
        scores, control = self.figures.get('scores'), self.figures.get('controls', {}).get('metadata only')
        return bool(scores and control and control['macro_f1'][2] >= scores['macro_f1'][1])

    def to_dict(self) -> dict[str, Any]:
        """The record as plain values and tensors, which `torch.load(weights_only=True)` reads."""
        return _plain(self)

    @classmethod
    def from_dict(cls, content: Any, where: str = FIELD) -> TrainingRecord:
        """The record of a file.

        Args:
            content: As `to_dict` makes it.
            where: File and field, for the message.

        Raises:
            ConfigError: A field is missing, unknown or of another type.
        """
        return _built(cls, content, where)

    @classmethod
    def of_checkpoint(cls, checkpoint: Any, path: str) -> TrainingRecord | None:
        """The record of a checkpoint that was loaded from a path, or None if it has none.

        Raises:
            ConfigError: It has one that cannot be read.
        """
        meta = checkpoint.get('meta') if isinstance(checkpoint, Mapping) else None
        content = meta.get(FIELD) if isinstance(meta, Mapping) else None
        return None if content is None else cls.from_dict(content, f'{path}: meta.{FIELD}')


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.astype(np.float16 if value.ndim > 1 else np.float32))  # half for large ones
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, str):
        return str(value)  # such as torch.__version__, which is a class of its own
    return [_plain(part) for part in value] if isinstance(value, (list, tuple)) else value


def _built(cls: type, content: Any, where: str) -> Any:
    """A dataclass of this file from what `_plain` made of it."""
    fields = {field.name: field for field in dataclasses.fields(cls)}
    if not isinstance(content, Mapping) or not fields.keys() >= content.keys():
        raise ConfigError(f'{where}: {_named(content)}; expected some of {", ".join(fields)}.')
    hints = typing.get_type_hints(cls)
    missing = [name for name, field in fields.items() if name not in content
               and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING]
    if missing:
        raise ConfigError(f'{where}.{missing[0]}: missing.')
    return cls(**{name: _value(hints[name], value, f'{where}.{name}') for name, value in content.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    options = typing.get_args(hint) if typing.get_origin(hint) in (types.UnionType, typing.Union) else (hint, )
    if value is None and type(None) in options:
        return None
    expected = options[0]
    origin, parts = typing.get_origin(expected) or expected, typing.get_args(expected)
    if isinstance(origin, type) and dataclasses.is_dataclass(origin):
        return _built(origin, value, where)
    if origin is np.ndarray and isinstance(value, torch.Tensor) and bool(value.isfinite().all()):
        return value.double().numpy()
    if origin is list and isinstance(value, (list, tuple)):
        return [_value(parts[0], part, where) for part in value]
    if origin is float and isinstance(value, (int, float)) and np.isfinite(value):
        return float(value)
    if isinstance(origin, type) and origin not in (float, np.ndarray) and isinstance(value, origin):
        return value
    raise ConfigError(f'{where}: {_named(value)}; expected {getattr(origin, "__name__", origin)}.')


def _named(value: Any) -> str:
    return ', '.join(map(str, value)) or 'nothing' if isinstance(value, Mapping) else reprlib.repr(value)

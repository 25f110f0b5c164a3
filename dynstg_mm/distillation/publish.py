"""The weights of a trained recognizer or student as a checkpoint of their own."""
from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import torch
from mmaction.registry import MODELS
from mmengine.config import Config

from dynstg_mm.distillation.pair import recognizer_settings
from dynstg_mm.distillation.teacher import load_weights, read_checkpoint
from dynstg_mm.errors import ConfigError
from dynstg_mm.files import atomic_open
from dynstg_mm.inputs import ModelInputs


def plain_checkpoint(cfg: Config, checkpoint: str) -> tuple[dict[str, Any], int]:
    """What remains of a checkpoint for use: the weights of the recognizer, or of the student of a distiller.

    Args:
        cfg: The config that it was trained with.
        checkpoint: Its path.

    Returns:
        `state_dict` and `meta` with `dataset_meta` and `inputs`; and the number of parameters.

    Raises:
        ConfigError: It cannot be read, the weights do not fit, or are not finite.
    """
    settings = cfg.model
    student = MODELS.build(recognizer_settings(settings.student, 'student') if settings.get('student') else settings)
    weights, data = read_checkpoint(checkpoint)
    load_weights(student, weights, checkpoint)
    failed = [name for name, value in student.state_dict().items() if not value.isfinite().all()]
    if failed:
        raise ConfigError(f'{checkpoint}: {failed[0]}: values that are not finite; its training has failed.')
    meta: dict[str, Any] = dict(dataset_meta={field: data.get(field) for field in ('classes', 'source')})
    inputs = ModelInputs.from_checkpoint(checkpoint)
    if inputs is not None:
        meta['inputs'] = inputs.to_dict()
    parameters = sum(value.numel() for value in student.parameters())
    return dict(state_dict=student.state_dict(), meta=meta), parameters


def write_checkpoint(content: dict[str, Any], out: Path) -> Path:
    """Write a checkpoint, with the first digits of the file's SHA-256 in its name, whole or not at all.

    Args:
        content: The checkpoint.
        out: Path without the digits, such as small.pth.

    Returns:
        The path of the file.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    data = buffer.getvalue()
    path = out.with_name(f'{out.stem}-{hashlib.sha256(data).hexdigest()[:8]}.pth')
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_open(path, 'wb') as file:
        file.write(data)
    return path

"""Models with weights that this package ships: their names, configs and checkpoints, from the metafiles."""
from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from dynstg_mm.errors import ConfigError
from dynstg_mm.files import SHIPPED, atomic_open, resolve_shipped, shipped_configs
from dynstg_mm.inference.training_record import TrainingRecord
from dynstg_mm.text import few

TASK = 'Skeleton-based Gait Disorder Recognition'


@dataclasses.dataclass(frozen=True)
class ZooModel:
    """A model that answers without training.

    Args:
        name: Its name, such as `koa-nm`.
        config: Path of its config.
        options: `key=value` settings of the config.
        weights: Path of its checkpoint.
        summary: Its classes, in one line.
    """

    name: str
    config: Path
    options: tuple[str, ...]
    weights: Path
    summary: str


def zoo(folder: Path | None = None) -> dict[str, ZooModel]:
    """All models by name.

    Args:
        folder: Folder of the configs; by default the shipped one.

    Raises:
        ConfigError: A metafile is damaged.
    """
    metafile = (folder or shipped_configs()) / 'zoo/metafile.yml'
    if not metafile.is_file():
        return {}
    models = {}
    for entry in _read(metafile)['Models']:
        try:
            metadata = entry.get('Metadata', {})
            models[entry['Name']] = ZooModel(
                entry['Name'], resolve_shipped(entry['Config']), tuple(metadata.get('Options', ())),
                resolve_shipped(entry['Weights']), metadata.get('Summary', ''))
        except (KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f'{metafile}: Models: {error}; expected Name, Config, Weights and Metadata.') from None
    return models


def find(name: str) -> ZooModel:
    """The model of this name.

    Raises:
        ConfigError: There is none; the message names the nearest.
    """
    models = zoo()
    if name not in models:
        raise ConfigError(f'{name}: no such model; expected {few(models, like=name)}, or a config and its checkpoint.')
    return models[name]


def write_entry(folder: Path, name: str, config: str, options: Sequence[str], weights: Path,
                record: TrainingRecord) -> Path:
    """Write the card of a model, and its entry in the metafile of its folder.

    Args:
        folder: The folder, such as `configs/zoo`.
        name: Name of the model.
        config: The config that loads the weights.
        options: `key=value` settings of the config.
        weights: The checkpoint, in the folder.
        record: What it records.

    Returns:
        Path of the card.
    """
    from dynstg_mm.inference.card import card
    metafile = folder / 'metafile.yml'
    content = _read(metafile) if metafile.is_file() else dict(
        Collections=[dict(Name='Gait disorders', README='configs/zoo/README.md')], Models=[])
    scores = record.figures['scores']
    entry: dict[str, Any] = {
        'Name': name, 'Config': _shown(config), 'In Collection': 'Gait disorders',
        'Metadata': {'Summary': record.figures.get('title') or name, 'Options': list(options),
                     'Training Data': [record.dataset or 'not stated'], 'Classes': list(record.people)},
        'Results': [{'Dataset': record.dataset or 'not stated', 'Task': TASK, 'Metrics': {
            'Top 1 Accuracy': round(100 * scores['accuracy'][0], 2), 'Macro-F1': round(scores['macro_f1'][0], 4)}}],
        'Weights': _shown(weights)}
    content['Models'] = sorted([*(model for model in content['Models'] if model['Name'] != name), entry],
                               key=lambda model: model['Name'])
    path = folder / f'{name}.md'
    with atomic_open(path, encoding='utf-8') as file:
        file.write(card(name, record, weights))
    with atomic_open(metafile, encoding='utf-8') as file:
        yaml.safe_dump(content, file, sort_keys=False, width=120, allow_unicode=True)
    return path


def _shown(path: str | os.PathLike) -> str:
    """`dynstg_mm::NAME` for a file below the shipped configs, so that it is found from any folder."""
    text = os.fspath(path)
    if text.startswith(SHIPPED):
        return text
    full, root = Path(text).resolve(), shipped_configs().resolve()
    return f'{SHIPPED}{full.relative_to(root).as_posix()}' if full.is_relative_to(root) else text


def _read(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text(encoding='utf-8'))
    if not isinstance(content, dict) or not isinstance(content.get('Models'), list):
        raise ConfigError(f'{path}: Models: missing; expected a metafile.')
    return content

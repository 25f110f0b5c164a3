"""Inner folds: the people whom an outer fold trains on, divided again, so that choices are made without its test."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config

from dynstg_mm.datasets.annotation_file import AnnotationFile
from dynstg_mm.datasets.folds import fold_split, subject_folds
from dynstg_mm.errors import ConfigError
from dynstg_mm.files import dump_pickle

INNER = 'inner'  # name of the inner folds


def outer_data(cfg: Config) -> tuple[str, str]:
    """The annotation file that a config trains on, and the name of its splits before `_fold`.

    Raises:
        ConfigError: The data have no folds, or are of several files or splits.
    """
    found = {(data['ann_file'], data['split']) for _, data in _data_with_folds(cfg)}
    if len(found) != 1:
        several = f'{len(found)} files or splits' if found else 'no folds'
        raise ConfigError(f'{cfg.filename}: train_dataloader.dataset: {several}; a search divides the training part of '
                          'a fold by person, so it expects one file with folds, as convert makes them.')
    return found.pop()


def inner_options(cfg: Config, file: str | Path) -> list[str]:
    """The options `KEY=VALUE` with which a config trains and tests on the inner folds in a file."""
    return [f'{place}.{field}={value}' for place, _ in _data_with_folds(cfg)
            for field, value in (('ann_file', file), ('split', INNER))]


def write_inner_folds(ann_file: str, split: str, fold: int, count: int, out: Path) -> None:
    """Write an annotation file that has only the training part of a fold, with folds by person.

    Folds are stratified by class, unless a person has clips of several classes.

    Args:
        ann_file: The annotation file.
        split: Name of its splits before `_fold`.
        fold: The outer fold.
        count: Number of inner folds.
        out: The file.

    Raises:
        DataError: A class has fewer people than there are inner folds.
        ConfigError: A clip has no subject.
    """
    file = AnnotationFile.read(ann_file)
    clips = [file.clips[name] for name in file.splits[fold_split(split, fold, 'train')]]
    missing = next((clip['frame_dir'] for clip in clips if clip.get('subject') is None), None)
    if missing is not None:
        raise ConfigError(f'{ann_file}: clip {missing}: subject: missing; inner folds are by person.')
    classes: dict[Any, set[Any]] = {}
    for clip in clips:
        classes.setdefault(clip['subject'], set()).add(clip['label'])
    mixed = any(len(labels) > 1 for labels in classes.values())
    folds = subject_folds([dict(clip, label=0) for clip in clips] if mixed else clips, INNER, folds=count)
    dump_pickle({**file.content, 'annotations': clips, 'split': folds}, out)


def _data_with_folds(cfg: Config) -> Iterator[tuple[str, dict[str, Any]]]:
    """The data sets with folds for training and testing, each with its place in the config."""
    for part in ('train', 'test'):
        place = f'{part}_dataloader.dataset'
        yield from _within((cfg.get(f'{part}_dataloader') or {}).get('dataset'), place)


def _within(node: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        if 'ann_file' in node and node.get('fold') is not None:
            yield place, node
        for key in ('dataset', 'datasets'):
            yield from _within(node.get(key), f'{place}.{key}')
    elif isinstance(node, (list, tuple)):
        for index, part in enumerate(node):
            yield from _within(part, f'{place}.{index}')

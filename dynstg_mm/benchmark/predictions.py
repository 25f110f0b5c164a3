"""Read the files that training and test write: train_summary.json and predictions.json."""
from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dynstg_mm.benchmark.results import UNKNOWN_SEED, Clip, Results
from dynstg_mm.benchmark.schema import COST, NUMBERS, TEXT, TEXTS, score_fault
from dynstg_mm.datasets.targets import Target
from dynstg_mm.errors import ConfigError, ResultsError
from dynstg_mm.files import check_fields, read_json

TRAIN_SUMMARY = dict(COST, required=['parameters', 'cpu_seconds'])
PREDICTIONS = dict(type='object', required=['classes', 'clips'], properties=dict(
    classes=TEXTS, clips=dict(type='array', minItems=1, items=dict(
        type='object', required=['clip', 'label', 'score'],
        properties=dict(clip=TEXT, label=dict(type='integer'), score=NUMBERS)))))
TARGET_PREDICTIONS = dict(type='object', required=['targets', 'clips'], properties=dict(
    targets=dict(type='object'), clips=dict(type='array', minItems=1, items=dict(
        type='object', required=['clip', 'targets'], properties=dict(clip=TEXT, targets=dict(
            type='object', additionalProperties=dict(type='object', required=['label', 'score'], properties=dict(
                label=dict(type=['number', 'null']), score=NUMBERS))))))))


def read_predictions(path: str | Path, target: Target | None = None) -> tuple[list[str], list[Clip]]:
    """Classes, and clips with `clip`, `subject`, `label`, `score`, of a predictions.json.

    Args:
        path: The file.
        target: What to read, if the file has several targets or numbers; clips without a value are left out.
    """
    content = read_json(path, dict(type='object'), ResultsError)
    check_fields(content, TARGET_PREDICTIONS if 'targets' in content else PREDICTIONS, path, ResultsError)
    if 'targets' in content:
        if target is None or any(target.name not in clip['targets'] for clip in content['clips']):
            raise ResultsError(f'{path}: targets: {", ".join(content["targets"])}; expected '
                               f'{"classes" if target is None else target.name}.')
        content = dict(classes=list(target.outputs), clips=[
            {**clip, **clip['targets'][target.name]} for clip in content['clips']
            if clip['targets'][target.name]['label'] is not None])
    clips, classes = content['clips'], content['classes']
    numeric = target is not None and target.is_numeric
    for clip in clips:
        if clip.get('subject') is None:
            raise ResultsError(f'{path}: clip {clip["clip"]}: subject: missing; intervals are by subject.')
        if not numeric and not 0 <= clip['label'] < len(classes):
            raise ResultsError(f'{path}: clip {clip["clip"]}: label: {clip["label"]}; expected a number from 0 to '
                               f'{len(classes) - 1}.')
        fault = score_fault([[clip['score']]], 1, len(classes))
        if fault:
            raise ResultsError(f'{path}: clip {clip["clip"]}: score: {fault}')
    return classes, clips


def read_train_summary(path: str | Path) -> dict[str, Any]:
    """Cost of a training, from its train_summary.json."""
    return read_json(path, TRAIN_SUMMARY, ResultsError)


def predicted_target(path: str | Path, name: str | None = None) -> Target | None:
    """The target of a predictions.json that holds numbers or several targets; None for classes.

    Args:
        path: The file.
        name: Which of several.

    Raises:
        ResultsError: There is no such target, or there are several and none is named.
    """
    described = read_json(path, dict(type='object'), ResultsError).get('targets') or {}
    chosen = [name] if name is not None else list(described)
    if not described and name is None:
        return None
    if len(chosen) > 1 or chosen[0] not in described:
        raise ResultsError(f'{path}: targets: {", ".join(described) or "none"}; expected '
                           f'{"one; --target names it" if name is None else name}.')
    try:
        return Target.of(chosen[0], described[chosen[0]])
    except ConfigError as error:
        raise ResultsError(f'{path}: {error}') from None


def results_of_folder(name: str, folder: str | Path, target_name: str | None = None) -> Results:
    """Results of one model and one seed from the predictions.json of a folder, or of one folder for each fold.

    Args:
        name: Name of the model.
        folder: The folder.
        target_name: Which of several targets.

    Raises:
        ResultsError: There are none, or they are inconsistent.
    """
    paths = sorted(Path(folder).rglob('predictions.json'),  # fold10 after fold2
                   key=lambda path: [int(part) if part.isdigit() else part for part in re.split(r'(\d+)', str(path))])
    if not paths:
        raise ResultsError(f'{folder}: no predictions.json in it or below it; test a model with this --work-dir.')
    target = predicted_target(paths[0], target_name)
    folds, classes, summaries = {}, read_predictions(paths[0], target)[0], []
    for fold, path in enumerate(paths):
        own_classes, folds[fold] = read_predictions(path, target)
        if own_classes != classes:
            raise ResultsError(f'{path}: classes: {", ".join(own_classes)}; {paths[0]} has {", ".join(classes)}.')
        if path.with_name('train_summary.json').is_file():
            summaries.append(read_train_summary(path.with_name('train_summary.json')))
    clips = [clip for part in folds.values() for clip in part]
    names = [clip['clip'] for clip in clips]
    if len(set(names)) < len(names):
        raise ResultsError(f'{folder}: clip {max(names, key=names.count)} is tested more than once; expected folds '
                           'that do not overlap.')
    if len({clip['subject'] for clip in clips}) < 2:
        raise ResultsError(f'{folder}: all clips are of one subject; an interval by subject needs at least two.')
    results = Results.of_folds(classes, folds, [UNKNOWN_SEED], target=target)
    results.add_model(name, [clips], cost=training_cost(summaries))
    return results


def training_cost(summaries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean cost of training runs. A resumed run records only the cost of its last part, and is left out.

    Args:
        summaries: Contents of train_summary.json, with `resumed` where a run was resumed.

    Returns:
        `parameters`; `cpu_minutes` and `seconds` of a run; `device`, `threads`. Empty without a run.
    """
    whole = [summary for summary in summaries if not summary.get('resumed')] or summaries
    if not whole:
        return {}
    cost = dict(parameters=whole[0]['parameters'],
                cpu_minutes=round(float(np.mean([summary['cpu_seconds'] for summary in whole])) / 60, 3))
    if all('seconds' in summary for summary in whole):
        cost['seconds'] = round(float(np.mean([summary['seconds'] for summary in whole])), 1)
    return {**cost, **{key: whole[0][key] for key in ('device', 'threads') if key in whole[0]}}

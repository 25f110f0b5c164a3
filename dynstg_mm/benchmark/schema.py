"""The schema of a results.json."""
from __future__ import annotations

import reprlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from dynstg_mm.datasets.targets import TYPES

FORMAT = 'dynstg_mm results 1'
KINDS = ('model', 'ensemble', 'control')
COLUMNS = ('name', 'subject', 'label', 'fold')  # of the clips in the file

TEXT, TEXTS = dict(type='string'), dict(type='array', items=dict(type='string'))
NUMBER, NUMBERS = dict(type='number'), dict(type='array', items=dict(type='number'))
INTEGERS = dict(type='array', items=dict(type='integer'))
COST = dict(type='object', properties={
    **dict.fromkeys(('cpu_minutes', 'cpu_seconds', 'seconds', 'latency_ms'), NUMBER), 'device': TEXT,
    **{name: dict(type='integer') for name in ('parameters', 'multiply_adds', 'threads')}})
MODEL = dict(type='object', required=['kind'], properties=dict(
    kind=dict(enum=KINDS, description=f'one of {", ".join(KINDS)}'), over_seeds=dict(type='boolean'), members=TEXTS,
    config=TEXT, options=TEXTS, commands=TEXTS, note=TEXT, cost=COST,
    curves=dict(type='array', items=dict(type='array', items=NUMBERS)),  # [seed][fold][epoch]
    failed=dict(type='array', items=dict(
        type='object', required=['seed', 'fold', 'error'], properties=dict(error=TEXT))),
    scores=dict(type='array', items=dict(type='array', items=dict(type=['array', 'null'])))))  # [seed][clip][class]
SCHEMA = dict(type='object', required=['format', 'classes', 'seeds', 'clips', 'models'], properties=dict(
    format=dict(const=FORMAT, description=f'{FORMAT!r}, as cross-validate writes it'),
    classes=dict(TEXTS, minItems=2, description='a list of at least two names'),
    seeds=dict(type='array', items=dict(type=['integer', 'null']), minItems=1, uniqueItems=True,
               description='a list of different whole numbers'),
    clips=dict(type='object', required=COLUMNS,
               properties=dict(name=dict(TEXTS, minItems=1), subject=TEXTS, label=NUMBERS, fold=INTEGERS)),
    target=dict(type='object', required=['name', 'type'], properties=dict(
        name=TEXT, type=dict(enum=TYPES, description=f'one of {", ".join(TYPES)}'))),
    baseline=TEXT, command=TEXT, versions=dict(type='object', additionalProperties=TEXT), leaking=TEXTS,
    models=dict(type='object', additionalProperties=MODEL, minProperties=1)))


def results_fault(content: dict[str, Any]) -> str | None:
    """The first inconsistency in a results.json, or None.

    Args:
        content: The content, already checked by `SCHEMA`.
    """
    classes, seeds, clips, models = (content[field] for field in ('classes', 'seeds', 'clips', 'models'))
    count, folds = len(clips['name']), len(set(clips['fold']))
    if any(len(clips[column]) != count for column in COLUMNS):
        return 'clips: expected columns of the same length.'
    if len(set(clips['name'])) < count:
        return 'clips.name: a clip is duplicated.'
    if len(set(clips['subject'])) < 2:
        return 'clips.subject: one subject; an interval by subject needs at least two.'
    if content.get('target', {}).get('type') != 'numeric' and any(
            type(label) is not int or not 0 <= label < len(classes) for label in clips['label']):
        return f'clips.label: expected numbers from 0 to {len(classes) - 1}.'
    if content.get('baseline', None) not in [None, *models]:
        return f'baseline: {content["baseline"]!r}; expected one of {", ".join(models)}.'
    for name, model in models.items():
        if any(len(part) != folds for part in model.get('curves', ())):
            return f'models.{name}.curves: expected one for each of {folds} folds, empty where the run failed.'
        scores = model.get('scores')
        if model['kind'] == 'ensemble':
            if not all(models.get(member, model)['kind'] != 'ensemble' for member in model.get('members') or [None]):
                return f'models.{name}.members: expected names of models of this file.'
        elif scores is None or len(scores) not in (0, len(seeds)):
            return f'models.{name}.scores: expected one list for each of {len(seeds)} seeds.'
        else:
            fault = score_fault(scores, count, len(classes))
            if fault:
                return f'models.{name}.scores: {fault}'
    return None


def score_fault(seeds: Iterable[Sequence[Any]], clips: int, classes: int) -> str | None:
    """What is wrong with the scores of a model, or None.

    Args:
        seeds: For each seed and clip, a list of numbers, or None for a clip without scores.
        clips: Number of clips.
        classes: Number of classes.
    """
    for scores in seeds:
        if len(scores) != clips:
            return f'expected {clips} clips for every seed.'
        for score in scores:
            if score is not None and not (len(score) == classes and all(
                    type(value) in (int, float) and np.isfinite(value) for value in score)):
                return f'{reprlib.repr(score)}; expected {classes} finite numbers.'
    return None

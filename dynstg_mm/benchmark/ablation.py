"""What each element of a model is worth: the model without it, on one or several tasks, and the differences."""
from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dynstg_mm.benchmark.experiment import read_experiment
from dynstg_mm.benchmark.results import Clip, Results
from dynstg_mm.benchmark.tables import Rows
from dynstg_mm.config import read_config
from dynstg_mm.errors import ConfigError
from dynstg_mm.files import SHIPPED, resolve_shipped
from dynstg_mm.statistics import by_subject, mean_scores, paired_difference
from dynstg_mm.text import few

FULL = 'full'
PUBLISHED = f'{SHIPPED}experiments/koa-nm-ablation.yml'  # its rows are the elements
MAIN = ('no-dynamic', 'no-phases', 'no-hierarchy', 'no-mamba')
SCORE = 'macro_f1'
Difference = tuple[float, float, float, float]  # as from `paired_difference`


def elements() -> dict[str, dict[str, Any]]:
    """Name of a model without an element -> options that take it away."""
    published = read_experiment(PUBLISHED)
    return {name: model['options'] for name, model in published['models'].items() if model.get('options')}


def ablation_experiment(source: str, chosen: Sequence[str] | None = None,
                        model: str | None = None) -> tuple[str, dict[str, Any]]:
    """The experiment that compares a model with what it is without each element.

    Args:
        source: `koa-nm` for a shipped experiment file of that name; or an experiment file, a config, or NAME=CONFIG.
        chosen: Names of `elements`; by default those of `MAIN` that the model has.
        model: Model of the experiment file; by default `small`, or the first.

    Returns:
        Name of the task, and an experiment as from `read_experiment`, with the model as `FULL`.

    Raises:
        ConfigError: There is no such source, model or element, or the model has no such elements.
    """
    name, _, path = source.rpartition('=')
    if not name and re.fullmatch(r'[\w-]+', source) and not Path(source).exists():
        path = f'{SHIPPED}experiments/{source}.yml'
        shipped = [file.stem for file in resolve_shipped(PUBLISHED).parent.glob('*.yml')]
        if source not in shipped:
            raise ConfigError(f'{source}: no such task; expected {few(sorted(shipped), source)}, an experiment file, '
                              'or a config.')
    if Path(path).suffix in ('.yml', '.yaml'):
        experiment = read_experiment(path)
        models = experiment['models']
        model = model or ('small' if 'small' in models else next(iter(models)))
        if model not in models:
            raise ConfigError(f'--model: {model!r}; expected one of {", ".join(models)} ({path}).')
        full, name = models[model], name or Path(path).stem
    else:
        experiment, full, name = dict(teachers={}), dict(config=path), name or Path(path).stem.partition('_')[0]
    known = elements()
    backbone, blocks = _backbone_of(full['config'])
    if chosen is None:
        chosen = [element for element in MAIN if blocks or element != 'no-mamba']
    unknown = [element for element in chosen if element not in known]
    if unknown:
        raise ConfigError(f'--elements: {unknown[0]!r}; expected some of {", ".join(known)}.')
    without = {element: dict(full, options={**full.get('options', {}), **{
        key.replace('model.backbone', backbone): value for key, value in known[element].items()}})
        for element in chosen}
    kept: dict[str, Any] = {key: experiment[key] for key in ('options', 'folds') if key in experiment}
    networks = experiment['teachers'] | experiment.get('models', {})
    teachers = {full['teacher']: networks[full['teacher']]} if 'teacher' in full else {}
    return name, dict(kept, teachers=teachers, models={FULL: full, **without}, baseline=FULL, controls=False)


def _backbone_of(config: str) -> tuple[str, bool]:
    """Where a config has the settings of the backbone, and whether this has STG-Mamba blocks."""
    model = read_config(config).get('model') or {}
    place = 'model.student.backbone' if 'student' in model else 'model.backbone'
    student = model.get('student') or model
    if isinstance(student, str):
        student = read_config(student, 'model.student').get('model') or {}
    return place, (student.get('backbone') or {}).get('type') != 'DFSTGNN'


def differences(results: Results) -> dict[str, Difference]:
    """Macro-F1 of each complete model minus that of the full one, by person, with interval and p-value.

    If a person is tested in several folds, which is no test by person, it is by clip.
    """
    if not results.is_complete(FULL):
        return {}
    full = _units(results, FULL)
    return {name: paired_difference(_units(results, name), full, len(results.classes))[SCORE]
            for name in results.complete() if name != FULL}


def _units(results: Results, name: str) -> list[list[Clip]]:
    if results.leaking_subjects():
        return results.pooled(name)
    return [[dict(person, clip=person['subject']) for person in by_subject(clips)] for clips in results.pooled(name)]


def ablation_rows(tasks: Mapping[str, Results]) -> Rows:
    """The table of all tasks: what the macro-F1 by person loses without each element.

    Args:
        tasks: Name of the task -> results, in which the model is called `FULL`.

    Returns:
        Cells, the header first. The last column is the mean over the tasks, if there are several and all have it.
    """
    found = {task: differences(results) for task, results in tasks.items()}
    rows = [['model']]
    for task, results in tasks.items():
        rows[0] += [f'{task}{" (by clip)" if results.leaking_subjects() else ""} [95 %]', 'p']
    levels = [mean_scores(_units(results, FULL), len(results.classes))[SCORE] if results.is_complete(FULL) else np.nan
              for results in tasks.values()]
    rows.append([FULL, *(cell for level in levels for cell in (_number(level, '.3f'), '')),
                 _number(float(np.mean(levels)), '.3f')])
    for name in dict.fromkeys(name for results in tasks.values() for name in results.models if name != FULL):
        own = [found[task].get(name) for task in tasks]
        rows.append([name])
        for one in own:
            rows[-1] += ['{:+.3f} [{:+.3f}, {:+.3f}]'.format(*one[:3]), f'{one[3]:.4f}'] if one else ['incomplete', '']
        rows[-1].append(_number(float(np.mean([np.nan if one is None else one[0] for one in own])), '+.3f'))
    rows[0].append('mean')
    return rows if len(tasks) > 1 else [row[:-1] for row in rows]


def _number(value: float, form: str) -> str:
    return '' if np.isnan(value) else format(value, form)

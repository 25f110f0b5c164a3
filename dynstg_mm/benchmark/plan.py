"""What a cross-validation runs: models, ensembles, test clips and folds, checked before the first run starts."""
from __future__ import annotations

import itertools
import json
import math
import os
import re
from argparse import Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mmaction.registry import DATASETS
from mmengine.config import Config

from dynstg_mm.benchmark.results import Clip
from dynstg_mm.benchmark.runs import ONLY_FOLD, Model
from dynstg_mm.config import check_parts, parse_cfg_options
from dynstg_mm.datasets.annotation_file import AnnotationFile, shared_faults
from dynstg_mm.datasets.folds import folds_of
from dynstg_mm.datasets.gait_dataset import GaitDataset, listing
from dynstg_mm.datasets.targets import NoTargetValue, Target
from dynstg_mm.errors import ConfigError, ResultsError
from dynstg_mm.text import few

NAME = r'[\w+-][\w.+-]*'  # of a model; also of a folder, so neither . nor ..
RESERVED = ('fold', 'work_dir', 'randomness.seed')  # settings that cross-validation chooses
Tests = dict[int, list[Clip]]  # the test clips of each fold


class Task(NamedTuple):
    """What models are compared in: the classes, or a target.

    Attributes:
        target: What is scored; None for classes.
        outputs: Names of the scores, such as the classes.
        tests: The test clips of every fold, whose `label` is a class, a grade or a number; a clip without one is left
            out.
    """

    target: Target | None
    outputs: list[str]
    tests: Tests


def name_models(configs: Iterable[str], options: Sequence[str], model_options: Iterable[Sequence[str]]) -> list[Model]:
    """Models that the command line names.

    Args:
        configs: `CONFIG` or `NAME=CONFIG`; the default name is the file name up to the first underscore.
        options: `KEY=VALUE` settings for all models.
        model_options: The name of a model and `KEY=VALUE` settings of its own.

    Raises:
        ConfigError: A name is invalid, taken or unknown, or an option is no setting.
    """
    own: dict[str, list[str]] = {}
    models: dict[str, Model] = {}
    for text in itertools.chain(options, *model_options):
        key, _, value = text.partition('=')
        if not re.fullmatch(r'[a-z_]\w*(\.\w+)+', key) and value.endswith('.py') and os.path.isfile(value):
            raise ConfigError(f'{text}: follows --cfg-options or --model-options, which would read it as a setting; '
                              'put configs first.')
    for name, *rest in model_options:
        if not rest:
            raise ConfigError(f'--model-options {name}: expected KEY=VALUE after the name.')
        own.setdefault(name, []).extend(rest)
    for text in configs:
        name, _, config = text.rpartition('=')
        stem = name or Path(config).stem.partition('_')[0]
        name = name or next(name for name in itertools.chain([stem], (f'{stem}-{k}' for k in itertools.count(2)))
                            if name not in models)
        if name in models or not re.fullmatch(NAME, name):
            raise ConfigError(f'{text}: name {name!r}; expected letters, digits and any of . + - _, and a different '
                              'name for every config.')
        models[name] = Model(name, config, (*options, *own.pop(name, ())))
        reserved = [key for key in parse_cfg_options(models[name].options) if key in RESERVED]
        if reserved:
            raise ConfigError(f'--cfg-options: {reserved[0]}: is set for every run; use --folds, --seeds, --out.')
    if own:
        raise ConfigError(f'--model-options: {next(iter(own))!r}; expected one of {", ".join(models)}.')
    return list(models.values())


def name_ensembles(names: Sequence[str], ensembles: Iterable[str], seed_ensembles: Iterable[str],
                   seeds: Sequence[int], *, taken: Iterable[str] = ()) -> dict[str, tuple[list[str], bool]]:
    """Ensembles that --ensemble and --seed-ensemble name.

    Args:
        names: Names of the models and controls.
        ensembles: `NAME=A,B,...` of those names.
        seed_ensembles: The same, for means over the seeds as well.
        seeds: The seeds.
        taken: Further names that are in use.

    Returns:
        Name -> members, and whether it is over the seeds, as `Results.add_ensemble` takes them.

    Raises:
        ResultsError: A name is invalid or taken, a member is unknown, duplicated or the only one, or there is only one
            seed.
    """
    named: dict[str, tuple[list[str], bool]] = {}
    for option, texts in (('--ensemble', ensembles), ('--seed-ensemble', seed_ensembles)):
        for text in texts:
            name, _, rest = text.partition('=')
            members, over_seeds = rest.split(','), option == '--seed-ensemble'
            unknown = [member for member in members if member not in names]
            if not re.fullmatch(NAME, name):
                fault = f'name {name!r}; expected letters, digits and any of . + - _ before the ='
            elif name in {*names, *named, *taken}:
                fault = f'the name {name} is taken'
            elif unknown:
                fault = f'no model {unknown[0]!r}; expected some of {", ".join(names)}'
            elif len(set(members)) < len(members):
                fault = 'a model is duplicated'
            elif over_seeds and len(seeds) < 2:
                fault = 'there is only one seed'
            elif not over_seeds and len(members) < 2:
                fault = 'expected at least two models; --seed-ensemble averages one model over its seeds'
            else:
                named[name] = members, over_seeds
                continue
            raise ResultsError(f'{option}: {text}: {fault}.')
    return named


def check_tests(models: Sequence[Model]) -> list[Task]:
    """Check the configs, and that all models are tested on the same clips.

    Returns:
        The classes, or each target of the data set, with the test clips of every fold in the file.

    Raises:
        ConfigError: A config cannot be cross-validated, or tests other clips, classes or targets than the first.
    """
    from dynstg_mm.config_check import check_config  # imports all models
    from dynstg_mm.hooks import check_targets
    from dynstg_mm.validation_check import check_validation
    read: dict[str, list[Task]] = {}
    checked: set[tuple[str, str]] = set()
    first: list[Task] = []
    for model in models:
        cfg = model.settings()
        check_config(cfg)
        check_validation(cfg, 'cross-validation trains without, and tests the last checkpoint')
        data, outputs = _checked_data(model, cfg)
        tested, trained = (_settings_key(part.dataset) for part in (cfg.test_dataloader, cfg.train_dataloader))
        if tested not in read:
            read[tested] = _read_tests(model, data)
        tasks = [task._replace(outputs=task.outputs or [str(index) for index in range(outputs or 2)])
                 for task in read[tested]]
        if (trained, tested) not in checked:
            checked.add((trained, tested))
            for fold in all_tests(tasks):
                check_parts(model.settings(fold), ['test'])
        targets = {task.target.name: task.target.to_dict() for task in tasks if task.target is not None}
        head = (cfg.model.get('student') or cfg.model).get('cls_head') or {}
        try:
            check_targets(head, Namespace(metainfo=dict(targets=targets)))
        except ConfigError as error:
            raise ConfigError(f'{model.config}: {error}') from None
        classes = tasks[0].outputs
        if len(tasks) == 1 and not (tasks[0].target and tasks[0].target.is_numeric) and outputs not in (
                None, len(classes)):
            raise ConfigError(f'{model.config}: model.cls_head.num_classes: {outputs}; {data.ann_file} has '
                              f'{len(classes)} classes ({", ".join(classes)}).')
        first = first or tasks
        _check_same_tasks(model, tasks, models[0], first)
    return first


def _check_same_tasks(model: Model, tasks: Sequence[Task], first: Model, expected: Sequence[Task]) -> None:
    names, others = ([task.target.name if task.target else 'classes' for task in part] for part in (tasks, expected))
    if names != others:
        raise ConfigError(f'{model.config}: targets: {", ".join(names)}; {first.config} has {", ".join(others)}.')
    for ours, theirs in zip(tasks, expected):
        if (ours.outputs, ours.target) != (theirs.outputs, theirs.target):
            kind = f'target {ours.target.name}' if ours.target else 'classes'
            raise ConfigError(f'{model.config}: {kind} {", ".join(ours.outputs)}; {first.config} has '
                              f'{", ".join(theirs.outputs)}.')
        _check_same_tests(model, ours.tests, first, theirs.tests)


def all_tests(tasks: Sequence[Task]) -> Tests:
    """The clips of every fold that have a class, or a value of one of the targets."""
    folds = sorted({fold for task in tasks for fold in task.tests})
    return {fold: [clip for task in tasks for clip in task.tests.get(fold, ())] for fold in folds}


def _settings_key(data: Any) -> str:
    """Settings on which the clips of a data set depend, except for the fold, as text."""
    settings = {name: value for name, value in listing(data.to_dict()).items() if name != 'fold'}
    return json.dumps(settings, default=str)


def _checked_data(model: Model, cfg: Config) -> tuple[Any, int | None]:
    """The config's test data set, and the number of classes that the head scores."""
    if not (cfg.get('train_dataloader') or {}).get('dataset'):
        raise ConfigError(f'{model.config}: train_dataloader.dataset: missing; expected the training data.')
    data = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    for field in ('ann_file', 'split', *(['fold'] if 'fold' in data else [])):
        if data.get(field) is None:
            raise ConfigError(f'{model.config}: test_dataloader.dataset.{field}: missing; expected a GaitDataset with '
                              'ann_file and split, and with fold to test every fold.')
    kind = DATASETS.get(data['type']) if isinstance(data.get('type'), str) else None
    if kind is None or not issubclass(kind, GaitDataset):
        raise ConfigError(f'{model.config}: test_dataloader.dataset.type: {data.get("type")}; expected a GaitDataset, '
                          'which knows who walks; convert --format mmaction makes its file.')
    evaluators = cfg.get('test_evaluator') or []
    evaluators = evaluators if isinstance(evaluators, (list, tuple)) else [evaluators]
    if not any(evaluator['type'] == 'GaitMetric' and not evaluator.get('out_file') for evaluator in evaluators):
        raise ConfigError(f'{model.config}: test_evaluator: expected a GaitMetric without out_file.')
    recognizer = cfg.model.get('student') or cfg.model
    return data, (recognizer.get('cls_head') or {}).get('num_classes')


def _read_tests(model: Model, data: Any) -> list[Task]:
    """The tasks, with the test clips of every fold, read by the data set itself, which checks them.

    Without folds, the test split of the config is the only one.
    """
    file = AnnotationFile.read(data.ann_file)
    folds = folds_of(file.split_names, str(data.split)) if 'fold' in data else [ONLY_FOLD]
    if not folds:
        raise ConfigError(f'{data.ann_file}: split {data.split}_fold<k>_test: missing, and {model.config} names it; '
                          f'splits of the file: {few(file.split_names, like=f"{data.split}_fold0_test")}. convert and '
                          'join make folds; a config without fold tests its own split.')
    sides: dict[str, list[dict[str, Any]]] = {}
    tested: dict[int, GaitDataset] = {}
    for fold in folds:
        try:
            dataset = tested[fold] = DATASETS.build(dict(listing(data), **dict(fold=fold) if 'fold' in data else {}))
        except NoTargetValue:  # such as of the only person who is tested
            continue
        sides[dataset.split] = [dataset.get_data_info(index) for index in range(len(dataset))]
    if not tested:
        raise ConfigError(f'{data.ann_file}: targets: no test clip of {data.split} has a value.')
    names = [clip['frame_dir'] for clips in sides.values() for clip in clips]
    once = (fault for fault in shared_faults(sides) if fault.kind == 'recording_leak')
    for fault in itertools.chain(file.subject_faults(names), once):  # intervals are by subject, and pool the folds
        raise fault.error(data.ann_file)
    return [Task(target, list(target.outputs if target else dataset.metainfo.get('classes') or ()), {
        fold: sorted(clips, key=lambda clip: clip['clip']) for fold, one in tested.items()
        if (clips := test_clips(one, target))})
        for target in scored_targets(dataset)]


def scored_targets(dataset: GaitDataset) -> list[Target | None]:
    """The targets of a data set; None for its classes, if it has no target."""
    return list(getattr(dataset, 'targets', {}).values()) or [None]


def test_clips(dataset: GaitDataset, target: Target | None) -> list[Clip]:
    """The clips with their class, or with their value of a target if they have one."""
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    place = list(dataset.targets).index(target.name) if target is not None else None
    values = [info['label'] if place is None else info['targets'][place] for info in infos]
    number = float if target is not None and target.is_numeric else int
    return [dict(clip=info['frame_dir'], subject=info['subject'], label=number(value))
            for info, value in zip(infos, values) if not math.isnan(value)]


def _check_same_tests(model: Model, tests: Tests, first: Model, expected: Tests) -> None:
    for fold in sorted({*tests, *expected}):
        ours, theirs = ({clip['clip']: clip for clip in part.get(fold, [])} for part in (tests, expected))
        for clip in {**ours, **theirs}:
            if ours.get(clip) != theirs.get(clip):
                described = ['not tested' if part.get(clip) is None else
                             f'label {part[clip]["label"]}, subject {part[clip]["subject"]}' for part in (ours, theirs)]
                raise ConfigError(f'{model.config}: fold {fold}, clip {clip}: {described[0]}; for {first.config}: '
                                  f'{described[1]}. Expected the same test clips for all models.')


def choose_folds(texts: Sequence[str], tests: Tests, model: Model) -> list[int]:
    """Folds that --folds selects: `all`, or a list of numbers.

    Raises:
        ConfigError: A fold is unknown, or the folds have only one subject or class, too few for an interval.
    """
    known = {str(fold): fold for fold in tests}
    if list(texts) == ['all']:
        folds = list(tests)
    elif len(set(texts)) == len(texts) and known.keys() >= set(texts):
        folds = sorted(known[text] for text in texts)
    else:
        raise ConfigError(f'--folds: {" ".join(texts)}; expected all, or some of {", ".join(known)}, each once '
                          f'({model.config}).')
    for field in ('subject', 'label'):
        values = {clip[field] for fold in folds for clip in tests[fold]}
        if len(values) < 2:
            raise ConfigError(f'--folds: all test clips have the {field} {values.pop()}; expected at least two.')
    return folds

"""Experiment files: YAML files that describe a cross-validation, so that one short command repeats it::

    python -m dynstg_mm cross-validate configs/experiments/koa-nm.yml --out work_dirs/koa_nm

    options: {task: koa_nm}        # for all models, as --cfg-options
    models:
      st-gcn: ../stgcn/stgcn_1xb16-joint-w64-30e_koa-keypoint-2d.py
      cgrkd:
        config: ../cgrkd/cgrkd-large-to-small_1xb16-joint-w64-60e_koa-keypoint-2d.py
        options: {model.temperature: 0.3}
        teacher: large             # its checkpoint of the same fold and seed is model.teacher_ckpt
    teachers:                      # models that only teach; they are trained first and have no row in the table
      large: dynstg_mm::dynstg_mamba/dynstg-mamba-large-pretrained_1xb16-joint-w64-30e_koa-keypoint-2d.py
    seeds: [0, 1, 2]               # default: 0
    folds: [0, 1]                  # default: all
    baseline: st-gcn               # default: the first model
    ensembles: {both: [st-gcn, cgrkd]}
    seed_ensembles: {seeds: [cgrkd]}
    controls: false                # default: true
    sites:                         # train on each of these files, perhaps on a task of it, and test on all
      kiel: data/kiel.pkl
      lyon: data/lyon.pkl:gait
    release: {name: ...}           # how `release` publishes the model; see `inference.release`

Paths of configs are relative to the file, those of data to the working directory. Options on the command line are
applied after those of the file; its other arguments replace those of the file.
"""
from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import yaml

from dynstg_mm.benchmark.baselines import CONTROLS
from dynstg_mm.benchmark.plan import all_tests, check_tests, choose_folds, name_models
from dynstg_mm.config import parse_cfg_options, resolve_config
from dynstg_mm.datasets.named_files import named_files
from dynstg_mm.errors import ConfigError
from dynstg_mm.files import SHIPPED, check_fields, existing_file, resolve_shipped

_TEXT = dict(type='string', minLength=1)
_SCALAR = dict(type=['string', 'number', 'boolean', 'null'])
_NUMBERS = dict(type='array', items=dict(type='integer', minimum=0), minItems=1, description='a list of numbers from 0')
_OPTIONS = dict(type='object', propertyNames=_TEXT, description='settings by name', additionalProperties=dict(
    anyOf=[_SCALAR, dict(type='array', items=_SCALAR, minItems=1)], description='a number, text, boolean or list'))
_MODEL = dict(
    type=['string', 'object'], description='the path of a config, or config, options and teacher',
    additionalProperties=False, required=['config'], properties=dict(config=_TEXT, options=_OPTIONS, teacher=_TEXT))
_MODELS = dict(type='object', propertyNames=_TEXT, additionalProperties=_MODEL, description='models by name')
_ENSEMBLES = dict(type='object', propertyNames=_TEXT, description='lists of models by name', additionalProperties=dict(
    type='array', items=_TEXT, minItems=1, description='a list of names of models'))
_FILES = dict(type='object', propertyNames=_TEXT, additionalProperties=_TEXT, description='files by name')
_SITES = dict(_FILES, minProperties=2, description='at least two annotation files by name')
_RELEASE = dict(
    type='object', additionalProperties=False,
    description='name, config, dataset, estimator, recordings, others and strangers',
    properties=dict(dict.fromkeys(('name', 'config', 'dataset', 'estimator', 'recordings'), _TEXT), others=_FILES,
                    strangers=_FILES))
SCHEMA = dict(
    type='object', additionalProperties=False, required=['models'],
    description='only models, teachers, options, seeds, folds, baseline, ensembles, seed_ensembles, controls, sites '
                'and release',
    properties=dict(
        models=dict(_MODELS, minProperties=1), teachers=_MODELS, options=_OPTIONS, seeds=_NUMBERS,
        folds=dict(anyOf=[dict(const='all'), _NUMBERS], description='all, or a list of numbers from 0'),
        baseline=_TEXT, ensembles=_ENSEMBLES, seed_ensembles=_ENSEMBLES, controls=dict(type='boolean'),
        sites=_SITES, release=_RELEASE))


class _Loader(yaml.SafeLoader):
    """Loads plain data only, and refuses duplicated keys, of which YAML would keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f'line {node.start_mark.line + 1}: {key!r} is duplicated')
        return super().construct_mapping(node, deep=deep)


def read_experiment(path: str | os.PathLike) -> dict[str, Any]:
    """Read an experiment file; its models become dicts with a `config` that is valid from the working directory.

    Args:
        path: The file; `dynstg_mm::experiments/NAME.yml` is one that this package ships.

    Raises:
        FileNotFoundError: There is no such file.
        ConfigError: It is not YAML, or a field is missing or wrong.
    """
    content = dict(teachers={}) | read_yaml(path, SCHEMA, 'experiment file')
    for group in ('models', 'teachers'):
        content[group] = {name: dict(config=model) if isinstance(model, str) else dict(model)
                          for name, model in content[group].items()}
    networks = content['teachers'] | content['models']
    shipped = SHIPPED if str(path).startswith(SHIPPED) else ''  # the configs beside a shipped file are shipped too
    folder = Path(str(path).removeprefix(SHIPPED)).parent
    for name, model in networks.items():
        teacher = model.get('teacher')
        if teacher is not None and 'teacher' in networks.get(teacher, model):
            raise ConfigError(f'{path}: models.{name}.teacher: {teacher}; expected another model, which has '
                              'no teacher.')
    for part in (*networks.values(), content.get('release', {})):
        if not part.get('config', SHIPPED).startswith(SHIPPED):
            part['config'] = shipped + os.path.normpath(folder / part['config'])
    return content


def read_yaml(path: str | os.PathLike, schema: dict[str, Any], what: str) -> dict[str, Any]:
    """Read a YAML file of plain data, and check it against a JSON schema.

    Args:
        path: The file, which this package may ship.
        schema: The schema, as `files.check_fields` takes it.
        what: What the file is, in words.

    Raises:
        FileNotFoundError: There is no such file.
        ConfigError: It is not YAML, or a field is missing or wrong.
    """
    file = existing_file(resolve_shipped(path), what)
    try:
        content = yaml.load(file.read_text(encoding='utf-8'), _Loader)
        check_fields(content, schema, path, ConfigError)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f'{path}: not a YAML file ({" ".join(str(error).split())}).') from None
    return content


def by_site(args: Namespace) -> dict[str, Namespace]:
    """Options of the call for each site: trained on its file, tested on all others too, in a folder of its own.

    Args:
        args: Options of `python -m dynstg_mm cross-validate`.

    Returns:
        Name of the site -> options for `plan_calls`; the given ones under '' if there are no sites.

    Raises:
        UserError: See `read_experiment`; or there is only one site, or a file is missing.
    """
    texts = list(args.sites)
    for file in _experiment_files(args):
        texts = texts or [f'{name}={path}' for name, path in read_experiment(file).get('sites', {}).items()]
    if not texts:
        return {'': args}
    sites = named_files(texts, '--sites')
    if len(sites) < 2:
        raise ConfigError(f'--sites: {texts[0]}; expected at least two files, each of which is trained on.')
    calls = {}
    for name, part in sites.items():
        options = [f'{side}_dataloader.dataset.ann_file={part.file}' for side in ('train', 'test')]
        options += [f'split={part.task}'] if part.task else []
        others = [f'{other}={theirs.file}' + (f':{theirs.task}' if theirs.task else '')
                  for other, theirs in sites.items() if other != name]
        calls[name] = Namespace(**dict(vars(args), out=os.path.join(args.out, name), sites=[],
                                       cfg_options=[*options, *args.cfg_options], test_on=[*others, *args.test_on]))
    return calls


def _experiment_files(args: Namespace) -> list[str]:
    files = [text for text in args.configs if Path(text).suffix in ('.yml', '.yaml')]
    if len(files) > 1:
        raise ConfigError(f'{" ".join(files)}: expected one experiment file.')
    return files


def plan_calls(args: Namespace, experiment: dict[str, Any] | None = None) -> list[Namespace]:
    """Calls of `cross_validate` for a command line: first teachers if their checkpoints are missing, then all models.

    Args:
        args: Options of `python -m dynstg_mm cross-validate`.
        experiment: From `read_experiment`, instead of a file among the options.

    Returns:
        Options of each call, without the experiment file; `teaching` for the teachers, who have no row in the results.

    Raises:
        UserError: See `read_experiment`; or a model or fold is unknown.
    """
    *teachers, call = calls_with_teachers(args, experiment)
    return [*(first for first in teachers if args.redo or _is_missing(first, args.out)), call]


def calls_with_teachers(args: Namespace, experiment: dict[str, Any] | None = None) -> list[Namespace]:
    """As `plan_calls`, with the call of the teachers even if their checkpoints exist."""
    files = _experiment_files(args)
    experiment = experiment or (read_experiment(files[0]) if files else dict(models={}, teachers={}))
    models, extra = experiment['models'], [text for text in args.configs if text not in files]
    own = {text.rpartition('=')[0] or Path(text).stem.partition('_')[0] for text in extra}  # as in `name_models`
    unknown = [name for name in args.models or () if name not in models and not (files and name in own)]
    if unknown:
        known = f'some of {", ".join(models)}' if files else 'an experiment file'
        raise ConfigError(f'--models: {unknown[0]}; expected {known}.')
    names = [name for name in args.models or models if name in models]
    call = _call(args, experiment, names)
    call.configs += extra
    teachers = list(dict.fromkeys(models[name]['teacher'] for name in names if 'teacher' in models[name]))
    if not teachers:
        return [call]
    first = _call(args, experiment, teachers)
    first.teaching, first.no_controls, first.keep_checkpoints = True, True, True
    first.ensemble, first.seed_ensemble, first.baseline, first.test_on, first.test_classes = [], [], None, [], []
    return [first, call]


def _call(args: Namespace, experiment: dict[str, Any], names: Sequence[str]) -> Namespace:
    """Options of a call with these models of the experiment, without the ensembles of models that are not run."""
    networks = experiment['teachers'] | experiment['models']
    left_out = set(networks) - set(names)
    call = Namespace(**vars(args), teaching=False)
    call.configs = [f'{name}={networks[name]["config"]}' for name in names]
    call.cfg_options = [*option_texts(experiment.get('options', {})), *args.cfg_options]
    own = [[name, *_own_options(args, experiment, name)] for name in names]
    call.model_options = [part for part in own if len(part) > 1] + [
        part for part in args.model_options if part[0] not in left_out]
    call.seeds = args.seeds or experiment.get('seeds', [0])
    call.folds = args.folds or [str(fold) for fold in _as_list(experiment.get('folds', 'all'))]
    call.no_controls = args.no_controls or not experiment.get('controls', True)
    if call.no_controls:
        left_out |= set(CONTROLS)
    for field in ('ensemble', 'seed_ensemble'):
        ensembles = experiment.get(f'{field}s', {})
        one_seed = field == 'seed_ensemble' and len(call.seeds) == 1  # then there is nothing to average
        left_out |= {name for name, members in ensembles.items() if one_seed or left_out & set(members)}
        texts = [f'{name}={",".join(members)}' for name, members in ensembles.items() if name not in left_out]
        setattr(call, field, [*texts, *getattr(args, field)])
    baseline = experiment.get('baseline')
    call.baseline = args.baseline or (None if baseline in left_out else baseline)
    return call


def _own_options(args: Namespace, experiment: dict[str, Any], name: str) -> list[str]:
    """Options of one model: its own from the file, and the path of its teacher's checkpoints."""
    networks = experiment['teachers'] | experiment['models']
    texts = option_texts(networks[name].get('options', {}))
    teacher = networks[name].get('teacher')
    if teacher is not None:
        shared = [*option_texts(experiment.get('options', {})), *args.cfg_options]
        own = [text for part in args.model_options if part[0] == teacher for text in part[1:]]
        options = parse_cfg_options([*shared, *_own_options(args, experiment, teacher), *own])
        epochs = resolve_config(networks[teacher]['config'], options).train_cfg.max_epochs
        texts.append(f'model.teacher_ckpt={args.out}/runs/{teacher}/seed{{seed}}/fold{{fold}}/epoch_{epochs}.pth')
    return texts


def _is_missing(call: Namespace, out: str) -> bool:
    """Whether a model of a call has no checkpoint for one of its seeds and folds."""
    from mmaction.utils import register_all_modules
    register_all_modules(init_default_scope=True)
    models = name_models(call.configs, call.cfg_options, call.model_options)
    folds = choose_folds(call.folds, all_tests(check_tests(models)), models[0])
    return not all(Path(out, f'runs/{model.name}/seed{seed}/fold{fold}/last_checkpoint').is_file()
                   for model in models for seed in call.seeds for fold in folds)


def option_texts(options: dict[str, Any]) -> list[str]:
    """Options as `KEY=VALUE`."""
    return [f'{key}={value_text(value)}' for key, value in options.items()]


def value_text(value: Any) -> str:
    """A value as `--cfg-options` read it."""
    if isinstance(value, list):
        items = ','.join(map(value_text, value))
        return items if len(value) > 1 else f'[{items}]'
    return str(value)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]

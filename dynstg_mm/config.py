"""Reading config files, and the options that change them.

An option `key=value` names one setting in full, such as `model.backbone.size=large`. Nine short options change several
places at once:

| option            | sets                                                                                        |
|-------------------|---------------------------------------------------------------------------------------------|
| `task=NAME`       | one of the config's `tasks`: its data sets, and `num_classes` of all heads                   |
| `split=NAME`      | the splits of the data sets that have folds, such as `mine_leave_site_out`                  |
| `fold=K`          | the fold of the data sets that have folds; `all` trains on everybody and tests nobody       |
| `feats=A,B`       | `feats` of every `GaitFeatures` or `GenSkeFeat`, and `in_channels` of all backbones         |
| `joint_dropout=P` | `RandomJointDropout(prob=P)` after every `PoseDecode` of the training pipelines; 0 removes it |
| `proportions=S`   | `RandomProportions(spread=S)` in the same place, after lost joints are filled; 0 removes it |
| `layout=NAME`     | the skeleton of the data sets that have folds, and of all networks                          |
| `balance=A,B`     | a `BalancedSampler` by these fields of the training clips, such as `site`                   |
| `short_clips=HOW` | what every `SampleWindows` does with a clip shorter than a window: pad, drop or refuse     |

They also apply to student and teacher. A setting named in full overrides a short option. A config file that inherits
from another cannot set `task` or `fold`, because MMEngine has filled in the data sets by then; this is an error.
"""
from __future__ import annotations

import argparse
import difflib
import inspect
import os
import os.path as osp
import reprlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from mmengine.config import Config, ConfigDict, DictAction
from mmengine.runner import Runner

from dynstg_mm.errors import ConfigError
from dynstg_mm.files import existing_file, missing_file_hint, nearest_shipped, resolve_shipped
from dynstg_mm.text import few

# What MMEngine's runners read from a config besides the arguments of `Runner`.
RUNNER_SETTINGS = ('activation_checkpointing', 'compile', 'efficient_conv_bn_eval', 'find_unused_parameters',
                   'model_wrapper_cfg', 'runner_type', 'strategy', 'sync_bn')
STREAMS = ('j', 'b', 'jm', 'bm')  # of MMAction2's GenSkeFeat, three channels each


class ConfigOptions(DictAction):
    """MMEngine's `key=value` options, where a single value, such as a path, may contain spaces."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any,
                 option_string: str | None = None) -> None:
        for text in values:
            if not text.partition('=')[0] or '=' not in text:
                raise argparse.ArgumentError(self, f'{text}: expected key=value')
        super().__call__(parser, namespace, values, option_string)

    @staticmethod
    def _parse_iterable(val: str) -> Any:
        plain = val.strip('\'"')
        if ' ' in plain and ',' not in plain and plain[:1] not in ('[', '('):
            return plain
        return DictAction._parse_iterable(val)


def parse_cfg_options(texts: Sequence[str]) -> dict[str, Any]:
    """Options of `key=value` texts, as `--cfg-options` reads them.

    Raises:
        ConfigError: A text is not of this form.
    """
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument('--options', nargs='*', action=ConfigOptions)
    try:
        return parser.parse_args(['--options', *texts]).options or {}
    except argparse.ArgumentError as error:
        raise ConfigError(f'--cfg-options: {error.message}.') from None


def read_config(path: str, field: str | None = None) -> Config:
    """Read a config file.

    Args:
        path: The file; `dynstg_mm::NAME` is one of the configs of this package.
        field: The setting of another config that names the file, for error messages.

    Raises:
        FileNotFoundError: There is no such file.
        ConfigError: It is not a config, or running it fails.
    """
    where = f'{field}: {path}' if field else path
    try:
        file = resolve_shipped(path)
    except ConfigError as error:
        raise ConfigError(f'{field}: {error}' if field else str(error)) from None
    try:
        hint = '' if file.exists() else missing_file_hint(file, nearest_shipped(path))
        existing_file(file, 'config file', hint)
    except OSError as error:
        raise type(error)(f'{field}: {error}' if field else str(error)) from None
    try:
        return Config.fromfile(file)
    except SyntaxError as error:
        raise ConfigError(f'{where}: not a Python file ({error}).') from None
    except Exception as error:  # another kind of file, or Python code that may raise anything
        raise ConfigError(f'{where}: not a config file ({error or type(error).__name__}).') from None


def resolve_config(path: str, options: Mapping[str, Any] | None = None, *, seed: int | None = None) -> Config:
    """Read a config file, apply options to it, and resolve all references to other configs.

    Args:
        path: See `read_config`.
        options: What `--cfg-options` gave.
        seed: Seed of the run, for `{seed}` in `model.teacher_ckpt`; by default the config's.

    Raises:
        FileNotFoundError, ConfigError: See `read_config` and `apply_options`.
    """
    return fill_placeholders(apply_options(read_config(path), options), seed)


def load_config(args: argparse.Namespace, merge_args: Callable[[Config], None] = lambda cfg: None) -> Config:
    """Resolved config of a command line; `--cfg-options` override the command's own options.

    Without `--work-dir`, a run writes to `work_dirs/CONFIG`, or `work_dirs/CONFIG/TASK` if its task is not the first.

    Args:
        args: Parsed arguments, with `config`, `work_dir`, `cfg_options`, `launcher`, `local_rank`.
        merge_args: Merges the command's own options into the config.
    """
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = read_config(args.config)
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    merge_args(cfg)
    apply_options(cfg, args.cfg_options)
    if cfg.get('work_dir') is None:
        cfg.work_dir = f'./work_dirs/{osp.splitext(osp.basename(args.config))[0]}{task_folder(cfg)}'
    return fill_placeholders(cfg)


def task_folder(cfg: Config) -> str:
    """What a run's task adds to the default folder: `/TASK`, or nothing for the first of its config's tasks."""
    task = cfg.get('task')
    return f'/{task}' if task in list(cfg.get('tasks') or ())[1:] else ''


def apply_options(cfg: Config, options: Mapping[str, Any] | None) -> Config:
    """Apply what `--cfg-options` gave, and read the configs that `model.teacher` and `model.student` name.

    Args:
        cfg: The config, which is changed.
        options: Settings by their names in full, or short ones (see the top of this file).

    Raises:
        FileNotFoundError: There is no such teacher's or student's config.
        ConfigError: A value is wrong, or a setting is known neither to the config nor to MMEngine's runners; a mistyped
            one would otherwise be ignored.
    """
    options = dict(options or {})
    read = {*SHORT_OPTIONS, *inspect.signature(Runner.__init__).parameters, *RUNNER_SETTINGS}
    known = {*cfg, *read}
    for key in options:
        first = key.partition('.')[0]
        if first not in known:
            near = difflib.get_close_matches(first, known, n=1) or [
                name for name, _ in _settings(cfg) if name.endswith(f'.{key}')]
            raise ConfigError(f'--cfg-options: {key}: {cfg.filename} has no {first}'
                              f'{f"; expected {near[0]}" if near else ""}.')
        if first not in read:
            _check_variable(cfg, key, read)
    short = {name: value for name, value in options.items() if name in SHORT_OPTIONS}
    _check_short_settings(cfg, short)
    for name, value in short.items():
        SHORT_OPTIONS[name](cfg, value)
    others = {name: value for name, value in options.items() if name not in short}
    for name in others:
        _find_place(cfg, name)
    cfg.merge_from_dict(others)
    if not isinstance(cfg.get('model') or {}, dict):
        raise ConfigError(f'{cfg.filename}: model: {cfg.model!r}; expected a dict.')
    model = cfg.get('model') or {}
    for role in ('teacher', 'student'):
        if isinstance(model.get(role), str):
            model[role] = read_config(model[role], f'model.{role}').get('model')
            if isinstance(model[role], dict):
                _fit_network(model[role], cfg, short)
    return cfg


def _settings(node: Mapping[str, Any], above: str = '') -> Iterator[tuple[str, Any]]:
    """All settings of a config, by their names in full."""
    for name, value in node.items():
        yield above + name, value
        if isinstance(value, dict):
            yield from _settings(value, f'{above}{name}.')


def _check_variable(cfg: Config, key: str, read: Collection[str]) -> None:
    """Refuse a variable that the config's settings were made of: these are filled in, and would stay as they are."""
    first = key.partition('.')[0]
    value = cfg[first]
    shared = isinstance(value, (dict, list)) and len(value) > 0  # such as a pipeline
    made = [name for name, setting in _settings(cfg) if name.partition('.')[0] in read and '.' in name
            and (name.endswith(f'.{first}') or shared and (
                setting == value or first.endswith(f'_{name.rpartition(".")[2]}')))]  # or it was a choice for that
    if made:
        raise ConfigError(f'--cfg-options: {key}: a variable of {cfg.filename}, which changes no setting any more; '
                          f'expected the setting itself, such as {few(made)}.')


def _find_place(cfg: Config, name: str) -> None:
    """Refuse a setting below one that is no dict, or a place in a list that does not exist; make the next place."""
    node: Any = cfg
    parts = name.split('.')
    for index, part in enumerate(parts):
        if isinstance(node, list) and part.isdecimal() and int(part) < len(node):
            node = node[int(part)]
        elif isinstance(node, (dict, Config)) and part in node:
            node = node[part]
        elif isinstance(node, list) and part == str(len(node)) and part != parts[-1]:
            node.append(ConfigDict())  # such as visualizer.vis_backends.1.type
            node = node[-1]
        elif not isinstance(node, (dict, Config)) or part.isdecimal():
            shown = f'a list of {len(node)}' if isinstance(node, list) else reprlib.repr(node)
            raise ConfigError(f'--cfg-options: {name}: {cfg.filename} has no {part} there, since '
                              f'{".".join(parts[:index])} is {shown}.')
        else:
            return


def fill_placeholders(cfg: Config, seed: int | None = None) -> Config:
    """Fill in the placeholders of `model.teacher_ckpt`: `{task}`, `{fold}`, `{seed}` and `{task_folder}` of the run.

    The last one completes the default folder of a teacher that was trained for the same task, see `task_folder`.

    Raises:
        ConfigError: The run has no task, fold or seed.
    """
    model = cfg.get('model') or {}
    path = model.get('teacher_ckpt')
    if not isinstance(path, str):  # the model reports what it expects
        return cfg
    folds = [data['fold'] for data in _data_with_folds(cfg.get('train_dataloader'))]
    run = dict(task_folder=task_folder(cfg), task=cfg.get('task'), fold=folds[0] if folds else None,
               seed=(cfg.get('randomness') or {}).get('seed') if seed is None else seed)
    for name, value in run.items():
        if f'{{{name}}}' in path and value is None:
            raise ConfigError(f'model.teacher_ckpt: {path}: the run has no {name}.')
        path = path.replace(f'{{{name}}}', str(value))
    model['teacher_ckpt'] = path
    return cfg


def checkpoints_of(settings: Any) -> Iterator[tuple[str, str]]:
    """Files of the checkpoints that a model reads, each with its field: its pretrained parts, and its teacher's."""
    if isinstance(settings, (list, tuple)):
        for value in settings:
            yield from checkpoints_of(value)
    elif isinstance(settings, dict):
        for field, value in settings.items():
            if field in ('checkpoint', 'teacher_ckpt') and isinstance(value, str) and '://' not in value:
                yield field, str(resolve_shipped(value))
            elif field != 'teacher':  # the teacher's weights are all in `teacher_ckpt`
                yield from checkpoints_of(value)


def _set_task(cfg: Config, task: str) -> None:
    tasks = cfg.get('tasks') or {}
    if task not in tasks:
        raise ConfigError(f'--cfg-options: task: {task}; expected one of {", ".join(tasks)}.' if tasks else
                          f'--cfg-options: task: {cfg.filename} has only one.')
    before = tasks.get(cfg.get('task')) or {}
    for part, data in _data_of_tasks(cfg):
        for field in _task_settings(before, part):
            data.pop(field, None)
        data.update(_task_settings(tasks[task], part))
    if 'num_person' in tasks[task]:
        for step in _typed(cfg, 'FormatGCNInput'):
            step['num_person'] = tasks[task].num_person
    cfg.task, cfg.num_classes = task, tasks[task].num_classes
    _fit_networks(cfg, ['task'])


def _task_settings(task: Mapping[str, Any], part: str) -> dict[str, Any]:
    """What a task sets in a data set of a part, 'train' or 'test'."""
    return {**task.get('dataset', {}), **task.get(part, {})}


def _data_of_tasks(cfg: Config) -> Iterator[tuple[str, dict]]:
    """The data sets that a task sets: those with folds and, if tasks name the splits of the parts, each part's own."""
    for data in _data_with_folds(cfg):
        yield 'all', data
    for part, of_task in (('train', 'train'), ('val', 'test'), ('test', 'test')):
        for data in _nodes(cfg.get(f'{part}_dataloader')):
            if isinstance(data, dict) and data.get('type') == 'ActionDataset':
                yield of_task, data


def _set_split(cfg: Config, name: str) -> None:
    data_sets = list(_data_with_folds(cfg))
    if not isinstance(name, str) or not data_sets:
        raise ConfigError(f'--cfg-options: split: {name!r}; expected the name before _fold<k>, in a config whose data '
                          'sets have folds.')
    for data in data_sets:
        data['split'] = name
    cfg.task = name


def _set_fold(cfg: Config, fold: int | str) -> None:
    from dynstg_mm.datasets.folds import EVERYBODY
    if fold != EVERYBODY and (isinstance(fold, bool) or not isinstance(fold, int) or fold < 0):
        raise ConfigError(f'--cfg-options: fold: {fold!r}; expected a number from 0, or {EVERYBODY}.')
    data_sets = list(_data_with_folds(cfg))
    if not data_sets:
        raise ConfigError(f'--cfg-options: fold: no data set of {cfg.filename} has folds.')
    for data in data_sets:
        data['fold'] = fold
    cfg.fold = fold
    if fold == EVERYBODY:
        for part in ('val', 'test'):
            for field in ('dataloader', 'evaluator', 'cfg'):
                cfg[f'{part}_{field}'] = None


def _set_feats(cfg: Config, feats: str | Sequence[str]) -> None:
    from dynstg_mm.datasets.transforms.features import FEATS, feature_channels
    of_gait = any(_typed(cfg.get('train_dataloader'), 'GaitFeatures'))
    steps = list(_typed(cfg, 'GaitFeatures' if of_gait else 'GenSkeFeat'))
    names = [feats] if isinstance(feats, str) else list(feats) if isinstance(feats, (list, tuple)) else []
    known = FEATS if of_gait else STREAMS
    if not names or set(map(str, names)) - set(known):
        raise ConfigError(f'--cfg-options: feats: {feats!r}; expected one or more of {", ".join(known)}.')
    if 'in_channels' not in cfg or not steps or of_gait and 'coordinates' not in cfg:
        raise ConfigError(f'--cfg-options: feats: {cfg.filename} has no GaitFeatures with coordinates (2 or 3), and no '
                          'GenSkeFeat with in_channels.')
    for step in steps:
        step['feats'] = names
    cfg.feats, cfg.in_channels = names, feature_channels(names, cfg.coordinates if of_gait else 3)
    _fit_networks(cfg, ['feats'])


def _set_joint_dropout(cfg: Config, probability: float) -> None:
    _set_augmentation(cfg, 'joint_dropout', probability, 1, 'a probability, 0 to 1',
                      ConfigDict(type='RandomJointDropout', prob=probability, share=(0.1, 0.5)))


def _set_proportions(cfg: Config, spread: float) -> None:
    _set_augmentation(cfg, 'proportions', spread, 0.5, "the standard deviation of the factors' logarithm, 0 to 0.5",
                      ConfigDict(type='RandomProportions', spread=spread))


def _set_augmentation(cfg: Config, option: str, value: float, most: float, expected: str, step: ConfigDict) -> None:
    """Put a step behind `PoseDecode`, before the skeleton is turned, centred and scaled; 0 removes it."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
        raise ConfigError(f'--cfg-options: {option}: {value!r}; expected {expected}.')
    pipelines = [node for node in _nodes(cfg.get('train_dataloader')) if isinstance(node, list) and any(
        isinstance(part, dict) and part.get('type') == 'PoseDecode' for part in node)]
    if not pipelines:
        raise ConfigError(f'--cfg-options: {option}: no training pipeline of {cfg.filename} has PoseDecode.')
    before = ('PoseDecode', 'RandomJointDropout')  # lost joints are filled before other steps see them
    for pipeline in pipelines:
        pipeline[:] = [part for part in pipeline if part.get('type') != step['type']]
        place = 1 + max(index for index, part in enumerate(pipeline) if part.get('type') in before)
        pipeline[place:place] = [step] if value else []
    cfg[option] = value


def _set_layout(cfg: Config, layout: str) -> None:
    from dynstg_mm.skeletons import get_layout
    get_layout(layout)
    data_sets, networks = list(_data_with_folds(cfg)), list(_with_layout(cfg.get('model')))
    if not data_sets or not networks:
        raise ConfigError(f'--cfg-options: layout: {cfg.filename} has no data set with folds, or no network with '
                          'graph_cfg.layout.')
    for data in data_sets:
        data['layout'] = layout
    cfg.layout = layout
    _fit_networks(cfg, ['layout'])


def _set_balance(cfg: Config, fields: str | Sequence[str]) -> None:
    loader = cfg.get('train_dataloader') or {}
    if not loader.get('dataset'):
        raise ConfigError(f'--cfg-options: balance: {cfg.filename} has no train_dataloader.dataset.')
    loader['sampler'] = ConfigDict(type='BalancedSampler', by=fields)
    cfg.balance = fields


def _set_short_clips(cfg: Config, how: str) -> None:
    from dynstg_mm.datasets.transforms.normalize import SHORT_CLIPS
    samplers = list(_typed(cfg, 'SampleWindows'))
    if how not in SHORT_CLIPS or not samplers:
        raise ConfigError(f'--cfg-options: short_clips: {how!r}; expected {", ".join(SHORT_CLIPS)}, in a config with '
                          'SampleWindows.')
    for sampler in samplers:
        sampler['short_clips'] = how


SHORT_OPTIONS: dict[str, Callable[[Config, Any], None]] = dict(
    task=_set_task, split=_set_split, fold=_set_fold, feats=_set_feats, joint_dropout=_set_joint_dropout,
    proportions=_set_proportions, layout=_set_layout, balance=_set_balance, short_clips=_set_short_clips)


def _fit_networks(cfg: Config, changed: Collection[str]) -> None:
    """Fit heads and inputs of the model, or of its student and teacher, to the short options that changed."""
    model = cfg.get('model') or {}
    for network in (model, model.get('student'), model.get('teacher')):
        if isinstance(network, dict):
            _fit_network(network, cfg, changed)


def _fit_network(network: dict, cfg: Config, changed: Collection[str]) -> None:
    if 'task' in changed and 'num_classes' in (network.get('cls_head') or {}):
        network['cls_head']['num_classes'] = cfg.num_classes
    if 'layout' in changed:
        for graph in _with_layout(network.get('backbone')):
            graph['layout'] = cfg.layout
    backbone = network.get('backbone') or {}
    while isinstance(backbone.get('backbone'), dict):  # in front of it
        backbone = backbone['backbone']
    if 'feats' in changed and 'in_channels' in backbone:
        backbone['in_channels'] = cfg.in_channels


def _check_short_settings(cfg: Config, options: Mapping[str, Any]) -> None:
    """Refuse a `task` or `fold` at the top of a config that its test data set does not have."""
    data = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    expected = {}
    if 'task' not in options:
        expected.update(_task_settings((cfg.get('tasks') or {}).get(cfg.get('task'), {}), 'test'))
    if 'fold' not in options and cfg.get('fold') is not None and 'fold' in data:
        expected['fold'] = cfg.fold
    for field, value in expected.items():
        if data.get(field) != value:
            name = 'fold' if field == 'fold' else 'task'
            raise ConfigError(
                f'{cfg.filename}: {name}: {cfg[name]}; its test_dataloader.dataset.{field} is {data.get(field)}, not '
                f'{value}. Use --cfg-options {name}=..., or write {name} = None into a config with data of its own.')


def _data_with_folds(node: Any) -> Iterator[dict]:
    """Data sets below a node of a config that have a `fold`."""
    return (data for data in _nodes(node) if isinstance(data, dict) and 'fold' in data and 'type' in data)


def _with_layout(node: Any) -> Iterator[dict]:
    """The `graph_cfg` of all networks below a node of a config that have a layout."""
    return (part['graph_cfg'] for part in _nodes(node) if isinstance(part, dict)
            and 'layout' in (part.get('graph_cfg') or {}))


def _typed(node: Any, type_name: str) -> Iterator[dict]:
    """Settings of everything of a type below a node of a config."""
    return (part for part in _nodes(node) if isinstance(part, dict) and part.get('type') == type_name)


def _nodes(node: Any) -> Iterator[Any]:
    """A node of a config and all dicts and lists below it."""
    if isinstance(node, (list, tuple)):
        yield node
        for part in node:
            yield from _nodes(part)
    elif isinstance(node, (dict, Config)):
        yield node
        for part in node.values():
            yield from _nodes(part)


def check_parts(cfg: Config, parts: Sequence[str] = ('val', 'test')) -> None:
    """Check that training and test data share no subject or clip, and have the same classes.

    Args:
        cfg: Config of a run.
        parts: The parts to compare with the training data.

    Raises:
        DataError: A subject or a clip is in both, or the classes differ.
    """
    from mmaction.registry import DATASETS

    from dynstg_mm.datasets import GaitDataset, check_sides
    train = (cfg.get('train_dataloader') or {}).get('dataset')
    for part in parts:
        data = (cfg.get(f'{part}_dataloader') or {}).get('dataset') or {}
        dataset = DATASETS.get(data['type']) if isinstance(data.get('type'), str) else None
        if train and dataset and issubclass(dataset, GaitDataset) and osp.isfile(data.get('ann_file') or ''):
            check_sides(train, data, part)

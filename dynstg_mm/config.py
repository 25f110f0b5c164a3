"""Reading configs, and the options, folds and teachers that change them."""
import argparse
import inspect
import os
import os.path as osp

from mmengine.config import ConfigDict, DictAction
from mmengine.runner import Runner

# What MMEngine's runners read of a config beside the arguments of `Runner`, and we.
FURTHER_SETTINGS = ('activation_checkpointing', 'compile', 'efficient_conv_bn_eval', 'find_unused_parameters', 'fold',
                    'model_wrapper_cfg', 'runner_type', 'strategy', 'sync_bn')


class ConfigOptions(DictAction):
    """MMEngine's `key=value` options, but spaces in a single value, such as a path, stay in it."""

    def __call__(self, parser, namespace, values, option_string=None):
        for text in values:
            if not text.partition('=')[0] or '=' not in text:
                raise argparse.ArgumentError(self, f'{text}: expected key=value')
        super().__call__(parser, namespace, values, option_string)

    @staticmethod
    def _parse_iterable(val):
        plain = val.strip('\'"')
        if ' ' in plain and ',' not in plain and plain[:1] not in ('[', '('):
            return plain
        return DictAction._parse_iterable(val)


def parse_cfg_options(texts):
    """Settings of `key=value` texts, as `--cfg-options` reads them; ValueError where one is no such pair."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument('--options', nargs='*', action=ConfigOptions)
    try:
        return parser.parse_args(['--options', *texts]).options
    except argparse.ArgumentError as error:
        raise ValueError(f'--cfg-options: {error.message}.') from None


def load_config(args, merge_args):
    """Config of the file, with the options merged in; `--cfg-options` win.

    Args:
        args (Namespace): Parsed options, `config`, `work_dir`, `cfg_options`, `launcher`, `local_rank` among them.
        merge_args (callable): Merges the tool's own options into the config.
    """
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = read_config(args.config)
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = osp.join('./work_dirs', osp.splitext(osp.basename(args.config))[0])
    merge_args(cfg)
    return settle_distillation(merge_cfg_options(cfg, args.cfg_options))


def merge_cfg_options(cfg, options):
    """Merge what `--cfg-options` gave, which may be None, into the config, a top-level `fold` into its data sets.

    ValueError where neither the config nor MMEngine's runners know a setting: a mistyped one would change nothing.
    """
    for key in options or ():
        first = key.partition('.')[0]
        if first not in {*cfg, *inspect.signature(Runner.__init__).parameters, *FURTHER_SETTINGS}:
            raise ValueError(f'--cfg-options: {key}: {cfg.filename} has no {first}.')
    if options:
        cfg.merge_from_dict(options)
        if 'fold' in options:
            _set_fold(cfg, options['fold'])
    if not isinstance(cfg.get('model') or {}, dict):
        raise ValueError(f'{cfg.filename}: model: {cfg.model!r}; expected a dict.')
    return cfg


def settle_distillation(cfg, seed=None):
    """Put a config's model in the place of its path in `model.teacher` and `model.student`, and the run's fold and seed
    in that of `{fold}` and `{seed}` in `model.teacher_ckpt`."""
    model = cfg.get('model') or {}
    for role in ('teacher', 'student'):
        if isinstance(model.get(role), str):
            model[role] = read_config(model[role], f'model.{role}').get('model')
    path = model.get('teacher_ckpt')
    if isinstance(path, str):  # of anything else the model says what is expected
        folds = [node['fold'] for node in _with_fold(cfg.get('train_dataloader'))]
        seed = (cfg.get('randomness') or {}).get('seed') if seed is None else seed
        for name, value in (('fold', folds[0] if folds else None), ('seed', seed)):
            if f'{{{name}}}' in path and value is None:
                raise ValueError(f'model.teacher_ckpt: {path}: the run has no {name}.')
            path = path.replace(f'{{{name}}}', str(value))
        model['teacher_ckpt'] = path
    return cfg


def checkpoints_of(settings):
    """Paths of the checkpoints that a model reads, each with its field: pretrained parts of its own, a teacher's."""
    if isinstance(settings, (list, tuple)):
        for value in settings:
            yield from checkpoints_of(value)
    elif isinstance(settings, dict):
        for field, value in settings.items():
            if field in ('checkpoint', 'teacher_ckpt') and isinstance(value, str) and '://' not in value:
                yield field, value
            elif field != 'teacher':  # whose weights are all in its checkpoint
                yield from checkpoints_of(value)


def _set_fold(cfg, fold):
    """Give every data set of the config that has a `fold` this one."""
    found = list(_with_fold([cfg.get(f'{part}_dataloader') for part in ('train', 'val', 'test')]))
    if not found:
        raise ValueError('--cfg-options fold: no data set of this config has folds.')
    for node in found:
        node['fold'] = fold


def _with_fold(node):
    """Data sets below a node of a config that have a `fold`."""
    if isinstance(node, (list, tuple)):
        for part in node:
            yield from _with_fold(part)
    elif isinstance(node, (dict, ConfigDict)):
        if 'fold' in node and 'type' in node:
            yield node
        for part in node.values():
            yield from _with_fold(part)


def read_config(path, field=None):
    """The `Config` of a config file.

    Args:
        path (str): The file.
        field (str, optional): Where another config names it, for the error.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no config, or fails while it runs.
    """
    where = f'{field}: {path}' if field else path
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{where}: no such config file.')
    from mmengine.config import Config  # compat, which imports this file, mends MMEngine first
    try:
        return Config.fromfile(path)
    except SyntaxError as error:
        raise ValueError(f'{where}: no Python file ({error}).') from None
    except Exception as error:  # another kind of file, no config, or Python that fails as it likes
        raise ValueError(f'{where}: no config file ({error or type(error).__name__}).') from None

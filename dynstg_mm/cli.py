"""What tools/train.py and tools/test.py share: MMAction2's options, the config, and errors that fit on a line."""
import argparse
import contextlib
import ctypes
import gc
import inspect
import os
import os.path as osp
import pickle
import sys

from mmengine.config import ConfigDict, DictAction
from mmengine.runner import Runner
from torch import distributed

from mmaction.registry import DATASETS, RUNNERS

from .datasets import AnnotationError, ClipError, GaitDataset, check_sides
from .fileio import read_config

# What a wrong file, option or config raises. Anything else is a defect, and keeps its traceback.
USER_ERRORS = (OSError, ValueError, KeyError, TypeError, AssertionError, ImportError, pickle.UnpicklingError)

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


def add_common_arguments(parser):
    """Options that training and testing share with MMAction2's tools."""
    parser.add_argument(
        '--cfg-options', nargs='+', action=ConfigOptions,
        help='override settings of the config, as xxx=yyy pairs; a list is key="[a,b]" or key=a,b. A top-level '
        '`fold=K` is handed to every data set that has one')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none', help='job launcher')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def add_ensemble_arguments(parser):
    """Options for rows that are means of others, as `evaluation.results.name_ensembles` takes them."""
    parser.add_argument('--ensemble', action='append', default=[], metavar='NAME=A,B,...',
                        help='one more row: the mean of the scores of these models; may be repeated')
    parser.add_argument('--seed-ensemble', action='append', default=[], metavar='NAME=A,B,...',
                        help='the same, of these models of all seeds; one model will do')


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


def check_parts(cfg, parts=('val', 'test')):
    """Refuse to train on people whom, or with other classes than, the config is validated or tested on."""
    train = (cfg.get('train_dataloader') or {}).get('dataset')
    for part in parts:
        data = (cfg.get(f'{part}_dataloader') or {}).get('dataset') or {}
        kind = DATASETS.get(data['type']) if isinstance(data.get('type'), str) else None
        if train and kind and issubclass(kind, GaitDataset) and osp.isfile(data.get('ann_file') or ''):
            check_sides(train, data, part)


def build_runner(cfg):
    """Runner of the config."""
    return RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)


def leave_process_group():
    """End a distributed run together; call it where the runner and its model are gone.

    MMEngine leaves the group open, and a rank that ends while a thread of the group still holds a tensor is aborted by
    Python's shutdown ("terminate called without an active exception"): a run that went well is then reported as failed.
    """
    if not distributed.is_available() or not distributed.is_initialized():
        return
    gc.collect()
    distributed.barrier()
    distributed.destroy_process_group()


def keep_freed_memory():
    """Let glibc keep what PyTorch frees: fresh pages from the system cost a third of a training step on the CPU.

    Elsewhere than on Linux with glibc it does nothing.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    for option, value in ((-4, 0), (-1, 2**31 - 1), (-2, 2**28)):  # M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD
        mallopt(option, value)


@contextlib.contextmanager
def one_line_errors():
    """End with one clear line where a file, an option or a config is wrong; DYNSTG_TRACEBACK=1 shows where.

    Errors out of code that has no business raising them keep their traceback: those are defects.
    """
    try:
        yield
    except USER_ERRORS as error:
        if os.environ.get('DYNSTG_TRACEBACK') == '1' or not _is_users(error):
            raise
        message = str(error.args[0] if isinstance(error, KeyError) and error.args else error) or repr(error)
        if isinstance(error, (FileExistsError, NotADirectoryError)) and error.filename:
            message = f'{error.filename}: is no folder.'
        if 'Original Traceback' in message:  # out of a worker of the data loader, whose last line is the message
            message = message.strip().splitlines()[-1].partition(': ')[2]
        sys.exit('error: ' + ' '.join(message.split()))


def _is_users(error):
    """Whether the error speaks of the user's input: raised by us, by a config or a registry, or by the file system."""
    if isinstance(error, (OSError, AnnotationError, ClipError)):
        return True
    if 'Original Traceback' in str(error):  # out of a worker of the data loader, which sends its traceback as text
        return f'{os.sep}dynstg_mm{os.sep}' in str(error).rpartition('File "')[2]
    tail = error.__traceback__
    while tail.tb_next is not None:
        tail = tail.tb_next
    origin = tail.tb_frame.f_globals.get('__name__', '')
    return origin.startswith(('dynstg_mm', '__main__', 'mmengine.config', 'mmengine.registry', 'mmengine.runner'))

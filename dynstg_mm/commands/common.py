"""What several commands share: options and the runner."""
import contextlib
import ctypes
import gc
import os
import os.path as osp
import pickle
import sys

from mmaction.registry import DATASETS, RUNNERS
from mmengine.runner import Runner
from torch import distributed

from dynstg_mm.config import ConfigOptions
from dynstg_mm.datasets import GaitDataset, check_sides
from dynstg_mm.errors import UserError


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


def own_command(name, argv=None):
    """The call of one of our commands as a list, in whatever way it was started."""
    return [sys.executable, '-m', 'dynstg_mm', name, *(sys.argv[1:] if argv is None else map(str, argv))]


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


# What a wrong file, option or config raises. Anything else is a bug, and keeps its traceback.
USER_ERRORS = (OSError, ValueError, KeyError, TypeError, AssertionError, ImportError, pickle.UnpicklingError)


@contextlib.contextmanager
def one_line_errors():
    """End with one clear line where a file, an option or a config is wrong; DYNSTG_TRACEBACK=1 shows where."""
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
    if isinstance(error, (OSError, UserError)):
        return True
    if 'Original Traceback' in str(error):  # out of a worker of the data loader, which sends its traceback as text
        return f'{os.sep}dynstg_mm{os.sep}' in str(error).rpartition('File "')[2]
    tail = error.__traceback__
    while tail.tb_next is not None:
        tail = tail.tb_next
    origin = tail.tb_frame.f_globals.get('__name__', '')
    return origin.startswith(('dynstg_mm', '__main__', 'mmengine.config', 'mmengine.registry', 'mmengine.runner'))

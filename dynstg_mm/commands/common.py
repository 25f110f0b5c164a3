"""What several commands share: options, the runner, and how they end."""
import argparse
import contextlib
import io
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynstg_mm.errors import ConfigError, UserError
from dynstg_mm.files import missing_file_hint

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner


LOG_SERVICES = ('aim', 'clearml', 'dvclive', 'mlflow', 'neptune', 'wandb')


class CfgOptions(argparse.Action):
    """`--cfg-options` that import MMEngine only if they are given, so that `-h` is quick."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any,
                 option_string: str | None = None) -> None:
        from dynstg_mm.config import ConfigOptions
        ConfigOptions(self.option_strings, self.dest)(parser, namespace, values, option_string)


def add_common_arguments(parser: argparse.ArgumentParser, written: str) -> None:
    """Arguments that training and testing share with MMAction2's tools.

    Args:
        parser: The parser.
        written: What the command writes to `--work-dir`.
    """
    parser.add_argument('config', help='config file, or dynstg_mm::NAME of a shipped one')
    parser.add_argument('--work-dir', help=f'folder for {written}; by default work_dirs/NAME_OF_CONFIG, and '
                        'below it the task, if it is not the first')
    parser.add_argument(
        '--cfg-options', nargs='+', action=CfgOptions, metavar='KEY=VALUE',
        help='override settings of the config; a list is KEY="[a,b]" or KEY=a,b. Short ones that change several places '
        'at once: task=NAME, split=NAME, fold=K, feats=A,B, layout=NAME, joint_dropout=P, '
        'proportions=S, balance=A,B, short_clips=HOW')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none', help='job launcher')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def add_input_arguments(parser: argparse.ArgumentParser) -> None:
    """Options for recordings without labels, whose format is recognised."""
    from dynstg_mm.gait.spatiotemporal import UNITS
    from dynstg_mm.importers import COORDS, READERS
    from dynstg_mm.importers.arrange import UPRIGHT
    from dynstg_mm.skeletons import LAYOUTS
    add = parser.add_argument
    add('--rate', type=float, help='frames per second, if the file does not have them; takes precedence over it')
    add('--format', choices=READERS, help='program or format of the files, if it is not recognised')
    add('--source-layout', help='skeleton of the files, if the format does not have one, or another one: '
                                f'{", ".join(LAYOUTS)}, or a .json file')
    add('--up', choices=UPRIGHT,
        help='vertical axis of the input, as --up=-y; by default the one along which people stand')
    add('--unit', choices=UNITS, help='unit of length of 3-D input, if the files do not say it')
    add('--img-shape', type=count, nargs=2, metavar=('HEIGHT', 'WIDTH'), help='size of the image in pixels')
    add('--coords', choices=COORDS, help='what the coordinates are; by default by their values')
    add('--axes', help='npz, h36m, mediapipe: order of the axes of the array, such as TMVC')
    add('--dims', type=int, choices=(2, 3), help='npz, h36m: how many of three numbers per joint are coordinates')
    add_joint_names_argument(parser)
    add_video_arguments(parser)


def add_joint_names_argument(parser: argparse.ArgumentParser) -> None:
    """The option of names for joints, which `reader_options` reads."""
    parser.add_argument('--joint-names', metavar='FILE',
                        help='JSON object: name of a joint in the files -> its name in our layouts, such as left_knee')


def add_video_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the reader of videos, as `importers.read_video` takes them."""
    from dynstg_mm.estimators import ESTIMATORS
    add = parser.add_argument
    add('--estimator', choices=ESTIMATORS, help='video: program that finds the keypoints, by default mediapipe')
    add('--pose-model', metavar='FILE', help='video, rtmlib: ONNX file of RTMPose or RTMO')
    add('--detector', metavar='FILE', help='video, rtmlib: ONNX file of YOLOX, which RTMPose needs')
    add('--crop', type=float, nargs=4, metavar=('LEFT', 'TOP', 'RIGHT', 'BOTTOM'),
        help='video: part of the picture to look for people in, as shares of its width and height')


def reader_options(args: argparse.Namespace) -> dict[str, Any]:
    """The options of readers that were given."""
    names = ('coords', 'axes', 'dims', 'img_shape', 'unit', 'estimator', 'pose_model', 'detector', 'crop')
    options = {name: value for name, value in vars(args).items() if name in names and value is not None}
    if args.joint_names is not None:
        from dynstg_mm.importers.rename import load_joint_names
        options['joint_names'] = load_joint_names(args.joint_names)
    return options


def add_ensemble_arguments(parser: argparse.ArgumentParser) -> None:
    """Options for ensembles, as `benchmark.plan.name_ensembles` takes them."""
    parser.add_argument('--ensemble', action='append', default=[], metavar='NAME=A,B,...',
                        help='add a row: the mean of the scores of these models; may be repeated')
    parser.add_argument('--seed-ensemble', action='append', default=[], metavar='NAME=A,B,...',
                        help='the same over all seeds; one model is enough')


def count(text: str) -> int:
    """An option that is a number from 1."""
    return _number(text, 1)


def number(text: str) -> int:
    """An option that is a number from 0."""
    return _number(text, 0)


def seed(text: str) -> int:
    """An option that is a random seed."""
    return _number(text, 0, 2**32 - 1)


def _number(text: str, least: int, most: float = math.inf) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f'{text!r}; expected a whole number from {least}'
                                         f'{f" to {most}" if most < math.inf else ""}')
    return int(text)


def own_command(name: str, argv: Sequence[str] | None = None) -> list[str]:
    """The command line of one of our commands as a list, however it was started."""
    return [sys.executable, '-m', 'dynstg_mm', name, *(sys.argv[1:] if argv is None else map(str, argv))]


def build_runner(cfg: 'Config') -> 'Runner':
    """Build the runner of a config; ConfigError if MMEngine refuses a setting."""
    from mmaction.registry import RUNNERS
    from mmengine.runner import Runner
    with wrong_settings(cfg):
        return RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)


@contextlib.contextmanager
def wrong_settings(cfg: 'Config') -> Iterator[None]:
    """Report what MMEngine, PyTorch or NumPy object to in a config while they build its parts as a `ConfigError`."""
    try:
        yield
    except UserError:
        raise
    except (ValueError, AssertionError, ImportError) as error:
        raise ConfigError(f'{cfg.filename}: {error or type(error).__name__}') from error
    except Exception as error:
        service = type(error).__module__.partition('.')[0]
        if service in LOG_SERVICES:  # such as a login that is missing
            raise ConfigError(f'{cfg.filename}: visualizer.vis_backends: {service}: {error}') from error
        raise


def run_command(job: Callable[[argparse.Namespace], int | None], args: argparse.Namespace) -> int:
    """Do the work of a command, and report wrong input in one line; returns the exit status, 0 for None."""
    with one_line_errors():
        return job(args) or 0


def run_job(job: Callable[[argparse.Namespace], None], args: argparse.Namespace, stopped: str = 'stopped') -> int:
    """Train or test, report wrong input in one line, and end distributed runs cleanly; returns the exit status.

    Args:
        job: Builds and runs a runner.
        args: The parsed arguments.
        stopped: What to say after Ctrl-C.
    """
    keep_freed_memory()
    with one_line_errors(stopped):
        job(args)
        leave_process_group()
    return 0


def leave_process_group() -> None:
    """End a distributed run on all ranks together; call it after the runner and its model are deleted.

    MMEngine leaves the group open. Python then aborts a rank that ends while a thread of the group still holds a tensor
    ("terminate called without an active exception"), and a successful run is reported as failed.
    """
    import gc

    from torch import distributed
    if not distributed.is_available() or not distributed.is_initialized():
        return
    gc.collect()
    distributed.barrier()
    distributed.destroy_process_group()


def keep_freed_memory() -> None:
    """Let glibc keep the memory that PyTorch frees; getting it back from the system costs a third of a training step.

    Does nothing without glibc.
    """
    import ctypes
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    for option, value in ((-4, 0), (-1, 2**31 - 1), (-2, 2**28)):  # M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD
        mallopt(option, value)


@contextlib.contextmanager
def one_line_errors(stopped: str = 'stopped') -> Iterator[None]:
    """End the process with one line and status 1 if a file, an option or a config is wrong, with 130 after Ctrl-C,
    and without a word if what it prints goes into a closed pipe. A name that the terminal cannot show is escaped.

    Any other error is a bug and keeps its traceback. `DYNSTG_TRACEBACK=1` always shows the traceback.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors='backslashreplace')
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        if os.environ.get('DYNSTG_TRACEBACK') == '1':
            raise
        if isinstance(error, KeyboardInterrupt) or isinstance(error.__context__, KeyboardInterrupt):
            print(stopped, file=sys.stderr)  # MMEngine turns Ctrl-C in the dump of a config into a SyntaxError
            sys.exit(130)
        if isinstance(error, BrokenPipeError):  # nobody reads the output any more, such as `| head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what Python flushes at its end
            sys.exit(141)
        if not isinstance(error, (UserError, OSError)):
            raise
        message = _of_the_system(error)
        if 'Original Traceback' in message:  # from a worker of the data loader; the message is the last line
            message = message.strip().splitlines()[-1].partition(': ')[2]
        sys.exit(f'error: {" ".join(message.split())}')


def _of_the_system(error: UserError | OSError) -> str:
    """The message of an error, which the system does not begin with the file."""
    if not isinstance(error, OSError) or not error.filename:
        return str(error) or repr(error)
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        path = Path(error.filename)
        no_folder = next((part for part in [*reversed(path.parents), path] if part.exists() and not part.is_dir()),
                         path)
        return f'{no_folder}: is not a folder; expected a folder or a new path.'
    if isinstance(error, IsADirectoryError):
        return f'{error.filename}: is a folder; expected a file.'
    if isinstance(error, FileNotFoundError):
        return f'{error.filename}: no such file; {missing_file_hint(error.filename)}.'
    return f'{error.filename}: {error.strerror}.'

"""The runs of a cross-validation: what they depend on, and how they are started, watched, stopped and gone on with."""
import collections
import contextlib
import dataclasses
import fcntl
import json
import os
import queue
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dynstg_mm.config import merge_cfg_options, parse_cfg_options, read_config, settle_distillation
from dynstg_mm.errors import ConfigError
from dynstg_mm.files import atomic_open, read_json

THREADS = ('OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'NUMBA_NUM_THREADS')
NOTES = dict(type='object', properties=dict(record=dict(type='object'), seconds=dict(type='number')))  # of run.json




@dataclasses.dataclass(frozen=True)
class Model:
    """A config with options of its own."""
    name: str
    config: str
    options: tuple

    def settings(self, fold=None, seed=0):
        """The resolved config, of a fold and a seed where they are given."""
        options = dict(parse_cfg_options(self.options) or {}, **({} if fold is None else dict(fold=fold)))
        return settle_distillation(merge_cfg_options(read_config(self.config), options), seed)


@dataclasses.dataclass(frozen=True)
class Run:
    """One model, seed and fold, in a folder of its own; `record` is all that its result depends on."""
    model: Model
    seed: int
    fold: int
    folder: Path
    record: dict = dataclasses.field(hash=False)

    def __str__(self):
        return f'{self.model.name}, seed {self.seed}, fold {self.fold}'

    def notes(self):
        """What run.json says, an empty dict where there is none."""
        try:
            return read_json(self.folder / 'run.json', NOTES)
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise ConfigError(f'{error} Delete {self.folder}, and it is run anew.') from None

    def note(self, **values):
        """Put values into run.json."""
        with atomic_open(self.folder / 'run.json') as file:
            json.dump({**self.notes(), 'record': self.record, **values}, file, indent=1)

    def done(self):
        return (self.folder / 'predictions.json').is_file()


def settle_old_runs(runs, redo):
    """Refuse, or with `redo` delete, what was run with other settings, data or code."""
    outdated = {}
    for run in runs:
        old = run.notes().get('record')
        if old is None and run.done():
            old = {}
        if old is not None and old != run.record:
            outdated[run.folder.resolve()] = run
            if not redo:
                raise ConfigError(f'{run.folder}: was run with another {first_difference(old, run.record)}; '
                                           '--redo deletes it and runs it anew, another --out keeps it.')
    for run in runs:  # such as a student, of its teacher
        for file in run.record['data']:
            teacher = next((outdated[folder] for folder in Path(file).resolve().parents if folder in outdated), None)
            if teacher is not None:
                raise ConfigError(f'{run}: {file}: of {teacher}, which --redo would delete; run {teacher.model.name} '
                                           f'by itself first, and {run.model.name} after it.')
    for run in outdated.values():
        shutil.rmtree(run.folder)


def first_difference(old, new, path=''):
    """The first place where two nested values differ, in words."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            if old.get(key) != new.get(key):
                return first_difference(old.get(key), new.get(key), f'{path}.{key}' if path else key)
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new)):
            if one != other:
                return first_difference(one, other, f'{path}[{index}]')
    return f'{path}: {_shown(old)}, now {_shown(new)}'


def _shown(value):
    text = str(value)
    return text if len(text) < 60 else text[:57] + '...'


@contextlib.contextmanager
def locked(out):
    """Hold a folder for this call and the processes it starts, which the lock is handed to."""
    with open(out / '.lock', 'w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(f'{out}: is in use by another call, or by runs that a killed one has left '
                                       'behind; wait for it, end it, or take another --out.') from None
        yield file.fileno()


class Stopped(Exception):
    """The call was stopped while a process ran, or before it was started."""


class Launcher:
    """Starts the processes of the runs and ends them.

    Args:
        jobs (int): Processes at once; each gets as many threads as there are cores for it, and one of the GPUs.
        launcher (str): 'none', or 'slurm', where `srun` starts the processes and hands out cores and GPUs.
        srun_args (str): Options of srun.
        keep_checkpoints (bool): Keep the checkpoints of a run that was tested.
        lock (int): File descriptor that the processes hold as well.
    """

    def __init__(self, jobs, launcher, srun_args, keep_checkpoints, lock):
        self.jobs, self.lock, self.keep_checkpoints = jobs, lock, keep_checkpoints
        self.slurm = launcher == 'slurm'
        try:
            self.srun = ['srun', *shlex.split(srun_args)] if self.slurm else []
        except ValueError as error:
            raise ConfigError(f'--srun-args: {srun_args}: {error}; expected options as in a shell.') from None
        if self.slurm and shutil.which('srun') is None:
            raise ConfigError('--launcher slurm: there is no srun on PATH.')
        self.gpus = visible_gpus()
        self.processes, self.stopped, self.mutex = set(), False, threading.Lock()

    def commands(self, run, checkpoint='CHECKPOINT'):
        """Arguments of training and testing."""
        common = ['--work-dir', str(run.folder), *['--launcher', 'slurm'] * self.slurm,
                  '--cfg-options', f'fold={run.fold}', *run.model.options]
        package = [*self.srun, sys.executable, '-m', 'dynstg_mm']
        return ([*package, 'train', run.model.config, '--seed', str(run.seed), '--no-validate',
                 *common], [*package, 'test', run.model.config, str(checkpoint), *common])

    def environment(self, slot):
        """Environment of a process: its share of the cores, its GPU, or under Slurm a port that is not another's."""
        if self.slurm:
            return dict(os.environ, MASTER_PORT=str(int(os.environ.get('MASTER_PORT', 29500)) + slot))
        threads = max(1, cores() // self.jobs)
        environment = dict(os.environ, **{name: str(threads) for name in THREADS})
        if self.gpus:
            environment['CUDA_VISIBLE_DEVICES'] = self.gpus[slot % len(self.gpus)]
        return environment

    def run(self, command, log, slot):
        """Run a command to its end; raises RuntimeError that tells how it ended where it fails."""
        with open(log, 'ab') as file:
            start = file.tell()
            with self.mutex:
                if self.stopped:
                    raise Stopped
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
                                           env=self.environment(slot), start_new_session=True, pass_fds=[self.lock])
                self.processes.add(process)
            status = process.wait()
            with self.mutex:
                self.processes.discard(process)
        if self.stopped:
            raise Stopped
        if status:
            raise RuntimeError(how_it_ended(status, last_line(log, start)))

    def stop(self, patience=10):
        """End all processes with their children, first politely."""
        with self.mutex:
            self.stopped = True
            processes = list(self.processes)
        for kind in (signal.SIGTERM, signal.SIGKILL):
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, kind)
            deadline = time.time() + patience
            while any(process.poll() is None for process in processes) and time.time() < deadline:
                time.sleep(0.05)


def cores():
    """Cores that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()


def visible_gpus():
    """Names for CUDA_VISIBLE_DEVICES, one a GPU."""
    count = torch.cuda.device_count()
    named = [name for name in os.environ.get('CUDA_VISIBLE_DEVICES', '').split(',') if name]
    return named[:count] or [str(index) for index in range(count)]


def last_line(path, start):
    """The last line of a file behind a position that says something, at most 300 characters."""
    with open(path, 'rb') as file:
        file.seek(start)
        lines = [line.strip() for line in file.read().decode(errors='replace').splitlines() if line.strip()]
    return lines[-1][:300] if lines else ''


def how_it_ended(status, line):
    """In words. A process that was killed, under Slurm by what srun reports as 128 and more, has not said why itself."""
    if 0 < status < 128 and line:
        return line
    how = f'ended by {signal.Signals(-status).name}' if status < 0 else f'ended with status {status}'
    if status in (-signal.SIGKILL, 128 + signal.SIGKILL):
        how += ', as where memory or time is up'
    return f'{how}; its last line: {line}' if line else f'{how} and no output'


def perform(run, launcher, slot):
    """Train, unless that is done, and test; leaves predictions.json. Goes on from the latest checkpoint."""
    started = time.time()
    run.folder.mkdir(parents=True, exist_ok=True)
    log, latest, summary = (run.folder / name for name in ('train.log', 'last_checkpoint', 'train_summary.json'))
    train, test = launcher.commands(run)
    run.note(commands=[shlex.join(train), shlex.join(test)])
    if not (summary.is_file() and latest.is_file()):
        if latest.is_file():
            train += ['--resume']
            run.note(resumed=True)
        launcher.run(train, log, slot)
    if not latest.is_file():
        raise RuntimeError('the training has left no checkpoint; expected default_hooks.checkpoint in the config')
    checkpoint = run.folder / Path(latest.read_text().strip()).name
    launcher.run(launcher.commands(run, checkpoint)[1], log, slot)
    if not run.done():
        raise RuntimeError(f'{run.folder}: testing has left no predictions.json')
    run.note(seconds=round(time.time() - started, 1))
    if not launcher.keep_checkpoints:
        for path in [*run.folder.glob('*.pth'), latest]:
            path.unlink()


class Clock:
    """How long the runs that are left will take, from the mean duration of the finished ones of the same model."""

    def __init__(self, runs, jobs):
        self.jobs, self.took, self.left, self.started = jobs, collections.defaultdict(list), collections.Counter(), {}
        for run in runs:
            if not run.done():
                self.left[run.model.name] += 1
            elif 'seconds' in run.notes():
                self.took[run.model.name].append(run.notes()['seconds'])

    def start(self, run):
        self.started[run] = time.time()

    def finish(self, run, failed):
        if not failed:
            self.took[run.model.name].append(time.time() - self.started[run])
        self.left[run.model.name] -= 1
        del self.started[run]

    def __str__(self):
        """Hours, minutes and seconds, or dashes where nothing is known."""
        known = [seconds for took in self.took.values() for seconds in took]
        if not known:
            return '-:--:--'
        total = sum(count * _mean(self.took.get(name) or known) for name, count in self.left.items())
        for run, since in list(self.started.items()):
            total -= min(time.time() - since, _mean(self.took.get(run.model.name) or known))
        seconds = max(0, round(total / self.jobs))
        return f'{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}'


def _mean(values):
    return sum(values) / len(values)


class TimeLeft(TextColumn):
    """What the clock says, anew whenever the bar is drawn."""

    def __init__(self, clock):
        super().__init__('')
        self.clock = clock

    def render(self, task):
        self.text_format = f'{self.clock} left'
        return super().render(task)


def execute(runs, launcher):
    """Perform the runs that are not done, several at once, whatever becomes of each.

    Returns:
        dict[Run, str]: How the runs ended that failed.

    Raises:
        KeyboardInterrupt: Ctrl-C, or the signals TERM or HUP; the processes have ended then.
    """
    waiting, failed, clock = [run for run in runs if not run.done()], {}, Clock(runs, launcher.jobs)
    slots = queue.SimpleQueue()
    for slot in range(launcher.jobs):
        slots.put(slot)

    def work(run):
        slot = slots.get()
        clock.start(run)
        try:
            perform(run, launcher, slot)
        finally:
            slots.put(slot)

    console = Console(stderr=True, highlight=False)
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TimeLeft(clock))
    with Progress(*columns, console=console) as bar, _signals_interrupt(), ThreadPoolExecutor(launcher.jobs) as pool:
        task = bar.add_task('runs', total=len(runs), completed=len(runs) - len(waiting))
        if not console.is_terminal:
            bar.print(f'{len(runs)} runs, {len(runs) - len(waiting)} of them done', markup=False)
        futures = {pool.submit(work, run): run for run in waiting}
        try:
            for future in as_completed(futures):
                run, error = futures[future], future.exception()
                if isinstance(error, (RuntimeError, OSError)):
                    failed[run] = ' '.join(str(error).split())
                elif error is not None:
                    raise error
                took = time.time() - clock.started[run]
                clock.finish(run, error is not None)
                bar.advance(task)
                how = f'failed: {failed[run]}' if run in failed else f'done in {took:.0f} s'
                if not console.is_terminal:  # a file shows no bar
                    how += f' ({bar.tasks[task].completed:.0f}/{len(runs)}, {clock} left)'
                bar.print(f'{run}: {how}', markup=False, soft_wrap=True)
        except BaseException:
            for future in futures:
                future.cancel()
            launcher.stop()
            raise
    return failed


@contextlib.contextmanager
def _signals_interrupt():
    """Let the signals that end a job or close a terminal do what Ctrl-C does."""
    kinds = [kind for kind in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(kind) is signal.SIG_DFL]
    for kind in kinds:
        signal.signal(kind, signal.default_int_handler)
    try:
        yield
    finally:
        for kind in kinds:
            signal.signal(kind, signal.SIG_DFL)

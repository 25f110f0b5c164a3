"""Carry out the runs of a cross-validation: several at once, in processes that can be stopped and resumed."""
from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Protocol

import filelock
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from dynstg_mm.benchmark.runs import Run
from dynstg_mm.errors import ConfigError

THREADS = ('OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'NUMBA_NUM_THREADS')


class FolderLock(filelock.FileLock):
    """A lock whose file descriptor can be passed to processes, which then hold it too."""

    def fileno(self) -> int:
        """The file descriptor of the lock that is held."""
        descriptor = self._context.lock_file_fd
        assert descriptor is not None
        return descriptor


@contextlib.contextmanager
def locked(out: Path) -> Iterator[int]:
    """Hold a folder for this call, and for the processes that get the file descriptor.

    Yields:
        The file descriptor.

    Raises:
        ConfigError: It is held already.
    """
    lock = FolderLock(out / '.lock')
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise ConfigError(f'{out}: is in use by another call, or by processes that a killed call left running; wait '
                          'for them, end them, or use another --out.') from None
    try:
        yield lock.fileno()
    finally:
        lock.release()


class Stopped(Exception):
    """The call was stopped before or during a run."""


class Launcher(Protocol):
    """Carries out runs, several at once, and can end all of them."""

    def perform(self, run: Run, slot: int) -> None:
        """Carry out a run; raises RuntimeError with one line of explanation if it fails."""

    def stop(self) -> None:
        """End all runs."""


class Processes:
    """Carries out runs in processes on this machine.

    Args:
        jobs: Runs at once; each gets its share of the cores and one of the GPUs.
        keep_checkpoints: Keep the checkpoints of a run that was tested.
        lock: A file descriptor that the processes hold as well.
    """

    def __init__(self, jobs: int = 1, keep_checkpoints: bool = False, lock: int | None = None) -> None:
        self.jobs, self.keep_checkpoints = jobs, keep_checkpoints
        self.inherited = [] if lock is None else [lock]
        self.gpus = visible_gpus()
        self.processes: set[subprocess.Popen[bytes]] = set()
        self.stopped, self.mutex = False, threading.Lock()

    def perform(self, run: Run, slot: int = 0) -> None:
        """Train, or resume from the latest checkpoint, and test; the result is predictions.json.

        Without a test, the result is the checkpoint.
        """
        started = time.time()
        run.folder.mkdir(parents=True, exist_ok=True)
        log, latest, summary = (run.folder / name for name in ('train.log', 'last_checkpoint', 'train_summary.json'))
        train, _ = run.commands()
        if not (summary.is_file() and latest.is_file()):
            resumed = latest.is_file()
            run.note(**dict(resumed=True) if resumed else {})
            self.call([*train, *['--resume'] * resumed], log, slot)
        checkpoint = run.checkpoint()
        if checkpoint is None:
            raise RuntimeError('the training left no checkpoint; expected default_hooks.checkpoint in the config')
        if run.is_tested:
            self.call(run.commands(checkpoint)[1], log, slot)
            if not run.done():
                raise RuntimeError(f'{run.folder}: the test left no predictions.json')
        run.note(seconds=round(time.time() - started, 1))
        if run.is_tested and not self.keep_checkpoints:
            for path in [*run.folder.glob('*.pth'), latest]:
                path.unlink()

    def call(self, command: Sequence[str], log: Path, slot: int) -> None:
        """Run a command and append its output to a file; raises RuntimeError if it fails."""
        with open(log, 'ab') as file:
            start = file.tell()
            with self.mutex:
                if self.stopped:
                    raise Stopped
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
                                           env=self.environment(slot), start_new_session=True, pass_fds=self.inherited)
                self.processes.add(process)
            status = process.wait()
            with self.mutex:
                self.processes.discard(process)
        if self.stopped:
            raise Stopped
        if status:
            raise RuntimeError(how_it_ended(status, last_line(log, start)))

    def environment(self, slot: int) -> dict[str, str]:
        """Environment of a process: its share of the cores, and its GPU."""
        threads = max(1, cores() // self.jobs)
        environment = dict(os.environ, **{name: str(threads) for name in THREADS})
        if self.gpus:
            environment['CUDA_VISIBLE_DEVICES'] = self.gpus[slot % len(self.gpus)]
        return environment

    def stop(self, patience: float = 10) -> None:
        """End all processes and their children, by SIGTERM and, after `patience` seconds, by SIGKILL."""
        with self.mutex:
            self.stopped = True
            processes = list(self.processes)
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
            deadline = time.time() + patience
            while any(process.poll() is None for process in processes) and time.time() < deadline:
                time.sleep(0.05)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def visible_gpus() -> list[str]:
    """Names for CUDA_VISIBLE_DEVICES, one for each GPU."""
    import torch
    count = torch.cuda.device_count()
    named = [name for name in os.environ.get('CUDA_VISIBLE_DEVICES', '').split(',') if name]
    return named[:count] or [str(index) for index in range(count)]


def last_line(path: Path, start: int = 0) -> str:
    """The last line with text in a file after a position, at most 300 characters of it."""
    with open(path, 'rb') as file:
        file.seek(start)
        lines = [line.strip() for line in file.read().decode(errors='replace').splitlines() if line.strip()]
    return lines[-1][:300] if lines else ''


def how_it_ended(status: int, line: str) -> str:
    """How a process failed, in words: its last line of output, or the signal that killed it."""
    if status > 0 and line:
        return line
    how = f'ended by {signal.Signals(-status).name}' if status < 0 else f'ended with status {status}'
    if status == -signal.SIGKILL:
        how += ', perhaps out of memory'
    return f'{how}; its last line: {line}' if line else f'{how} and no output'


def execute(runs: Sequence[Run], launcher: Launcher, jobs: int) -> dict[Run, str]:
    """Carry out the runs that are not done, several at once, even if some fail.

    Args:
        runs: All runs.
        launcher: Carries them out.
        jobs: Runs at once.

    Returns:
        Why runs failed.

    Raises:
        KeyboardInterrupt: On Ctrl-C, SIGTERM or SIGHUP; all runs have ended then.
    """
    waiting, failed = [run for run in runs if not run.done()], {}
    slots: queue.SimpleQueue[int] = queue.SimpleQueue()
    for slot in range(jobs):
        slots.put(slot)

    def work(run: Run) -> float:
        slot, started = slots.get(), time.time()
        try:
            launcher.perform(run, slot)
        finally:
            slots.put(slot)
        return time.time() - started

    console = Console(stderr=True, highlight=False)
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TimeRemainingColumn(), TextColumn('left'))
    with (Progress(*columns, console=console, speed_estimate_period=1e9) as bar, signals_interrupt(),
          ThreadPoolExecutor(jobs) as pool):
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
                bar.advance(task)
                how = f'failed: {failed[run]}' if error else f'done in {future.result():.0f} s'
                if not console.is_terminal:  # no bar is drawn into a file
                    left = bar.tasks[task].time_remaining
                    how += f' ({bar.tasks[task].completed:.0f}/{len(runs)}{f", {left:.0f} s left" if left else ""})'
                bar.print(f'{run}: {how}', markup=False, soft_wrap=True)
        except BaseException:
            for future in futures:
                future.cancel()
            launcher.stop()
            raise
    return failed


@contextlib.contextmanager
def signals_interrupt() -> Iterator[None]:
    """Treat the signals that end a job or close a terminal as Ctrl-C."""
    numbers = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)

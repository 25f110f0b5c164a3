"""Carry out the runs of a cross-validation as Slurm jobs."""
from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dynstg_mm.benchmark.launch import Processes, Stopped
from dynstg_mm.benchmark.runs import Run
from dynstg_mm.errors import ConfigError

POLL = 2.  # seconds between two checks of a job


class SlurmJobs:
    """Carries out runs as Slurm jobs, one each, through submitit.

    If a killed call left a job in the queue, the next call waits for it instead of submitting it again.

    Args:
        folder: Where submitit keeps its files.
        options: `KEY=VALUE` texts: submitit's (timeout_min, mem_gb, cpus_per_task, gpus_per_node) and Slurm's
            (partition, account, qos, ...).
        keep_checkpoints: Keep the checkpoints of a run that was tested.
        cluster: A cluster of submitit; 'local' runs jobs on this machine.

    Raises:
        ConfigError: submitit or Slurm is missing, or does not know an option.
    """

    def __init__(self, folder: Path, options: Sequence[str] = (), keep_checkpoints: bool = False,
                 cluster: str = 'slurm') -> None:
        try:
            import submitit
        except ImportError:
            raise ConfigError("--launcher slurm: needs submitit; pip install 'dynstg_mm[slurm]'.") from None
        self.keep_checkpoints, self.stopped, self.mutex = keep_checkpoints, False, threading.Lock()
        self.jobs: list[Any] = []
        try:
            self.executor = submitit.AutoExecutor(folder, cluster=cluster)
            self.executor.update_parameters(name='dynstg_mm', **_slurm_parameters(options))
        except (RuntimeError, NameError, AssertionError) as error:
            raise ConfigError(f'--launcher slurm: {str(error).splitlines()[0]}') from None

    def perform(self, run: Run, slot: int = 0) -> None:
        """Submit a run, unless its job is still in the queue, and wait for it."""
        run.folder.mkdir(parents=True, exist_ok=True)
        with self.mutex:
            if self.stopped:
                raise Stopped
            job = self.queued_job(run)
            if job is None:
                job = self.executor.submit(_in_job, run, self.keep_checkpoints)
                run.note(slurm_job=job.job_id)
            self.jobs.append(job)
        while not job.done() and not self.stopped:
            time.sleep(POLL)
        if self.stopped:
            raise Stopped
        error = job.exception()
        if error is not None:  # no result, for example because Slurm ended the job
            raise RuntimeError(f'Slurm job {job.job_id}: {job.state}; see {job.paths.stderr}')
        if job.result() is not None:
            raise RuntimeError(job.result())

    def queued_job(self, run: Run) -> Any:
        """The job that an earlier call submitted for a run, if it is waiting or running; None otherwise."""
        number = run.notes().get('slurm_job')
        if number is None:
            return None
        job = self.executor._executor.job_class(folder=self.executor.folder, job_id=number)
        return job if job.state in ('PENDING', 'RUNNING', 'COMPLETING', 'REQUEUED', 'CONFIGURING') else None

    def stop(self) -> None:
        """Cancel all jobs."""
        with self.mutex:
            self.stopped = True
            for job in self.jobs:
                if not job.done():
                    job.cancel(check=False)


def _slurm_parameters(options: Sequence[str]) -> dict[str, Any]:
    shared = ('timeout_min', 'mem_gb', 'nodes', 'cpus_per_task', 'gpus_per_node', 'tasks_per_node')
    parameters: dict[str, Any] = {}
    for text in options:
        key, _, value = text.partition('=')
        if not key.isidentifier() or not value:
            raise ConfigError(f'--slurm-args: {text}; expected KEY=VALUE, such as partition=gpu or gpus_per_node=1.')
        parameters[key if key in shared else f'slurm_{key}'] = int(value) if value.isdigit() else value
    return parameters


def _in_job(run: Run, keep_checkpoints: bool) -> str | None:
    """Carry out a run inside a job; returns the reason if it failed."""
    try:
        Processes(keep_checkpoints=keep_checkpoints).perform(run)
    except (RuntimeError, OSError) as error:
        return str(error)
    return None

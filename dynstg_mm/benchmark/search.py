"""Search options of a config by cross-validation on inner folds: trials that several processes may share.

Everything is in the folder of an outer fold: `trials.log` is Optuna's journal, which all processes read and append to;
`inner.pkl` has the inner folds; `trialN/runs` has the runs of a trial. A trial holds the lock of its folder. If its
process ends, the lock is free, and the next process repeats the trial in the same folder, where finished runs count.
"""
from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock

from dynstg_mm.benchmark.cost import code_version
from dynstg_mm.benchmark.inner_folds import inner_options, outer_data, write_inner_folds
from dynstg_mm.benchmark.launch import Processes, Stopped, locked, signals_interrupt
from dynstg_mm.benchmark.predictions import read_predictions
from dynstg_mm.benchmark.runs import Model, Run, first_difference, plan_runs, settle_old_runs
from dynstg_mm.benchmark.search_space import options_of, suggest
from dynstg_mm.errors import ConfigError, UserError
from dynstg_mm.extras import need
from dynstg_mm.files import atomic_open
from dynstg_mm.statistics import by_subject, mean_scores
from dynstg_mm.text import markdown

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.trial import FrozenTrial

OBJECTIVES = {'log_loss': 'minimize', 'macro_f1': 'maximize'}  # both by person
POLL = 2.  # seconds between two looks at the trials of other processes
_MUTEX = threading.RLock()  # configs are read by one thread at a time, and trials chosen


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is searched, and how; the same for all processes that share a folder.

    Args:
        model: The config, with the options that all trials have.
        space: From `search_space.read_space`.
        objective: One of `OBJECTIVES`.
        inner_folds: Number of inner folds.
        seeds: Training seeds of each trial.
        sampler_seed: Seed of the sampler.
        prune: Stop a trial that is worse after an inner fold than the median of the others.
    """

    model: Model
    space: dict[str, Any]
    objective: str = 'log_loss'
    inner_folds: int = 5
    seeds: tuple[int, ...] = (0,)
    sampler_seed: int = 0
    prune: bool = True

    def record(self, fold: int) -> dict[str, Any]:
        """Everything that the value of a trial depends on, besides its options."""
        ann_file, split = outer_data(self.model.settings(fold))
        return dict(
            config=self.model.config, options=list(self.model.options), space=self.space, objective=self.objective,
            inner_folds=self.inner_folds, seeds=list(self.seeds), fold=fold, split=split, dynstg_mm=code_version(),
            data=hashlib.sha256(Path(ann_file).read_bytes()).hexdigest())


class Search:
    """The trials of one outer fold.

    Args:
        plan: What is searched.
        fold: The outer fold, whose test part is not used.
        num_classes: Number of classes.
        out: The folder, which other processes may use as well.

    Raises:
        ConfigError: Optuna is not installed, or the folder has a search with other settings, data or code.
    """

    def __init__(self, plan: Plan, fold: int, num_classes: int, out: Path) -> None:
        optuna = need('optuna', 'search')
        from optuna.storages.journal import JournalFileBackend
        self.plan, self.fold, self.num_classes, self.folder = plan, fold, num_classes, out
        out.mkdir(parents=True, exist_ok=True)
        self.inner = out / 'inner.pkl'
        self.processes: list[Processes] = []
        self.stopped = False
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with self._alone():
            storage = optuna.storages.JournalStorage(JournalFileBackend(str(out / 'trials.log')))
            pruner = optuna.pruners.MedianPruner() if plan.prune else optuna.pruners.NopPruner()
            self.study = optuna.create_study(storage=storage, study_name='search', load_if_exists=True, pruner=pruner,
                                             direction=OBJECTIVES[plan.objective])
            record = plan.record(fold)
            old = self.study.user_attrs.get('record')
            if old is not None and old != record:
                raise ConfigError(f'{out}: was searched with another {first_difference(old, record)}. Use another '
                                  '--out.')
            if not self.inner.is_file():
                write_inner_folds(*outer_data(plan.model.settings(fold)), fold, plan.inner_folds, self.inner)
            if old is None:
                self.study.set_user_attr('record', record)

    def run(self, count: int, jobs: int) -> None:
        """Carry out trials until there are `count` that have ended, also by other processes.

        Args:
            count: Number of trials.
            jobs: Trials at once, which share the cores and GPUs.

        Raises:
            KeyboardInterrupt: On Ctrl-C, SIGTERM or SIGHUP; the next call repeats the trials that were stopped.
        """
        with signals_interrupt(), ThreadPoolExecutor(jobs) as pool:
            futures = [pool.submit(self._work, count, jobs, slot) for slot in range(jobs)]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                self.stopped = True
                for processes in self.processes:
                    processes.stop()
                raise

    def wait(self, count: int, jobs: int) -> None:
        """Wait for the trials of other processes, and repeat those whose process ends without a value."""
        while self.running():
            time.sleep(POLL)
            self.run(count, jobs)

    def running(self) -> int:
        """Number of trials that have begun and not ended."""
        return sum(trial.state.name == 'RUNNING' for trial in self.study.get_trials(deepcopy=False))

    def trials(self) -> list[FrozenTrial]:
        """The trials that have ended, without those that were stopped and repeated."""
        trials = self.study.get_trials(deepcopy=False)
        repeated = {trial.user_attrs.get('repeats') for trial in trials}
        return [trial for trial in trials if trial.state.is_finished() and trial.number not in repeated]

    def best(self) -> list[str] | None:
        """The options `KEY=VALUE` of the best complete trial; None if there is none."""
        complete = [trial for trial in self.trials() if trial.state.name == 'COMPLETE']
        return options_of(self.study.best_trial.params) if complete else None

    def _work(self, count: int, jobs: int, slot: int) -> None:
        while not self.stopped:
            with contextlib.ExitStack() as held:
                with self._alone():
                    trial = self._next(count)
                    if trial is None:
                        return
                    folder = self._folder_of(trial)
                    folder.mkdir(exist_ok=True)
                    lock = held.enter_context(locked(folder))
                processes = Processes(jobs, lock=lock)
                self.processes.append(processes)
                try:
                    self._finish(trial, folder, processes, slot)
                except Stopped:
                    return
                finally:
                    self.processes.remove(processes)

    def _next(self, count: int) -> Trial | None:
        """A new trial with its options, or one to repeat; None if enough have ended or are running."""
        import optuna
        running = [trial for trial in self.study.get_trials(deepcopy=False) if trial.state.name == 'RUNNING']
        for trial in running:
            with contextlib.suppress(ConfigError), locked(self._folder_of(trial)):  # its process has ended
                self.study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
                self.study.enqueue_trial(trial.params, user_attrs=dict(
                    repeats=trial.number, folder=self._folder_of(trial).name))
        states = [trial.state.name for trial in self.study.get_trials(deepcopy=False)]
        if len(self.trials()) + states.count('RUNNING') >= count:
            return None
        # A seed of its own for each trial: the same draws after a stop, and others in each process.
        self.study.sampler = optuna.samplers.TPESampler(seed=self.plan.sampler_seed + len(states), constant_liar=True)
        trial = self.study.ask()
        suggest(trial, self.plan.space)
        return trial

    def _folder_of(self, trial: Trial | FrozenTrial) -> Path:
        return self.folder / str(trial.user_attrs.get('folder', f'trial{trial.number}'))

    def _finish(self, trial: Trial, folder: Path, processes: Processes, slot: int) -> None:
        """Run a trial, and record its value, that it was pruned, or why it failed."""
        from optuna.trial import TrialState
        options = options_of(trial.params)
        try:
            value, pruned = self._value(trial, options, folder, processes, slot)
        except (RuntimeError, OSError, UserError) as error:
            trial.set_user_attr('error', how := ' '.join(str(error).split()))
            self.study.tell(trial, state=TrialState.FAIL)
            how = f'failed: {how}'
        else:
            self.study.tell(trial, None if pruned else value, state=TrialState.PRUNED if pruned else None)
            how = f'{self.plan.objective} {value:.4f}{", pruned" if pruned else ""}'
        print(f'fold {self.fold}, {folder.name}: {how} ({" ".join(options)})', file=sys.stderr)
        with self._alone():
            self.write()

    def _value(self, trial: Trial, options: Sequence[str], folder: Path, processes: Processes,
               slot: int) -> tuple[float, bool]:
        """Score by person over the inner folds, and whether the trial was pruned after some of them."""
        plan = self.plan
        clips: dict[int, list[dict[str, Any]]] = {seed: [] for seed in plan.seeds}
        with _MUTEX:
            inner = inner_options(plan.model.settings(self.fold), self.inner)
            model = plan.model.with_options([*inner, *options])
            runs = plan_runs([model], plan.seeds, range(plan.inner_folds), folder)
            settle_old_runs(runs, redo=False)
        value = 0.
        for fold in range(plan.inner_folds):
            for run in [run for run in runs if run.fold == fold]:
                self._perform(run, processes, slot)
                clips[run.seed] += by_subject(read_predictions(run.folder / 'predictions.json')[1])
            value = mean_scores(list(clips.values()), self.num_classes)[plan.objective]
            trial.report(value, fold)
            if fold < plan.inner_folds - 1 and trial.should_prune():
                return value, True
        return value, False

    def _perform(self, run: Run, processes: Processes, slot: int) -> None:
        if self.stopped:
            raise Stopped
        if not run.done():
            processes.perform(run, slot)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until no other thread or process chooses trials or writes tables."""
        with _MUTEX, filelock.FileLock(self.folder / '.search.lock'):
            yield

    def write(self) -> None:
        """Write search.md, trials.csv and, if a trial is complete, best.py and importance.png."""
        trials = self.trials()
        rows = [(trial.number, trial.state.name.lower(), trial.value if trial.state.name == 'COMPLETE' else None,
                 len(trial.intermediate_values), trial.params, trial.user_attrs.get('error', '')) for trial in trials]
        sign = -1 if OBJECTIVES[self.plan.objective] == 'maximize' else 1
        rows.sort(key=lambda row: (row[2] is None, sign * (row[2] or 0)))
        _write_csv(self.folder / 'trials.csv', rows, self.plan)
        best = self.best()
        table = [['trial', self.plan.objective, 'state', *self.plan.space]]
        table += [[str(number), '' if value is None else f'{value:.4f}', f'{state} {error}'.strip(),
                   *(_shown(params.get(key, '')) for key in self.plan.space)]
                  for number, state, value, _, params, error in rows]
        text = f'{markdown(table)}\n'
        if best is not None:
            text += f'\nBest: `--cfg-options {" ".join(best)}`\n'
            with _MUTEX:
                cfg = self.plan.model.with_options(best).settings(self.fold)
            with atomic_open(self.folder / 'best.py', encoding='utf-8') as file:
                file.write(cfg.pretty_text)
            _draw_importance(self.study, self.folder / 'importance.png')
        with atomic_open(self.folder / 'search.md', encoding='utf-8') as file:
            file.write(text)


def _write_csv(path: Path, rows: Sequence[tuple[Any, ...]], plan: Plan) -> None:
    import pandas as pd
    table = pd.DataFrame([[*row[:4], *(row[4].get(key) for key in plan.space), row[5]] for row in rows], columns=[
        'trial', 'state', plan.objective, 'inner_folds', *plan.space, 'error'])
    with atomic_open(path, encoding='utf-8', newline='') as file:
        table.to_csv(file, index=False)


def _shown(value: Any) -> str:
    return f'{value:.4g}' if isinstance(value, float) else str(value)


def _draw_importance(study: Any, path: Path) -> None:
    """Draw how much of the differences between trials each setting explains (fANOVA), from 4 complete trials on."""
    import optuna
    complete = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])
    if len(complete) < 4 or len({trial.value for trial in complete}) < 2:
        return
    from matplotlib.figure import Figure
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        importance = optuna.importance.get_param_importances(
            study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0))
    figure = Figure(figsize=(6, 1 + .4 * len(importance)), layout='constrained')
    axes = figure.subplots()
    axes.barh(list(importance)[::-1], list(importance.values())[::-1])
    axes.set_xlabel('share of the variance between trials')
    with atomic_open(path, 'wb') as file:
        figure.savefig(file, format='png', dpi=120)

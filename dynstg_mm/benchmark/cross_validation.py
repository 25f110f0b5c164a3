"""Cross-validation: every config on every fold with every seed."""
from __future__ import annotations

import contextlib
import sys
from argparse import Namespace
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from mmaction.utils import register_all_modules
from mmengine.logging import MMLogger

from dynstg_mm.benchmark.baselines import CONTROLS, add_controls
from dynstg_mm.benchmark.cost import measure_costs
from dynstg_mm.benchmark.launch import Launcher, Processes, execute, locked
from dynstg_mm.benchmark.other_recordings import OPTION, plan_test, results_on
from dynstg_mm.benchmark.page import write_report
from dynstg_mm.benchmark.plan import (
    Task,
    Tests,
    all_tests,
    check_tests,
    choose_folds,
    name_ensembles,
    name_models,
    test_clips,
)
from dynstg_mm.benchmark.results import Clip, Results
from dynstg_mm.benchmark.runs import Model, Run, collect, plan_runs, settle_old_runs
from dynstg_mm.benchmark.slurm import SlurmJobs
from dynstg_mm.benchmark.tables import elsewhere_lines, elsewhere_rows
from dynstg_mm.datasets.gait_dataset import gait_data_sets
from dynstg_mm.datasets.named_files import class_names, named_files
from dynstg_mm.errors import ConfigError, UserError
from dynstg_mm.files import atomic_open
from dynstg_mm.text import markdown


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the log of data sets and models that are built only to be inspected."""
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel('WARNING')
    try:
        yield
    finally:
        logger.setLevel(level)


@quiet()
def check_call(args: Namespace) -> None:
    """Check the configs, the data and the folds of a call without running anything.

    Args:
        args: From `experiment.plan_calls`.

    Raises:
        UserError: As for `cross_validate`.
    """
    register_all_modules(init_default_scope=True)
    models = name_models(args.configs, args.cfg_options, args.model_options)
    choose_folds(args.folds, all_tests(check_tests(models)), models[0])


@quiet()
def cross_validate(args: Namespace, command: str) -> int:
    """Train and test all models, and write results.json, results.md, results.html and results.png.

    Args:
        args: From `experiment.plan_calls`.
        command: The command, for the page.

    Returns:
        0, or 1 if a run failed.

    Raises:
        UserError: An option, a config or the data cannot be used; nothing has been run then.
        KeyboardInterrupt: It was stopped; all runs have ended, and the next call resumes them.
    """
    register_all_modules(init_default_scope=True)
    models = name_models(args.configs, args.cfg_options, args.model_options)
    controls = [] if args.no_controls else CONTROLS
    names = [*(model.name for model in models), *controls]
    ensembles = name_ensembles(names, args.ensemble, args.seed_ensemble, args.seeds)
    baseline = args.baseline or names[0]
    _check_options(args, baseline, [*names, *ensembles])
    others = named_files(args.test_on, OPTION)
    keep = args.keep_checkpoints or bool(others)
    tasks = check_tests(models)
    folds = choose_folds(args.folds, all_tests(tasks), models[0])
    if not models[0].has_folds:
        only = models[0].settings().test_dataloader.dataset
        print(f'{models[0].config}: has no folds; tested once, on split {only.split} of {only.ann_file}.',
              file=sys.stderr)
    runs = plan_runs(models, args.seeds, folds, args.out)
    renamed = class_names(args.test_classes, '--test-classes')
    classes = tasks[0].outputs if tasks[0].target is None else None
    elsewhere = {name: plan_test(runs, file, classes, renamed) for name, file in others.items()}
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    with locked(out) as lock:
        settle_old_runs(runs, args.redo)
        if not args.teaching:
            _report_lost_parts(out, {*names, *ensembles}, args.seeds, folds)
        if keep:
            _report_missing_checkpoints(runs)
        launcher: Launcher = Processes(args.jobs, keep, lock)
        if args.launcher == 'slurm':
            launcher = SlurmJobs(out / 'slurm', args.slurm_args, keep)
        failed = execute(runs, launcher, args.jobs)
        if args.teaching:
            return 1 if failed else 0
        tables = {folder_of(task, tasks, out): _collected(task, runs, failed, folds, args.seeds, command)
                  for task in measurable(tasks, folds)}
        for folder, results in tables.items():  # secure the scores, which took long
            results.baseline = baseline
            folder.mkdir(parents=True, exist_ok=True)
            results.write(folder / 'results.json')
        first, *rest = tables.values()
        add_costs(first, models, folds[0])
        for results in rest:
            for name, facts in first.models.items():
                results.models[name].cost = facts.cost
        data = models[0].settings().test_dataloader.dataset
        for (folder, results), task in zip(tables.items(), measurable(tasks, folds)):
            learned = _training(models[0], task) if controls else {}
            if controls:
                add_controls(results, data.ann_file, tests=task.tests, layout=data.get('layout'), training=learned)
            for name, (members, over_seeds) in ensembles.items():
                results.add_ensemble(name, members, over_seeds=over_seeds)
            results.write(folder / 'results.json')
            tested: dict[str, Results] = {}
            for other_name, other in elsewhere.items():
                tested[other_name] = found = results_on(runs, other, results)
                if controls:
                    add_controls(found, data.ann_file, tests=found.tests(), layout=data.get('layout'),
                                 training=learned, test_file=other.file)
                for name, (members, over_seeds) in ensembles.items():
                    found.add_ensemble(name, members, over_seeds=over_seeds)
                _report_others(found, folder / 'test_on' / other_name)
            print(f'{folder}: results.json, {", ".join(write_report(results, folder, elsewhere=tested))}')
    return 1 if failed else 0


def folder_of(task: Task, tasks: Sequence[Task], out: Path) -> Path:
    """Where the results of a task are written: each of several targets has a folder."""
    return out if task.target is None or len(tasks) == 1 else out / 'targets' / task.target.name


def measurable(tasks: Sequence[Task], folds: Sequence[int]) -> list[Task]:
    """The tasks with two persons and two values in the folds at least, which intervals need; others are reported."""
    found = []
    for task in tasks:
        clips = [clip for fold in folds for clip in task.tests.get(fold, ())]
        if all(len({clip[field] for clip in clips}) > 1 for field in ('subject', 'label')):
            found.append(task)
        else:
            print(f'targets.{task.target.name if task.target else "label"}: fewer than two persons or values in these '
                  'folds, so not measured.', file=sys.stderr)
    if not found:
        raise ConfigError('--folds: no target has two persons with different values in them.')
    return found


def _collected(task: Task, runs: Sequence[Run], failed: dict[Run, str], folds: Sequence[int], seeds: Sequence[int],
               command: str) -> Results:
    tests: Tests = {fold: task.tests[fold] for fold in folds if fold in task.tests}
    own = [run for run in runs if run.fold in tests]
    results = collect(own, failed, task.outputs, tests, seeds, command, task.target)
    results.leaking = Results.of_folds(task.outputs, task.tests, seeds).leaking_subjects()
    return results


def write_sites(sites: Sequence[str], out: str | Path) -> str:
    """Write OUT/sites.md: what is trained on each site, and tested on all of them, side by side.

    Args:
        sites: Names of the sites.
        out: The folder with a cross-validation of each.

    Returns:
        The text.
    """
    parts = []
    for site in sites:
        own, folder = Results.read(Path(out, site, 'results.json')), Path(out, site, 'test_on')
        others = {name: Results.read(folder / name / 'results.json') for name in sites if name != site}
        lines = '\n'.join(f'- {line}' for line in elsewhere_lines(own, others))
        parts.append(f'## Trained on {site}\n\n{markdown(elsewhere_rows(own, others))}\n\n{lines}\n')
    text = '\n'.join(parts)
    with atomic_open(Path(out, 'sites.md'), encoding='utf-8') as file:
        file.write(text)
    return text


def _training(model: Model, task: Task) -> dict[int, list[Clip]]:
    """The clips that a control learns from in each fold: those of the model's training.

    Where they are those that the other folds test, they come in the order of the folds.
    """
    training = {}
    for fold in task.tests:
        others = [clip for other, part in task.tests.items() if other != fold for clip in part]
        data_sets = gait_data_sets(model.settings(fold).train_dataloader.dataset, all_clips=False)
        own = [clip for data in data_sets for clip in test_clips(data, task.target)]
        same = {clip['clip'] for clip in own} == {clip['clip'] for clip in others}
        training[fold] = others if same else own
    return training


def _report_others(results: Results, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    results.baseline = next(iter(results.models))
    results.write(folder / 'results.json')
    print(f'{folder}: results.json, {", ".join(write_report(results, folder))}')


def _check_options(args: Namespace, baseline: str, rows: Sequence[str]) -> None:
    if baseline not in rows:
        raise ConfigError(f'--baseline: {baseline!r}; expected one of {", ".join(rows)}.')
    seeds = ' '.join(map(str, args.seeds))
    if len(set(args.seeds)) < len(args.seeds):
        raise ConfigError(f'--seeds: {seeds}; expected each once.')
    if not all(0 <= seed < 2**32 for seed in args.seeds):
        raise ConfigError(f'--seeds: {seeds}; expected numbers from 0 to 2^32 - 1.')
    if args.slurm_args and args.launcher != 'slurm':
        raise ConfigError('--slurm-args: needs --launcher slurm.')


def _report_lost_parts(out: Path, names: Collection[str], seeds: Sequence[int], folds: Sequence[int]) -> None:
    """Report the parts of an earlier call's results.json that the new one will not contain."""
    try:
        earlier = Results.read(out / 'results.json')
    except (OSError, UserError):
        return
    lost = [*(name for name in earlier.models if name not in names),
            *(f'seed {seed}' for seed in earlier.seeds if seed not in seeds),
            *(f'fold {fold}' for fold in earlier.folds if fold not in folds)]
    if lost:
        print(f'{out}/results.json: will be rewritten without {", ".join(lost)} of an earlier call; their runs stay in '
              f'{out}/runs.', file=sys.stderr)


def _report_missing_checkpoints(runs: Sequence[Run]) -> None:
    """Report runs that are done but have no checkpoint to keep."""
    missing = [run.folder for run in runs if run.done() and not run.folder.joinpath('last_checkpoint').is_file()]
    if missing:
        print(f'--keep-checkpoints: the checkpoints of {len(missing)} earlier runs were deleted; delete {missing[0]}'
              f'{" and the others" if len(missing) > 1 else ""} to rerun them, or use another --out.', file=sys.stderr)


def add_costs(results: Results, models: Iterable[Model], fold: int) -> None:
    """Measure what the complete models cost without training, in this process, and add it to the results.

    Args:
        results: The results.
        models: Models to measure.
        fold: The fold whose data set gives the window.
    """
    complete = {model.name: model.settings(fold) for model in models if results.is_complete(model.name)}
    for name, cost in measure_costs(complete).items():
        results.models[name].cost = {**(results.models[name].cost or {}), **cost}

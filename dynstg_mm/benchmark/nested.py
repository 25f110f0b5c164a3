"""Nested cross-validation: what a search chose on inner folds, tested on the outer folds that it did not see."""
from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from dynstg_mm.benchmark.cross_validation import add_costs
from dynstg_mm.benchmark.launch import Processes, execute, locked
from dynstg_mm.benchmark.page import write_report
from dynstg_mm.benchmark.plan import Task
from dynstg_mm.benchmark.runs import Model, Run, collect, plan_runs, settle_old_runs


def test_outer(model: Model, best: Mapping[int, Sequence[str]], task: Task, seeds: Sequence[int], out: Path, jobs: int,
               command: str) -> bool:
    """Train on the whole training part of each outer fold with its best options and without, test, and report.

    Args:
        model: The config.
        best: Outer fold -> the options `KEY=VALUE` that its own search chose.
        task: The classes and the test clips.
        seeds: Training seeds.
        out: Folder for results.json, the tables and the runs.
        jobs: Runs at once.
        command: The command, for the page.

    Returns:
        Whether a run failed.
    """
    searched = Model(f'{model.name}-searched', model.config, model.options)
    runs: dict[Run, Run] = {}  # what is run -> the same run of a model with one name and no options of a fold
    for fold, options in best.items():
        own = searched.with_options(options)
        for shown, real in ((model, model), (searched, own)):
            runs |= {run: dataclasses.replace(run, model=shown) for run in plan_runs([real], seeds, [fold], out)}
    out.mkdir(parents=True, exist_ok=True)
    with locked(out) as lock:
        settle_old_runs(list(runs), redo=False)
        failed = {runs[run]: error for run, error in execute(list(runs), Processes(jobs, lock=lock), jobs).items()}
        tests = {fold: task.tests[fold] for fold in best}
        results = collect(list(runs.values()), failed, task.outputs, tests, seeds, command)
        results.models[searched.name].options = [
            *searched.options, *(f'fold {fold}: {" ".join(options)}' for fold, options in best.items())]
        results.baseline = model.name
        add_costs(results, [model], min(best))
        results.write(out / 'results.json')
        print(f'{out}: results.json, {", ".join(write_report(results, out))}')
    return bool(failed)

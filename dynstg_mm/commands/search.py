"""Search options of a config by cross-validation on inner folds, with Optuna (pip install "dynstg_mm[search]").

    python -m dynstg_mm search CONFIG --space space.yml --trials 30 --jobs 2 --out work_dirs/search

space.yml has the settings to vary, as for --cfg-options, each with its choices or its range:

    optim_wrapper.optimizer.lr: {low: 1.0e-4, high: 1.0e-2, log: true}
    train_cfg.max_epochs: {low: 10, high: 40, step: 10}
    model.cls_head.dropout: [0.0, 0.25, 0.5]

The people whom an outer fold trains on are divided into inner folds by person; each trial is cross-validated on these.
The people whom the outer fold tests are not in the file that is searched. Each outer fold has a search of its own, in
--out/foldK: search.md (table, best options), trials.csv, best.py (the config with the best options) and importance.png.
--test then tests the best options of each outer fold beside the config as it is: an honest score.

If the command is stopped, the same command resumes. Several processes, also on several machines, share the trials if
they run the same command with an --out that all can write to.
"""
from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dynstg_mm.benchmark.runs import Model


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the options."""
    from dynstg_mm.commands.common import count, seed
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('configs', nargs='+', metavar='[NAME=]CONFIG', help='a config, or an experiment file with --models NAME')
    add('--models', nargs=1, metavar='NAME', help='which model of the experiment file')
    add('--space', required=True, metavar='FILE', help='YAML file of the settings to vary')
    add('--trials', type=count, default=30, help='trials of each outer fold, of all processes (default: 30)')
    add('--objective', choices=['log_loss', 'macro_f1'], default='log_loss',
        help='what is optimised, by person (default: log_loss)')
    add('--folds', nargs='+', help='outer folds: all, or numbers (default: all)')
    add('--inner-folds', type=count, default=5, help='inner folds (default: 5)')
    add('--seeds', nargs='+', type=seed, help='training seeds of each trial (default: 0)')
    add('--seed', type=seed, default=0, help='seed of the sampler (default: 0)')
    add('--no-prune', action='store_true', help='carry out all inner folds even of trials worse than the median')
    add('--jobs', type=count, default=1, help='trials in parallel, which share the cores and GPUs (default: 1)')
    add('--out', required=True, help='folder for the trials')
    add('--cfg-options', nargs='+', action='extend', default=[], metavar='KEY=VALUE', help='settings for all trials')
    add('--test', action='store_true', help='then test the best options on the outer folds; results are in OUT/test')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status, 1 if no trial of a fold, or a run of the test, succeeded."""
    args = parse_args(argv)
    from dynstg_mm.benchmark.runs import shown_command
    from dynstg_mm.commands.common import one_line_errors, own_command
    with one_line_errors('stopped; the same command resumes'):
        return run(args, shown_command(own_command('search', argv)))


def run(args: argparse.Namespace, command: str) -> int:
    """Search each outer fold, and test what was chosen.

    Args:
        args: The options.
        command: The command, for the page.

    Returns:
        The exit status.

    Raises:
        UserError: The config, the data or the space cannot be used; nothing has been run then.
    """
    from pathlib import Path

    from mmaction.utils import register_all_modules

    from dynstg_mm.benchmark.cross_validation import quiet
    from dynstg_mm.benchmark.nested import test_outer
    from dynstg_mm.benchmark.plan import all_tests, check_tests, choose_folds
    from dynstg_mm.benchmark.search import Plan, Search
    from dynstg_mm.benchmark.search_space import first_options, read_space
    from dynstg_mm.errors import ConfigError
    register_all_modules(init_default_scope=True)
    with quiet():
        model, texts, seeds = _model(args)
        if args.inner_folds < 2:
            raise ConfigError(f'--inner-folds: {args.inner_folds}; expected at least 2.')
        space = read_space(args.space)
        tasks = check_tests([model, model.with_options(first_options(space))])
        if tasks[0].target is not None:
            raise ConfigError(f'{model.config}: targets: {tasks[0].target.name}; a search compares classes only.')
        teacher = model.settings().model.get('teacher_ckpt')
        if teacher is not None:
            raise ConfigError(f'{model.config}: model.teacher_ckpt: {teacher}; a teacher of an outer fold knows the '
                              'people whom the inner folds test; expected the config of a student alone.')
        folds = choose_folds(texts, all_tests(tasks), model)
        plan = Plan(model, space, args.objective, args.inner_folds, tuple(seeds), args.seed, not args.no_prune)
        best: dict[int, list[str]] = {}
        status = 0
        searches = {fold: Search(plan, fold, len(tasks[0].outputs), Path(args.out, f'fold{fold}')) for fold in folds}
        for search in searches.values():
            search.run(args.trials, args.jobs)
        for fold, search in searches.items():
            if args.test:
                search.wait(args.trials, args.jobs)
            running = search.running()
            if running:
                print(f'fold {fold}: {running} trials are still running in other processes.')
            chosen = search.best()
            if chosen is not None:
                best[fold] = chosen
                print(f'fold {fold}: --cfg-options {" ".join(chosen)}\n{search.folder}: search.md, trials.csv, best.py')
            elif not running:
                print(f'fold {fold}: no complete trial; {search.folder}/search.md has the errors.')
                status = 1
        if args.test and best:
            status |= test_outer(model, best, tasks[0], seeds, Path(args.out, 'test'), args.jobs, command)
    return status


def _model(args: argparse.Namespace) -> tuple[Model, list[str], list[int]]:
    """The model to search, the outer folds, and the seeds: of the options, or of an experiment file."""
    from dynstg_mm.benchmark.experiment import calls_with_teachers
    from dynstg_mm.benchmark.plan import name_models
    from dynstg_mm.errors import ConfigError
    call = calls_with_teachers(argparse.Namespace(
        configs=args.configs, models=args.models, baseline=None, ensemble=[], seed_ensemble=[], no_controls=True,
        folds=args.folds, seeds=args.seeds, cfg_options=args.cfg_options, model_options=[], out=args.out))[-1]
    models = name_models(call.configs, call.cfg_options, call.model_options)
    if len(models) != 1:
        raise ConfigError(f'{" ".join(args.configs)}: {len(models)} models ({", ".join(m.name for m in models)}); '
                          'expected one; --models NAME chooses it.')
    return models[0], call.folds, call.seeds


if __name__ == '__main__':
    raise SystemExit(main())

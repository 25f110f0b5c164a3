"""Measure what each element of a model is worth: cross-validate the model with and without it, on one or several tasks.

    python -m dynstg_mm ablation koa-nm koa-pd-nm koa-stage msnd --jobs 2 --out work_dirs/ablation
    python -m dynstg_mm ablation koa-nm --elements all --seeds 0 --out work_dirs/all_elements
    python -m dynstg_mm ablation mine=CONFIG --out work_dirs/ablation

A task is the name of an experiment file in configs/experiments, whose model `small` is taken, another such file, or a
config. Elements are the rows of configs/experiments/koa-nm-ablation.yml; by default the dynamic part of the adjacency
(no-dynamic), the phases (no-phases), the hierarchy (no-hierarchy) and the STG-Mamba block (no-mamba).

--out/TASK holds what cross-validate writes. --out/ablation.md and ablation.json hold the macro-F1 by person of the
whole model, and the difference to it of the model without each element: paired by person, each person in all seeds,
with a 95 % interval and p-value; and with several tasks their mean. If the command is stopped, it resumes.
"""
import argparse
from collections.abc import Sequence


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the options."""
    from dynstg_mm.commands.cross_validate import add_run_arguments
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('tasks', nargs='+', metavar='[NAME=]TASK', help='name of a task, experiment file, or config')
    parser.add_argument('--model', metavar='NAME', help='model of the experiment files (default: small)')
    parser.add_argument('--elements', nargs='+', metavar='NAME', help='what to take away, one at a time, or all')
    add_run_arguments(parser, seeds='0 1 2')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status, 1 if a run failed."""
    args = parse_args(argv)
    from dynstg_mm.benchmark.runs import shown_command
    from dynstg_mm.commands.common import one_line_errors, own_command
    with one_line_errors('stopped; the same command resumes'):
        return run(args, shown_command(own_command('ablation', argv)))


def run(args: argparse.Namespace, command: str) -> int:
    """Cross-validate all tasks, and write the table after each of them; returns 1 if a run failed.

    Args:
        args: The options.
        command: The command, for the pages.
    """
    from pathlib import Path

    from dynstg_mm.benchmark.ablation import ablation_experiment, ablation_rows, differences, elements
    from dynstg_mm.benchmark.cross_validation import check_call, cross_validate
    from dynstg_mm.benchmark.experiment import plan_calls
    from dynstg_mm.benchmark.results import Results
    from dynstg_mm.errors import ConfigError
    from dynstg_mm.files import atomic_open, write_json
    from dynstg_mm.text import markdown
    chosen = list(elements()) if args.elements == ['all'] else args.elements
    experiments = [ablation_experiment(task, chosen, args.model) for task in args.tasks]
    names = [name for name, _ in experiments]
    if len(set(names)) < len(names):
        raise ConfigError(f'{max(names, key=names.count)}: names two tasks; use NAME=TASK.')
    calls = {name: plan_calls(_options(args, name), experiment) for name, experiment in experiments}
    for parts in calls.values():
        check_call(parts[0])  # before the first task takes long
    results, failed, table, out = {}, False, '', Path(args.out)
    for name, (*teachers, call) in calls.items():
        if any(cross_validate(teacher, command) for teacher in teachers):
            failed = True
            continue
        failed |= bool(cross_validate(call, command))
        results[name] = Results.read(out / name / 'results.json')
        table = markdown(ablation_rows(results))
        with atomic_open(out / 'ablation.md', encoding='utf-8') as file:
            file.write(table + '\n')
        write_json(out / 'ablation.json', dict(command=command, tasks={
            task: {element: dict(zip(('difference', 'low', 'high', 'p'), found))
                   for element, found in differences(one).items()} for task, one in results.items()}), indent=1)
    print(f'{table}\n{out}: ablation.md, ablation.json')
    return int(failed)


def _options(args: argparse.Namespace, task: str) -> argparse.Namespace:
    """The options of cross-validate for one task."""
    options = dict(vars(args), configs=[], models=None, baseline=None, ensemble=[], seed_ensemble=[], no_controls=True,
                   seeds=args.seeds or [0, 1, 2], out=f'{args.out}/{task}')
    return argparse.Namespace(**{key: value for key, value in options.items()
                                 if key not in ('tasks', 'model', 'elements')})


if __name__ == '__main__':
    raise SystemExit(main())

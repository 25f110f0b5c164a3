"""Compare tested models: a table with intervals by subject, and one page with figures.

    python -m dynstg_mm report small=work_dirs/koa_nm/small st-gcn=work_dirs/koa_nm/stgcn \\
        --ann-file data/koa_pd_nm/koa_pd_nm.pkl --out work_dirs/koa_nm/report
    python -m dynstg_mm report work_dirs/koa/results.json work_dirs/more/results.json --out work_dirs/both

A folder holds the predictions.json of a test, or one such folder for each fold. A results.json is the output of
`cross-validate`; several are merged if they have the same seeds, or the same models with further seeds. NAME=FILE puts
NAME- before the names of its models:

    python -m dynstg_mm report mine=work_dirs/koa-nm/results.json configs/dynstg_mamba/results/koa-nm.json \\
        --seeds 0 --baseline st-gcn --out work_dirs/both

With `--folds 0`, one fold is enough to compare your own run with the published results.

Scores are pooled over the folds, with a 95 % bootstrap interval that resamples subjects, followed by mean and standard
deviation over folds. With a baseline, a second table shows every model's difference to it, with intervals and p-values.
"""
import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dynstg_mm.commands.common import add_ensemble_arguments, one_line_errors, own_command
from dynstg_mm.errors import ResultsError

if TYPE_CHECKING:
    from dynstg_mm.benchmark.results import Results


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('results', nargs='+', metavar='[NAME=]PATH',
                        help='a folder of predictions for each model, or results.json')
    parser.add_argument('--seeds', nargs='+', type=int, help='select these seeds of each results.json')
    parser.add_argument('--models', nargs='+', help='select these rows; they keep the order of the files')
    parser.add_argument('--folds', nargs='+', type=int, help='select these folds of each results.json')
    parser.add_argument('--ann-file',
                        help='annotation file; adds the control rows: classifiers on metadata and on gait features')
    parser.add_argument('--source-layout', help='skeleton of the annotation file, if it does not have one')
    add_ensemble_arguments(parser)
    parser.add_argument('--baseline',
                        help='model that the others are compared with (default: that of the first results.json)')
    parser.add_argument('--beside', nargs='+', default=[], metavar='NAME=FILE',
                        help='add a table with the models of these results.json side by side, such as '
                        'by_subject=work_dirs/msnd/results.json by_clip=work_dirs/msnd_by_clip/results.json')
    parser.add_argument('--test-on', nargs='+', default=[], metavar='NAME=FILE',
                        help='add a table with the same models on other recordings, with differences, such as '
                        'mediapipe=work_dirs/koa/test_on/mediapipe/results.json')
    parser.add_argument('--target', metavar='NAME', help='which target of folders of predictions to compare')
    parser.add_argument('--ordinal', metavar='NAME',
                        help='the classes are the grades of a scale of this name, lowest first: add errors in grades')
    parser.add_argument('--out', required=True, help='folder for results.md, results.html and results.png')
    parser.add_argument('--latency', action='store_true',
                        help='remeasure the latency of all networks, for rows that come from several machines')
    parser.add_argument('--tripod', action='store_true',
                        help='also write tripod_ai.md, the TRIPOD+AI checklist with what the results know filled in')
    parser.add_argument('--save-results', metavar='FILE', help='also write everything as one results.json')
    args = parser.parse_args(argv)
    from dynstg_mm.benchmark.runs import shown_command
    with one_line_errors():
        report(args, shown_command(own_command('report', argv)))
    return 0


def report(args: argparse.Namespace, command: str) -> None:
    """Read and merge the results, and write the report.

    Args:
        args: The options.
        command: The command, to be recorded in `--save-results`.
    """
    from dynstg_mm.benchmark.baselines import add_controls, all_folds
    from dynstg_mm.benchmark.merge import merge_results, united
    from dynstg_mm.benchmark.page import write_report
    from dynstg_mm.benchmark.plan import name_ensembles
    from dynstg_mm.benchmark.tripod import checklist
    from dynstg_mm.files import atomic_open
    from dynstg_mm.skeletons import get_layout
    if args.source_layout and not args.ann_file:
        raise ResultsError('--source-layout: needs --ann-file, whose rows it is for.')
    if args.source_layout:
        get_layout(args.source_layout)  # a wrong one is an error, not a row without scores
    if args.save_results and Path(args.save_results).is_dir():
        raise ResultsError(f'--save-results: {args.save_results}: is a folder; expected a file.')
    results, *others = [_read(text, args) for text in args.results]
    for other, text in zip(others, args.results[1:]):
        results = merge_results(results, other, text.rpartition('=')[2])
    beside, elsewhere = _read_named(args.beside, '--beside'), _read_named(args.test_on, '--test-on')
    for name, other in elsewhere.items():
        if other.classes != results.classes:
            raise ResultsError(f'--test-on: {name}: classes: {", ".join(other.classes)}; the results have '
                               f'{", ".join(results.classes)}.')
    if args.models:
        results = results.select(models=args.models, source='--models')
    if args.ann_file:
        add_controls(results, args.ann_file, tests=all_folds(results, args.ann_file), layout=args.source_layout)
    single = [name for name, facts in results.models.items() if facts.kind != 'ensemble']
    ensembles = name_ensembles(single, args.ensemble, args.seed_ensemble, results.seeds, taken=results.models)
    for name, (members, over_seeds) in ensembles.items():
        results.add_ensemble(name, members, over_seeds=over_seeds)
    if args.latency:
        _measure_latency(results)
    if args.baseline not in [None, *results.complete()]:
        expected = ', '.join(results.complete()) or 'a model with all scores, and there is none'
        raise ResultsError(f'--baseline: {args.baseline!r}; expected one of {expected}.')
    results.baseline = args.baseline or results.baseline
    if args.tripod and results.target is not None:
        raise ResultsError(f'--tripod: the results are of the target {results.target.name}; expected those of classes.')
    if args.save_results:
        results.command = united(results.command, command, '\n')
        Path(args.save_results).parent.mkdir(parents=True, exist_ok=True)
        results.write(args.save_results)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    files = write_report(results, out, beside, elsewhere=elsewhere)
    if args.tripod:
        with atomic_open(out / 'tripod_ai.md', encoding='utf-8') as file:
            file.write(checklist(results))
        files.append('tripod_ai.md')
    print(f'{out}: {", ".join(files)}')


def _read_named(texts: Sequence[str], option: str) -> 'dict[str, Results]':
    """Results of NAME=FILE texts, by name."""
    from dynstg_mm.benchmark.results import Results
    found: dict[str, Results] = {}
    for text in texts:
        name, _, path = text.rpartition('=')
        if not name or name in found:
            raise ResultsError(f'{option}: {text!r}; expected NAME=FILE, with a different name for every file.')
        found[name] = Results.read(path)
        if found[name].is_numeric and option == '--beside':
            raise ResultsError(f'--beside: {path}: target: a number; expected results of classes or grades.')
    return found


def _on_a_scale(results: 'Results', name: str) -> 'Results':
    """The same results with the classes as the grades of a scale."""
    import dataclasses

    from dynstg_mm.datasets.targets import Target
    described = dict(type='ordinal', grades=results.classes, from_label=True)
    return dataclasses.replace(results, target=Target.of(name, described, '--ordinal'))


def _measure_latency(results: 'Results') -> None:
    """Measure all networks, on their configs and data; ensembles and controls have no latency."""
    from mmaction.utils import register_all_modules

    from dynstg_mm.benchmark.cross_validation import add_costs, quiet
    from dynstg_mm.benchmark.runs import Model
    register_all_modules(init_default_scope=True)
    models = [Model(name, facts.config, tuple(facts.options or ()))
              for name, facts in results.models.items() if facts.config]
    if not models:
        raise ResultsError('--latency: no row has a config; expected a results.json of cross-validate.')
    with quiet():
        add_costs(results, models, results.folds[0])


def _read(text: str, args: argparse.Namespace) -> 'Results':
    """Results of a folder or a file; NAME= names the folder's model, or prefixes the names of the file's models."""
    from dynstg_mm.benchmark.predictions import results_of_folder
    from dynstg_mm.benchmark.results import Results
    name, _, path = text.rpartition('=')
    if Path(path).suffix == '.json':
        results = Results.read(path).select(seeds=args.seeds, folds=args.folds, source=path)
        results = results.rename(name) if name else results
        return _on_a_scale(results, args.ordinal) if args.ordinal and results.target is None else results
    if not Path(path).is_dir():
        raise ResultsError(f'{path}: not a folder; expected a folder of predictions, or a results.json.')
    if Path(path, 'results.json').is_file():
        raise ResultsError(f'{path}: the --out of cross-validate; expected {Path(path, "results.json")}.')
    if args.seeds or args.folds:
        raise ResultsError(f'{path}: --seeds and --folds select from a results.json; for a folder of predictions, '
                           'name the folder of the fold.')
    results = results_of_folder(name or Path(path).name, path, args.target)
    return _on_a_scale(results, args.ordinal) if args.ordinal and results.target is None else results

"""Put tested models side by side: a table with intervals by subject, and one page with pictures.

    python -m dynstg_mm report small=work_dirs/koa_nm/small st-gcn=work_dirs/koa_nm/stgcn \\
        --ann-file data/koa_pd_nm/koa_pd_nm.pkl --out work_dirs/koa_nm/report
    python -m dynstg_mm report work_dirs/koa/results.json work_dirs/more/results.json --out work_dirs/both

A folder holds the predictions.json of tools/test.py, or one folder a fold that does; a results.json is what
tools/cross_validate.py has written, of further models with the same seeds, or of the same models with further seeds:

    python -m dynstg_mm report mine=work_dirs/koa-nm/results.json configs/dynstg_mamba/results/koa-nm.json \\
        --seeds 0 --baseline st-gcn --out work_dirs/both

With `--folds 0` behind it, one fold is enough to compare a run of one's own with what is published.

Scores are pooled over the folds, with the 95 % bootstrap interval that resamples subjects, and the mean and standard
deviation over folds beside them. With --baseline, a second table gives every model's difference to that one, the
interval of the difference and p-values.
"""
import argparse
from collections.abc import Sequence
from pathlib import Path

from mmaction.utils import register_all_modules

from dynstg_mm.benchmark.baselines import add_controls
from dynstg_mm.benchmark.launch import Model
from dynstg_mm.benchmark.page import write_report
from dynstg_mm.benchmark.plan import add_costs, quiet, shown_command
from dynstg_mm.benchmark.results import (
    add_ensembles,
    all_folds,
    choose_folds,
    choose_models,
    choose_seeds,
    is_complete,
    merge,
    merge_origin,
    name_ensembles,
    read_results,
    rename_models,
    results_of_folder,
    write_results,
)
from dynstg_mm.commands.common import add_ensemble_arguments, one_line_errors, own_command
from dynstg_mm.errors import ResultsError


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('results', nargs='+', metavar='[NAME=]PATH',
                        help='NAME=FOLDER of each model, or results.json of several, of which NAME=FILE makes NAME-MODEL')
    parser.add_argument('--seeds', nargs='+', type=int, help='only these of each results.json; by default all')
    parser.add_argument('--models', nargs='+', help='only these rows, in the order of the files; by default all')
    parser.add_argument('--folds', nargs='+', type=int, help='only these of each results.json; by default all')
    parser.add_argument('--ann-file', help='annotation file, for the controls on metadata alone and on gait features')
    parser.add_argument('--layout', help='skeleton layout, for the gait features, where the annotation file has none')
    add_ensemble_arguments(parser)
    parser.add_argument('--baseline', help='name of the model that the others are compared with, pair by pair')
    parser.add_argument('--beside', nargs='+', default=[], metavar='NAME=FILE',
                        help='one more table: the models of these results.json side by side, such as '
                        'by-subject=work_dirs/msnd/results.json by-clip=work_dirs/msnd-by-clip/results.json')
    parser.add_argument('--out', required=True, help='folder for results.md, results.html and results.png')
    parser.add_argument('--latency', action='store_true',
                        help='measure the latency of all networks anew, in turn, where rows come from several machines')
    parser.add_argument('--save-results', metavar='FILE', help='write all of them as one results.json, too')
    args = parser.parse_args(argv)
    args.command = shown_command(own_command('report', argv))
    with one_line_errors():
        report(args)
    return 0


def report(args):
    if args.layout and not args.ann_file:
        raise ResultsError('--layout: is for the controls, of --ann-file; expected both.')
    if args.save_results and Path(args.save_results).is_dir():
        raise ResultsError(f'--save-results: {args.save_results}: is a folder; expected a file.')
    results = read(args.results[0], args)
    for text in args.results[1:]:
        merge(results, read(text, args), text.rpartition('=')[2])
    beside = {}
    for text in args.beside:
        name, _, path = text.rpartition('=')
        if not name or name in beside:
            raise ResultsError(f'--beside: {text!r}; expected NAME=FILE, another name for every file.')
        beside[name] = read_results(path)
    if args.models:
        choose_models(results, args.models, 'all results')
    if args.ann_file:
        add_controls(results, args.ann_file, tests=all_folds(results, args.ann_file), layout=args.layout)
    single = [name for name, model in results['models'].items() if model['kind'] != 'ensemble']
    add_ensembles(results, name_ensembles(single, args.ensemble, args.seed_ensemble, results['seeds'],
                                          taken=results['models']))
    if args.latency:
        measure_latency(results)
    complete = [name for name in results['models'] if is_complete(results, name)]
    if args.baseline not in [None, *complete]:
        there = ', '.join(complete) or 'models with all scores, of which there is none'
        raise ResultsError(f'--baseline: {args.baseline!r}; expected one of {there}.')
    if args.save_results:
        merge_origin(results, dict(command=args.command))
        Path(args.save_results).parent.mkdir(parents=True, exist_ok=True)
        write_results(results, args.save_results)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    names = write_report(results, out, args.baseline, beside)
    print(f'{out}: {", ".join(names)}')


def measure_latency(results):
    """Of all networks, by their configs and data; of an ensemble and a control there is none."""
    register_all_modules(init_default_scope=True)
    models = [Model(name, model['config'], tuple(model.get('options', ()))) for name, model in results['models'].items()
              if model.get('config')]
    if not models:
        raise ResultsError('--latency: no row tells its config; expected results of tools/cross_validate.py.')
    with quiet():
        add_costs(results, models, results['clips']['fold'][0])


def read(text, args):
    """Results of `NAME=FOLDER`, or of a results.json, or of one as `NAME=FILE` with that before its models' names."""
    name, _, path = text.rpartition('=')
    if Path(path).suffix != '.json':
        if not Path(path).is_dir():
            raise ResultsError(f'{path}: no such folder of predictions; expected one, or a results.json.')
        if args.seeds or args.folds:
            raise ResultsError(f'{path}: --seeds and --folds choose from a results.json; of a folder of predictions, name '
                              'the folders of the folds.')
        return results_of_folder(name or Path(path).name, path)
    results = read_results(path)
    if args.seeds:
        choose_seeds(results, args.seeds, path)
    if args.folds:
        choose_folds(results, args.folds, path)
    if name:
        rename_models(results, name)
    return results

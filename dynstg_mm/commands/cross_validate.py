"""Train and test configs on all folds with several seeds, and compare them.

    python -m dynstg_mm cross-validate configs/dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-60e_koa-keypoint-2d.py \\
        st-gcn=configs/stgcn/stgcn_1xb16-joint-w64-30e_koa-keypoint-2d.py --seeds 0 1 2 --jobs 2 --out work_dirs/koa

Every run trains and tests in separate processes, without validation: the last checkpoint counts. If the command is
stopped, the same command resumes it; it also reruns failed runs. --out then holds results.json (the scores of every
clip, from which `report` regenerates tables, page and picture), results.md, results.html and results.png.
runs/MODEL/seedS/foldK holds train.log, predictions.json, train_summary.json and run.json (all settings).

Instead of configs, one experiment file (YAML) can name models, options, seeds, ensembles and the baseline. Those of the
published tables are in configs/experiments:

    python -m dynstg_mm cross-validate configs/experiments/koa-nm.yml --jobs 2 --out work_dirs/koa_nm
"""
import argparse
from collections.abc import Sequence


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    from dynstg_mm.commands.common import add_ensemble_arguments
    parser.add_argument('configs', nargs='+', metavar='[NAME=]CONFIG',
                        help='configs, or an experiment file; the default name is the file name up to the first _')
    parser.add_argument('--models', nargs='+', metavar='NAME', help='only these models of the experiment file')
    parser.add_argument('--baseline', help='model that the others are compared with (default: the first)')
    add_ensemble_arguments(parser)
    parser.add_argument('--sites', nargs='+', default=[], metavar='NAME=FILE[:TASK]',
                        help='train on each of these annotation files, instead of the file of the configs, and test on '
                        'all of them, as with --test-on; results are in OUT/NAME, and side by side in OUT/sites.md')
    parser.add_argument('--no-controls', action='store_true',
                        help='leave out the control rows: classifiers on metadata and on gait features')
    add_run_arguments(parser)


def add_run_arguments(parser: argparse.ArgumentParser, seeds: str = '0') -> None:
    """Add the options of what is run and how.

    Args:
        parser: The parser.
        seeds: The default seeds, in words.
    """
    from dynstg_mm.commands.common import count, seed
    parser.add_argument('--folds', nargs='+', help='all, or numbers (default: all)')
    parser.add_argument('--seeds', nargs='+', type=seed, help=f'training seeds (default: {seeds})')
    parser.add_argument('--out', required=True, help='folder for the results and the runs')
    parser.add_argument('--jobs', type=count, default=1,
                        help='runs in parallel, which share the cores and GPUs, or Slurm jobs in parallel (default: 1)')
    parser.add_argument('--cfg-options', nargs='+', action='extend', default=[], metavar='KEY=VALUE',
                        help='settings for all models')
    parser.add_argument('--model-options', nargs='+', action='append', default=[], metavar=('NAME', 'KEY=VALUE'),
                        help='settings for one model; may be repeated')
    parser.add_argument('--keep-checkpoints', action='store_true', help='keep the checkpoints after the test')
    parser.add_argument('--test-on', nargs='+', action='extend', default=[], metavar='[NAME=]FILE[:TASK]',
                        help='also test each model on other annotation files: of other people, such as at another '
                        'site, or of the same people by another pose estimator, if the folds are the same; results are '
                        'in OUT/test_on/NAME')
    parser.add_argument('--test-classes', nargs='+', action='extend', default=[], metavar='OLD=NEW',
                        help='name of a class in these files, and its name in the training; OLD= leaves it out')
    parser.add_argument('--redo', action='store_true', help='delete and rerun runs with other settings, data or code')
    parser.add_argument('--launcher', choices=['none', 'slurm'], default='none',
                        help='slurm: submit every run as a Slurm job')
    parser.add_argument('--slurm-args', nargs='+', default=[], metavar='KEY=VALUE',
                        help='resources of a Slurm job, such as partition=gpu gpus_per_node=1 timeout_min=240')


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status, 1 if a run failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    args = parser.parse_args(argv)
    from dynstg_mm.benchmark.cross_validation import check_call, cross_validate, write_sites
    from dynstg_mm.benchmark.experiment import by_site, plan_calls
    from dynstg_mm.benchmark.runs import shown_command
    from dynstg_mm.commands.common import one_line_errors, own_command
    with one_line_errors('stopped; the same command resumes'):
        sites = by_site(args)
        for part in sites.values() if len(sites) > 1 else ():  # before the first of them is trained
            check_call(plan_calls(part)[-1])
        for part in sites.values():
            for call in plan_calls(part):
                if cross_validate(call, shown_command(own_command('cross-validate', argv))):
                    return 1
        if len(sites) > 1:
            print(write_sites(list(sites), args.out))
    return 0

"""Train and test configs on all folds with several seeds, and put them side by side.

    python -m dynstg_mm cross-validate configs/dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-30e_koa-nm-keypoint-2d.py \\
        st-gcn=configs/stgcn/stgcn_1xb16-joint-w64-30e_koa-nm-keypoint-2d.py --seeds 0 1 2 --jobs 2 --out work_dirs/koa

Every run is tools/train.py and tools/test.py in processes of their own, without validation: the last checkpoint counts.
The same call goes on where it was stopped, and runs anew what has failed. In --out: results.json (every clip's scores,
from which tools/analysis_tools/report.py makes tables, page and picture anew), results.md, results.html, results.png,
and in runs/MODEL/seedS/foldK train.log, predictions.json, train_summary.json and run.json, which tells the commands and
all settings.
"""
import argparse
import sys
from collections.abc import Sequence

from dynstg_mm.benchmark.plan import cross_validate, shown_command
from dynstg_mm.commands.common import add_ensemble_arguments, one_line_errors, own_command


def count(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r}; expected a number from 1')
    return int(text)


def parse_args(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='+', metavar='[NAME=]CONFIG',
                        help='configs; without a name, the file name up to the first _')
    parser.add_argument('--folds', nargs='+', default=['all'], help='all, or numbers')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0])
    parser.add_argument('--out', required=True, help='folder for the results and the runs')
    parser.add_argument('--jobs', type=count, default=1,
                        help='runs at once, among which the cores are divided and the GPUs handed out')
    parser.add_argument('--baseline', help='the model that the others are compared with; by default the first')
    add_ensemble_arguments(parser)
    parser.add_argument('--cfg-options', nargs='+', action='extend', default=[], metavar='KEY=VALUE',
                        help='settings for every run')
    parser.add_argument('--model-options', nargs='+', action='append', default=[], metavar=('NAME', 'KEY=VALUE'),
                        help="settings for one model's runs; may be repeated")
    parser.add_argument('--no-controls', action='store_true',
                        help='leave out what metadata alone and classical gait features tell')
    parser.add_argument('--keep-checkpoints', action='store_true', help='do not delete them once they are tested')
    parser.add_argument('--redo', action='store_true',
                        help='delete and run anew what was run with other settings, data or code')
    parser.add_argument('--launcher', choices=['none', 'slurm'], default='none',
                        help='slurm: start every run with srun')
    parser.add_argument('--srun-args', default='', help='options of srun, as one text, such as "-p gpu --gres=gpu:1"')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    command = shown_command(own_command('cross-validate', argv))
    try:
        with one_line_errors():
            return cross_validate(args, command)
    except KeyboardInterrupt:
        print('stopped; the same call goes on from here', file=sys.stderr)
        return 130

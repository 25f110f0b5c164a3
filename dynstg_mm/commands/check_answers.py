"""Measure answers about people left out of the training: short walks, doubts that need a model, other data sets.

    python -m dynstg_mm check-answers work_dirs/koa-nm cgrkd-gait13-jointdropout --out answers.json \\
        --others MediaPipe=mediapipe.pkl --strangers MSND=msnd.pkl

Each recording is answered as predict would, by the model of the fold that leaves the person out, with calibration, sets
and limits from the other people. The result is added to the file of --out.
"""
import argparse
from collections.abc import Sequence

from dynstg_mm.commands.common import run_command
from dynstg_mm.errors import ConfigError


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('runs', help='the --out of release, or of cross-validate --keep-checkpoints')
    add('model', help='name of its model')
    add('--name', help='name of the rows (default: that of the folder)')
    add('--others', nargs='+', metavar='NAME=FILE', default=[],
        help='annotation files of the same people and folds, such as those of another pose estimator')
    add('--strangers', nargs='+', metavar='NAME=FILE', default=[],
        help='annotation files of walks of other data sets, which need no folds')
    add('--lengths', nargs='*', type=float, metavar='SECONDS', default=[2.4, 2., 1.6, 1.2],
        help='cut the recordings to these lengths (default: 2.4 2 1.6 1.2)')
    add('--out', required=True, metavar='FILE', help='JSON file to write, or to add to')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    return run_command(check, parse_args(argv))


def check(args: argparse.Namespace) -> None:
    """Measure, and write the result."""
    from pathlib import Path

    from mmaction.utils import register_all_modules
    from mmengine.logging import MMLogger

    from dynstg_mm.benchmark.answers import read_answers
    from dynstg_mm.benchmark.runs import kept_runs
    from dynstg_mm.datasets.named_files import named_files
    from dynstg_mm.files import write_json
    from dynstg_mm.inference.answer_checks import answer_figures
    from dynstg_mm.inference.out_of_fold import out_of_fold
    from dynstg_mm.inference.pipeline import SHORTEST
    from dynstg_mm.inference.release import COVERAGE
    from dynstg_mm.inference.strangers import stranger_figures
    from dynstg_mm.inference.training_gait import TrainingGait
    if min(args.lengths, default=SHORTEST) < SHORTEST:
        raise ConfigError(f'--lengths: expected seconds from {SHORTEST:g}; predict refuses shorter recordings.')
    others, strangers = ({name: part.file for name, part in named_files(texts, option).items()}
                         for option, texts in (('--others', args.others), ('--strangers', args.strangers)))
    path = Path(args.out)
    content = read_answers(path) if path.exists() else {}
    register_all_modules(init_default_scope=True)
    MMLogger.get_current_instance().setLevel('WARNING')
    runs = kept_runs(args.runs, args.model)
    runs = [run for run in runs if run.seed == runs[0].seed]
    found = out_of_fold(runs)
    gait = TrainingGait(runs, found)
    rows = answer_figures(runs, found, gait, others=others, lengths=args.lengths, coverage=COVERAGE)
    content[args.name or Path(args.runs).resolve().name] = dict(rows=rows, strangers={
        name: stranger_figures(file, runs, found, gait) for name, file in strangers.items()})
    write_json(path, content, indent=1)
    print(f'{path}: written')


if __name__ == '__main__':
    raise SystemExit(main())

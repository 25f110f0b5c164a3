"""Turn any laboratory's skeletons and a table of who walks in them into one annotation file.

    python -m dynstg_mm convert FORMAT INPUT --labels labels.csv --out gait.pkl

INPUT is a file, or a folder of files at any depth; for openpose a folder, with one JSON file a frame, for every clip.
A clip is named by its file (OpenPose: folder). labels.csv has the columns clip, subject, label, and perhaps rate and
split. Without a column split, folds by subject are made: `<name>_fold<k>_train` and `<name>_fold<k>_test`.
"""
import argparse
from collections.abc import Sequence

from dynstg_mm.commands.common import one_line_errors
from dynstg_mm.errors import DataError
from dynstg_mm.importers.convert import add_arguments, clip_options, convert


def parse_folds(folds):
    """Numbers of folds and 'loso', as `convert` takes them."""
    for count in folds:
        if count not in ('0', 'loso', 'by-clip') and not (count.isdecimal() and int(count) > 1):
            raise DataError(f'--folds: {count}; expected a number from 2, loso, by-clip, or 0 for none.')
    return [int(count) if count.isdecimal() else count for count in folds if count != '0']


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0], epilog='\n'.join(__doc__.split('\n')[4:]),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument('--labels', help='table (.csv) of the clips; annotation files with subjects may do without')
    parser.add_argument('--out', required=True, help='annotation file (.pkl) to write')
    parser.add_argument('--classes', nargs='+', help='classes in the order of their numbers; by default sorted')
    parser.add_argument('--folds', nargs='+', default=['5'],
                        help='number of subject folds, loso for leaving one subject out, by-clip for 5 folds that '
                             'leak as those of papers do; 0 for none')
    parser.add_argument('--seed', type=int, default=0, help='seed of the folds')
    parser.add_argument('--name', help='what splits are called; by default as the file')
    args = parser.parse_args(argv)
    with one_line_errors():
        print(convert(args.format, args.input, args.out, labels=args.labels, classes=args.classes,
                      folds=parse_folds(args.folds), seed=args.seed, name=args.name, **clip_options(args)))
    return 0

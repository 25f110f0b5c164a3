"""Convert keypoints of the PD-Walk videos, in any format, into one annotation file.

    python -m dynstg_mm pd-walk FORMAT INPUT --labels labels.csv --out data/pd_walk/pd_walk.pkl

labels.csv has the columns clip, subject, label, with the labels Healthy and PD, and perhaps rate. The splits are 5
folds by subject, `pd_walk_fold<k>_train` and `pd_walk_fold<k>_test`. tools/data/pd_walk/README.md describes the data.
"""
import argparse
from collections.abc import Sequence

from dynstg_mm.commands.common import one_line_errors
from dynstg_mm.commands.convert import add_arguments, clip_options
from dynstg_mm.importers.convert import convert

CLASSES = ('Healthy', 'PD')


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser)
    parser.add_argument('--labels', required=True, help='table (.csv) with clip, subject, label and perhaps rate')
    parser.add_argument('--out', default='data/pd_walk/pd_walk.pkl', help='annotation file to write')
    args = parser.parse_args(argv)
    with one_line_errors():
        print(convert(args.format, args.input, args.out, labels=args.labels, classes=CLASSES, name='pd_walk',
                      folds=(5, ), **clip_options(args)))
    return 0

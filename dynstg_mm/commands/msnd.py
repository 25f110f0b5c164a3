"""Convert the BVH files of MSND (musculoskeletal and neurological disorders) into one annotation file.

    python -m dynstg_mm msnd FOLDER --out data/msnd/msnd.pkl

FOLDER holds dataset/*.bvh and Annotations.xlsx. Joint positions are in metres with y up. The second of two identical
files of one subject is left out. The splits are 5 folds by subject (`msnd_fold<k>_*`) and one fold a subject
(`msnd_loso_fold<k>_*`, k from 0 to 44). With --by-clip all files are kept, and the splits are 5 folds by clip
(`msnd_by_clip_fold<k>_*`) instead, in which people are on both sides.
"""
import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from dynstg_mm.commands.common import one_line_errors
from dynstg_mm.errors import DataError
from dynstg_mm.extras import need
from dynstg_mm.importers import readable
from dynstg_mm.importers.convert import convert
from dynstg_mm.importers.labels import Rows

CLASSES = ('Healthy', 'Joint Problem', 'Muscle Weakness', 'Neurological Defect')
NAME = re.compile(r'Subject(?P<subject>[A-Z]\d+)_Cycle\d+')


def read_annotations(path: Path) -> Rows:
    """Label table of the workbook: clip -> subject and class.

    Args:
        path: Annotations.xlsx, with the clip's name and its class in each row.

    Raises:
        DataError: The workbook cannot be read, or has something else in a row.
    """
    openpyxl = need('openpyxl', 'xlsx')
    if not path.is_file():
        raise DataError(f'{path}: no such file; expected the dataset\'s folder, with dataset/*.bvh beside it.')
    with readable(path, '.xlsx file'):
        book = openpyxl.load_workbook(path, read_only=True)
        cells = [row[:2] for row in book.worksheets[0].iter_rows(values_only=True) if row and row[0]]
        book.close()
    rows: Rows = {}
    for clip, label in cells:
        match = NAME.fullmatch(str(clip).strip())
        if match is None or label not in CLASSES:
            raise DataError(f'{path}: clip {clip}: label: {label!r}; expected Subject<id>_Cycle<k> and one of '
                            f'{", ".join(CLASSES)}.')
        rows[match[0]] = dict(subject=match['subject'], label=label)
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('folder', type=Path, help='holds dataset/*.bvh and Annotations.xlsx')
    parser.add_argument('--out', help='annotation file to write; by default data/msnd/msnd.pkl or msnd_by_clip.pkl')
    parser.add_argument('--jobs', type=int, default=0, help='processes; by default one per core')
    parser.add_argument('--keep-duplicates', action='store_true', help='keep both of two identical files')
    parser.add_argument('--by-clip', action='store_true',
                        help='keep all files, and split by clip as in many papers, which leaks')
    args = parser.parse_args(argv)
    with one_line_errors():
        labels = read_annotations(args.folder / 'Annotations.xlsx')
        out = args.out or f'data/msnd/msnd{"_by_clip" if args.by_clip else ""}.pkl'
        print(convert('bvh', args.folder / 'dataset', out, labels=labels, classes=CLASSES, layout='msnd',
                      scale=0.01, folds=('by-clip', ) if args.by_clip else (5, 'loso'), name='msnd', fewer=True,
                      keep_duplicates=args.keep_duplicates or args.by_clip, jobs=args.jobs))
    return 0

"""Convert your own recordings and a table of who walks in them into one annotation file.

    python -m dynstg_mm convert FORMAT INPUT --labels labels.csv --out gait.pkl

INPUT is a file, or a folder of files at any depth; for openpose a folder with one JSON file per frame for every clip. A
clip is named after its file (OpenPose: folder). labels.csv has the columns clip, subject, label, and perhaps rate and
split. Without a column split, folds by subject are made: `<name>_fold<k>_train` and `<name>_fold<k>_test`.
"""
import argparse
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dynstg_mm.commands.common import add_joint_names_argument, add_video_arguments, one_line_errors, reader_options
from dynstg_mm.datasets.targets import targets_of_texts
from dynstg_mm.errors import ConfigError
from dynstg_mm.gait.spatiotemporal import UNITS
from dynstg_mm.importers import COORDS, READERS
from dynstg_mm.importers.arrange import UPRIGHT
from dynstg_mm.importers.convert import convert
from dynstg_mm.skeletons import LAYOUTS, Layout, get_layout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that the converters of any format share."""
    add = parser.add_argument
    add('format', choices=READERS, help='program or format of the files')
    add('input', help='file or folder')
    add('--layout', help=f'skeleton of the result, by default the format\'s: {", ".join(LAYOUTS)}, or a .json file')
    add('--source-layout', help='skeleton of the input, if the format does not have one, or another one')
    add('--rate', type=float, help='frames per second, if the table does not have them')
    add('--up', choices=UPRIGHT,
        help='vertical axis of the input, as --up=-y; by default the one along which people stand')
    add('--scale', type=float, default=1., help='factor of 3-D coordinates, such as 0.001 from mm to m')
    add('--unit', choices=UNITS, help='unit of length of 3-D input, if the files do not say it')
    add('--img-shape', type=int, nargs=2, metavar=('HEIGHT', 'WIDTH'), help='size of the image in pixels')
    add('--coords', choices=COORDS,
        help='what the coordinates are, by default by their values: pixels, shares of the image from 0 to 1 or from -1 '
             'to 1, or places in space (mediapipe)')
    add('--axes', help='npz, h36m, mediapipe, mmaction: order of the axes of the array, such as TMVC: frames, persons, '
        'joints, coordinates')
    add('--dims', type=int, choices=(2, 3), help='npz, h36m: how many of three numbers per joint are coordinates')
    add_joint_names_argument(parser)
    add_video_arguments(parser)
    add('--persons', type=int, default=1, help='persons to keep in each clip, those seen longest')
    add('--max-seconds', type=float, help='cut longer recordings into clips of at most this length')
    add('--skip-bad', action='store_true', help='leave out broken files, clips without a label, labels without a clip')
    add('--keep-duplicates', action='store_true', help='keep recordings that are the same to the last digit')
    add('--preview', nargs='?', const='', metavar='PICTURE',
        help='also draw three frames of the first clip, which show if sides are swapped; a .png, .pdf or .svg file, by '
             'default beside --out')
    add('--jobs', type=int, default=0, help='processes; by default one per core')


def clip_options(args: argparse.Namespace) -> dict[str, Any]:
    """Options of `read_clips` from the command line; ConfigError if the format's reader does not have one."""
    if args.persons < 1 or args.jobs < 0:
        raise ConfigError('--persons, --jobs: expected whole numbers from 1 (--jobs 0 for one per core).')
    if args.img_shape is not None and min(args.img_shape) < 1:
        raise ConfigError('--img-shape: expected height and width in pixels.')
    chosen = reader_options(args)
    if args.persons != 1:
        chosen['persons'] = args.persons
    shared = {key: chosen.pop(key, None) for key in ('coords', 'img_shape', 'joint_names', 'unit')}  # for every format
    known = inspect.signature(READERS[args.format]).parameters
    for key in chosen:
        if key not in known:
            formats = [name for name, reader in READERS.items() if key in inspect.signature(reader).parameters]
            raise ConfigError(f'--{key.replace("_", "-")}: not an option of {args.format}; only of '
                              f'{", ".join(formats)}.')
    return dict(layout=_name_or_dict(args.layout), source_layout=_name_or_dict(args.source_layout), rate=args.rate,
                up=args.up, scale=args.scale, reader=chosen, **shared, max_seconds=args.max_seconds,
                preview=str(Path(args.out).with_suffix('.png')) if args.preview == '' else args.preview,
                keep_duplicates=args.keep_duplicates, skip_bad=args.skip_bad, jobs=args.jobs)


def _name_or_dict(layout: str | None) -> str | Layout | None:
    """A layout as the annotation file needs it: the name of one of ours, or the whole dict of the user's own."""
    return layout if layout is None or layout in LAYOUTS else get_layout(layout)


def parse_folds(folds: Sequence[str] | None) -> list[int | str] | None:
    """Numbers of folds, 'loso' and 'by-clip', or None, as for `convert`."""
    if folds is None:
        return None
    for count in folds:
        if count not in ('0', 'loso', 'by-clip') and not (count.isdecimal() and int(count) > 1):
            raise ConfigError(f'--folds: {count}; expected a number from 2, loso, by-clip, or 0 for none.')
    return [int(count) if count.isdecimal() else count for count in folds if count != '0']


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0], epilog='\n'.join(__doc__.split('\n')[4:]),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument('--labels', help='table (.csv) of the clips; not needed for annotation files with subjects')
    parser.add_argument('--out', required=True, help='annotation file (.pkl) to write')
    parser.add_argument('--classes', nargs='+', help='classes in the order of their numbers; by default sorted')
    parser.add_argument('--score', action='append', default=[], metavar='NAME=GRADES',
                        help='a column of the table is a score beside the class, with empty cells where it is missing: '
                             'its grades, lowest first, such as updrs_gait=0,1,2,3, or speed=number')
    parser.add_argument('--folds', nargs='+',
                        help='number of folds by subject, by default 5 or as many as people in the smallest class; '
                             'loso to leave one subject out; by-clip for 5 folds that leak, as in many papers; 0 for '
                             'none')
    parser.add_argument('--seed', type=int, default=0, help='seed of the folds')
    parser.add_argument('--name', help='name of the task, with which splits begin; by default that of the file')
    args = parser.parse_args(argv)
    with one_line_errors():
        print(convert(args.format, args.input, args.out, labels=args.labels, classes=args.classes,
                      targets=targets_of_texts(args.score),
                      folds=parse_folds(args.folds), seed=args.seed, name=args.name, **clip_options(args)))
    return 0

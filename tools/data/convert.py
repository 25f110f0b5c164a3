"""Turn any laboratory's skeletons and a table of who walks in them into one annotation file.

    python tools/data/convert.py FORMAT INPUT --labels labels.csv --out gait.pkl

INPUT is a file, or a folder of files at any depth; for openpose a folder, with one JSON file a frame, for every clip. A
clip is named by its file (OpenPose: folder). labels.csv has the columns clip, subject, label, and perhaps rate and split.
Without a column split, folds by subject are made: `<name>_fold<k>_train` and `<name>_fold<k>_test`.
"""
import argparse
import inspect
import json
from pathlib import Path

from dynstg_mm.cli import one_line_errors
from dynstg_mm.datasets.convert import UPRIGHT, ConversionError, convert
from dynstg_mm.datasets.readers import READERS
from dynstg_mm.skeletons import LAYOUTS


def parse_arguments():
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0], epilog='\n'.join(__doc__.split('\n')[4:]),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('format', choices=READERS, help='what wrote the files')
    add('input', help='file or folder')
    add('--labels', help='table (.csv) of the clips; only annotation files that know subjects may do without')
    add('--out', required=True, help='annotation file (.pkl) to write')
    add('--classes', nargs='+', help='classes in the order of their numbers; by default sorted')
    add('--layout', help=f'skeleton that is wanted, if not the format\'s own: {", ".join(LAYOUTS)}, or a .json file')
    add('--rate', type=float, help='frames per second, where the table does not say')
    add('--up', choices=UPRIGHT, help='vertical axis of 3-D input, as --up=-y; by default y, for c3d z')
    add('--scale', type=float, default=1., help='factor of 3-D coordinates, such as 0.001 from mm to m')
    add('--img-shape', type=int, nargs=2, metavar=('HEIGHT', 'WIDTH'), help='size of the image in pixels')
    add('--coords', choices=('pixel', 'normalized', 'world'), help='mediapipe: what the landmarks are')
    add('--dims', type=int, choices=(2, 3), help='npz: how many of three numbers are coordinates')
    add('--persons', type=int, default=1, help='persons to keep of each clip, those seen longest')
    add('--max-seconds', type=float, help='cut longer recordings into clips of at most this length')
    add('--folds', nargs='+', default=['5'], help='number of subject folds, loso for leaving one out, or both; 0 for none')
    add('--seed', type=int, default=0, help='seed of the folds')
    add('--name', help='what splits are called; by default as the file')
    add('--skip-bad', action='store_true', help='leave out broken files, clips without a label, labels without a clip')
    add('--keep-duplicates', action='store_true', help='keep recordings that are the same to the last digit')
    add('--jobs', type=int, default=0, help='processes; by default one a core')
    return parser.parse_args()


def reader_options(args):
    """Options of the format's reader; those of other formats are refused."""
    chosen = dict(persons=args.persons if args.persons != 1 else None, coords=args.coords, dims=args.dims)
    chosen = {key: value for key, value in chosen.items() if value is not None}
    known = inspect.signature(READERS[args.format]).parameters
    unknown = [key for key in chosen if key not in known]
    if unknown:
        formats = [name for name, reader in READERS.items() if unknown[0] in inspect.signature(reader).parameters]
        raise ConversionError(f'--{unknown[0]}: {args.format} does not have it; it is for {", ".join(formats)}.')
    if 'img_shape' in known:
        chosen['img_shape'] = args.img_shape
    return chosen


def read_layout(layout):
    """A layout's name, or the layout in a .json file."""
    if layout is None or not layout.endswith('.json'):
        return layout
    try:
        return json.loads(Path(layout).read_text(encoding='utf-8'))
    except ValueError as error:
        raise ConversionError(f'{layout}: not a readable JSON file ({error}).') from None


def main():
    args = parse_arguments()
    with one_line_errors():
        if args.persons < 1 or args.jobs < 0:
            raise ConversionError('--persons and --jobs: expected whole numbers from 1 (0 jobs for one a core).')
        folds = [count if count == 'loso' else int(count) for count in args.folds if count != '0']
        print(convert(args.format, args.input, args.out, labels=args.labels, classes=args.classes,
                      layout=read_layout(args.layout), rate=args.rate, up=args.up, scale=args.scale,
                      options=reader_options(args), img_shape=args.img_shape, max_seconds=args.max_seconds, folds=folds,
                      seed=args.seed, name=args.name, skip_bad=args.skip_bad, keep_duplicates=args.keep_duplicates,
                      jobs=args.jobs))


if __name__ == '__main__':
    main()

"""Audit an annotation file before a model sees it: a text, a JSON file, one page of pictures.

    python -m dynstg_mm audit data/mine/mine.pkl --layout coco --out work_dirs/audit

It lists the clips, people and classes of every split, checks every field of every clip, finds recordings that stand in
the file more than once and people on both sides of a split, and tells how well the recordings' metadata alone predict
the class. Findings are errors, warnings and notes. The exit status is 1 with an error among them, else 0, and 2 where
the command line is wrong.
"""
import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from dynstg_mm.audit import KINDS, audit_file, draw_page, json_report, text_report
from dynstg_mm.commands.common import one_line_errors
from dynstg_mm.errors import DataError
from dynstg_mm.files import atomic_open
from dynstg_mm.skeletons import LAYOUTS, get_layout


def main(argv: Sequence[str] | None = None) -> int:
    errors = [kind for kind, (level, *_) in KINDS.items() if level == 'error']
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', help='annotation file (.pkl)')
    parser.add_argument('--layout',
                        help=f'skeleton layout, in place of the file\'s: {", ".join(LAYOUTS)}, or a .json file')
    parser.add_argument('--split', nargs='+', default=(), metavar='NAME',
                        help='look at these splits and those that belong to them; NAME without _fold for all its folds')
    parser.add_argument('--window', type=float, default=2.56, metavar='SECONDS', help='what a model looks at at once')
    parser.add_argument('--allow', nargs='+', default=(), choices=errors, metavar='KIND',
                        help='count these errors as warnings: ' + ', '.join(errors))
    parser.add_argument('--out', type=Path, metavar='FOLDER', help='write audit.md, audit.json and audit.png there')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the JSON there')
    args = parser.parse_args(argv)
    if not args.window > 0:
        parser.error('--window: expected a positive number of seconds')
    try:
        layout = None if args.layout is None else get_layout(args.layout)
    except (ValueError, TypeError, OSError) as error:
        parser.error(f'--layout {args.layout}: {error}')
    with one_line_errors():
        for folder in (args.out, args.json and args.json.parent):
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
        try:
            audit = audit_file(args.file, layout=layout, split=args.split, window=args.window, allow=args.allow)
        except DataError as error:
            parser.error(str(error))
        text, content = text_report(audit), json.dumps(json_report(audit), indent=1, ensure_ascii=False)
        if args.out is not None:
            draw_page(audit, args.out / 'audit.png')
            write(args.out / 'audit.md', text)
            write(args.out / 'audit.json', content)
        if args.json is not None:
            write(args.json, content)
    print(text)
    if args.out is not None:
        print(f'\n{args.out}: audit.md, audit.json, audit.png')
    return int(audit.failed)


def write(path, text):
    with atomic_open(path, encoding='utf-8') as file:
        file.write(text + '\n')

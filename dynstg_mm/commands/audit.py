"""Check an annotation file before training, and write a text, a JSON file and one page of pictures.

    python -m dynstg_mm audit data/mine/mine.pkl --source-layout coco --out work_dirs/audit

It lists the clips, people and classes of every split, checks every field of every clip, finds duplicated recordings and
people on both sides of a split, and measures how well the metadata of the recordings alone predict the class. Findings
are errors, warnings and notes. The exit status is 0, 1 if there are errors, and 2 if the command line is wrong.
"""
import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from dynstg_mm.audit import KINDS, audit_file, draw_page, json_report, text_report
from dynstg_mm.commands.common import one_line_errors
from dynstg_mm.errors import ConfigError
from dynstg_mm.files import atomic_open
from dynstg_mm.skeletons import LAYOUTS, get_layout


def main(argv: Sequence[str] | None = None) -> int:
    """Run the audit; returns the exit status."""
    errors = [name for name, kind in KINDS.items() if kind.level == 'error']
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', help='annotation file (.pkl)')
    parser.add_argument('--source-layout',
                        help=f'skeleton of the file, replaces its own: {", ".join(LAYOUTS)}, or a .json file')
    parser.add_argument('--split', nargs='+', default=(), metavar='NAME',
                        help='audit only these splits and those of the same fold; a task name selects all its folds')
    parser.add_argument('--window', type=float, default=2.56, metavar='SECONDS',
                        help='length of the window that a model sees; by default 2.56')
    parser.add_argument('--allow', nargs='+', default=(), choices=errors, metavar='KIND',
                        help='treat these errors as warnings: ' + ', '.join(errors))
    parser.add_argument('--out', type=Path, metavar='FOLDER', help='folder for audit.md, audit.json and audit.png')
    parser.add_argument('--json', type=Path, metavar='FILE', help='also write the findings as JSON to this file')
    args = parser.parse_args(argv)
    if not args.window > 0:
        parser.error('--window: expected a positive number of seconds')
    try:
        layout = None if args.source_layout is None else get_layout(args.source_layout)
    except (ConfigError, OSError) as error:
        parser.error(f'--source-layout {args.source_layout}: {error}')
    with one_line_errors():
        for folder in (args.out, args.json.parent if args.json else None):
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
        try:
            audit = audit_file(args.file, layout=layout, split=args.split, window=args.window, allow=args.allow)
        except ConfigError as error:
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


def write(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with atomic_open(path, encoding='utf-8') as file:
        file.write(text + '\n')

"""Measure how often predict doubts recordings: real walks, and the same ones changed so that they should be doubted.

    python -m dynstg_mm check-doubts --out doubts.json KOA-PD-NM=koa_pd_nm.pkl --changed KOA-PD-NM=koa_pd_nm.pkl

A file is an annotation file with the layout in it, 2-D from the side or 3-D with y up.
"""
import argparse
from collections.abc import Sequence

from dynstg_mm.commands.common import run_command
from dynstg_mm.errors import ConfigError


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('sets', nargs='*', metavar='NAME=FILE', help='recordings as they are')
    add('--changed', nargs='+', metavar='NAME=FILE', default=[],
        help='recordings that are changed: 2-D ones by noise, playing them backwards, ...; 3-D ones into pictures')
    add('--out', required=True, metavar='FILE', help='JSON file to write')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    return run_command(check, parse_args(argv))


def check(args: argparse.Namespace) -> None:
    """Measure, and write the result."""
    from dynstg_mm.files import write_json
    from dynstg_mm.inference.doubt_checks import changed, clips_of, share_doubted
    from dynstg_mm.progress import with_bar
    given, altered = [_named(text) for text in args.sets], [_named(text) for text in args.changed]
    rows = [share_doubted(name, with_bar(clips_of(file), name)) for name, file in given]
    for name, file in altered:
        clips = clips_of(file)
        rows += [share_doubted(f'{name}, {change}', with_bar(some, change, total=len(clips)))
                 for change, some in changed(clips)]
    write_json(args.out, dict(rows=rows), indent=1)


def _named(text: str) -> tuple[str, str]:
    name, _, file = text.rpartition('=')
    if not (name and file):
        raise ConfigError(f'{text}: expected NAME=FILE.')
    return name, file


if __name__ == '__main__':
    raise SystemExit(main())

"""Generate the tables of results in the docs, and the metafiles, from the published results.

    python -m dynstg_mm make-tables
    python -m dynstg_mm make-tables --check

It reads configs/*/results/*.json. It writes configs/*/metafile.yml and, in README.md, data/README.md, docs and
configs/*/README.md, the tables between <!-- begin results: ID --> and <!-- end results -->. An unknown ID is an error
that lists similar ones.
"""
import argparse
import sys
from collections.abc import Sequence

from dynstg_mm.commands.common import one_line_errors


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--check', action='store_true',
                        help='write nothing; list outdated files, and exit with status 1 if there are any')
    parser.add_argument('--root', default='.', help='folder of the repository (default: the working directory)')
    args = parser.parse_args(argv)
    from dynstg_mm.benchmark.published import Published
    from dynstg_mm.files import atomic_open
    with one_line_errors():
        published = Published(args.root)
        made = [(path, published.replaced(path)) for path in published.documents()]
        made += published.metafiles()
        outdated = [(path, text) for path, text in made
                    if not path.is_file() or path.read_text(encoding='utf-8') != text]
        for path, text in outdated:
            if args.check:
                print(f'{path}: outdated; run make-tables.', file=sys.stderr)
            else:
                with atomic_open(path, encoding='utf-8') as file:
                    file.write(text)
                print(path)
    return 1 if args.check and outdated else 0

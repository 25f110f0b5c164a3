"""Text that a person reads: tables, and the names in messages."""
import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence


def few(names: Iterable[str], like: str | None = None, most: int = 3) -> str:
    """The first of many names and the number of the others, for messages.

    Args:
        names: The names.
        like: A name that is not among them; the names most like it come first.
        most: How many names to show.
    """
    names = list(names)
    shown = names[:most]
    if like is not None:
        plain = {name.casefold(): name for name in names}
        shown = [plain[name] for name in difflib.get_close_matches(like.casefold(), plain, most, cutoff=0)]
    return ', '.join(shown) + (f' and {len(names) - most} more' if len(names) > most else '') or 'none'


def alike_names(names: Iterable[str]) -> tuple[str, str] | None:
    """Two of the names that differ only in case, spaces, or zeros as in `P1` and `P01`, `1` and `1.0`; or None."""
    known: dict[str, str] = {}
    for name in names:
        plain = ''.join(unicodedata.normalize('NFKC', name).casefold().split())
        plain = re.sub(r'^(\d+)\.0+$', r'\1', re.sub(r'(?<![\d.])0+(?=\d)', '', plain))
        same = known.setdefault(plain, name)
        if same != name:
            return same, name
    return None


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table of rows of cells, the first of which is the header."""
    rows = [[cell.replace('|', r'\|') for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ['| ' + ' | '.join(cell.ljust(width) for cell, width in zip(row, widths)) + ' |' for row in rows]
    lines.insert(1, '|' + '|'.join('-' * (width + 2) for width in widths) + '|')
    return '\n'.join(lines)

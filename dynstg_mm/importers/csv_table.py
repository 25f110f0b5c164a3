"""CSV files as tables of text and numbers."""
import csv
import io
import itertools
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dynstg_mm.errors import DataError
from dynstg_mm.files import missing_file_hint
from dynstg_mm.importers.recording import readable

_MISSING = ('', 'na', 'n/a', 'none', 'null', '-')  # cells of a missing number, besides nan


def text_of(path: str | os.PathLike) -> str:
    """Content of a text file in any common encoding."""
    content = Path(path).read_bytes()
    encoding = 'utf-16' if content[:2] in (b'\xff\xfe', b'\xfe\xff') else 'utf-8-sig'
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return content.decode('cp1252')  # of spreadsheet programs in Western Europe


def csv_lines(path: str | os.PathLike, most: int | None = None) -> tuple[list[list[str]], str]:
    """Lines of a CSV file as text that are not blank, header included, and their separator: comma, semicolon or tab.

    Args:
        path: The file.
        most: Read only so many lines.

    Raises:
        DataError: There is no such file, or it is empty or not text.
    """
    if not Path(path).is_file():
        raise DataError(f'{path}: no such file; {missing_file_hint(path)}.')
    with readable(path, 'CSV file'):
        text = text_of(path)
        delimiter = max(',;\t', key=text.lstrip().split('\n')[0].count)
        reader = csv.reader(io.StringIO(text, newline=''), delimiter=delimiter)
        lines = list(itertools.islice((row for row in reader if any(map(str.strip, row))), most))
    if not lines:
        raise DataError(f'{path}: empty; expected a header and data.')
    return lines, delimiter


def csv_rows(path: str | os.PathLike, most: int | None = None) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV file as text, separated by comma, semicolon or tab, in any common encoding.

    Args:
        path: The file.
        most: Read only so many rows.

    Returns:
        The cells; decimal commas become points if the separator is not a comma.

    Raises:
        DataError: The file is empty or not text, or a line and the header differ in their number of cells.
    """
    return header_and_rows(path, *csv_lines(path, None if most is None else most + 1))


def header_and_rows(path: str | os.PathLike, lines: Sequence[list[str]],
                    delimiter: str) -> tuple[list[str], list[list[str]]]:
    """The same of lines and separator from `csv_lines`."""
    if len(lines) < 2:
        raise DataError(f'{path}: no lines below its header; expected a header and data.')
    header, rows = [cell.strip() for cell in lines[0]], list(lines[1:])
    header[0] = header[0].removeprefix('#').strip()  # NumPy's sign of a header
    if not header[-1] and all(len(row) == len(header) - 1 for row in rows):
        header.pop()
    for number, row in enumerate(rows):
        if len(row) != len(header):
            raise DataError(f'{path}: line {number + 2}: {len(row)} cells; the header has {len(header)}.')
    if len(set(header)) < len(header):
        duplicate = next(name for name in header if header.count(name) > 1)
        raise DataError(f'{path}: header: column {duplicate!r} is duplicated.')
    if delimiter != ',':
        rows = [[re.sub(r'^(\s*-?\d*),(\d+)', r'\1.\2', cell) for cell in row] for row in rows]
    return header, rows


def number_cells(path: str | os.PathLike, header: Sequence[str], rows: Sequence[Sequence[str]],
                 columns: Sequence[int], first: int = 2) -> np.ndarray:
    """Numbers of these columns, a missing one as NaN; float64 (lines, columns); `first` is the first row's line."""
    table = np.empty((len(rows), len(columns)))
    for line, row in enumerate(rows):
        for place, column in enumerate(columns):
            try:
                table[line, place] = float(row[column] or 'nan')
            except ValueError:
                if row[column].strip().lower() not in _MISSING:
                    raise DataError(f'{path}: line {line + first}, column {header[column]}: {row[column]!r}; expected '
                                    'a number.') from None
                table[line, place] = np.nan
    return table

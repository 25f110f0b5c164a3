"""The table of who walks in which clip, and its match with the recordings."""
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from dynstg_mm.datasets.annotation_file import ORIGINS
from dynstg_mm.datasets.targets import Target
from dynstg_mm.errors import DataError
from dynstg_mm.gait.signal import RATES, is_rate
from dynstg_mm.importers.csv_table import csv_rows
from dynstg_mm.importers.find import SUFFIXES
from dynstg_mm.importers.left_out import LeftOut
from dynstg_mm.importers.recording import Recording
from dynstg_mm.text import alike_names, few

REQUIRED = ('clip', 'subject', 'label')
COLUMNS = (*REQUIRED, 'rate', 'split', *ORIGINS)

_SUFFIXES = (*sorted({suffix for suffixes in SUFFIXES.values() for suffix in suffixes}), '.trc', '.wmv', '.webm')

Row = dict[str, Any]  # subject, label, perhaps rate (a number), split and `ORIGINS`
Rows = dict[str, Row]  # by clip
Value = TypeVar('Value')


def unused_columns(path: str | os.PathLike, targets: Mapping[str, Target] | None = None) -> list[str]:
    """Columns of a label table that are not used."""
    used = {*COLUMNS, *(name.lower() for name in targets or ())}
    return [name for name in csv_rows(path, 1)[0] if name.lower() not in used]


def read_labels(path: str | os.PathLike, targets: Mapping[str, Target] | None = None) -> Rows:
    """Read a table of the clips: CSV with the columns clip, subject, label, and perhaps rate, split and `ORIGINS`.

    Args:
        path: The file, separated by comma, semicolon or tab.
        targets: Scores beside the class, each a column of its name, whose cells may be empty.

    Raises:
        DataError: The file cannot be read, a column or cell is missing or wrong, a clip is duplicated, or two subjects
            or labels differ only in case, spaces or zeros.
    """
    header, table = csv_rows(path)
    header = [name.lower() for name in header]
    scores = {name.lower(): target for name, target in (targets or {}).items()}
    missing = [name for name in (*REQUIRED, *scores) if name not in header]
    if missing:
        raise DataError(f'{path}: header: no column {missing[0]}; expected {", ".join((*REQUIRED, *scores))}, and '
                        f'perhaps rate, split, {", ".join(ORIGINS)}.')
    rows: Rows = {}
    for number, cells in enumerate(table, 2):
        row: Row = {name: cell.strip() for name, cell in zip(header, cells) if name in COLUMNS}
        where = f'{path}: line {number}'
        empty = [name for name in REQUIRED if not row[name]]
        if empty:
            raise DataError(f'{where}: {empty[0]}: empty; every clip needs one.')
        clip = unicodedata.normalize('NFC', row.pop('clip'))  # file systems and spreadsheets encode letters differently
        if clip in rows:
            raise DataError(f'{where}: clip: {clip} is duplicated.')
        row['rate'] = parse_rate(row.get('rate'), f'{where}: clip {clip}: rate')
        if scores:
            own = dict(zip(header, cells))
            row['targets'] = {target.name: parse_score(own[name], target, f'{where}: clip {clip}')
                              for name, target in scores.items()}
        rows[clip] = row
    for name in ('subject', 'label', 'split', *ORIGINS):
        alike = alike_names(row.get(name) or '' for row in rows.values())
        if alike:
            raise DataError(f'{path}: {name}: {alike[0]!r} and {alike[1]!r} differ only in case, spaces or '
                            'zeros; expected one spelling, or different names.')
    return rows


def parse_score(text: str, target: Target, where: str) -> str | float | None:
    """The value of a target in a cell, None for an empty one; DataError for anything else."""
    try:
        return target.parse(text)
    except DataError as error:
        raise DataError(f'{where}: {target.name}: {error}') from None


def parse_rate(value: Any, where: str) -> float | None:
    """Frames per second as a number, None for an empty cell; DataError for anything else."""
    if value is None or value == '':
        return None
    try:
        rate = float(value)
    except (TypeError, ValueError):
        rate = 0.
    if not is_rate(rate):
        raise DataError(f'{where}: {value!r}; expected frames per second, {RATES[0]} to {RATES[1]}.')
    return rate


def order_classes(classes: Sequence[str] | None, rows: Rows, table: object) -> list[str]:
    """Names of the classes in their order: the given one, or sorted, numbers first.

    Args:
        classes: The names, if they are given.
        rows: The table of the clips.
        table: Names the table in errors.
    """
    if classes is None:
        labels = {row['label'] for row in rows.values()}
        _check_classes(labels, table)
        return sorted(labels, key=lambda label: (0, int(label), label) if label.isdigit() else (1, 0, label))
    if len(set(classes)) < len(classes):
        raise DataError(f'classes: {", ".join(classes)}; expected different names.')
    for clip, row in rows.items():
        if row['label'] not in classes:
            raise DataError(f'{table}: clip {clip}: label: {row["label"]!r}; expected one of {", ".join(classes)}.')
    return list(classes)


def _check_classes(labels: set[str], table: object) -> None:
    """Raise for labels that are measurements or several classes in one, which nobody said are classes."""
    for label in sorted(labels):
        if re.fullmatch(r'[-+]?\d*[.,]0*[1-9]\d*', label):
            raise DataError(f'{table}: label: {label!r} is a measurement; expected the name or number of a class. '
                            'Divide the measurements into classes, name each one with --classes, or make them a score '
                            'in another column with --score.')
        parts = [part.strip() for part in re.split('[;|,/+&]', label)]
        if re.search('[;|]', label) or len(parts) > 1 and set(parts) & (labels - {label}):
            raise DataError(f'{table}: label: {label!r} is several classes in one; expected one class for each clip. '
                            'If it is a class of its own, name all classes with --classes.')


def without_suffix(rows: Rows, clips: Iterable[str], table: object) -> Rows:
    """The rows by names of clips; the table may have those of files, such as of the videos of the recordings."""
    plain: Rows = {}
    known = set(clips)
    for clip, row in rows.items():
        suffix = '' if clip in known else next((suffix for suffix in _SUFFIXES if clip.lower().endswith(suffix)), '')
        if plain.setdefault(clip[:len(clip) - len(suffix)], row) is not row:
            raise DataError(f'{table}: clip: {clip} is duplicated, with and without the suffix of a file.')
    return plain


def with_labels(recordings: Mapping[str, Value], rows: Rows, table: object, left_out: LeftOut) -> dict[str, Value]:
    """The recordings that have a row in the table; rows and recordings without the other are left out."""
    for index, name in enumerate(name for name in recordings if name not in rows):
        near = f', which has {few(rows, name)}' if index == 0 else ''
        left_out.add(f'{table}: clip {name}: no line in the table{near}.')
    for index, name in enumerate(name for name in rows if name not in recordings):
        near = f'; there are {few(recordings, name)}' if index == 0 else ''
        left_out.add(f'{table}: clip {name}: no such recording{near}.')
    kept = {name: value for name, value in recordings.items() if name in rows}
    if not kept:
        raise DataError(f'{table}: none of its clips is a recording; there are {few(recordings)}.')
    return kept


def own_labels(recordings: Mapping[str, Recording], classes: Sequence[str] | None,
               source: object) -> tuple[Rows, list[str]]:
    """Rows and classes from annotations that bring their own labels.

    Raises:
        DataError: A subject or label is missing or wrong.
    """
    first = next(iter(recordings.values())).fields.get('classes')
    rows: Rows = {}
    for clip, recording in recordings.items():
        missing = [key for key in ('subject', 'label') if key not in recording.fields]
        if missing:
            raise DataError(f'{source}: clip {clip}: {missing[0]}: missing; add a table with clip, subject and label '
                            '(--labels).')
        label = recording.fields['label']
        if isinstance(label, bool) or not isinstance(label, (int, np.integer)) or label < 0 or (
                first is not None and label >= len(first)):
            raise DataError(f'{source}: clip {clip}: label: {label!r}; expected a class number from 0.')
        origins = {field: str(recording.fields[field]) for field in ORIGINS if field in recording.fields}
        origins['subject'] = str(recording.fields['subject'])
        rows[clip] = dict(origins, label=str(first[label] if first else label))
    if classes is None and first:
        classes = [str(label) for label in first]
    return rows, order_classes(classes, rows, source)

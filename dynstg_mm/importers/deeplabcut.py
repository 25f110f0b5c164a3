"""DeepLabCut: CSV files with three header lines, or four with several individuals, and the same as H5 files."""
import os
from pathlib import Path

import numpy as np

from dynstg_mm.errors import DataError
from dynstg_mm.extras import need
from dynstg_mm.importers.csv_table import csv_lines, number_cells
from dynstg_mm.importers.persons import Detection, People, pick_persons
from dynstg_mm.importers.recording import Recording, readable, without_prefix
from dynstg_mm.safe_pickle import parse_pickle

HEADERS = ('scorer', 'individuals', 'bodyparts', 'coords')  # first cells of the header's lines
H5_SUFFIXES = ('.h5', '.hdf5')

Columns = dict[tuple[str, str, str], int]  # individual, body part and coordinate -> column


def read_deeplabcut(path: str | os.PathLike, *, persons: int = 1) -> list[Recording]:
    """Keypoints of DeepLabCut's CSV or H5 file of a video, in pixels, or in space if the file has z.

    Args:
        path: The file.
        persons: How many persons to keep, of those that the line `individuals` distinguishes.

    Returns:
        One recording with the names of the body parts; `likelihood` is the score.

    Raises:
        DataError: The file is damaged; the message names line and column, or the field of an H5 file.
    """
    columns, values = _h5_table(path) if Path(path).suffix.lower() in H5_SUFFIXES else _csv_table(path)
    frames, names = _detections(path, columns, values)
    keypoint, score, notes, count = pick_persons(frames, persons, path)
    return [Recording(None, keypoint, score, without_prefix(names), notes=notes, persons=count)]


def _csv_table(path: str | os.PathLike) -> tuple[Columns, np.ndarray]:
    lines, _ = csv_lines(path)
    first = next((number for number, line in enumerate(lines) if line[0].strip() not in HEADERS), len(lines))
    header = {line[0].strip(): [cell.strip() for cell in line[1:]] for line in lines[:first]}
    rows = lines[first:]
    missing = [name for name in ('bodyparts', 'coords') if name not in header]
    if missing or not rows:
        raise DataError(f'{path}: no {missing[0] if missing else "frames"}; expected the lines {", ".join(HEADERS)} '
                        'and one per frame.')
    who = header.get('individuals', [''] * len(header['coords']))
    columns = _columns(path, list(zip(who, header['bodyparts'], header['coords'])), 1)
    labels = ['frame', *(' '.join(key).strip() for key in columns)]
    wrong = next((number for number, row in enumerate(rows) if len(row) != len(labels)), None)
    if wrong is not None:
        raise DataError(f'{path}: line {first + wrong + 1}: {len(rows[wrong])} cells; the header has {len(labels)}.')
    return columns, number_cells(path, labels, rows, range(len(labels)), first + 1)


def _h5_table(path: str | os.PathLike) -> tuple[Columns, np.ndarray]:
    """The table that pandas wrote; the names of its columns are pickled, and nothing in them is run."""
    h5py = need('h5py', 'deeplabcut')
    with readable(path, 'H5 file of DeepLabCut'), h5py.File(path, 'r') as file:
        table = next((group['table'] for group in file.values() if isinstance(group, h5py.Group) and 'table' in group
                      and isinstance(group['table'], h5py.Dataset)), None)
        blocks = [] if table is None else [name for name in table.dtype.names or () if name.startswith('values_block')]
        if table is None or not blocks or not len(table):
            raise DataError(f'{path}: table: {"no frames" if blocks else "missing"}; expected a table of pandas, as '
                            'DeepLabCut writes it for a video, or its CSV file.')
        if table.dtype['index'].kind not in 'iu':
            raise DataError(f'{path}: index: names of images; expected the frames of a video, as analyze_videos writes '
                            'them, and not labels set by hand.')
        content, kinds = table[:], {name: bytes(table.attrs[f'{name}_kind']) for name in blocks}
    keys = [key for name in blocks for key in _names(path, name, parse_pickle(kinds[name], f'{path}: {name}_kind'))]
    values = np.concatenate([content[name].reshape(len(content), -1) for name in blocks], 1)
    if values.shape[1] != len(keys) or values.dtype.kind != 'f':
        raise DataError(f'{path}: table: {values.shape[1]} columns; expected numbers under its {len(keys)} names.')
    order = np.argsort(content['index'], kind='stable')
    return _columns(path, keys, 0), values[order]


def _names(path: str | os.PathLike, block: str, names: object) -> list[tuple[str, str, str]]:
    """Individual, body part and coordinate of each column; the scorer is left out."""
    if not isinstance(names, list) or not all(isinstance(name, tuple) and len(name) in (3, 4) and all(
            isinstance(part, str) for part in name) for name in names):
        raise DataError(f'{path}: {block}_kind: no names of columns; expected scorer, individual, body part and '
                        'coordinate of each.')
    return [(name[1] if len(name) == 4 else '', *name[-2:]) for name in names]


def _columns(path: str | os.PathLike, keys: list[tuple[str, str, str]], first: int) -> Columns:
    double = next((key for key in keys if keys.count(key) > 1), None)
    if double is not None:
        raise DataError(f'{path}: bodyparts: {" ".join(double).strip()} is duplicated.')
    return {key: column for column, key in enumerate(keys, first)}


def _detections(path: str | os.PathLike, columns: Columns, values: np.ndarray) -> tuple[list[People], list[str]]:
    """The people of every frame, and the names of their joints; a body part without a place is lost."""
    names = list(dict.fromkeys(part for _, part, _ in columns))
    axes = [axis for axis in ('x', 'y', 'z') if any(axis == key[2] for key in columns)]
    if len(axes) < 2:
        raise DataError(f'{path}: coords: no x and y of each body part.')
    frames: list[People] = [[] for _ in values]
    for person in dict.fromkeys(person for person, _, _ in columns):
        if not any((person, name, 'x') in columns for name in names):
            continue
        absent = [(name, axis) for name in names for axis in axes if (person, name, axis) not in columns]
        if person == 'single' and absent:  # points of the scene, which belong to nobody
            continue
        if absent:
            raise DataError(f'{path}: coords: {" ".join((person, *absent[0])).strip()} missing; expected '
                            f'{", ".join(axes)} of each body part.')
        place = values[:, [[columns[person, name, axis] for axis in axes] for name in names]]
        found = ~np.isnan(place).any(-1)
        place = np.where(found[..., None], place, np.nan)
        scored = all((person, name, 'likelihood') in columns for name in names)
        score = values[:, [columns[person, name, 'likelihood'] for name in names]] if scored else found * 1.
        score = np.where(found, np.nan_to_num(score), 0)
        for people, pose, one in zip(frames, place, score):
            if one.any():
                people.append(Detection(pose, one, person or None))
    return frames, names

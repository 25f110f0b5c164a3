"""DeepLabCut: CSV files with three header lines, or four with several individuals."""
import os

import numpy as np

from dynstg_mm.errors import DataError
from dynstg_mm.importers.csv_table import csv_lines, number_cells
from dynstg_mm.importers.persons import Detection, People, pick_persons
from dynstg_mm.importers.recording import Recording, without_prefix

HEADERS = ('scorer', 'individuals', 'bodyparts', 'coords')  # first cells of the header's lines


def read_deeplabcut(path: str | os.PathLike, *, persons: int = 1) -> list[Recording]:
    """Keypoints of DeepLabCut's CSV file of a video, in pixels, or in space if the file has z.

    Args:
        path: The file.
        persons: How many persons to keep, of those that the line `individuals` distinguishes.

    Returns:
        One recording with the names of the body parts; `likelihood` is the score.

    Raises:
        DataError: The file is damaged; the message names line and column.
    """
    lines, _ = csv_lines(path)
    first = next((number for number, line in enumerate(lines) if line[0].strip() not in HEADERS), len(lines))
    header = {line[0].strip(): [cell.strip() for cell in line[1:]] for line in lines[:first]}
    rows = lines[first:]
    missing = [name for name in ('bodyparts', 'coords') if name not in header]
    if missing or not rows:
        raise DataError(f'{path}: no {missing[0] if missing else "frames"}; expected the lines {", ".join(HEADERS)} '
                        'and one per frame.')
    who = header.get('individuals', [''] * len(header['coords']))
    columns: dict[tuple[str, str, str], int] = {}
    for column, key in enumerate(zip(who, header['bodyparts'], header['coords']), 1):
        if key in columns:
            raise DataError(f'{path}: bodyparts: {" ".join(key).strip()} is duplicated.')
        columns[key] = column
    labels = ['frame', *(' '.join(key).strip() for key in columns)]
    wrong = next((number for number, row in enumerate(rows) if len(row) != len(labels)), None)
    if wrong is not None:
        raise DataError(f'{path}: line {first + wrong + 1}: {len(rows[wrong])} cells; the header has {len(labels)}.')
    frames, names = _detections(path, columns, number_cells(path, labels, rows, range(len(labels)), first + 1))
    keypoint, score, notes, count = pick_persons(frames, persons, path)
    return [Recording(None, keypoint, score, without_prefix(names), notes=notes, persons=count)]


def _detections(path: str | os.PathLike, columns: dict[tuple[str, str, str], int],
                values: np.ndarray) -> tuple[list[People], list[str]]:
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

"""Kinect v2: `.skeleton` files of NTU RGB+D, and tables of numbers without a header."""
import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dynstg_mm.errors import DataError
from dynstg_mm.importers.csv_table import csv_lines, number_cells, text_of
from dynstg_mm.importers.estimator_json import MAX_GAP
from dynstg_mm.importers.persons import Detection, People, pick_persons
from dynstg_mm.importers.recording import Recording, readable, with_lost

JOINTS, RATE = 25, 30.
FAR = 20.  # metres from the sensor, beyond which a place is an error; the sensor sees 8
_SCORES = (0., 0.5, 1.)  # of a joint that is not tracked, inferred, tracked


def read_kinect(path: str | os.PathLike, *, persons: int = 1) -> list[Recording]:
    """Joints of Kinect v2 in metres, in the order of NTU RGB+D.

    A `.skeleton` file has the bodies of each frame, 30 per second, with y up. A table has one line per frame without a
    header: the time in seconds, which may start again at 60, and x, y, z of the 25 joints, perhaps behind each joint's
    number. The times place its frames; a gap is lost frames. Places beyond 20 m are lost joints.

    Args:
        path: The file.
        persons: How many persons to keep, by their numbers in a `.skeleton` file.

    Raises:
        DataError: The file is damaged; the message names the line.
    """
    if Path(path).suffix.lower() != '.skeleton':
        return [_table(path)]
    frames = _skeletons(path)
    keypoint, score, notes, count = pick_persons(frames, persons, path)
    return [Recording(None, keypoint, score, layout='nturgb+d', rate=RATE, unit='m', notes=notes, persons=count)]


def _skeletons(path: str | os.PathLike) -> list[People]:
    """The people of every frame of a `.skeleton` file."""
    with readable(path, '.skeleton file'):
        lines = iter(enumerate(text_of(path).splitlines(), 1))
    frames: list[People] = []
    for _ in range(_count(path, lines, 'frames', 10**6)):
        people: People = []
        for _ in range(_count(path, lines, 'bodies', 100)):
            number, body = next(lines, (0, ''))
            joints = _count(path, lines, 'joints', JOINTS)
            rows = [line.split() for _, line in itertools.islice(lines, joints)]
            try:
                values = np.array([[*row[:3], row[11]] for row in rows], float).reshape(-1, 4)
            except (ValueError, IndexError):
                values = np.zeros((0, 4))
            if not body.split() or len(values) != JOINTS:
                raise DataError(f'{path}: line {number}: not a body of {JOINTS} joints with 12 numbers each.')
            place, state = _plausible(values[:, :3]), np.nan_to_num(values[:, 3])
            score = np.where(np.isin(state, (0, 1, 2)), np.take(_SCORES, state.clip(0, 2).astype(int)), 0)
            people.append(Detection(place, np.where(np.isnan(place).any(-1), 0, score), body.split()[0]))
        frames.append(people)
    return frames


def _count(path: str | os.PathLike, lines: Iterator[tuple[int, str]], what: str, most: int) -> int:
    number, line = next(lines, (0, ''))
    if not re.fullmatch(r'\s*\d{1,7}\s*', line) or int(line) > most:
        raise DataError(f'{path}: line {number or "at the end"}: {line[:40]!r}; expected the number of {what}.')
    return int(line)


def is_table(first: list[str]) -> bool:
    """Whether the first line of a CSV file is that of a Kinect table: a time and 25 places, without a header."""
    cells = [cell.strip() for cell in first]
    while cells and not cells[-1]:
        cells.pop()
    try:
        return len(cells) in (1 + 3 * JOINTS, 1 + 4 * JOINTS) and len([float(cell) for cell in cells]) > 0
    except ValueError:
        return False


def read_table(path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray]:
    """A table of numbers as it is in the file.

    Args:
        path: The file.

    Returns:
        The times (T,) in seconds, and places (T, 25, 3), of which some may be no numbers or absurd.

    Raises:
        DataError: The file is damaged; the message names the line.
    """
    lines, _ = csv_lines(path)
    if not is_table(lines[0]):
        raise DataError(f'{path}: line 1: not a time and {JOINTS} joints as numbers; expected a table of Kinect v2 '
                        'without a header.')
    width = max(count for count in (1 + 3 * JOINTS, 1 + 4 * JOINTS) if count <= len(lines[0]))
    for number, line in enumerate(lines, 1):
        if len(line) < width or any(map(str.strip, line[width:])):
            raise DataError(f'{path}: line {number}: {len(line)} cells; expected {width}.')
    values = number_cells(path, ['time', *map(str, range(1, width))], lines, range(width), 1)
    joints = values[:, 1:].reshape(len(lines), JOINTS, -1)
    if joints.shape[2] == 4 and (joints[..., 0] != np.arange(JOINTS)).any():
        wrong = np.argwhere(joints[..., 0] != np.arange(JOINTS))[0]
        raise DataError(f'{path}: line {wrong[0] + 1}: joint {joints[wrong[0], wrong[1], 0]:g}; expected {wrong[1]}.')
    return values[:, 0], joints[..., -3:]


def _table(path: str | os.PathLike) -> Recording:
    times, joints = read_table(path)
    places, rate = _places(path, time_steps(path, times))
    keypoint = np.full((1, places[-1] + 1, JOINTS, 3), np.nan)
    keypoint[0, places] = _plausible(joints)
    absurd = int(np.isnan(keypoint[0, places]).any(-1).sum())
    notes = [f'{absurd} of {len(times) * JOINTS} joints have no place, or one beyond {FAR:g} m; lost'] * bool(absurd)
    gaps = keypoint.shape[1] - len(times)
    notes += [f'{gaps} of {keypoint.shape[1]} frames are missing by the times; treated as lost'] * bool(gaps)
    keypoint, score = with_lost(keypoint, None, path)
    return Recording(None, keypoint, score, layout='nturgb+d', rate=rate, up='z', unit='m', notes=notes)


def _plausible(place: np.ndarray) -> np.ndarray:
    """Places (..., 3), NaN where a coordinate is no number or out of the sensor's range."""
    inside = (np.abs(place) < FAR).all(-1, keepdims=True)
    return np.where(inside, place, np.nan)


def time_steps(where: str | os.PathLike, times: np.ndarray) -> np.ndarray:
    """Seconds (T - 1,) between frames, from times (T,) that may begin again after 60.

    Raises:
        DataError: There is only one frame, or a time is not after the one before.
    """
    steps = np.diff(times)
    steps = np.where(steps < -30, steps + 60, steps)
    wrong = np.flatnonzero(~(steps > 0))
    if len(wrong) or not len(steps) or not np.isfinite(times).all():
        line = int(wrong[0]) + 2 if len(wrong) else 1
        raise DataError(f'{where}: line {line}: time: {times[line - 1]:g}; expected seconds that grow, or begin again '
                        'after 60.')
    return steps


def _places(path: str | os.PathLike, steps: np.ndarray) -> tuple[np.ndarray, float]:
    """The frame number of each line by its time, and the rate; the nearest free one, since the times tremble."""
    median = float(np.median(steps))
    rate = RATE if abs(median * RATE - 1) < 0.15 else round(1 / median, 2)
    if np.max(steps) * rate > MAX_GAP or not rate:
        raise DataError(f'{path}: line {int(steps.argmax()) + 2}: time: a gap of {np.max(steps):g} s.')
    places = np.round(np.append(0, steps.cumsum()) * rate).astype(int)
    for index in range(1, len(places)):
        places[index] = max(places[index], places[index - 1] + 1)
    return places, rate

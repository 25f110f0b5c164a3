"""CSV files of any skeleton."""
import os
import re
from collections.abc import Sequence

import numpy as np

from dynstg_mm.errors import DataError
from dynstg_mm.gait.signal import is_rate
from dynstg_mm.importers.csv_table import csv_lines, header_and_rows, number_cells
from dynstg_mm.importers.estimator_json import MAX_GAP
from dynstg_mm.importers.persons import Detection, People, pick_persons
from dynstg_mm.importers.recording import Recording, has_place, informative, without_prefix
from dynstg_mm.text import few

_SCORES = ('score', 'confidence', 'conf', 'c', 'visibility', 'v', 'likelihood')
_AXIS = r'x|y|z|presence|' + '|'.join(_SCORES)
_JOINT_AXIS = re.compile(rf'(?P<joint>.*[^_.:\s])[_.:\s]+(?P<axis>{_AXIS})', re.IGNORECASE)  # left_knee_x, 12.y
_AXIS_NUMBER = re.compile(rf'(?P<axis>{_AXIS})_?(?P<joint>\d+)', re.IGNORECASE)  # x12
_FRAME = ('frame', 'frame_id', 'frame_number', 'frame_index', 'frame_idx', 'index', 'image_id')
_UNITS = {'_s': 1, '_ms': 1e3, '_us': 1e6, '_ns': 1e9}  # per second
_TIME = ('time', 'timestamp', 'seconds', 't', *(name + unit for name in ('time', 'timestamp') for unit in _UNITS))
_PERSON = ('person', 'person_id', 'track', 'track_id')
_JOINT = ('joint', 'joint_name', 'landmark', 'landmark_id', 'landmark_name', 'keypoint', 'keypoint_id', 'marker',
          'name', 'id')

Header = Sequence[str]
Rows = Sequence[Sequence[str]]
Key = tuple[int, str | None]  # frame and person of a line


def read_csv(path: str | os.PathLike, *, persons: int = 1) -> list[Recording]:
    """Keypoints of a CSV file with a header, with one line per frame or one line per joint.

    One line per frame: columns `<joint>_x`, `<joint>_y`, perhaps `<joint>_z` and `<joint>_score` (also `_confidence`,
    `_visibility`, `_likelihood`), or `x0`, `y0`, ... One line per joint: columns `frame`, `joint`, `x`, `y`, perhaps
    `z` and `score`. Optional columns are `frame`, `time` (in seconds, milli-, micro- or nanoseconds, by a name such as
    `time_ms` or else by its steps) and `person`; one line per joint needs `frame` or `time`. Without `frame`, missing
    frames are found by `time`. Commas, semicolons or tabs; an empty cell or NaN in all coordinates is a lost joint.

    Args:
        path: The file.
        persons: How many persons to keep, if there is a column that distinguishes them.

    Returns:
        One recording, with the names of the joints unless they are numbers.

    Raises:
        DataError: The file is damaged; the message names line and column.
    """
    lines, delimiter = csv_lines(path)
    if lines[0][0].strip() == 'scorer':
        raise DataError(f'{path}: header: a table of DeepLabCut; convert it as deeplabcut.')
    return [table_recording(path, *header_and_rows(path, lines, delimiter), persons)]


def table_recording(path: str | os.PathLike, header: Header, rows: Rows, persons: int = 1) -> Recording:
    """The recording in a table, as for `read_csv`."""
    columns = {name.strip().lower(): index for index, name in enumerate(header)}
    frame = next((columns[name] for name in _FRAME if name in columns), None)
    time = next((name for name in _TIME if name in columns), None)
    person = next((columns[name] for name in _PERSON if name in columns), None)
    joint = next((columns[name] for name in _JOINT if name in columns), None)
    line_per_joint = joint is not None and {'x', 'y'} <= set(columns)
    if joint is not None and line_per_joint and frame is None and time is None:
        raise DataError(f'{path}: header: no column frame or time; expected one besides {header[joint]}.')
    times = number_cells(path, header, rows, [columns[time]])[:, 0] if time else None
    numbers = _frame_numbers(path, header, rows, frame, times)
    keys = [(number, row[person].strip() if person is not None else None) for number, row in zip(numbers, rows)]
    if joint is not None and line_per_joint:
        names, keys, values = _one_line_per_joint(path, header, rows, columns, keys, joint)
    else:
        names, picked = _joint_columns(path, header)
        values = number_cells(path, header, rows, picked).reshape(len(rows), len(names), -1)
    frames, gaps = _by_frame(path, keys, values, _has_score(header, line_per_joint))
    keypoint, score, notes, count = pick_persons(frames, persons, path)
    rate, more = _rate(time, times, numbers, len(frames)) if time and times is not None else (None, [])
    numbered = all(re.fullmatch(r'(\D*)\d+', name) for name in names)
    known = {frame, person, joint if line_per_joint else None, *(columns[name] for name in _TIME if name in columns)}
    unused = [name for index, name in enumerate(header) if index not in known and name.strip() and not _is_axis(name)]
    left_out = [f'columns that are not used: {few(unused)}'] * bool(unused)
    return Recording(None, keypoint, score, None if numbered else names, rate=rate,
                     notes=gaps + more + notes + left_out, persons=count)


def _frame_numbers(path: str | os.PathLike, header: Header, rows: Rows, frame: int | None,
                   times: np.ndarray | None) -> list[int]:
    """Frame of every line: from its column, else by time, where a step can be several frames, else one per line."""
    if frame is not None:
        return [_frame_number(path, header, rows, line, frame) for line in range(len(rows))]
    if times is None:
        return list(range(len(rows)))
    if not np.isfinite(times).all():
        raise DataError(f'{path}: line {np.flatnonzero(~np.isfinite(times))[0] + 2}: time: missing; expected a number '
                        'in every line, or a column frame.')
    moments, places = np.unique(times, return_inverse=True)
    steps = np.diff(moments)
    if not len(steps):
        return [0] * len(rows)
    single = steps[np.round(steps / np.median(steps)) <= 1].mean()  # exact although each step is rounded
    counts = np.maximum(1, np.round(steps / single))
    return np.append(0, counts).cumsum()[places].astype(int).tolist()


def _frame_number(path: str | os.PathLike, header: Header, rows: Rows, line: int, column: int) -> int:
    """A frame number; the last number of a file name."""
    cell = rows[line][column].strip()
    try:
        number = float(cell)
    except ValueError:
        numbers = re.findall(r'\d+', cell)
        number = int(numbers[-1]) if numbers else np.nan
    if not abs(number) < 1e12 or number != int(number):
        raise DataError(f'{path}: line {line + 2}, column {header[column]}: {cell!r}; expected the frame '
                        'number.')
    return int(number)


def _joint_columns(path: str | os.PathLike, header: Header) -> tuple[list[str], list[int]]:
    """Names of the joints, and the columns of each in the order x, y, z, score, as one list."""
    axes_of: dict[str, dict[str, int]] = {}
    for index, name in enumerate(header):
        match = _JOINT_AXIS.fullmatch(name) or _AXIS_NUMBER.fullmatch(name)
        if match:
            axis = match['axis'].lower()
            axes_of.setdefault(match['joint'], {})['score' if axis in _SCORES else axis] = index
    axes_of = {joint: axes for joint, axes in axes_of.items() if {'x', 'y'} & set(axes)}
    if not axes_of:
        raise DataError(f'{path}: header: {", ".join(header[:6])}, ...; expected columns such as left_knee_x, '
                        'left_knee_y, or x0, y0, or the columns frame, joint, x, y.')
    axes_of = dict(zip(without_prefix(list(axes_of)), axes_of.values()))
    wanted = [axis for axis in ('x', 'y', 'z', 'score') if any(axis in axes for axes in axes_of.values())]
    for joint, axes in axes_of.items():
        missing = [axis for axis in wanted if axis not in axes]
        if missing:
            raise DataError(f'{path}: header: joint {joint} has no {missing[0]}; expected {", ".join(wanted)} of each.')
    return list(axes_of), [axes[axis] for axes in axes_of.values() for axis in wanted]


def _is_axis(name: str) -> bool:
    """Whether a column holds a number of a joint."""
    return any(pattern.fullmatch(name) for pattern in (_JOINT_AXIS, _AXIS_NUMBER, re.compile(_AXIS, re.IGNORECASE)))


def joint_names(path: str | os.PathLike, header: Header, rows: Rows) -> list[str]:
    """Names of the joints of a table, as for `read_csv`."""
    columns = {name.strip().lower(): index for index, name in enumerate(header)}
    joint = next((columns[name] for name in _JOINT if name in columns), None)
    if joint is not None and {'x', 'y'} <= set(columns):
        return list(dict.fromkeys(row[joint].strip() for row in rows))
    return _joint_columns(path, header)[0]


def _has_score(header: Header, line_per_joint: bool) -> bool:
    names = [name.lower() for name in header]
    if not line_per_joint:
        matches = [_JOINT_AXIS.fullmatch(name) or _AXIS_NUMBER.fullmatch(name) for name in names]
        names = [match['axis'].lower() for match in matches if match]
    return any(name in _SCORES for name in names)


def _one_line_per_joint(path: str | os.PathLike, header: Header, rows: Rows, columns: dict[str, int],
                        key_of: Sequence[Key], joint: int) -> tuple[list[str], list[Key], np.ndarray]:
    """Names of the joints, keys, and values (keys, joints, x y z score)."""
    picked = [columns[axis] for axis in ('x', 'y', 'z') if axis in columns]
    picked += [columns[name] for name in _SCORES if name in columns][:1]
    numbers = number_cells(path, header, rows, picked)
    labels = [row[joint].strip() for row in rows]
    names = list(dict.fromkeys(labels))
    if all(name.isdigit() for name in names):
        names.sort(key=int)
    place = {name: index for index, name in enumerate(names)}
    lines_of: dict[Key, list[int]] = {}
    for line, key in enumerate(key_of):
        lines_of.setdefault(key, []).append(line)
    values = np.full((len(lines_of), len(names), len(picked)), np.nan)
    for row, (key, lines) in enumerate(lines_of.items()):
        taken = [place[labels[line]] for line in lines]
        if len(set(taken)) < len(taken):
            raise DataError(f'{path}: line {lines[-1] + 2}: a joint of frame {key[0]} is duplicated.')
        values[row, taken] = numbers[lines]
    return names, list(lines_of), values


def _by_frame(path: str | os.PathLike, keys: Sequence[Key], values: np.ndarray,
              has_score: bool) -> tuple[list[People], list[str]]:
    """Detections of every frame, by its number, and a note; a missing number is a lost frame."""
    coordinates = values[..., :-1] if has_score else values
    score = values[..., -1] if has_score else np.ones(values.shape[:2])
    if coordinates.shape[-1] not in (2, 3):
        raise DataError(f'{path}: header: {coordinates.shape[-1]} coordinates per joint; expected x, y, or x, y, z.')
    score, notes = informative(score, has_place(coordinates))
    numbers = np.array([frame for frame, _ in keys])
    if len(set(keys)) < len(keys):
        duplicate = next(key for key in keys if keys.count(key) > 1)
        raise DataError(f'{path}: frame {duplicate[0]} is duplicated; expected one line per frame, or a column person.')
    ordered = np.unique(numbers)
    steps = np.diff(ordered)
    step = int(np.gcd.reduce(steps)) if len(steps) else 1
    if len(steps) and steps.max() > step * MAX_GAP:
        raise DataError(f'{path}: frame {ordered[steps.argmax()]} is followed by {ordered[steps.argmax() + 1]}.')
    frames: list[People] = [[] for _ in range(int(ordered[-1] - ordered[0]) // step + 1)]
    for row, (frame, who) in enumerate(keys):
        seen = ~np.isnan(coordinates[row]).all(-1) & ~(score[row] <= 0)
        if seen.any():
            frames[(frame - int(ordered[0])) // step].append(Detection(
                coordinates[row], np.where(seen, score[row], 0), who))
    missing = len(frames) - len(ordered)
    return frames, notes + [f'{missing} of {len(frames)} frames have no line; treated as lost'] * bool(missing)


def _rate(name: str, times: np.ndarray, numbers: Sequence[int], frames: int) -> tuple[float | None, list[str]]:
    """Frames per second by the time column, or a note why it cannot be used.

    It is the mean over the whole recording, since steps are often rounded; if the rounding of the first and the last
    time allows a whole number, it is that one.
    """
    order = np.argsort(numbers, kind='stable')
    times = times[order][np.isfinite(times[order])]
    steps = np.diff(times)
    steps, span = steps[steps != 0], times[-1] - times[0] if len(times) else 0
    if not len(steps) or frames < 3:
        return None, []
    if steps.min() < 0:
        return None, [f'column {name} goes backwards; not used']
    step = span / (frames - 1)
    unit = next((unit for end, unit in _UNITS.items() if name.endswith(end)), None) or next(
        (unit for unit in (1, 1e3, 1e6) if step < unit), 1e9)  # a frame takes less than a second
    rate = unit / step
    decimals = next(digits for digits in range(10) if digits == 9 or np.allclose(np.round(times, digits), times,
                                                                                 rtol=0, atol=1e-10))
    whole = round(rate)
    rate = float(whole if abs(rate - whole) <= rate * 10**-decimals / span else round(rate, 2))
    return (rate, []) if is_rate(rate) else (None, [f'column {name} implies {rate:g} frames per second; not used'])

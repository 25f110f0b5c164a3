"""Tables and arrays: CSV and NPZ files of any skeleton, and those of MediaPipe's landmarks."""
import csv
import io
import re
from pathlib import Path

import numpy as np

from dynstg_mm.errors import DataError
from dynstg_mm.gait.signal import is_rate
from dynstg_mm.importers.json_files import MAX_GAP
from dynstg_mm.importers.persons import Detection, most_seen, pick_persons
from dynstg_mm.importers.recording import EmptyRecording, Recording, readable, with_lost

_SCORES = ('score', 'confidence', 'conf', 'c', 'visibility', 'v', 'likelihood')
_AXIS = r'x|y|z|presence|' + '|'.join(_SCORES)
_JOINT_AXIS = re.compile(rf'(?P<joint>.*[^_.:\s])[_.:\s]+(?P<axis>{_AXIS})', re.IGNORECASE)  # left_knee_x, 12.y
_AXIS_NUMBER = re.compile(rf'(?P<axis>{_AXIS})_?(?P<joint>\d+)', re.IGNORECASE)  # x12
_FRAME = ('frame', 'frame_id', 'frame_number', 'frame_index', 'frame_idx', 'index', 'image_id')
_UNITS = {'_s': 1, '_ms': 1e3, '_us': 1e6, '_ns': 1e9}  # of a second
_TIME = ('time', 'timestamp', 'seconds', 't', *(name + unit for name in ('time', 'timestamp') for unit in _UNITS))
_PERSON = ('person', 'person_id', 'track', 'track_id')
_JOINT = ('joint', 'joint_name', 'landmark', 'landmark_id', 'landmark_name', 'keypoint', 'keypoint_id', 'marker',
          'name', 'id')
_NOTHING = ('', 'na', 'n/a', 'none', 'null', '-')  # what stands for a missing number, beside nan
COORDS = ('pixel', 'normalized', 'world')


def read_csv(path, *, persons=1):
    """Keypoints of a CSV file with a header, one line a frame or one line a joint.

    One line a frame: columns `<joint>_x`, `<joint>_y`, perhaps `<joint>_z` and `<joint>_score` (also `_confidence`,
    `_visibility`, `_likelihood`), or `x0`, `y0`, ... One line a joint: columns `frame`, `joint`, `x`, `y`, perhaps `z`
    and `score`. Further columns may be `frame`, `time` (seconds, milli-, micro- or nanoseconds, as `time_ms` says or
    else its steps do) and `person`; one line a joint needs `frame` or `time`. Without `frame`, `time` tells where frames
    were left out. Commas, semicolons or tabs; an empty cell or NaN in all coordinates is a lost joint.

    Args:
        path (str | Path): The file.
        persons (int): How many persons to keep, where there is a column that tells them apart.

    Returns:
        list[Recording]: One, with the names of the joints unless they are numbers.

    Raises:
        DataError: The file is damaged; the message names line and column.
    """
    header, rows = csv_rows(path)
    columns = {name.strip().lower(): index for index, name in enumerate(header)}
    frame = next((columns[name] for name in _FRAME if name in columns), None)
    time = next((name for name in _TIME if name in columns), None)
    person = next((columns[name] for name in _PERSON if name in columns), None)
    joint = next((columns[name] for name in _JOINT if name in columns), None)
    one_a_joint = joint is not None and {'x', 'y'} <= set(columns)
    if one_a_joint and frame is None and time is None:
        raise DataError(f'{path}: header: no column frame or time; expected one beside {header[joint]}.')
    times = _cells(path, header, rows, [columns[time]])[:, 0] if time else None
    numbers = _frame_numbers(path, header, rows, frame, times)
    keys = [(number, row[person].strip() if person is not None else None) for number, row in zip(numbers, rows)]
    if one_a_joint:
        names, keys, values = _one_line_a_joint(path, header, rows, columns, keys, joint)
    else:
        names, picked = _joint_columns(path, header)
        values = _cells(path, header, rows, picked).reshape(len(rows), len(names), -1)
    frames, gaps = _by_frame(path, keys, values, _has_score(header, one_a_joint))
    keypoint, score, notes = pick_persons(frames, persons, path)
    rate, more = _rate(time, times, numbers, len(frames)) if time else (None, [])
    numbered = all(re.fullmatch(r'(\D*)\d+', name) for name in names)
    return [Recording(None, keypoint, score, None if numbered else names, rate=rate, notes=gaps + more + notes)]


def csv_rows(path):
    """Header and lines of a CSV file, as text: with or without byte order mark, by comma, semicolon or tab.

    Args:
        path (str | Path): The file.

    Returns:
        tuple[list[str], list[list[str]]]: The cells, with decimal points where a file without commas between its cells has commas in numbers.

    Raises:
        DataError: The file is empty, no text, or a line has another number of cells than the header.
    """
    if not Path(path).is_file():
        raise DataError(f'{path}: no such file.')
    with readable(path, 'CSV file'):
        content = Path(path).read_bytes()
        encoding = 'utf-16' if content[:2] in (b'\xff\xfe', b'\xfe\xff') else 'utf-8-sig'
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            text = content.decode('cp1252')  # what a spreadsheet program writes in Western Europe
        first = text.lstrip().split('\n')[0]
        delimiter = max(',;\t', key=first.count)
        lines = csv.reader(io.StringIO(text, newline=''), delimiter=delimiter)
        lines = [row for row in lines if any(map(str.strip, row))]
    if len(lines) < 2:
        raise DataError(f'{path}: {"no lines below its header" if lines else "empty"}; expected a header and data.')
    header, rows = [cell.strip() for cell in lines[0]], lines[1:]
    for number, row in enumerate(rows):
        if len(row) != len(header):
            raise DataError(f'{path}: line {number + 2}: {len(row)} cells; the header has {len(header)}.')
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise DataError(f'{path}: header: column {twice!r} stands there twice.')
    if delimiter != ',':
        rows = [[re.sub(r'^(\s*-?\d*),(\d+)', r'\1.\2', cell) for cell in row] for row in rows]
    return header, rows


def _cells(path, header, rows, picked):
    """Numbers of the columns `picked`, a missing one as NaN; float64 (lines, columns)."""
    table = np.empty((len(rows), len(picked)))
    for line, row in enumerate(rows):
        for place, column in enumerate(picked):
            try:
                table[line, place] = float(row[column] or 'nan')
            except ValueError:
                if row[column].strip().lower() not in _NOTHING:
                    raise DataError(f'{path}: line {line + 2}, column {header[column]}: {row[column]!r}; expected a '
                                    'number.') from None
                table[line, place] = np.nan
    return table


def _frame_numbers(path, header, rows, frame, times):
    """The frame of every line: of its column, else by time, where a step may be several frames, else one a line."""
    if frame is not None:
        return [_whole(path, header, rows, line, frame) for line in range(len(rows))]
    if times is None:
        return list(range(len(rows)))
    if not np.isfinite(times).all():
        raise DataError(f'{path}: line {np.flatnonzero(~np.isfinite(times))[0] + 2}: no time; expected a number in '
                        'every line, or a column frame.')
    moments, places = np.unique(times, return_inverse=True)
    steps = np.diff(moments)
    if not len(steps):
        return [0] * len(rows)
    single = steps[np.round(steps / np.median(steps)) <= 1].mean()  # exact where each step is rounded
    counts = np.maximum(1, np.round(steps / single))
    return np.append(0, counts).cumsum()[places].astype(int).tolist()


def _whole(path, header, rows, line, column):
    """A frame number; of a file name, its last number."""
    cell = rows[line][column].strip()
    try:
        number = float(cell)
    except ValueError:
        numbers = re.findall(r'\d+', cell)
        number = int(numbers[-1]) if numbers else np.nan
    if not abs(number) < 1e12 or number != int(number):
        raise DataError(f'{path}: line {line + 2}, column {header[column]}: {cell!r}; expected the number of the frame.')
    return int(number)


def _joint_columns(path, header):
    """Names of the joints, and the columns of each in the order x, y, z, score, as one list."""
    found = {}
    for index, name in enumerate(header):
        match = _JOINT_AXIS.fullmatch(name) or _AXIS_NUMBER.fullmatch(name)
        if match:
            axis = match['axis'].lower()
            found.setdefault(match['joint'], {})['score' if axis in _SCORES else axis] = index
    found = {joint: axes for joint, axes in found.items() if {'x', 'y'} & set(axes)}
    if not found:
        raise DataError(f'{path}: header: {", ".join(header[:6])}, ...; expected columns such as left_knee_x, '
                        'left_knee_y, or x0, y0, or the columns frame, joint, x, y.')
    kinds = [axis for axis in ('x', 'y', 'z', 'score') if any(axis in axes for axes in found.values())]
    for joint, axes in found.items():
        missing = [axis for axis in kinds if axis not in axes]
        if missing:
            raise DataError(f'{path}: header: joint {joint} has no {missing[0]}; expected {", ".join(kinds)} of each.')
    return list(found), [axes[kind] for axes in found.values() for kind in kinds]


def _has_score(header, one_a_joint):
    names = [name.lower() for name in header]
    if not one_a_joint:
        matches = [_JOINT_AXIS.fullmatch(name) or _AXIS_NUMBER.fullmatch(name) for name in names]
        names = [match['axis'].lower() for match in matches if match]
    return any(name in _SCORES for name in names)


def _one_line_a_joint(path, header, rows, columns, lines_of, joint):
    """Names of the joints, (frame, person) keys, and values (keys, joints, x y z score)."""
    picked = [columns[axis] for axis in ('x', 'y', 'z') if axis in columns]
    picked += [columns[name] for name in _SCORES if name in columns][:1]
    numbers = _cells(path, header, rows, picked)
    labels = [row[joint].strip() for row in rows]
    names = list(dict.fromkeys(labels))
    if all(name.isdigit() for name in names):
        names.sort(key=int)
    place, keys = {name: index for index, name in enumerate(names)}, {}
    for line in range(len(rows)):
        keys.setdefault(lines_of[line], []).append(line)
    values = np.full((len(keys), len(names), len(picked)), np.nan)
    for row, (key, lines) in enumerate(keys.items()):
        taken = [place[labels[line]] for line in lines]
        if len(set(taken)) < len(taken):
            raise DataError(f'{path}: line {lines[-1] + 2}: a joint of frame {key[0]} stands there twice.')
        values[row, taken] = numbers[lines]
    return names, list(keys), values


def _by_frame(path, keys, values, has_score):
    """Detections of every frame, by its number, and a note; a number that is left out is a lost frame."""
    coordinates = values[..., :-1] if has_score else values
    score = values[..., -1] if has_score else np.ones(values.shape[:2])
    if coordinates.shape[-1] not in (2, 3):
        raise DataError(f'{path}: header: {coordinates.shape[-1]} coordinates a joint; expected x, y, or x, y, z.')
    numbers = np.array([frame for frame, _ in keys])
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise DataError(f'{path}: frame {twice[0]} stands there twice; expected one line a frame, or a column person.')
    ordered = np.unique(numbers)
    steps = np.diff(ordered)
    step = int(np.gcd.reduce(steps)) if len(steps) else 1
    if len(steps) and steps.max() > step * MAX_GAP:
        raise DataError(f'{path}: frame {ordered[steps.argmax()]} is followed by {ordered[steps.argmax() + 1]}.')
    frames = [[] for _ in range(int(ordered[-1] - ordered[0]) // step + 1)]
    for row, (frame, who) in enumerate(keys):
        seen = ~np.isnan(coordinates[row]).all(-1) & ~(score[row] <= 0)
        if seen.any():
            frames[(frame - int(ordered[0])) // step].append(Detection(
                coordinates[row], np.where(seen, score[row], 0), who))
    missing = len(frames) - len(ordered)
    return frames, [f'{missing} of {len(frames)} frames have no line; taken as lost'] * bool(missing)


def _rate(name, times, numbers, frames):
    """Frames per second by the time column, and a note where it cannot be used.

    It is taken over the whole recording, since steps are often rounded; a whole number within what the rounding of the
    first and the last time leaves open is meant.
    """
    order = np.argsort(numbers, kind='stable')
    times = times[order][np.isfinite(times[order])]
    steps = np.diff(times)
    steps, span = steps[steps != 0], times[-1] - times[0] if len(times) else 0
    if not len(steps) or frames < 3:
        return None, []
    if steps.min() < 0:
        return None, [f'column {name} goes back from frame to frame, and is not used']
    step = span / (frames - 1)
    unit = next((unit for end, unit in _UNITS.items() if name.endswith(end)), None) or next(
        (unit for unit in (1, 1e3, 1e6) if step < unit), 1e9)  # a frame takes less than a second
    rate = unit / step
    decimals = next(digits for digits in range(10) if digits == 9 or np.allclose(np.round(times, digits), times,
                                                                                 rtol=0, atol=1e-10))
    whole = round(rate)
    rate = float(whole if abs(rate - whole) <= rate * 10**-decimals / span else round(rate, 2))
    return (rate, []) if is_rate(rate) else (None, [f'column {name} would mean {rate:g} frames per second; not used'])


def read_npz(path, *, persons=1, dims=None):
    """Keypoints of an NPZ file: `keypoint` or `keypoints`, (T, V, C) or (M, T, V, C).

    Beside it may stand `keypoint_score` (or `scores`, `confidence`, `visibility`), `joint_names` (or `joints`), `rate`
    (or `fps`) and `img_shape` (height, width).

    Args:
        path (str | Path): The file. Arrays of Python objects are refused, nothing is unpickled.
        persons (int): How many persons to keep.
        dims (int, optional): 2 or 3 coordinates, where three numbers a joint may be x, y, z or x, y, score.

    Returns:
        list[Recording]: One.

    Raises:
        DataError: The file is damaged or ambiguous; the message names the field.
    """
    arrays = _arrays(path)
    name = next((key for key in ('keypoint', 'keypoints', 'landmarks', 'joints3d', 'poses') if key in arrays), None)
    if name is None:
        raise DataError(f'{path}: keypoints: missing; it has {", ".join(arrays) or "nothing"}.')
    if not arrays[name].size:
        raise EmptyRecording(f'{path}: {name}: no frames.')
    values = _of_persons(path, name, arrays[name], 4)
    scores = next((key for key in ('keypoint_score', 'keypoint_scores', 'scores', 'score', 'confidence', 'visibility')
                   if key in arrays), None)
    channels = values.shape[-1]
    if scores is None and channels == 3 and dims is None:
        raise DataError(f'{path}: {name}: 3 numbers a joint, which may be x, y, z or x, y, score; say which with '
                        '--dims 3 or --dims 2.')
    count = dims or (channels if scores else min(channels, 3 if channels == 4 else 2))
    if count not in (2, 3) or channels not in ((count, ) if scores else (count, count + 1)):
        raise DataError(f'{path}: {name}: {channels} numbers a joint; expected {count} coordinates'
                        f'{"" if scores else ", and perhaps a score"}.')
    score = _of_persons(path, scores, arrays[scores], 3) if scores else None
    if scores and score.shape != values.shape[:3]:
        raise DataError(f'{path}: {scores}: shape {score.shape}; expected {values.shape[:3]}.')
    if channels > count:
        values, score = values[..., :count], values[..., count]
    names = next((arrays[key] for key in ('joint_names', 'joints', 'keypoint_names') if key in arrays), None)
    if names is not None:
        names = [str(joint) for joint in np.ravel(names)]
        if len(names) != values.shape[2]:
            raise DataError(f'{path}: joint_names: {len(names)} names; keypoints has {values.shape[2]} joints.')
    keypoint, score, notes = most_seen(*with_lost(values, score, path), persons)
    return [Recording(None, keypoint, score, names, rate=_scalar(path, arrays, ('rate', 'fps', 'frame_rate')),
                      img_shape=_img_shape(path, arrays), notes=notes)]


def _arrays(path):
    """Content of an NPZ file, without anything that would have to be unpickled."""
    with readable(path, '.npz file'):
        file = np.load(path, allow_pickle=False)
        if isinstance(file, np.ndarray):
            raise DataError(f'{path}: one array without a name; expected an .npz file with keypoints.')
        with file:
            return {name: file[name] for name in file.files}


def _of_persons(path, name, values, axes):
    """The array with persons in front: (M, T, V, C) has 4 axes, (M, T, V) of scores 3."""
    if values.dtype.kind not in 'fiu' or values.ndim not in (axes, axes - 1):
        shape = 'frames, joints, 2 or 3' if axes == 4 else 'frames, joints'
        raise DataError(f'{path}: {name}: {values.dtype} of shape {values.shape}; expected numbers ({shape}), or with '
                        'the persons in front.')
    return values if values.ndim == axes else values[None]


def _scalar(path, arrays, names):
    name = next((name for name in names if name in arrays), None)
    if name is None:
        return None
    value = arrays[name]
    if value.size != 1 or value.dtype.kind not in 'fiu' or not (np.isfinite(value).all() and value.ravel()[0] > 0):
        raise DataError(f'{path}: {name}: {value}; expected the frames per second of the recording.')
    return float(value.ravel()[0])


def _img_shape(path, arrays):
    if 'img_shape' not in arrays:
        return None
    shape = np.ravel(arrays['img_shape'])
    if len(shape) < 2 or shape.dtype.kind not in 'fiu':
        raise DataError(f'{path}: img_shape: {shape}; expected height and width in pixels.')
    return int(shape[0]), int(shape[1])


def read_mediapipe(path, *, coords=None, img_shape=None):
    """MediaPipe's 33 pose landmarks of a CSV or NPZ file.

    A CSV file is laid out as `read_csv` says. An NPZ file holds `landmarks` or `world_landmarks` (T, 33, 3 to 5): x, y,
    z, visibility, presence. What the coordinates are is told by name or value where `coords` does not say: world
    landmarks have their origin between the hips, normalised ones are shares of the image.

    Args:
        path (str | Path): The file.
        coords (str, optional): 'pixel', 'normalized' or 'world' (metres).
        img_shape (tuple[int, int], optional): Height and width in pixels, which normalised landmarks need.

    Returns:
        list[Recording]: One: pixels (x, y), or metres (x, y, z).

    Raises:
        DataError: The file is damaged, or has normalised landmarks and nobody says how large the image is.
    """
    if Path(path).suffix.lower() == '.npz':
        recording, coords = _mediapipe_npz(path, coords)
    else:
        recording = read_csv(path)[0]
    if recording.keypoint.shape[2] != 33:
        raise DataError(f'{path}: landmarks: {recording.keypoint.shape[2]} joints; expected MediaPipe\'s 33.')
    if recording.joints:  # MediaPipe says MOUTH_LEFT, and LEFT_KNEE
        recording.joints = [re.sub('^mouth_?(left|right)$', r'\1_mouth', name.lower()) for name in recording.joints]
    coords = coords or _coords_by_value(recording.keypoint, recording.keypoint_score)
    recording.notes.append(f'read as {coords} landmarks')
    recording.layout, recording.up = 'mediapipe', '-y'
    recording.img_shape = recording.img_shape or img_shape
    if coords == 'world':
        if recording.keypoint.shape[-1] != 3:
            raise DataError(f'{path}: landmarks: no z; world landmarks have three coordinates.')
        return [recording]
    recording.keypoint = recording.keypoint[..., :2]  # z of an image landmark is a guess of another scale
    if coords == 'normalized':
        if recording.img_shape is None:
            raise DataError(f'{path}: img_shape: missing; normalised landmarks need the height and width of the image '
                            '(--img-shape).')
        recording.keypoint = recording.keypoint * np.array(recording.img_shape[::-1], np.float32)
    return [recording]


def _mediapipe_npz(path, coords):
    arrays = _arrays(path)
    names = dict(world=('world_landmarks', 'pose_world_landmarks'), image=('landmarks', 'pose_landmarks', 'keypoints'))
    there = {kind: name for kind, options in names.items() for name in options if name in arrays}
    if not there:
        raise DataError(f'{path}: landmarks: missing; it has {", ".join(arrays) or "nothing"}.')
    if len(there) > 1 and coords is None:
        raise DataError(f'{path}: has both {there["image"]} and {there["world"]}; say which with --coords.')
    kind = ('world' if coords == 'world' else 'image') if len(there) > 1 else next(iter(there))
    values = _of_persons(path, there[kind], arrays[there[kind]], 4)
    if values.shape[-1] not in (2, 3, 4, 5):
        raise DataError(f'{path}: {there[kind]}: {values.shape[-1]} numbers a joint; expected x, y, z and perhaps '
                        'visibility and presence.')
    score = values[..., 3] if values.shape[-1] > 3 else None
    keypoint, score, notes = most_seen(*with_lost(values[..., :3], score, path), 1)
    recording = Recording(None, keypoint, score, rate=_scalar(path, arrays, ('rate', 'fps', 'frame_rate')),
                          img_shape=_img_shape(path, arrays), notes=notes)
    return recording, 'world' if kind == 'world' else coords


def _coords_by_value(keypoint, score):
    """What landmarks are, by their values."""
    seen = keypoint[score > 0]
    if np.abs(seen[:, :2]).max() > 4:
        return 'pixel'
    hips = keypoint[:, :, 23:25][(score[:, :, 23:25] > 0).all(-1)].mean(-2)
    return 'world' if len(hips) and np.abs(hips).max() < 0.02 else 'normalized'

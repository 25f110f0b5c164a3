"""Pose estimators that write JSON: OpenPose, AlphaPose, MMPose."""
import json
import re
from pathlib import Path

import numpy as np

from dynstg_mm.datasets.annotation_file import LARGEST
from dynstg_mm.errors import DataError
from dynstg_mm.gait.geometry import BACKWARDS, knee_bend
from dynstg_mm.importers.persons import Detection, pick_persons
from dynstg_mm.importers.recording import Recording, readable
from dynstg_mm.skeletons import LAYOUTS

_COCO = LAYOUTS['coco']['joints']
_FEET = ('left_big_toe', 'left_small_toe', 'left_heel', 'right_big_toe', 'right_small_toe', 'right_heel')
# Joint orders that are no layout of ours: the names of their first joints, hands and face left out.
_WHOLE_BODY = _COCO + _FEET
_HALPE = _COCO + ('head_top', 'neck', 'mid_hip', 'left_big_toe', 'right_big_toe', 'left_small_toe', 'right_small_toe',
                  'left_heel', 'right_heel')
MAX_GAP = 10_000  # frames in a row without anybody, after which a frame number is taken for an error


def read_openpose(path, *, persons=1):
    """Keypoints of a folder with one JSON file a frame, as OpenPose's `--write_json` leaves it.

    Args:
        path (str | Path | list[Path]): The folder, or the files of one video.
        persons (int): How many persons to keep.

    Returns:
        list[Recording]: One, BODY_25 or OpenPose's 18 joints where there are as many.

    Raises:
        DataError: A file is damaged; the message names it and the field.
    """
    files = list(path) if isinstance(path, (list, tuple)) else sorted(Path(path).glob('*.json'))
    if not files:
        raise DataError(f'{path}: no *.json; expected one file a frame.')
    folder = Path(files[0]).parent
    people = {_last_number(file.stem, file): _openpose_people(file) for file in files}
    if len(people) < len(files):
        raise DataError(f'{folder}: {len(files)} files of {len(people)} different frame numbers; expected one a frame.')
    frames, notes = _in_order(people, folder)
    keypoint, score, more = pick_persons(frames, persons, folder)
    layout = {25: 'body_25', 18: 'openpose'}.get(keypoint.shape[2])
    return [Recording(None, keypoint, score, layout=layout, notes=notes + more)]


def _openpose_people(path):
    content = _load(path)
    people = content.get('people') if isinstance(content, dict) else None
    if not isinstance(people, list):
        raise DataError(f'{path}: people: missing; expected a list, as OpenPose writes it.')
    found = []
    for person in people:
        with readable(path, 'file of OpenPose, people'):
            values = person['pose_keypoints_2d']
            track = np.ravel(person.get('person_id', -1))[0]  # -1 where OpenPose did not track
        if len(values):
            found.append(_flat(values, path, 'people: pose_keypoints_2d', None if track == -1 else int(track)))
    return found


def read_alphapose(path, *, persons=1):
    """Keypoints of AlphaPose's `alphapose-results.json`: a list with one entry a person and image.

    Args:
        path (str | Path): The file.
        persons (int): How many persons to keep; tracked by `idx` where it is there.

    Returns:
        list[Recording]: One, COCO's 17 joints, or Halpe's 26 by name.

    Raises:
        DataError: The file is damaged; the message names the field.
    """
    entries = _load(path)
    if not isinstance(entries, list):
        raise DataError(f'{path}: {type(entries).__name__}; expected AlphaPose\'s list of persons.')
    people = {}
    for index, entry in enumerate(entries):
        with readable(path, f'file of AlphaPose, entry {index}'):
            image, values = str(entry['image_id']), entry['keypoints']
            track = np.ravel(entry['idx'])[0] if 'idx' in entry else None
            track = None if track is None else int(track)
        found = _flat(values, path, f'entry {index}: keypoints', track)
        people.setdefault(_last_number(Path(image).stem, path), []).append(found)
    frames, notes = _in_order(people, path)
    keypoint, score, more = pick_persons(frames, persons, path)
    return [_named(keypoint, score, notes + more)]


def read_mmpose(path, *, persons=1):
    """Keypoints of a predictions file of MMPose's inferencer or demos for one video.

    Args:
        path (str | Path): A list of frames with `instances`, or a dict of `meta_info` and `instance_info`.
        persons (int): How many persons to keep; tracked by `track_id` where it is there.

    Returns:
        list[Recording]: One. 3-D keypoints are those of a lifter, with z up; most versions write the mirror image, for
        they swap two axes and turn one, which is undone where the knees bend backwards.

    Raises:
        DataError: The file is damaged; the message names the field.
    """
    content = _load(path)
    meta = {}
    if isinstance(content, dict):
        meta, content = content.get('meta_info') or {}, content.get('instance_info')
    if not isinstance(content, list):
        raise DataError(f'{path}: instance_info: missing; expected a list of frames with instances.')
    people = {}
    for index, frame in enumerate(content):
        with readable(path, f'predictions file of MMPose, frame {index}'):
            number, instances = int(frame.get('frame_id', index)), frame['instances']
            if number in people:
                raise DataError(f'{path}: frame_id: {number} stands there twice.')
            people[number] = [_instance(instance, path, index) for instance in instances]
    frames, notes = _in_order(people, path)
    keypoint, score, more = pick_persons(frames, persons, path)
    recording = _named(keypoint, score, notes + more, up='z')
    with readable(path, 'predictions file of MMPose, meta_info'):
        names = meta.get('keypoint_id2name') or {}
        names = [str(name) for _, name in sorted(names.items(), key=lambda item: int(item[0]))]
    if keypoint.shape[2:] == (17, 3) and names[:1] in ([], ['root']):  # Human3.6M's joints by MMPose's names
        recording.joints, recording.layout = None, 'h36m'
        if knee_bend(recording.keypoint[0], recording.keypoint_score[0] > 0, LAYOUTS['h36m'], 'z') < BACKWARDS:
            recording.keypoint[..., 0] *= -1
            recording.notes.append('a mirror image, as MMPose\'s lifters write it; undone')
    elif len(names) == keypoint.shape[2]:
        recording.joints, recording.layout = names, 'coco' if tuple(names) == _COCO else None
    return [recording]


def _instance(instance, path, frame):
    keypoint = _numbers(instance['keypoints'], path, f'frame {frame}: keypoints')
    score = instance.get('keypoint_scores')
    score = np.ones(len(keypoint)) if score is None else _numbers(score, path, f'frame {frame}: keypoint_scores')
    if keypoint.ndim != 2 or keypoint.shape[1] not in (2, 3) or score.shape != keypoint.shape[:1]:
        raise DataError(f'{path}: frame {frame}: keypoints: shapes {keypoint.shape} and {score.shape}; expected '
                        '(joints, 2 or 3) and (joints,).')
    track = instance.get('track_id')
    return Detection(keypoint, score, None if track is None or int(track) < 0 else int(track))


def _named(keypoint, score, notes, **more):
    """A recording whose joints are known by their number."""
    count = keypoint.shape[2]
    names = {17: _COCO, 26: _HALPE, 133: _WHOLE_BODY, 136: _HALPE}.get(count)
    if names and len(names) < count:
        notes = [*notes, f'the first {len(names)} of {count} joints; hands and face are left out']
        keypoint, score = keypoint[:, :, :len(names)], score[:, :, :len(names)]
    return Recording(None, keypoint, score, names, 'coco' if count == 17 else None, notes=notes, **more)


def _load(path):
    with readable(path, 'JSON file'):
        return json.loads(Path(path).read_bytes().decode('utf-8-sig'))


def _flat(values, path, field, track):
    """Detection of x, y, score, x, y, score, ..."""
    numbers = _numbers(values, path, field)
    if numbers.ndim != 1 or not len(numbers) or len(numbers) % 3:
        raise DataError(f'{path}: {field}: shape {numbers.shape}; expected x, y and score of every joint in one list.')
    numbers = numbers.reshape(-1, 3)
    return Detection(numbers[:, :2], numbers[:, 2], track)


def _numbers(values, path, field):
    try:
        numbers = np.array(values, float)
    except (ValueError, TypeError, OverflowError):
        raise DataError(f'{path}: {field}: expected a list of numbers.') from None
    if not (np.abs(numbers) < LARGEST).all():
        raise DataError(f'{path}: {field}: NaN or infinite; expected zeros where a joint was not found.')
    return numbers


def _last_number(name, path):
    """Frame number in a file's name: the last one, before `_keypoints`."""
    numbers = re.findall(r'\d+', name)
    if not numbers:
        raise DataError(f'{path}: name: {name!r} has no frame number in it.')
    return int(numbers[-1])


def _in_order(people, path):
    """Frames by number; a number that is left out is a frame without anybody, unless all are evenly apart.

    Returns:
        tuple[list[list[Detection]], list[str]]: The people of every frame, and notes.
    """
    numbers = np.array(sorted(people))
    if not len(numbers):
        return [[]], []
    steps = np.diff(numbers)
    if len(steps) and steps.max() > MAX_GAP:
        raise DataError(f'{path}: frame numbers: {numbers[steps.argmax()]} is followed by '
                        f'{numbers[steps.argmax() + 1]}; expected one video.')
    step = int(np.gcd.reduce(steps)) if len(steps) else 1
    frames = [people.get(number, []) for number in range(int(numbers[0]), int(numbers[-1]) + 1, step)]
    missing = len(frames) - len(numbers)
    return frames, [f'{missing} of {len(frames)} frames have no entry; taken as lost'] * bool(missing)

"""What the readers of pose estimators' JSON files share."""
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dynstg_mm.datasets.annotation_file import LARGEST
from dynstg_mm.errors import DataError
from dynstg_mm.importers.persons import Detection, People
from dynstg_mm.importers.recording import Recording, readable
from dynstg_mm.skeletons import LAYOUTS

COCO = LAYOUTS['coco']['joints']
_FEET = ('left_big_toe', 'left_small_toe', 'left_heel', 'right_big_toe', 'right_small_toe', 'right_heel')
# The first joints of COCO-WholeBody, without hands and face; it is not among our layouts.
_WHOLE_BODY = COCO + _FEET
MAX_GAP = 10_000  # frames in a row without anybody, above which a frame number is taken for an error


def load_json(path: str | os.PathLike) -> Any:
    """Content of a JSON file."""
    with readable(path, 'JSON file'):
        return json.loads(Path(path).read_bytes().decode('utf-8-sig'))


def number_array(values: object, path: str | os.PathLike, field: str) -> np.ndarray:
    """A nested list of finite numbers as an array."""
    try:
        numbers = np.array(values, float)
    except (ValueError, TypeError, OverflowError):
        raise DataError(f'{path}: {field}: expected a list of numbers.') from None
    if not (np.abs(numbers) < LARGEST).all():
        raise DataError(f'{path}: {field}: NaN or infinite; expected zeros if a joint was not found.')
    return numbers


def flat_detection(values: object, path: str | os.PathLike, field: str, track: int | None) -> Detection:
    """Detection from a flat list x, y, score, x, y, score, ..."""
    numbers = number_array(values, path, field)
    if numbers.ndim != 1 or not len(numbers) or len(numbers) % 3:
        raise DataError(f'{path}: {field}: shape {numbers.shape}; expected x, y and score of every joint in one list.')
    numbers = numbers.reshape(-1, 3)
    return Detection(numbers[:, :2], numbers[:, 2], track)


def openpose_people(content: Any) -> list[tuple[Any, str, Any]]:
    """The people of one image in OpenPose's format, or in AlphaPose's `cmu` and `open`, which are like it.

    Returns:
        Each with the name of the field of its joints, and its joints as a flat list.
    """
    kind, field = ('bodies', 'joints') if 'bodies' in content else ('people', 'pose_keypoints_2d')
    return [(person, f'{kind}: {field}', person[field]) for person in content[kind]]


def alphapose_18(keypoint: np.ndarray, score: np.ndarray, path: str | os.PathLike) -> tuple[
        np.ndarray, np.ndarray, str, list[str]]:
    """Tell the order of the 18 joints in AlphaPose's formats `cmu` and `open`: OpenPose's, or COCO's in some files.

    AlphaPose computes the neck, joint 1, as the middle of the shoulders, 2 and 5. Files are also seen with COCO's 17
    joints and the last of them again.

    Args:
        keypoint: Shape (M, T, 18, 2).
        score: Shape (M, T, 18), 0 for a lost joint.
        path: Names the file in errors.

    Returns:
        Keypoints and scores of the joints of the layout, its name, and a note if it is COCO's.

    Raises:
        DataError: The joints have neither order.
    """
    shown = keypoint[(score[:, :, [1, 2, 5]] > 0).all(-1)].astype(np.float64)
    size = np.linalg.norm(np.ptp(shown, axis=1), axis=-1)
    if not len(shown) or np.median(np.linalg.norm(shown[:, 1] - shown[:, [2, 5]].mean(1), axis=-1) / size) <= 0.01:
        return keypoint, score, 'openpose', []
    last = keypoint[(score[:, :, 16:] > 0).all(-1), 16:]  # (n, 2, 2)
    if len(last) and not np.ptp(last, axis=1).any():
        return keypoint[:, :, :17], score[:, :, :17], 'coco', [
            "18 joints are COCO's 17 and the last again, not OpenPose's 18"]
    raise DataError(f'{path}: joints: the second is not the middle of the shoulders, as AlphaPose computes the neck in '
                    'its formats cmu and open; write its default format.')


def last_number(name: str, path: str | os.PathLike) -> int:
    """Frame number in a file's name: the last one, before `_keypoints`."""
    numbers = re.findall(r'\d+', name)
    if not numbers:
        raise DataError(f'{path}: name: {name!r}; expected a frame number in it.')
    return int(numbers[-1])


def in_order(people: Mapping[int, People], path: str | os.PathLike) -> tuple[list[People], list[str]]:
    """The people of every frame, and notes.

    A missing number is a frame without anybody, unless all numbers have the same distance.

    Args:
        people: Frame number -> people.
        path: Names the file in errors.
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
    return frames, [f'{missing} of {len(frames)} frames have no entry; treated as lost'] * bool(missing)


def recording_by_count(keypoint: np.ndarray, score: np.ndarray, notes: list[str], **fields: Any) -> Recording:
    """A recording whose joints are recognised by their number."""
    count = keypoint.shape[2]
    layout = {17: 'coco', 26: 'halpe_26', 136: 'halpe_26'}.get(count)
    names = _WHOLE_BODY if count == 133 else None
    body = len(names) if names else LAYOUTS[layout]['num_node'] if layout else count
    if body < count:
        notes = [*notes, f'the first {body} of {count} joints; hands and face are left out']
        keypoint, score = keypoint[:, :, :body], score[:, :, :body]
    return Recording(None, keypoint, score, names, layout, notes=notes, **fields)

"""myogait: the JSON file of a video, `<name>.myogait.json`."""
import os
from functools import lru_cache
from typing import Any

import numpy as np

from dynstg_mm.errors import DataError
from dynstg_mm.gait.signal import is_rate
from dynstg_mm.importers.estimator_json import in_order, load_json
from dynstg_mm.importers.persons import Detection, People, pick_persons
from dynstg_mm.importers.recording import Recording, checked_img_shape, readable
from dynstg_mm.skeletons import LAYOUTS, get_layout
from dynstg_mm.skeletons.mapping import find_joints


def read_myogait(path: str | os.PathLike) -> list[Recording]:
    """Keypoints of a pivot file of myogait, by MediaPipe's names; joints that the estimator lacks are lost.

    Coordinates are shares of the image. myogait mirrors the image of somebody who walks to the right, and exchanges
    the names of the sides with it (`extraction.was_flipped`); both are undone here, so that left is the person's left.

    Args:
        path: The file.

    Returns:
        One recording in pixels if `meta` has the size of the image, with the rate of `meta.fps`.

    Raises:
        DataError: The file is damaged; the message names the field.
    """
    content = load_json(path)
    if not isinstance(content, dict) or not isinstance(content.get('frames'), list):
        raise DataError(f'{path}: frames: missing; expected a dict with meta and a list of frames, as '
                        'myogait saves it.')
    meta, extraction = _section(content, 'meta'), _section(content, 'extraction')
    people: dict[int, People] = {}
    for index, frame in enumerate(content['frames']):
        with readable(path, f'file of myogait, frame {index}'):
            number = int(frame.get('frame_idx', index))
            if number in people:
                raise DataError(f'{path}: frame_idx: {number} is duplicated.')
            people[number] = [_person(frame['landmarks'])] if frame['landmarks'] else []
    frames, notes = in_order(people, path)
    keypoint, score, more, _ = pick_persons(frames, 1, path)
    notes += more
    layout = get_layout('mediapipe')
    if extraction.get('was_flipped'):
        order = np.arange(layout['num_node'])
        order[[*layout['left'], *layout['right']]] = [*layout['right'], *layout['left']]
        keypoint, score = keypoint[:, :, order], score[:, :, order]
        keypoint[..., 0] = np.where(score > 0, 1 - keypoint[..., 0], 0)
        notes.append('mirrored back: myogait turns a walk to the right into one to the left')
    if any(frame.get('foot_landmarks_source') == 'estimated' for frame in content['frames']):
        notes.append('heels and toes are guessed by myogait from the shank')
    if content.get('normalization'):
        notes.append('coordinates were filtered or moved by myogait (normalization)')
    size = meta.get('height'), meta.get('width')
    shape = checked_img_shape(path, size) if all(size) else None
    if shape is not None:
        keypoint *= np.array(shape[::-1], np.float32)
    rate = meta.get('fps')
    return [Recording(None, keypoint, score, layout='mediapipe', rate=rate if is_rate(rate) else None, notes=notes,
                      img_shape=shape,
                      estimator=f'{extraction.get("model") or "unknown"} by myogait '
                                f'{content.get("myogait_version") or ""}'.strip())]


def _section(content: dict[str, Any], field: str) -> dict[str, Any]:
    section = content.get(field)
    return section if isinstance(section, dict) else {}


_NAMES = LAYOUTS['mediapipe']['joints']


def _person(landmarks: dict[str, Any]) -> Detection:
    """A person by the names of landmarks, such as LEFT_HIP and MOUTH_LEFT; NaN or a missing one is lost."""
    names = _names(tuple(landmarks))
    values = np.full((len(_NAMES), 3), np.nan)
    for joint, name in enumerate(_NAMES):
        if name in names:
            about = landmarks[names[name]]
            numbers = (about.get(key) for key in ('x', 'y', 'visibility'))
            values[joint] = [np.nan if number is None else float(number) for number in numbers]
    found = np.isfinite(values[:, :2]).all(-1)
    return Detection(np.where(found[:, None], values[:, :2], np.nan), np.where(found, np.nan_to_num(values[:, 2]), 0))


@lru_cache(maxsize=8)
def _names(names: tuple[str, ...]) -> dict[str, str]:
    """Joint -> its landmark; a joint that only others could replace has none."""
    places = find_joints(names, _NAMES)
    used = list(places.values())
    return {joint: names[own[0]] for joint, own in places.items() if used.count(own) == 1}

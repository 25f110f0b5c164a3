"""AlphaPose: one JSON file per video."""
import os
from pathlib import Path
from typing import Any

import numpy as np

from dynstg_mm.errors import DataError
from dynstg_mm.importers.estimator_json import (
    alphapose_18,
    flat_detection,
    in_order,
    last_number,
    load_json,
    openpose_people,
    recording_by_count,
)
from dynstg_mm.importers.persons import People, pick_persons
from dynstg_mm.importers.recording import Recording, readable


def read_alphapose(path: str | os.PathLike, *, persons: int = 1) -> list[Recording]:
    """Keypoints of AlphaPose's `alphapose-results.json`: a list with one entry per person and image.

    The formats `cmu` and `open` have people by image instead, with 18 joints.

    Args:
        path: The file.
        persons: How many persons to keep; tracked by `idx` if the entries have it.

    Returns:
        One recording, in COCO's 17 joints, Halpe's 26, or OpenPose's 18.

    Raises:
        DataError: The file is damaged; the message names the field.
    """
    entries = load_json(path)
    by_image = isinstance(entries, dict) and len(entries) > 0
    if by_image:
        entries = _by_image(entries, path)
    if not isinstance(entries, list):
        raise DataError(f'{path}: a {type(entries).__name__}; expected AlphaPose\'s list of persons.')
    people: dict[int, People] = {}
    for index, entry in enumerate(entries):
        with readable(path, f'file of AlphaPose, entry {index}'):
            image, values = str(entry['image_id']), entry['keypoints']
            track = np.ravel(entry['idx'])[0] if 'idx' in entry else None
            track = None if track is None else int(track)
        people.setdefault(last_number(Path(image).stem, path), []).append(
            flat_detection(values, path, f'entry {index}: keypoints', track))
    frames, notes = in_order(people, path)
    keypoint, score, more, count = pick_persons(frames, persons, path)
    if not by_image:
        return [recording_by_count(keypoint, score, notes + more, persons=count)]
    if keypoint.shape[2] != 18:
        raise DataError(f'{path}: {keypoint.shape[2]} joints; expected 18 in the formats cmu and open.')
    keypoint, score, layout, order = alphapose_18(keypoint, score, path)
    return [Recording(None, keypoint, score, layout=layout, notes=notes + more + order, persons=count)]


def _by_image(images: dict[str, Any], path: str | os.PathLike) -> list[dict[str, Any]]:
    """The persons of the formats `cmu` and `open`, as entries of the list."""
    if {'bodies', 'people'} & set(images):
        raise DataError(f'{path}: the people of one image; expected a file of all images, or convert the folder '
                        'sep-json with the format openpose.')
    entries = []
    for image, content in images.items():
        with readable(path, f'file of AlphaPose, {image}'):
            entries += [dict(image_id=image, keypoints=joints) for _, _, joints in openpose_people(content)]
    return entries

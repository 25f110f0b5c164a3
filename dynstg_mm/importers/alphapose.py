"""AlphaPose: one JSON file per video."""
import os
from pathlib import Path

import numpy as np

from dynstg_mm.errors import DataError
from dynstg_mm.importers.estimator_json import (
    flat_detection,
    in_order,
    last_number,
    load_json,
    recording_by_count,
)
from dynstg_mm.importers.persons import People, pick_persons
from dynstg_mm.importers.recording import Recording, readable


def read_alphapose(path: str | os.PathLike, *, persons: int = 1) -> list[Recording]:
    """Keypoints of AlphaPose's `alphapose-results.json`: a list with one entry per person and image.

    Args:
        path: The file.
        persons: How many persons to keep; tracked by `idx` if the entries have it.

    Returns:
        One recording, in COCO's 17 joints, or Halpe's 26 by name.

    Raises:
        DataError: The file is damaged; the message names the field.
    """
    entries = load_json(path)
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
    keypoint, score, more = pick_persons(frames, persons, path)
    return [recording_by_count(keypoint, score, notes + more)]

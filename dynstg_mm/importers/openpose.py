"""OpenPose: a folder of JSON files."""
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dynstg_mm.errors import DataError
from dynstg_mm.gait.anatomy import BETTER, misfit
from dynstg_mm.importers.estimator_json import (
    alphapose_18,
    flat_detection,
    in_order,
    last_number,
    load_json,
    openpose_people,
)
from dynstg_mm.importers.persons import People, pick_persons
from dynstg_mm.importers.recording import Recording, readable
from dynstg_mm.skeletons import LAYOUTS


def read_openpose(path: str | os.PathLike | Sequence[Path], *, persons: int = 1) -> list[Recording]:
    """Keypoints of a folder with one JSON file per frame, as OpenPose's `--write_json` writes it.

    AlphaPose's folder `sep-json` is like it.

    Args:
        path: The folder, or the files of one video.
        persons: How many persons to keep.

    Returns:
        One recording, in BODY_25, BODY_25B or OpenPose's 18 joints if it has as many.

    Raises:
        DataError: A file is damaged; the message names it and the field.
    """
    files = sorted(Path(path).glob('*.json')) if isinstance(path, (str, os.PathLike)) else list(path)
    if not files:
        raise DataError(f'{path}: no *.json; expected one file per frame.')
    folder = Path(files[0]).parent
    people = {last_number(file.stem, file): _people(file) for file in files}
    if len(people) < len(files):
        raise DataError(f'{folder}: {len(files)} files with {len(people)} different frame numbers; expected one '
                        'file per frame.')
    frames, notes = in_order(people, folder)
    keypoint, score, more, count = pick_persons(frames, persons, folder)
    layout = {25: 'body_25', 18: 'openpose'}.get(keypoint.shape[2])
    if layout == 'body_25':  # the files do not say which model was used
        usual, other = (misfit(keypoint[0], score[0] > 0, LAYOUTS[name]) for name in (layout, 'body_25b'))
        if other < BETTER * usual:
            layout = 'body_25b'
            more = [*more, 'joints in the order of BODY_25B, since those of BODY_25 would be far from their neighbours']
    estimator = 'alphapose' if str(load_json(files[0]).get('version')).startswith('AlphaPose') else None
    if estimator and layout == 'openpose':
        keypoint, score, layout, order = alphapose_18(keypoint, score, folder)
        more = more + order
    return [Recording(None, keypoint, score, layout=layout, estimator=estimator, notes=notes + more,
                      persons=count)]


def _people(path: Path) -> People:
    """The people of one frame."""
    content = load_json(path)
    if not isinstance(content, dict) or not any(isinstance(content.get(kind), list) for kind in ('people', 'bodies')):
        raise DataError(f'{path}: people: missing; expected a list, as written by OpenPose.')
    with readable(path, 'file of OpenPose, people'):
        people = openpose_people(content)
    detections = []
    for person, field, values in people:
        with readable(path, 'file of OpenPose, people'):
            track = int(np.ravel(person.get('person_id', -1))[0])  # -1 where OpenPose did not track
        if len(values):
            detections.append(flat_detection(values, path, field, None if track == -1 else track))
    return detections

"""MMPose: the predictions file of one video."""
import os
from typing import Any

import numpy as np

from dynstg_mm.errors import DataError
from dynstg_mm.gait.geometry import BACKWARDS, knee_bend
from dynstg_mm.gait.visibility import seen_joints
from dynstg_mm.importers.estimator_json import COCO, in_order, load_json, number_array, recording_by_count
from dynstg_mm.importers.persons import Detection, People, pick_persons
from dynstg_mm.importers.recording import Recording, readable
from dynstg_mm.skeletons import LAYOUTS


def read_mmpose(path: str | os.PathLike, *, persons: int = 1) -> list[Recording]:
    """Keypoints of a predictions file of MMPose's inferencer or demos for one video.

    Args:
        path: The file: a list of frames with `instances`, or a dict of `meta_info` and `instance_info`.
        persons: How many persons to keep; tracked by `track_id` if the instances have it.

    Returns:
        One recording. 3-D keypoints come from a lifter and have z up. Most versions write the mirror image, because
        they swap two axes and negate one; this is undone if the knees bend backwards.

    Raises:
        DataError: The file is damaged; the message names the field.
    """
    content = load_json(path)
    meta: dict[str, Any] = {}
    if isinstance(content, dict):
        meta, content = content.get('meta_info') or {}, content.get('instance_info')
    if not isinstance(content, list):
        raise DataError(f'{path}: instance_info: missing; expected a list of frames with instances.')
    people: dict[int, People] = {}
    for index, frame in enumerate(content):
        with readable(path, f'predictions file of MMPose, frame {index}'):
            number, instances = int(frame.get('frame_id', index)), frame['instances']
            if number in people:
                raise DataError(f'{path}: frame_id: {number} is duplicated.')
            people[number] = [_instance(instance, path, index) for instance in instances]
    frames, notes = in_order(people, path)
    keypoint, score, more, count = pick_persons(frames, persons, path)
    recording = recording_by_count(keypoint, score, notes + more, up='z', persons=count)
    with readable(path, 'predictions file of MMPose, meta_info'):
        names = meta.get('keypoint_id2name') or {}
        names = [str(name) for _, name in sorted(names.items(), key=lambda item: int(item[0]))]
    if keypoint.shape[2:] == (17, 3) and names[:1] in ([], ['root']):  # Human3.6M's joints by MMPose's names
        recording.joints, recording.layout = None, 'h36m'
        seen = seen_joints(recording.keypoint[0], recording.keypoint_score[0], 0)
        if knee_bend(recording.keypoint[0], seen, LAYOUTS['h36m'], 'z') < BACKWARDS:
            recording.keypoint[..., 0] *= -1
            recording.notes.append('mirrored back, since MMPose\'s lifters write the mirror image')
    elif len(names) == recording.keypoint.shape[2]:
        recording.joints, recording.layout = names, 'coco' if tuple(names) == COCO else None
    return [recording]


def _instance(instance: dict[str, Any], path: str | os.PathLike, frame: int) -> Detection:
    keypoint = number_array(instance['keypoints'], path, f'frame {frame}: keypoints')
    score = instance.get('keypoint_scores')
    score = np.ones(len(keypoint)) if score is None else number_array(score, path, f'frame {frame}: keypoint_scores')
    if keypoint.ndim != 2 or keypoint.shape[1] not in (2, 3) or score.shape != keypoint.shape[:1]:
        raise DataError(f'{path}: frame {frame}: keypoints: shapes {keypoint.shape} and {score.shape}; expected '
                        '(joints, 2 or 3) and (joints,).')
    track = instance.get('track_id')
    return Detection(keypoint, score, None if track is None or int(track) < 0 else int(track))

"""Recordings brought to one skeleton, one vertical axis and one unit of length."""
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from dynstg_mm.errors import ConfigError, DataError
from dynstg_mm.gait.joint_map import apply_joint_map
from dynstg_mm.importers.left_out import LeftOut
from dynstg_mm.importers.recording import Recording
from dynstg_mm.skeletons import Layout, get_layout, map_joints
from dynstg_mm.text import few

# Rotations (never mirror images, which would swap left and right) that turn an axis into y, as rows of a matrix.
UPRIGHT = {
    'y': ((1, 0, 0), (0, 1, 0), (0, 0, 1)), '-y': ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    'z': ((1, 0, 0), (0, 0, 1), (0, -1, 0)), '-z': ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    'x': ((0, -1, 0), (1, 0, 0), (0, 0, 1)), '-x': ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
}


def arrange(recording: Recording, layout: str | Layout | None = None, up: str | None = None, scale: float = 1.,
            path: str | os.PathLike | None = None) -> Recording:
    """The recording with the joints of a layout, y up, and another unit of length.

    Args:
        recording: From a reader.
        layout: Layout to map onto; by default the recording's own.
        up: The vertical axis of 3-D coordinates; by default the recording's.
        scale: Factor of 3-D coordinates, such as 0.01 from centimetres to metres.
        path: Names the file in errors.

    Raises:
        DataError: The recording lacks a joint of the layout, has another number of joints, or shows none of them.
    """
    where = f'{path}: clip {recording.name}'
    keypoint, score, joints = recording.keypoint, recording.keypoint_score, recording.joints
    if keypoint.shape[-1] == 3:
        rotation = np.array(UPRIGHT[up or recording.up], np.float32)
        keypoint = (keypoint @ rotation.T * np.float32(scale)) + np.float32(0)
    target = layout if layout is not None else recording.layout
    if target is not None:
        complete = get_layout(target)
        names = joints if joints is not None else get_layout(recording.layout)['joints'] if recording.layout else None
        if names is not None and list(names) != list(complete['joints']):
            try:
                keypoint, mapped_score = apply_joint_map(keypoint, score, map_joints(names, complete))
            except ConfigError as error:
                raise DataError(f'{where}: {error}') from None
            assert mapped_score is not None
            score = mapped_score
        if keypoint.shape[2] != complete['num_node']:
            hint = '' if names is not None else ' Name the skeleton of the file with --source-layout.'
            raise DataError(f'{where}: keypoint: {keypoint.shape[2]} joints; the layout has {complete["num_node"]}.'
                            + hint)
        if not score.any():
            raise DataError(f'{where}: keypoint: none of the layout\'s joints is seen in any frame.')
        joints = complete['joints']
    return replace(recording, keypoint=keypoint, keypoint_score=score, joints=joints, layout=target)


def one_skeleton(recordings: Mapping[str, Recording],
                 left_out: LeftOut) -> tuple[dict[str, Recording], str | Layout | None]:
    """Recordings with the skeleton that most of them have, and its layout.

    They may differ in the order of named joints; the other skeletons are left out.
    """
    counts = Counter(map(_skeleton, recordings.values()))
    first, model = next((name, recording) for name, recording in recordings.items()
                        if _skeleton(recording) == counts.most_common(1)[0][0])
    kept = {}
    for name, recording in recordings.items():
        difference = _difference(recording, model)
        if difference is not None:
            left_out.add(f'clip {name}: {difference}, unlike clip {first}; use --layout to map both onto one skeleton.')
            continue
        if recording.joints is not None and model.joints is not None:
            order = [list(recording.joints).index(joint) for joint in model.joints]
            recording = replace(recording, keypoint=recording.keypoint[:, :, order],
                                keypoint_score=recording.keypoint_score[:, :, order])
        kept[name] = recording
    return kept, model.layout


def _skeleton(recording: Recording) -> tuple[tuple[int, ...], frozenset[str] | None]:
    return recording.keypoint.shape[2:], None if recording.joints is None else frozenset(recording.joints)


def _difference(recording: Recording, model: Recording) -> str | None:
    """How the skeleton of a recording differs, or None."""
    (shape, joints), (other_shape, other_joints) = _skeleton(recording), _skeleton(model)
    if shape != other_shape:
        return f'keypoint: {shape[0]} joints of {shape[1]} coordinates instead of {other_shape[0]} of {other_shape[1]}'
    if joints is not None and other_joints is not None and joints != other_joints:
        extra, missing = few(sorted(joints - other_joints)), few(sorted(other_joints - joints))
        return f'joints: {extra} instead of {missing}'
    return None

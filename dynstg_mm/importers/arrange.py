"""Recordings brought to one skeleton, one vertical axis and one unit of length."""
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from dynstg_mm.errors import ConfigError, DataError
from dynstg_mm.gait.anatomy import wrong_layout
from dynstg_mm.gait.joint_map import apply_joint_map
from dynstg_mm.gait.spatiotemporal import UNITS
from dynstg_mm.gait.upright import CLEARLY, impossible_height, up_axis
from dynstg_mm.gait.visibility import seen_joints
from dynstg_mm.importers.left_out import LeftOut
from dynstg_mm.importers.recording import UPRIGHT, Recording
from dynstg_mm.importers.understood import facts_of
from dynstg_mm.skeletons import Layout, get_layout, map_joints
from dynstg_mm.text import few


def arrange(recording: Recording, layout: str | Layout | None = None, up: str | None = None, scale: float = 1.,
            path: str | os.PathLike | None = None) -> Recording:
    """The recording with the joints of a layout, y up, and another unit of length.

    Args:
        recording: From a reader.
        layout: Layout to map onto; by default the recording's own.
        up: The vertical axis; by default the one along which the body stands, else the recording's.
        scale: Factor of 3-D coordinates, such as 0.01 from centimetres to metres.
        path: Names the file in errors.

    Raises:
        DataError: The recording lacks a joint of the layout, has another number of joints, or shows none of them.
    """
    where = f'{path}: clip {recording.name}'
    keypoint, joints = recording.keypoint, recording.joints
    unit, notes = recording.unit, list(recording.notes)
    target = layout if layout is not None else recording.layout
    own = recording.layout if recording.layout is not None or joints is not None else layout
    if joints is None and own is not None:
        doubt = _wrong_layout(recording, own)
        recording = replace(recording, wrong_layout=doubt if isinstance(own, str) else None)
        notes += [] if doubt is None else [doubt]
    axis = None
    if keypoint.shape[-1] == 3:
        body = dict(joints=joints) if own is None else get_layout(own)
        axis, more = _vertical(recording, body, up, where)
        keypoint = turned(recording, axis).keypoint * np.float32(scale)
        unit, notes = _scaled(unit, scale), notes + more
        check_unit(replace(recording, keypoint=keypoint, unit=unit, layout=own), where)
    else:
        keypoint, more = _downwards(recording, dict(joints=joints) if own is None else get_layout(own), up)
        notes += more
    facts = facts_of(recording, target, axis)
    recording = replace(recording, keypoint=keypoint, up='y', unit=unit, notes=notes, facts=facts)
    return recording if target is None else onto_layout(recording, target, where)


def onto_layout(recording: Recording, layout: str | Layout, where: str | os.PathLike) -> Recording:
    """The recording with the joints of a layout, by their names, and its axes as they are.

    Args:
        recording: The recording.
        layout: Layout to map onto.
        where: Names file and clip in errors.

    Raises:
        DataError: The recording lacks a joint of the layout, has another number of joints, or shows none of them.
    """
    complete, keypoint, score = get_layout(layout), recording.keypoint, recording.keypoint_score
    names = recording.joints
    if names is None and recording.layout is not None:
        names = get_layout(recording.layout)['joints']
    if names is not None and list(names) != list(complete['joints']):
        try:
            keypoint, mapped_score = apply_joint_map(keypoint, score, map_joints(names, complete))
        except ConfigError as error:
            raise DataError(f'{where}: {error}') from None
        assert mapped_score is not None
        score = mapped_score
    if keypoint.shape[2] != complete['num_node']:
        hint = '' if names is not None else ' Name the skeleton of the file with --source-layout.'
        raise DataError(f'{where}: keypoint: {keypoint.shape[2]} joints; the layout has {complete["num_node"]}.' + hint)
    if not score.any():
        raise DataError(f'{where}: keypoint: none of the layout\'s joints is seen in any frame.')
    return replace(recording, keypoint=keypoint, keypoint_score=score, joints=complete['joints'], layout=layout)


def _wrong_layout(recording: Recording, layout: str | Layout) -> str | None:
    """Why the joints, which are only known by their place, cannot be those of a layout; None if they can."""
    complete = get_layout(layout)
    if recording.keypoint.shape[2] != complete['num_node']:
        return None
    seen = seen_joints(recording.keypoint[0], recording.keypoint_score[0], 0)
    wrong, better = wrong_layout(recording.keypoint[0], seen, complete)
    if not wrong:
        return None
    name, near = layout if isinstance(layout, str) else 'the given skeleton', f', and near to those in {better}'
    return f'the joints are far from their neighbours in {name}{near if better else ""}; --source-layout names another'


def _vertical(recording: Recording, layout: Layout, up: str | None, where: str) -> tuple[str, list[str]]:
    """The vertical axis of a 3-D recording: the given one, the body's, or the format's; and a note if they differ.

    Raises:
        DataError: x and y are those of an image, whose z has another scale.
    """
    seen = seen_joints(recording.keypoint[0], recording.keypoint_score[0], 0)
    body = up_axis(recording.keypoint[0], seen, layout) if layout.get('joints') else None
    if up is not None:
        return up, [f'{up} is up as given, although the body stands along {body}'] * (body not in (None, up))
    if body == '-y' and recording.up != '-y' and (recording.keypoint[0][seen][:, :2] >= 0).all():
        raise DataError(f'{where}: keypoint: y points down and no x or y is below 0, as in an image, where z has '
                        'another scale. Leave out z, convert landmarks of MediaPipe as mediapipe, or use --up=-y if '
                        'they are places in space.')
    if body is not None:
        return body, [f'{body} is up, since the body stands along it; --up names another'] * (body != recording.up)
    whole = recording.keypoint[0][seen.all(1)]
    sizes = np.median(np.ptp(whole, axis=1), axis=0) if len(whole) else np.zeros(3)
    longest = 'xyz'[int(sizes.argmax())]
    doubt = longest not in recording.up and sizes.max() > CLEARLY * np.sort(sizes)[-2]
    return recording.up, [f'{recording.up} is taken to be up, but the body is longest along {longest}; --up names '
                          'another'] * bool(doubt)


def _downwards(recording: Recording, layout: Layout, up: str | None) -> tuple[np.ndarray, list[str]]:
    """2-D keypoints with y down, as in an image, by the given axis or the body's; and a note if it is another."""
    seen = seen_joints(recording.keypoint, recording.keypoint_score, 0)
    axis = up if up is not None or not layout.get('joints') else up_axis(recording.keypoint[0], seen[0], layout)
    if axis in ('x', '-x'):
        return recording.keypoint, [f'{axis} is up: the image is turned, or x and y are exchanged']
    if axis != 'y':
        return recording.keypoint, []
    heights = recording.keypoint[..., 1]
    bottom = np.float32(recording.img_shape[0] if recording.img_shape else heights[seen].max())
    flipped = np.stack([recording.keypoint[..., 0], bottom - heights], -1)
    return np.where(seen[..., None], flipped, np.float32(0)), ['y points up; turned, as it points down in an image']


def turned(recording: Recording, axis: str) -> Recording:
    """The 3-D recording with y up, by the axis that is up, a key of `UPRIGHT`."""
    rotation = np.array(UPRIGHT[axis], np.float32)
    return replace(recording, keypoint=recording.keypoint @ rotation.T + np.float32(0), up='y')


def check_unit(recording: Recording, where: str | os.PathLike) -> None:
    """DataError if nobody can be as tall as a 3-D recording shows in its unit of length."""
    layout = dict(joints=recording.joints) if recording.layout is None else get_layout(recording.layout)
    if recording.unit is None or not layout.get('joints'):
        return
    seen = seen_joints(recording.keypoint[0], recording.keypoint_score[0], 0)
    height = impossible_height(recording.keypoint[0], seen, layout, recording.unit)
    if height is not None:
        raise DataError(f'{where}: unit: {height}; name the unit of the coordinates with --unit.')


def _scaled(unit: str | None, scale: float) -> str | None:
    """The unit of length after a multiplication, None if it has no name."""
    return None if unit is None else next((name for name, metres in UNITS.items()
                                           if np.isclose(metres * scale, UNITS[unit])), None)


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

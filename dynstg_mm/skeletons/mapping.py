"""Joints of one skeleton found among those of another, by name."""
import re

import numpy as np

_SHOULDERS, _HIPS = ('left_shoulder', 'right_shoulder'), ('left_hip', 'right_hip')


# What stands in for a joint that a skeleton lacks: the same place under another name, or the mean of several joints.
_STAND_INS = {
    'mid_hip': (('spine_base', ), _HIPS), 'spine_base': (('mid_hip', ), _HIPS),
    'neck': (('thorax', ), ('spine_shoulder', ), _SHOULDERS), 'thorax': (('neck', ), ('spine_shoulder', ), _SHOULDERS),
    'spine_shoulder': (('neck', ), ('thorax', ), _SHOULDERS),
    'spine': (('spine_mid', ), _SHOULDERS + _HIPS), 'spine_mid': (('spine', ), _SHOULDERS + _HIPS),
    'head': (('left_ear', 'right_ear'), ), 'nose': (('left_eye', 'right_eye'), ), 'neck_base': (('nose', ), ),
    **{f'{side}_{joint}': tuple((f'{side}_{other}', ) for other in ('big_toe', 'foot_index', 'toe_tip', 'foot')
                                if other != joint)
       for side in ('left', 'right') for joint in ('big_toe', 'foot_index', 'toe_tip', 'foot')}
}


def map_joints(names, layout):
    """Where each joint of a layout is found among the joints of another skeleton, by name.

    Names are compared without case, `_` and spaces, and `RKnee` is `right_knee`. The layout's aliases count where most of
    them are there, since other programs mean other joints by the same names.
    Neck, pelvis, spine, head, nose and the toes have stand-ins where they are missing, such as the mean of both hips.

    Args:
        names (Sequence[str]): Joint names, in the order of an array.
        layout (dict): From `get_layout`.

    Returns:
        list[tuple[int]]: For every joint of the layout, the positions in `names` whose mean it is.

    Raises:
        ValueError: Two of the names are the same, or joints of the layout are not to be had. The message says which.
    """
    aliases = layout.get('aliases', {})
    if 2 * len(set(aliases) & set(names)) < len(aliases):
        aliases = {}
    where = {}
    for index, name in enumerate(names):
        plain = _plain(aliases.get(name, name))
        if plain in where:
            raise ValueError(f'joints: {names[where[plain]]!r} and {name!r} are the same name.')
        where[plain] = index
    found, missing = [], []
    for joint in layout['joints']:
        ways = ((joint, ), *_STAND_INS.get(joint, ()))
        way = next((way for way in ways if all(_plain(part) in where for part in way)), None)
        if way is None:
            missing.append(joint)
        else:
            found.append(tuple(where[_plain(part)] for part in way))
    if missing:
        raise ValueError(f'joints: {", ".join(missing)} missing, which the layout has; there are {", ".join(names)}.')
    return found


def apply_joint_map(keypoint, score, mapping):
    """Keypoints of another layout.

    Args:
        keypoint (ndarray): (M, T, V, C).
        score (ndarray, optional): (M, T, V), 0 for a lost joint.
        mapping (list[tuple[int]]): From `map_joints`.

    Returns:
        tuple[ndarray, ndarray | None]: (M, T, V', C) and (M, T, V'). A mean takes the lowest score of its sources; where
        one of them is lost (score 0, or without scores all coordinates 0) the result is lost: zeros and score 0.
    """
    seen = (keypoint != 0).any(-1) if score is None else score > 0
    mapped = np.stack([keypoint[:, :, list(sources)].mean(2) for sources in mapping], 2).astype(keypoint.dtype)
    there = np.stack([seen[:, :, list(sources)].all(2) for sources in mapping], 2)
    mapped[~there] = 0
    if score is not None:
        lowest = np.stack([score[:, :, list(sources)].min(2) for sources in mapping], 2)
        score = np.where(there, lowest, 0).astype(score.dtype)
    return mapped, score


def _plain(name):
    """`RBigToe`, `r_big_toe`, `right big toe` -> `rightbigtoe`."""
    side = re.match('([RrLl])(?=[A-Z][a-z]|[_. -])', name)
    name = name if side is None else {'r': 'right', 'l': 'left'}[side[1].lower()] + name[1:]
    return re.sub(r'[\W_]', '', name.lower())

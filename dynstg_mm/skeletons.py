"""Skeleton layouts as data.

A layout is a dict that MMAction2's `Graph` takes as it is (`num_node`, `inward`, `center`), and that says more:

joints   names, in the order of the keypoint array
inward   edges (child, parent), towards the centre
center   the joint that a skeleton is centred on
left     left joints; right: their mirror images, in the same order
legs     (hip, knee, ankle) of each leg; their length is the unit of size
feet     (heel, toe) of each foot; they tell where a person faces who does not move
limbs    name -> joints; the middle level of the hierarchy joint, limb, body
aliases  name in a file -> name in `joints`, where a format has its own

All but `num_node`, `inward` and `center` may be missing from a layout of the user's own, as long as nothing that needs
them is asked for; limbs are then the branches that hang off the centre.
"""
import json
import re
import reprlib
from pathlib import Path

import numpy as np

LAYOUTS = {
    # OpenPose, 25 joints
    'body_25': dict(
        num_node=25,
        joints=('nose', 'neck', 'right_shoulder', 'right_elbow', 'right_wrist', 'left_shoulder', 'left_elbow',
                'left_wrist', 'mid_hip', 'right_hip', 'right_knee', 'right_ankle', 'left_hip', 'left_knee',
                'left_ankle', 'right_eye', 'left_eye', 'right_ear', 'left_ear', 'left_big_toe', 'left_small_toe',
                'left_heel', 'right_big_toe', 'right_small_toe', 'right_heel'),
        inward=[(0, 1), (1, 8), (2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, 6), (9, 8), (10, 9), (11, 10), (12, 8),
                (13, 12), (14, 13), (15, 0), (16, 0), (17, 15), (18, 16), (19, 14), (20, 19), (21, 14), (22, 11),
                (23, 22), (24, 11)],
        center=8,
        left=[5, 6, 7, 12, 13, 14, 16, 18, 19, 20, 21],
        right=[2, 3, 4, 9, 10, 11, 15, 17, 22, 23, 24],
        legs=[(9, 10, 11), (12, 13, 14)],
        feet=[(24, 22), (21, 19)],
        limbs=dict(head=[0, 15, 16, 17, 18], trunk=[1, 8], right_arm=[2, 3, 4], left_arm=[5, 6, 7],
                   right_leg=[9, 10, 11, 22, 23, 24], left_leg=[12, 13, 14, 19, 20, 21])),
    # What any pose estimator or motion capture gives
    'gait_13': dict(
        num_node=13,
        joints=('neck', 'right_shoulder', 'right_elbow', 'right_wrist', 'left_shoulder', 'left_elbow', 'left_wrist',
                'right_hip', 'right_knee', 'right_ankle', 'left_hip', 'left_knee', 'left_ankle'),
        inward=[(1, 0), (2, 1), (3, 2), (4, 0), (5, 4), (6, 5), (7, 0), (8, 7), (9, 8), (10, 0), (11, 10), (12, 11)],
        center=0,
        left=[4, 5, 6, 10, 11, 12],
        right=[1, 2, 3, 7, 8, 9],
        legs=[(7, 8, 9), (10, 11, 12)],
        limbs=dict(trunk=[0], right_arm=[1, 2, 3], left_arm=[4, 5, 6], right_leg=[7, 8, 9], left_leg=[10, 11, 12])),
    # MMAction2's three, with its own order, edges and centres
    'coco': dict(
        num_node=17,
        joints=('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'left_shoulder', 'right_shoulder',
                'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist', 'left_hip', 'right_hip', 'left_knee',
                'right_knee', 'left_ankle', 'right_ankle'),
        inward=[(15, 13), (13, 11), (16, 14), (14, 12), (11, 5), (12, 6), (9, 7), (7, 5), (10, 8), (8, 6), (5, 0),
                (6, 0), (1, 0), (3, 1), (2, 0), (4, 2)],
        center=0,
        left=[1, 3, 5, 7, 9, 11, 13, 15],
        right=[2, 4, 6, 8, 10, 12, 14, 16],
        legs=[(11, 13, 15), (12, 14, 16)],
        limbs=dict(head=[0, 1, 2, 3, 4], left_arm=[5, 7, 9], right_arm=[6, 8, 10], left_leg=[11, 13, 15],
                   right_leg=[12, 14, 16])),
    'openpose': dict(
        num_node=18,
        joints=('nose', 'neck', 'right_shoulder', 'right_elbow', 'right_wrist', 'left_shoulder', 'left_elbow',
                'left_wrist', 'right_hip', 'right_knee', 'right_ankle', 'left_hip', 'left_knee', 'left_ankle',
                'right_eye', 'left_eye', 'right_ear', 'left_ear'),
        inward=[(4, 3), (3, 2), (7, 6), (6, 5), (13, 12), (12, 11), (10, 9), (9, 8), (11, 5), (8, 2), (5, 1), (2, 1),
                (0, 1), (15, 0), (14, 0), (17, 15), (16, 14)],
        center=1,
        left=[5, 6, 7, 11, 12, 13, 15, 17],
        right=[2, 3, 4, 8, 9, 10, 14, 16],
        legs=[(8, 9, 10), (11, 12, 13)],
        limbs=dict(head=[0, 14, 15, 16, 17], trunk=[1], right_arm=[2, 3, 4], left_arm=[5, 6, 7],
                   right_leg=[8, 9, 10], left_leg=[11, 12, 13])),
    'nturgb+d': dict(
        num_node=25,
        joints=('spine_base', 'spine_mid', 'neck', 'head', 'left_shoulder', 'left_elbow', 'left_wrist', 'left_hand',
                'right_shoulder', 'right_elbow', 'right_wrist', 'right_hand', 'left_hip', 'left_knee', 'left_ankle',
                'left_foot', 'right_hip', 'right_knee', 'right_ankle', 'right_foot', 'spine_shoulder',
                'left_hand_tip', 'left_thumb', 'right_hand_tip', 'right_thumb'),
        inward=[(0, 1), (1, 20), (2, 20), (3, 2), (4, 20), (5, 4), (6, 5), (7, 6), (8, 20), (9, 8), (10, 9), (11, 10),
                (12, 0), (13, 12), (14, 13), (15, 14), (16, 0), (17, 16), (18, 17), (19, 18), (21, 7), (22, 7),
                (23, 11), (24, 11)],
        center=20,
        left=[4, 5, 6, 7, 12, 13, 14, 15, 21, 22],
        right=[8, 9, 10, 11, 16, 17, 18, 19, 23, 24],
        legs=[(12, 13, 14), (16, 17, 18)],
        feet=[(14, 15), (18, 19)],
        limbs=dict(head=[2, 3], trunk=[0, 1, 20], left_arm=[4, 5, 6, 7, 21, 22], right_arm=[8, 9, 10, 11, 23, 24],
                   left_leg=[12, 13, 14, 15], right_leg=[16, 17, 18, 19])),
    # MediaPipe Pose (BlazePose), 33 joints; it has no neck and no pelvis, so that the trunk is joined as COCO's is
    'mediapipe': dict(
        num_node=33,
        joints=('nose', 'left_eye_inner', 'left_eye', 'left_eye_outer', 'right_eye_inner', 'right_eye',
                'right_eye_outer', 'left_ear', 'right_ear', 'left_mouth', 'right_mouth', 'left_shoulder',
                'right_shoulder', 'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist', 'left_pinky',
                'right_pinky', 'left_index', 'right_index', 'left_thumb', 'right_thumb', 'left_hip', 'right_hip',
                'left_knee', 'right_knee', 'left_ankle', 'right_ankle', 'left_heel', 'right_heel', 'left_foot_index',
                'right_foot_index'),
        inward=[(1, 0), (2, 1), (3, 2), (7, 3), (4, 0), (5, 4), (6, 5), (8, 6), (9, 0), (10, 0), (11, 0), (12, 0),
                (13, 11), (15, 13), (17, 15), (19, 15), (21, 15), (14, 12), (16, 14), (18, 16), (20, 16), (22, 16),
                (23, 11), (25, 23), (27, 25), (29, 27), (31, 27), (24, 12), (26, 24), (28, 26), (30, 28), (32, 28)],
        center=0,
        left=[1, 2, 3, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31],
        right=[4, 5, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32],
        legs=[(23, 25, 27), (24, 26, 28)],
        feet=[(29, 31), (30, 32)],
        limbs=dict(head=list(range(11)), left_arm=[11, 13, 15, 17, 19, 21], right_arm=[12, 14, 16, 18, 20, 22],
                   left_leg=[23, 25, 27, 29, 31], right_leg=[24, 26, 28, 30, 32])),
    # Human3.6M, the 17 joints that pose lifting uses
    'h36m': dict(
        num_node=17,
        joints=('mid_hip', 'right_hip', 'right_knee', 'right_ankle', 'left_hip', 'left_knee', 'left_ankle', 'spine',
                'thorax', 'neck_base', 'head', 'left_shoulder', 'left_elbow', 'left_wrist', 'right_shoulder',
                'right_elbow', 'right_wrist'),
        inward=[(1, 0), (2, 1), (3, 2), (4, 0), (5, 4), (6, 5), (7, 0), (8, 7), (9, 8), (10, 9), (11, 8), (12, 11),
                (13, 12), (14, 8), (15, 14), (16, 15)],
        center=0,
        left=[4, 5, 6, 11, 12, 13],
        right=[1, 2, 3, 14, 15, 16],
        legs=[(1, 2, 3), (4, 5, 6)],
        limbs=dict(head=[9, 10], trunk=[0, 7, 8], left_arm=[11, 12, 13], right_arm=[14, 15, 16], left_leg=[4, 5, 6],
                   right_leg=[1, 2, 3])),
    # MPI-INF-3DHP, the 17 joints of its test set
    'mpi_inf_3dhp': dict(
        num_node=17,
        joints=('head_top', 'neck', 'right_shoulder', 'right_elbow', 'right_wrist', 'left_shoulder', 'left_elbow',
                'left_wrist', 'right_hip', 'right_knee', 'right_ankle', 'left_hip', 'left_knee', 'left_ankle',
                'mid_hip', 'spine', 'head'),
        inward=[(0, 16), (16, 1), (1, 15), (15, 14), (2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, 6), (8, 14), (9, 8),
                (10, 9), (11, 14), (12, 11), (13, 12)],
        center=14,
        left=[5, 6, 7, 11, 12, 13],
        right=[2, 3, 4, 8, 9, 10],
        legs=[(8, 9, 10), (11, 12, 13)],
        limbs=dict(head=[0, 16], trunk=[1, 14, 15], right_arm=[2, 3, 4], left_arm=[5, 6, 7], right_leg=[8, 9, 10],
                   left_leg=[11, 12, 13])),
    # Kinect v1, 20 joints
    'kinect': dict(
        num_node=20,
        joints=('mid_hip', 'spine', 'neck', 'head', 'left_shoulder', 'left_elbow', 'left_wrist', 'left_hand',
                'right_shoulder', 'right_elbow', 'right_wrist', 'right_hand', 'left_hip', 'left_knee', 'left_ankle',
                'left_foot', 'right_hip', 'right_knee', 'right_ankle', 'right_foot'),
        inward=[(1, 0), (2, 1), (3, 2), (4, 2), (5, 4), (6, 5), (7, 6), (8, 2), (9, 8), (10, 9), (11, 10), (12, 0),
                (13, 12), (14, 13), (15, 14), (16, 0), (17, 16), (18, 17), (19, 18)],
        center=0,
        left=[4, 5, 6, 7, 12, 13, 14, 15],
        right=[8, 9, 10, 11, 16, 17, 18, 19],
        legs=[(12, 13, 14), (16, 17, 18)],
        feet=[(14, 15), (18, 19)],
        limbs=dict(head=[3], trunk=[0, 1, 2], left_arm=[4, 5, 6, 7], right_arm=[8, 9, 10, 11],
                   left_leg=[12, 13, 14, 15], right_leg=[16, 17, 18, 19])),
    # The motion capture skeleton of MSND: 20 joints and 5 end sites, in the order of its BVH files
    'msnd': dict(
        num_node=25,
        joints=('mid_hip', 'right_hip', 'right_knee', 'right_ankle', 'right_toes', 'right_toe_tip', 'spine', 'thorax',
                'head', 'head_top', 'left_collar', 'left_shoulder', 'left_elbow', 'left_wrist', 'left_fingertip',
                'right_collar', 'right_shoulder', 'right_elbow', 'right_wrist', 'right_fingertip', 'left_hip',
                'left_knee', 'left_ankle', 'left_toes', 'left_toe_tip'),
        aliases=dict(
            Hips='mid_hip', RightUpLeg='right_hip', RightLeg='right_knee', RightFoot='right_ankle',
            RightToes='right_toes', RightToes_end='right_toe_tip', Spine='spine', Spine1='thorax', HEad='head',
            HEad_end='head_top', LeftShoulder1='left_collar', LeftArm='left_shoulder', LeftForeArm='left_elbow',
            LeftHand='left_wrist', LeftHand_end='left_fingertip', RightShoulder='right_collar',
            RightArm='right_shoulder', RightForeArm='right_elbow', RightHand='right_wrist',
            RightHand_end='right_fingertip', LeftUpLeg='left_hip', LeftLeg='left_knee', LeftFoot='left_ankle',
            LeftToes='left_toes', LeftToes_end='left_toe_tip'),
        inward=[(1, 0), (2, 1), (3, 2), (4, 3), (5, 4), (6, 0), (7, 6), (8, 7), (9, 8), (10, 7), (11, 10), (12, 11),
                (13, 12), (14, 13), (15, 7), (16, 15), (17, 16), (18, 17), (19, 18), (20, 0), (21, 20), (22, 21),
                (23, 22), (24, 23)],
        center=0,
        left=[10, 11, 12, 13, 14, 20, 21, 22, 23, 24],
        right=[15, 16, 17, 18, 19, 1, 2, 3, 4, 5],
        legs=[(1, 2, 3), (20, 21, 22)],
        feet=[(3, 5), (22, 24)],
        limbs=dict(head=[8, 9], trunk=[0, 6, 7], left_arm=[10, 11, 12, 13, 14], right_arm=[15, 16, 17, 18, 19],
                   left_leg=[20, 21, 22, 23, 24], right_leg=[1, 2, 3, 4, 5])),
}

MOST_JOINTS = 1000  # what is made of a layout grows with the square of its joints

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


def get_layout(layout):
    """Return the layout of that name, or check and complete a layout of the user's own.

    Args:
        layout (str | dict): A key of `LAYOUTS`, a dict with at least `num_node`, `inward` and `center`, or the path of
            such a dict in a .json file.

    Returns:
        dict: The layout, with `joints` and `limbs` filled in where they were missing.

    Raises:
        ValueError: The name is unknown, the file is no JSON, a key is missing, or a joint index is out of range. The
            message says which.
        OSError: The file cannot be read.
    """
    if isinstance(layout, str) and layout.endswith('.json'):
        try:
            layout = json.loads(Path(layout).read_text(encoding='utf-8'))
        except ValueError as error:
            raise ValueError(f'{layout}: not a readable JSON file ({error}).') from None
    if isinstance(layout, str):
        if layout not in LAYOUTS:
            raise ValueError(f'layout: unknown name {reprlib.repr(layout)}; known are {", ".join(LAYOUTS)}, or pass a '
                             'dict with num_node, inward and center, or the path of one in a .json file.')
        return LAYOUTS[layout]
    if not isinstance(layout, dict):
        raise ValueError(f'layout: {type(layout).__name__}; expected a name or a dict.')
    missing = [key for key in ('num_node', 'inward', 'center') if key not in layout]
    if missing:
        raise ValueError(f'layout: {", ".join(missing)} missing; a layout is a dict with num_node, inward and center.')
    count = layout['num_node']
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_JOINTS:
        raise ValueError(f'layout: num_node is {reprlib.repr(count)}; expected the number of joints, 1 to '
                         f'{MOST_JOINTS}.')
    groups = {'inward': (layout['inward'], 2), 'legs': (layout.get('legs', []), 3), 'feet': (layout.get('feet', []), 2)}
    for key, (members, size) in groups.items():
        wrong = [member for member in members if not isinstance(member, (list, tuple)) or len(member) != size]
        if wrong:
            raise ValueError(f'layout: {key} has {reprlib.repr(wrong[0])}; expected {size} joints.')
    used = {key: [joint for member in members for joint in member] for key, (members, _) in groups.items()}
    used.update(center=[layout['center']], left=layout.get('left', []), right=layout.get('right', []),
                limbs=[joint for limb in layout.get('limbs', {}).values() for joint in limb])
    for key, joints in used.items():
        wrong = [joint for joint in joints if not isinstance(joint, int) or not 0 <= joint < count]
        if wrong:
            raise ValueError(f'layout: {key} names joint {reprlib.repr(wrong[0])}, and there are {count} (0 to '
                             f'{count - 1}).')
    if len(used['left']) != len(used['right']):
        raise ValueError(f'layout: left has {len(used["left"])} joints and right {len(used["right"])}; they are pairs.')
    child = _on_a_circle(count, layout['inward'])
    if child is not None:
        raise ValueError(f'layout: inward leads from joint {child} back to it; expected edges (child, parent).')
    complete = dict(layout)
    complete.setdefault('joints', tuple(f'joint_{index}' for index in range(count)))
    complete.setdefault('limbs', _branches(count, layout['inward'], layout['center']))
    if len(complete['joints']) != count:
        raise ValueError(f'layout: joints has {len(complete["joints"])} names for {count} joints.')
    twice = [name for name in complete['joints'] if list(complete['joints']).count(name) > 1]
    if twice:
        raise ValueError(f'layout: joints has the name {reprlib.repr(twice[0])} twice.')
    return complete


def _on_a_circle(count, edges):
    """A joint from which the way inward never ends, or None."""
    parent, sound = {child: towards for child, towards in edges if child != towards}, set()
    for joint in range(count):
        way = set()
        while joint in parent and joint not in sound:
            if joint in way:
                return joint
            way.add(joint)
            joint = parent[joint]
        sound |= way
    return None


def _branches(count, edges, center):
    """Joints that stay connected once the centre is taken out, as limbs; the centre is a limb of its own."""
    neighbours = {joint: set() for joint in range(count)}
    for a, b in edges:
        neighbours[a].add(b)
        neighbours[b].add(a)
    limbs, seen = {'center': [center]}, {center}
    for start in range(count):
        if start in seen:
            continue
        branch, stack = [], [start]
        seen.add(start)
        while stack:
            joint = stack.pop()
            branch.append(joint)
            new = neighbours[joint] - seen
            seen |= new
            stack.extend(new)
        limbs[f'branch_{len(limbs)}'] = sorted(branch)
    return limbs


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


def mirror_order(layout):
    """Index array that swaps left and right: `keypoint[..., mirror_order(layout), :]`."""
    order = list(range(layout['num_node']))
    for left, right in zip(layout.get('left', []), layout.get('right', [])):
        order[left], order[right] = right, left
    return order


def parents(layout):
    """Parent of every joint on the way to the centre; the centre, and a joint without an edge, is its own."""
    parent = list(range(layout['num_node']))
    for child, towards_center in layout['inward']:
        parent[child] = towards_center
    return parent


def depth_first(layout):
    """Joints in depth-first order from the centre along the skeleton, those without a way to it at the end."""
    children = {joint: [] for joint in range(layout['num_node'])}
    for child, towards_center in layout['inward']:
        children[towards_center].append(child)
    order = []
    for start in (layout['center'], *range(layout['num_node'])):
        stack = [start]
        while stack:
            joint = stack.pop()
            if joint not in order:
                order.append(joint)
                stack.extend(sorted(children[joint], reverse=True))
    return order

"""Skeleton layouts as data.

A layout is a dict that MMAction2's `Graph` accepts as it is (`num_node`, `inward`, `center`), with more keys:

joints   names, in the order of the keypoint array
inward   edges (child, parent), towards the centre
center   the root of the graph; the origin of a pose is the pelvis, see `pelvis_joints`
left     left joints
right    their mirror images, in the same order
legs     (hip, knee, ankle) of each leg; their length is the unit of size
feet     (heel, toe) of each foot; they give the direction of a person who does not move
limbs    name -> joints; the middle level of the hierarchy joint, limb, body
aliases  name in a file -> name in `joints`, if a format has its own

A layout of the user's own needs only `num_node`, `inward` and `center`, unless a transform needs another key. Its limbs
are by default the branches that leave the centre.
"""
from typing import Any

Layout = dict[str, Any]

LAYOUTS: dict[str, Layout] = {
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
    # The joints that every pose estimator and motion capture system has
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
    # The same with heels and toes, as marker sets have them
    'gait_17': dict(
        num_node=17,
        joints=('neck', 'right_shoulder', 'right_elbow', 'right_wrist', 'left_shoulder', 'left_elbow', 'left_wrist',
                'right_hip', 'right_knee', 'right_ankle', 'left_hip', 'left_knee', 'left_ankle', 'right_heel',
                'right_big_toe', 'left_heel', 'left_big_toe'),
        inward=[(1, 0), (2, 1), (3, 2), (4, 0), (5, 4), (6, 5), (7, 0), (8, 7), (9, 8), (10, 0), (11, 10), (12, 11),
                (13, 9), (14, 9), (15, 12), (16, 12)],
        center=0,
        left=[4, 5, 6, 10, 11, 12, 15, 16],
        right=[1, 2, 3, 7, 8, 9, 13, 14],
        legs=[(7, 8, 9), (10, 11, 12)],
        feet=[(13, 14), (15, 16)],
        limbs=dict(trunk=[0], right_arm=[1, 2, 3], left_arm=[4, 5, 6], right_leg=[7, 8, 9, 13, 14],
                   left_leg=[10, 11, 12, 15, 16])),
    # MMAction2's three, with its order, edges and centres
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
    # Human3.6M, the 17 joints of pose lifting
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
    # SMPL, the 24 joints of the body model
    'smpl': dict(
        num_node=24,
        joints=('mid_hip', 'left_hip', 'right_hip', 'spine1', 'left_knee', 'right_knee', 'spine2', 'left_ankle',
                'right_ankle', 'spine3', 'left_foot', 'right_foot', 'neck', 'left_collar', 'right_collar', 'head',
                'left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist',
                'left_hand', 'right_hand'),
        inward=[(1, 0), (2, 0), (3, 0), (4, 1), (5, 2), (6, 3), (7, 4), (8, 5), (9, 6), (10, 7), (11, 8), (12, 9),
                (13, 9), (14, 9), (15, 12), (16, 13), (17, 14), (18, 16), (19, 17), (20, 18), (21, 19), (22, 20),
                (23, 21)],
        center=0,
        left=[1, 4, 7, 10, 13, 16, 18, 20, 22],
        right=[2, 5, 8, 11, 14, 17, 19, 21, 23],
        legs=[(1, 4, 7), (2, 5, 8)],
        feet=[(7, 10), (8, 11)],
        limbs=dict(head=[12, 15], trunk=[0, 3, 6, 9], left_arm=[13, 16, 18, 20, 22], right_arm=[14, 17, 19, 21, 23],
                   left_leg=[1, 4, 7, 10], right_leg=[2, 5, 8, 11])),
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
    # OpenPose's experimental model, 25 joints in another order
    'body_25b': dict(
        num_node=25,
        joints=('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'left_shoulder', 'right_shoulder',
                'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist', 'left_hip', 'right_hip', 'left_knee',
                'right_knee', 'left_ankle', 'right_ankle', 'neck', 'head_top', 'left_big_toe', 'left_small_toe',
                'left_heel', 'right_big_toe', 'right_small_toe', 'right_heel'),
        inward=[(0, 17), (1, 0), (2, 0), (3, 1), (4, 2), (5, 17), (6, 17), (7, 5), (8, 6), (9, 7), (10, 8), (11, 5),
                (12, 6), (13, 11), (14, 12), (15, 13), (16, 14), (18, 0), (19, 15), (20, 19), (21, 15), (22, 16),
                (23, 22), (24, 16)],
        center=17,
        left=[1, 3, 5, 7, 9, 11, 13, 15, 19, 20, 21],
        right=[2, 4, 6, 8, 10, 12, 14, 16, 22, 23, 24],
        legs=[(11, 13, 15), (12, 14, 16)],
        feet=[(21, 19), (24, 22)],
        limbs=dict(head=[0, 1, 2, 3, 4, 18], trunk=[17], left_arm=[5, 7, 9], right_arm=[6, 8, 10],
                   left_leg=[11, 13, 15, 19, 20, 21], right_leg=[12, 14, 16, 22, 23, 24])),
    # Halpe, the 26 joints of the body
    'halpe_26': dict(
        num_node=26,
        joints=('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'left_shoulder', 'right_shoulder',
                'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist', 'left_hip', 'right_hip', 'left_knee',
                'right_knee', 'left_ankle', 'right_ankle', 'head_top', 'neck', 'mid_hip', 'left_big_toe',
                'right_big_toe', 'left_small_toe', 'right_small_toe', 'left_heel', 'right_heel'),
        inward=[(0, 18), (1, 0), (2, 0), (3, 1), (4, 2), (5, 18), (6, 18), (7, 5), (8, 6), (9, 7), (10, 8), (11, 19),
                (12, 19), (13, 11), (14, 12), (15, 13), (16, 14), (17, 0), (18, 19), (20, 15), (21, 16), (22, 20),
                (23, 21), (24, 15), (25, 16)],
        center=19,
        left=[1, 3, 5, 7, 9, 11, 13, 15, 20, 22, 24],
        right=[2, 4, 6, 8, 10, 12, 14, 16, 21, 23, 25],
        legs=[(11, 13, 15), (12, 14, 16)],
        feet=[(24, 20), (25, 21)],
        limbs=dict(head=[0, 1, 2, 3, 4, 17], trunk=[18, 19], left_arm=[5, 7, 9], right_arm=[6, 8, 10],
                   left_leg=[11, 13, 15, 20, 22, 24], right_leg=[12, 14, 16, 21, 23, 25])),
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

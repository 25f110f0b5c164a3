# Windows of BODY_25 keypoints by the protocol: one rate, one duration, one walking direction, one place, one size.
# OpenPose's 25 joints, the same as dynstg_mm.skeletons.LAYOUTS['body_25'], as a dict that MMAction2's Graph takes too.
layout = dict(
    num_node=25,
    joints=('nose', 'neck', 'right_shoulder', 'right_elbow', 'right_wrist', 'left_shoulder', 'left_elbow',
            'left_wrist', 'mid_hip', 'right_hip', 'right_knee', 'right_ankle', 'left_hip', 'left_knee', 'left_ankle',
            'right_eye', 'left_eye', 'right_ear', 'left_ear', 'left_big_toe', 'left_small_toe', 'left_heel',
            'right_big_toe', 'right_small_toe', 'right_heel'),
    inward=[(0, 1), (1, 8), (2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, 6), (9, 8), (10, 9), (11, 10), (12, 8),
            (13, 12), (14, 13), (15, 0), (16, 0), (17, 15), (18, 16), (19, 14), (20, 19), (21, 14), (22, 11), (23, 22),
            (24, 11)],
    center=8,
    left=[5, 6, 7, 12, 13, 14, 16, 18, 19, 20, 21],
    right=[2, 3, 4, 9, 10, 11, 15, 17, 22, 23, 24],
    legs=[(9, 10, 11), (12, 13, 14)],
    feet=[(24, 22), (21, 19)],
    limbs=dict(
        head=[0, 15, 16, 17, 18], trunk=[1, 8], right_arm=[2, 3, 4], left_arm=[5, 6, 7],
        right_leg=[9, 10, 11, 22, 23, 24], left_leg=[12, 13, 14, 19, 20, 21]))

feats = ['j', 'jm']  # joint positions in leg lengths, and their change per second
in_channels = 4
window = dict(type='SampleWindows', duration=2.56, rate=25)

before = [dict(type='FillMissingJoints', layout=layout), dict(type='ResampleRate', rate=25, lowpass=6)]
after = [
    dict(type='PoseDecode'),
    dict(type='MirrorDirection', layout=layout),
    dict(type='CenterSkeleton', layout=layout),
    dict(type='ScaleByLegLength', layout=layout),
    dict(type='FormatGCNInput', num_person=1),
    dict(type='GaitFeatures', layout=layout, feats=feats, rate=25),
    dict(type='PackActionInputs', meta_keys=('frame_dir', 'subject'))
]
train_pipeline = [*before, window, *after]
test_pipeline = [*before, dict(window, num_clips=5, test_mode=True), *after]

# Windows of BODY_25 keypoints by the protocol: one rate, one duration, one walking direction, one place, one size.
layout = 'body_25'  # for our data sets and models; the same for MMAction2's Graph, which takes a dict:
graph_layout = dict(
    num_node=25,
    inward=[(0, 1), (1, 8), (2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, 6), (9, 8), (10, 9), (11, 10), (12, 8),
            (13, 12), (14, 13), (15, 0), (16, 0), (17, 15), (18, 16), (19, 14), (20, 19), (21, 14), (22, 11), (23, 22),
            (24, 11)],
    center=8)

in_channels = 4  # x and y of 'j', joint positions in leg lengths, and of 'jm', their change per second
train_pipeline = [
    dict(type='FillMissingJoints'),
    dict(type='ResampleRate', rate=25, lowpass=6),
    dict(type='SampleWindows', duration=2.56, rate=25),
    dict(type='PoseDecode'),
    dict(type='MirrorDirection'),
    dict(type='CenterSkeleton'),
    dict(type='ScaleByLegLength'),
    dict(type='FormatGCNInput', num_person=1),
    dict(type='GaitFeatures', feats=['j', 'jm'], rate=25),
    dict(type='PackActionInputs', meta_keys=('frame_dir', 'subject'))
]
test_pipeline = [
    dict(type='FillMissingJoints'),
    dict(type='ResampleRate', rate=25, lowpass=6),
    dict(type='SampleWindows', duration=2.56, rate=25, num_clips=5, test_mode=True),
    dict(type='PoseDecode'),
    dict(type='MirrorDirection'),
    dict(type='CenterSkeleton'),
    dict(type='ScaleByLegLength'),
    dict(type='FormatGCNInput', num_person=1),
    dict(type='GaitFeatures', feats=['j', 'jm'], rate=25),
    dict(type='PackActionInputs', meta_keys=('frame_dir', 'subject'))
]

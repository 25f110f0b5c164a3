# Windows of the MSND motion capture by the protocol: one rate, one duration, one heading, one place, one size.
layout = 'msnd'  # of the data set and of the model
in_channels = 6  # x, y and z of 'j', joint positions in leg lengths, and of 'jm', their change per second
num_classes = 4
train_pipeline = [
    dict(type='KeepTrackedPerson'),
    dict(type='FillMissingJoints'),
    dict(type='ResampleRate', rate=25, lowpass=6),
    dict(type='SampleWindows', duration=2.56, rate=25),
    dict(type='PoseDecode'),
    dict(type='AlignHeading', up='y'),
    dict(type='CenterSkeleton', by='window'),
    dict(type='ScaleByLegLength'),
    dict(type='FormatGCNInput', num_person=1),
    dict(type='GaitFeatures', feats=['j', 'jm'], rate=25),
    dict(type='PackActionInputs', meta_keys=('frame_dir', 'subject'))
]
test_pipeline = [
    dict(type='KeepTrackedPerson'),
    dict(type='FillMissingJoints'),
    dict(type='ResampleRate', rate=25, lowpass=6),
    dict(type='SampleWindows', duration=2.56, rate=25, num_clips=5, test_mode=True),
    dict(type='PoseDecode'),
    dict(type='AlignHeading', up='y'),
    dict(type='CenterSkeleton', by='window'),
    dict(type='ScaleByLegLength'),
    dict(type='FormatGCNInput', num_person=1),
    dict(type='GaitFeatures', feats=['j', 'jm'], rate=25),
    dict(type='PackActionInputs', meta_keys=('frame_dir', 'subject'))
]

fold = 0  # 0 to 4; tools/train.py and tools/test.py hand `--cfg-options fold=K` to the data sets below
dataset = dict(type='MSNDDataset', ann_file='data/msnd/msnd.pkl', split='msnd', fold=fold, layout=layout)

train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(dataset, pipeline=train_pipeline))
# Nothing is chosen on the test fold: there is no validation, and the last checkpoint is the one that counts.
test_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(dataset, test_mode=True, pipeline=test_pipeline))
test_evaluator = dict(type='GaitMetric')
test_cfg = dict(type='TestLoop')

# Windows of the MSND motion capture by the protocol: one rate, one duration, one heading, one place, one size.
layout = 'msnd'  # of the data set and of the model
in_channels = 6  # x, y and z of 'j', joint positions in leg lengths, and of 'jm', their change per second
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

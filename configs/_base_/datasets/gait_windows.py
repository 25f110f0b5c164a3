# Pipeline steps that all data sets share: windows of 64 frames, 2.56 s at 25 frames per second.
feats = ['j', 'jm']  # joint positions in leg lengths, and their change per second; see GaitFeatures
joint_dropout = 0  # probability that a joint is lost for a while in a training window; see RandomJointDropout
proportions = 0.1  # how much the body's proportions vary in the training windows of our models; see RandomProportions

clean = [
    dict(type='KeepTrackedPerson'),
    dict(type='FillMissingJoints'),
    dict(type='ResampleRate', rate=25, lowpass=6)
]
train_window = [dict(type='SampleWindows', duration=2.56, rate=25), dict(type='PoseDecode')]
test_window = [dict(type='SampleWindows', duration=2.56, rate=25, num_clips=5, test_mode=True), dict(type='PoseDecode')]
vary = [dict(type='RandomProportions', spread=proportions)]
scale = [dict(type='CenterSkeleton', by='window'), dict(type='ScaleByLegLength')]
augment = [dict(type='RandomRot'), dict(type='RandomScale'), dict(type='RandomGaussianNoise', sigma=0.02)]
features = [dict(type='FormatGCNInput', num_person=1), dict(type='GaitFeatures', feats=feats, rate=25)]
meta_keys = ('frame_dir', 'subject', 'padded')
pack = [dict(type='PackActionInputs', meta_keys=meta_keys)]

train_loader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True))
test_loader = dict(
    batch_size=8, num_workers=0, persistent_workers=False, sampler=dict(type='DefaultSampler', shuffle=False))

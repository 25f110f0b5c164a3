# Clips of 100 frames, drawn from the whole video, of one or two persons: as in MMAction2's configs for skeletons.
clip = [
    dict(type='PoseDecode'),
    dict(type='FormatGCNInput', num_person=2),
    dict(type='PackActionInputs', meta_keys=('frame_dir', ))
]
train_clip = [dict(type='UniformSampleFrames', clip_len=100), *clip]
val_clip = [dict(type='UniformSampleFrames', clip_len=100, num_clips=1, test_mode=True), *clip]
test_clips = [dict(type='UniformSampleFrames', clip_len=100, num_clips=10, test_mode=True), *clip]

train_loader = dict(
    batch_size=16, num_workers=2, persistent_workers=True, sampler=dict(type='DefaultSampler', shuffle=True))
val_loader = dict(
    batch_size=16, num_workers=2, persistent_workers=True, sampler=dict(type='DefaultSampler', shuffle=False))
test_loader = dict(val_loader, batch_size=1)
val_evaluator = dict(type='AccMetric')
test_evaluator = dict(type='AccMetric')
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

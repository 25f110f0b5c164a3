# Computed walks as motion capture sees them, with their gait parameters; see data/README.md for how they are made.
_base_ = './msnd_windows.py'

num_parameters = 509
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='SyntheticGaitDataset',
        ann_file='data/synthetic_walks/synthetic_walks_msnd.pkl',
        layout={{_base_.layout}},
        cache_mb=4000.,
        pipeline=_base_.train_pipeline[:-3] + [
            dict(type='RandomRot'),
            dict(type='RandomScale'),
            dict(type='RandomGaussianNoise', sigma=0.02), *_base_.train_pipeline[-3:-1],
            dict(type='PackActionInputs', meta_keys=('frame_dir', 'subject'), algorithm_keys=('gait_parameters', ))
        ]))

_base_ = './body_25_windows.py'

num_classes = 4
dataset = dict(
    type='SyntheticGaitDataset', ann_file='data/synthetic_gait/synthetic_gait.pkl', layout={{_base_.layout}})

train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(dataset, split='train', pipeline={{_base_.train_pipeline}}))
val_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(dataset, split='val', test_mode=True, pipeline={{_base_.test_pipeline}}))
test_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(dataset, split='test', test_mode=True, pipeline={{_base_.test_pipeline}}))
val_evaluator = dict(type='GaitMetric')
test_evaluator = dict(type='GaitMetric')
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

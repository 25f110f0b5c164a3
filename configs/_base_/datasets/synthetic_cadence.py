_base_ = './body_25_windows.py'

# A number that the file describes: the steps per minute of the synthetic walkers.
dataset = dict(
    type='SyntheticGaitDataset',
    ann_file='data/synthetic_gait/synthetic_gait.pkl',
    layout=_base_.layout,
    targets=['cadence'])
pack = [dict(type='PackActionInputs', meta_keys=_base_.meta_keys, algorithm_keys=('targets', ))]
test_pipeline = [*_base_.test_windows, *_base_.features, *pack]

train_dataloader = dict(
    _base_.train_loader,
    dataset=dict(dataset, split='train', pipeline=[*_base_.train_windows, *_base_.features, *pack]))
val_dataloader = dict(_base_.test_loader, dataset=dict(dataset, split='val', test_mode=True, pipeline=test_pipeline))
test_dataloader = dict(_base_.test_loader, dataset=dict(dataset, split='test', test_mode=True, pipeline=test_pipeline))
val_evaluator = dict(type='GaitMetric')
test_evaluator = dict(type='GaitMetric')
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

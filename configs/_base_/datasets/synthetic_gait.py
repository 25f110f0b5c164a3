_base_ = './body_25_windows.py'

num_classes = 4
dataset = dict(type='SyntheticGaitDataset', ann_file='data/synthetic_gait/synthetic_gait.pkl', layout=_base_.layout)

train_dataloader = dict(_base_.train_loader, dataset=dict(dataset, split='train', pipeline=_base_.train_pipeline))
val_dataloader = dict(
    _base_.test_loader, dataset=dict(dataset, split='val', test_mode=True, pipeline=_base_.test_pipeline))
test_dataloader = dict(
    _base_.test_loader, dataset=dict(dataset, split='test', test_mode=True, pipeline=_base_.test_pipeline))
val_evaluator = dict(type='GaitMetric')
test_evaluator = dict(type='GaitMetric')
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

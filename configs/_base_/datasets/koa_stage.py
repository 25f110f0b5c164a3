_base_ = './body_25_windows.py'

# The stages of knee osteoarthritis as grades of one scale: early, moderate, severe. Their labels are the grades.
targets = dict(koa_stage=dict(type='ordinal', grades=['EL', 'MD', 'SV'], from_label=True))
fold = 0  # 0 to 4
dataset = dict(
    type='GaitDataset',
    ann_file='data/koa_pd_nm/koa_pd_nm.pkl',
    split='koa_stage',
    fold=fold,
    layout=_base_.layout,
    targets=targets)
pack = [dict(type='PackActionInputs', meta_keys=_base_.meta_keys, algorithm_keys=('targets', ))]

# Nothing is selected on the test fold: there is no validation, and the last checkpoint is tested.
train_dataloader = dict(
    _base_.train_loader, dataset=dict(dataset, pipeline=[*_base_.train_windows, *_base_.features, *pack]))
test_dataloader = dict(
    _base_.test_loader,
    dataset=dict(dataset, test_mode=True, pipeline=[*_base_.test_windows, *_base_.features, *pack]))
test_evaluator = dict(type='GaitMetric')
test_cfg = dict(type='TestLoop')

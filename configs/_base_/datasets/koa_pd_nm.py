_base_ = './body_25_windows.py'

# Three tasks on the same recordings: --cfg-options task=koa_stage fold=2
tasks = dict(
    koa_nm=dict(num_classes=2, dataset=dict(type='KOANMDataset', split='koa_nm')),
    koa_pd_nm=dict(num_classes=3, dataset=dict(type='KOAPDNMDataset', split='three_class')),
    koa_stage=dict(num_classes=3, dataset=dict(type='KOAStageDataset', split='koa_stage')))
task = 'koa_nm'
num_classes = tasks[task]['num_classes']
fold = 0  # 0 to 4
dataset = dict(tasks[task]['dataset'], ann_file='data/koa_pd_nm/koa_pd_nm.pkl', fold=fold, layout=_base_.layout)

# Nothing is selected on the test fold: there is no validation, and the last checkpoint is tested.
train_dataloader = dict(_base_.train_loader, dataset=dict(dataset, pipeline=_base_.train_pipeline))
test_dataloader = dict(_base_.test_loader, dataset=dict(dataset, test_mode=True, pipeline=_base_.test_pipeline))
test_evaluator = dict(type='GaitMetric')
test_cfg = dict(type='TestLoop')

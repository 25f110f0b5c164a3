_base_ = [
    '../_base_/default_runtime.py', '../_base_/schedules/sgd_60e.py', '../_base_/models/slowonly_r50.py',
    '../_base_/datasets/msnd.py', '../_base_/datasets/heat_maps.py'
]

train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline[:-3] + _base_.heat_maps))
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline[:-3] + _base_.heat_maps))
model = dict(cls_head=dict(num_classes=_base_.num_classes))

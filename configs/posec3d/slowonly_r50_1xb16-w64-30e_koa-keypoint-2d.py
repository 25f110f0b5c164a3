_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/schedules/sgd.py',
    '../_base_/models/slowonly_r50.py',
    '../_base_/datasets/koa_pd_nm.py',
    '../_base_/datasets/heat_maps.py'
]

model = dict(cls_head=dict(num_classes=_base_.num_classes))
train_dataloader = dict(dataset=dict(pipeline=[*_base_.train_windows, *_base_.heat_maps, *_base_.pack]))
test_dataloader = dict(dataset=dict(pipeline=[*_base_.test_windows, *_base_.heat_maps, *_base_.pack]))

_base_ = [
    '../_base_/action_runtime.py',
    '../_base_/schedules/sgd.py',
    '../_base_/models/stgcnpp.py',
    '../_base_/datasets/actions_3d.py'
]

model = dict(
    backbone=dict(in_channels=_base_.in_channels, graph_cfg=dict(layout=_base_.layout)),
    cls_head=dict(num_classes=_base_.num_classes))
train_cfg = dict(max_epochs=16, val_interval=1)  # 80 of the data, which an epoch repeats five times
optim_wrapper = dict(optimizer=dict(lr=0.1))  # for a batch of 128

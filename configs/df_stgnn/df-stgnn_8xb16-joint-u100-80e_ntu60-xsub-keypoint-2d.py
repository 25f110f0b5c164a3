_base_ = [
    '../_base_/action_runtime.py',
    '../_base_/schedules/adamw.py',
    '../_base_/models/df_stgnn.py',
    '../_base_/datasets/actions_2d.py'
]

model = dict(
    backbone=dict(in_channels=_base_.in_channels, graph_cfg=dict(layout=_base_.layout)),
    cls_head=dict(num_classes=_base_.num_classes))
train_cfg = dict(max_epochs=16, val_interval=1)  # 80 of the data, which an epoch repeats five times

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/schedules/sgd.py',
    '../_base_/models/blockgcn.py',
    '../_base_/datasets/acted_gait.py'
]

model = dict(
    backbone=dict(
        in_channels=_base_.in_channels, coordinates=_base_.coordinates, graph_cfg=dict(layout=_base_.layout)),
    cls_head=dict(num_classes=_base_.num_classes))
train_cfg = dict(max_epochs=20)

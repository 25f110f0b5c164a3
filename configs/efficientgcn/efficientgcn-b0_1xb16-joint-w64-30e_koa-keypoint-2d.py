_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/schedules/sgd.py',
    '../_base_/models/efficientgcn_b0.py',
    '../_base_/datasets/koa_pd_nm.py'
]

model = dict(
    backbone=dict(
        in_channels=_base_.in_channels, coordinates=_base_.coordinates, graph_cfg=dict(layout=_base_.layout)),
    cls_head=dict(num_classes=_base_.num_classes))

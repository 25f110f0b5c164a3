_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/schedules/sgd.py',
    '../_base_/models/stgcn.py',
    '../_base_/datasets/koa_stage.py'
]

model = dict(
    backbone=dict(in_channels=_base_.in_channels, graph_cfg=dict(layout=_base_.layout)),
    cls_head=dict(
        _delete_=True,
        type='TargetHead',
        in_channels=256,
        outputs=dict(koa_stage=dict(type='CORNOutput', num_grades=3))))

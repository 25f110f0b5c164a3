_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/schedules/adamw.py',
    '../_base_/models/dynstg_mamba_small.py',
    '../_base_/datasets/synthetic_cadence.py'
]

model = dict(
    backbone=dict(in_channels=_base_.in_channels, graph_cfg=dict(layout=_base_.layout)),
    cls_head=dict(
        _delete_=True, type='TargetHead', in_channels=64, dropout=0.5, outputs=dict(
            cadence=dict(type='GaussianOutput'))))
train_cfg = dict(max_epochs=20)
default_hooks = dict(checkpoint=dict(save_best='gait/mae', rule='less'))

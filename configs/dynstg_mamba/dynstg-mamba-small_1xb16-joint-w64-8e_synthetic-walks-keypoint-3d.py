_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/schedules/adamw.py',
    '../_base_/models/dynstg_mamba_small.py',
    '../_base_/datasets/synthetic_walks_msnd.py'
]

model = dict(
    backbone=dict(in_channels=_base_.in_channels, graph_cfg=dict(layout=_base_.layout)),
    cls_head=dict(
        _delete_=True, type='GaitParameterHead', in_channels=64, num_parameters=_base_.num_parameters))
train_cfg = dict(max_epochs=8)
optim_wrapper = dict(optimizer=dict(lr=0.003))

_base_ = [
    './dynstg-mamba-small-corn_1xb16-joint-w64-30e_koastage-keypoint-2d.py', '../_base_/models/dynstg_mamba_weights.py'
]

pretrained = dict(type='Pretrained', checkpoint=_base_.pretrained_weights['small'], prefix='backbone.')
model = dict(backbone=dict(init_cfg=pretrained))

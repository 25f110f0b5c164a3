_base_ = ['./dynstg-mamba-small_1xb16-joint-w64-60e_koa-keypoint-2d.py', '../_base_/models/dynstg_mamba_weights.py']

pretrained = dict(type='Pretrained', checkpoint=_base_.pretrained_weights['small'], prefix='backbone.')
model = dict(backbone=dict(init_cfg=pretrained))

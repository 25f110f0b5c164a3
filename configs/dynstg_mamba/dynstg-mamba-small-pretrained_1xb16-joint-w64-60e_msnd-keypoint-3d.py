_base_ = ['./dynstg-mamba-small_1xb16-joint-w64-60e_msnd-keypoint-3d.py', '../_base_/models/dynstg_mamba_weights.py']

pretrained = dict(type='Pretrained', checkpoint=_base_.pretrained_weights['small_msnd'], prefix='backbone.')
model = dict(backbone=dict(init_cfg=pretrained))

# There are few people in this data set, so the pretrained part gets a lower learning rate.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))))

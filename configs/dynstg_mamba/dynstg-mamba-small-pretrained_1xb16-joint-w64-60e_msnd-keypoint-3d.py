_base_ = './dynstg-mamba-small_1xb16-joint-w64-60e_msnd-keypoint-3d.py'

# Pretrained on computed walks in 3-D; data/README.md tells how. What 36 people would undo in it changes slowly.
checkpoint = 'configs/dynstg_mamba/pretrained/dynstg-mamba-small_8e_synthetic-walks-msnd-8bce0719.pth'
model = dict(backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=checkpoint, prefix='backbone.')))
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))))

_base_ = './dynstg-mamba-small_1xb16-joint-w64-30e_koa-nm-gait13-keypoint-2d.py'

# Pretrained on computed walks; data/README.md tells how.
checkpoint = 'configs/dynstg_mamba/pretrained/dynstg-mamba-small_8e_synthetic-walks-gait13-f9cbf60f.pth'
model = dict(backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=checkpoint, prefix='backbone.')))

_base_ = './dynstg-mamba-large_1xb16-joint-w64-30e_koa-stage-keypoint-2d.py'

# Pretrained on computed walks; data/README.md tells how.
checkpoint = 'configs/dynstg_mamba/pretrained/dynstg-mamba-large_8e_synthetic-walks-b5007f18.pth'
model = dict(backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=checkpoint, prefix='backbone.')))

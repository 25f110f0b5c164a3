_base_ = './dynstg-mamba-small_1xb16-joint-w64-30e_koa-pd-nm-keypoint-2d.py'

# Pretrained on computed walks; data/README.md tells how.
checkpoint = 'configs/dynstg_mamba/pretrained/dynstg-mamba-small_8e_synthetic-walks-7574252a.pth'
model = dict(backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=checkpoint, prefix='backbone.')))

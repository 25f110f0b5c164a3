_base_ = './dynstg-mamba-large_1xb16-joint-w64-30e_koa-nm-keypoint-2d.py'

# Of `tools/train.py configs/dynstg_mamba/dynstg-mamba-large_1xb16-joint-w64-8e_synthetic-walks-keypoint-2d.py`
checkpoint = 'work_dirs/dynstg-mamba-large_1xb16-joint-w64-8e_synthetic-walks-keypoint-2d/epoch_8.pth'
model = dict(backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=checkpoint, prefix='backbone.')))

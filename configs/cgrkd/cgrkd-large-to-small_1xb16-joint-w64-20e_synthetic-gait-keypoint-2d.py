_base_ = '../dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'

model = dict(
    _delete_=True,
    type='CGRKD',
    student={{_base_.model}},
    teacher='configs/dynstg_mamba/dynstg-mamba-large_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py',
    teacher_ckpt='work_dirs/dynstg-mamba-large_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d/epoch_20.pth',
    layout={{_base_.layout}})

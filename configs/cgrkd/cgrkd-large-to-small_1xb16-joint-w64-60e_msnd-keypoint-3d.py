_base_ = '../dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-60e_msnd-keypoint-3d.py'

model = dict(
    _delete_=True,
    type='CGRKD',
    student={{_base_.model}},
    teacher='configs/dynstg_mamba/dynstg-mamba-large_1xb16-joint-w64-60e_msnd-keypoint-3d.py',
    teacher_ckpt='work_dirs/dynstg-mamba-large_1xb16-joint-w64-60e_msnd-keypoint-3d/epoch_60.pth',
    layout={{_base_.layout}})

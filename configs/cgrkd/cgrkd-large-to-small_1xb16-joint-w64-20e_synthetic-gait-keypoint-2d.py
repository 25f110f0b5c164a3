_base_ = '../dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'

teacher = 'dynstg-mamba-large_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d'
model = dict(
    _delete_=True,
    type='CGRKD',  # or LogitKD, FitNet, RKD
    student=_base_.model,
    teacher=f'dynstg_mm::dynstg_mamba/{teacher}.py',
    teacher_ckpt=f'work_dirs/{teacher}/epoch_20.pth')
default_hooks = dict(distillation=dict(type='DistillationHook'))

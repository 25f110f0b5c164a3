_base_ = '../dynstg_mamba/dynstg-mamba-small-pretrained_1xb16-joint-w64-60e_msnd-keypoint-3d.py'

teacher = 'dynstg-mamba-large-pretrained_1xb16-joint-w64-60e_msnd-keypoint-3d'
model = dict(
    _delete_=True,
    type='CGRKD',  # or LogitKD, FitNet, RKD
    student=_base_.model,
    teacher=f'dynstg_mm::dynstg_mamba/{teacher}.py',
    teacher_ckpt=f'work_dirs/{teacher}{{task_folder}}/epoch_60.pth')
default_hooks = dict(distillation=dict(type='DistillationHook'))

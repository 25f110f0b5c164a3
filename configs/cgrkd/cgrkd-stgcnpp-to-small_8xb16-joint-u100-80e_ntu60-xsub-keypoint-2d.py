_base_ = '../dynstg_mamba/dynstg-mamba-small_8xb16-joint-u100-80e_ntu60-xsub-keypoint-2d.py'

teacher = 'stgcnpp_8xb16-joint-u100-80e_ntu60-xsub-keypoint-2d'
model = dict(
    _delete_=True,
    type='CGRKD',  # or LogitKD, FitNet, RKD
    student=_base_.model,
    teacher=f'dynstg_mm::stgcnpp/{teacher}.py',
    teacher_ckpt=f'work_dirs/{teacher}{{task_folder}}/epoch_16.pth')
default_hooks = dict(distillation=dict(type='DistillationHook'))

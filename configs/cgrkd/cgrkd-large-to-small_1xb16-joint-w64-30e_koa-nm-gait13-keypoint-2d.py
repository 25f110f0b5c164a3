_base_ = '../dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-30e_koa-nm-gait13-keypoint-2d.py'

# The teacher sees all 25 joints of the window, the student 13.
train_dataloader = dict(
    dataset=dict(
        pipeline=_base_.train_pipeline[:-4] + [dict(type='TeacherInput', transforms=_base_.train_pipeline[-3:-1])] +
        _base_.train_pipeline[-4:-1] +
        [dict(type='PackActionInputs', meta_keys=('frame_dir', 'subject'), algorithm_keys=('teacher_inputs', ))]))
teacher = 'dynstg-mamba-large_1xb16-joint-w64-30e_koa-nm-keypoint-2d'
model = dict(
    _delete_=True,
    type='CGRKD',  # or LogitKD, FitNet, RKD
    student=_base_.model,
    teacher=f'configs/dynstg_mamba/{teacher}.py',
    teacher_ckpt=f'work_dirs/{teacher}/epoch_30.pth')
default_hooks = dict(distillation=dict(type='DistillationHook'))

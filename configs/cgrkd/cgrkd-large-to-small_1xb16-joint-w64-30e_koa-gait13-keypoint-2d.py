_base_ = [
    '../dynstg_mamba/dynstg-mamba-small-pretrained_1xb16-joint-w64-30e_koa-gait13-keypoint-2d.py',
    '../_base_/datasets/unlabelled_walks.py'
]

teacher = 'dynstg-mamba-large-pretrained_1xb16-joint-w64-30e_koa-keypoint-2d'
model = dict(
    _delete_=True,
    type='CGRKD',  # or LogitKD, FitNet, RKD
    student=_base_.model,
    teacher=f'dynstg_mm::dynstg_mamba/{teacher}.py',
    teacher_ckpt=f'work_dirs/{teacher}/epoch_30.pth')
default_hooks = dict(distillation=dict(type='DistillationHook'))

# The teacher sees all 25 joints of a window, and of the unlabelled walk; the student sees 13.
both = [dict(type='TeacherInput', transforms=_base_.features), _base_.map_layout, *_base_.features]
walks = dict(
    _base_.walks,
    pipeline=[
        *_base_.train_windows, *_base_.augment, *both,
        dict(type='PackActionInputs', meta_keys=_base_.meta_keys, algorithm_keys=('teacher_inputs', ))
    ])
keys = ('teacher_inputs', 'unlabelled_inputs', 'unlabelled_teacher_inputs')
train_dataloader = dict(
    dataset=dict(pipeline=[
        *_base_.train_windows, *both,
        dict(type='UnlabelledWindows', dataset=walks),
        dict(type='PackActionInputs', meta_keys=_base_.meta_keys, algorithm_keys=keys)
    ]))

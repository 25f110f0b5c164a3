_base_ = [
    '../dynstg_mamba/dynstg-mamba-small-pretrained_1xb16-joint-w64-60e_koa-gait13-keypoint-2d.py',
    '../_base_/datasets/unlabelled_walks.py',
    '../_base_/models/cgrkd_koa.py'
]

model = dict(_base_.cgrkd, _delete_=True, student=_base_.model)
default_hooks = dict(distillation=dict(type='DistillationHook'))

# The teacher sees all 25 joints of a window, and of the unlabelled walk. The student sees 13 of them, about its own
# pelvis: the mean of the hips.
both = [
    dict(type='TeacherInput', transforms=_base_.features),
    dict(type='MapLayout', layout=_base_.student_layout),
    dict(type='CenterSkeleton', by='window'), *_base_.features
]
walks = dict(
    _base_.walks,
    pipeline=[
        *_base_.train_windows, *_base_.augment, *both,
        dict(type='PackActionInputs', meta_keys=_base_.meta_keys, algorithm_keys=('teacher_inputs', ))
    ])
keys = ('teacher_inputs', 'unlabelled_inputs', 'unlabelled_teacher_inputs')
train_dataloader = dict(
    dataset=dict(
        layout=_base_.layout,
        pipeline=[
            *_base_.varied_windows, *both,
            dict(type='UnlabelledWindows', dataset=walks),
            dict(type='PackActionInputs', meta_keys=_base_.meta_keys, algorithm_keys=keys)
        ]))

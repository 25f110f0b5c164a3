_base_ = [
    '../dynstg_mamba/dynstg-mamba-small-pretrained_1xb16-joint-w64-30e_koa-keypoint-2d.py',
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

# With each window of a patient, the student learns the teacher's scores for an unlabelled synthetic walk.
walks = dict(
    _base_.walks, pipeline=[*_base_.train_windows, *_base_.augment, *_base_.features, *_base_.pack])
train_dataloader = dict(
    dataset=dict(pipeline=[
        *_base_.train_windows, *_base_.features,
        dict(type='UnlabelledWindows', dataset=walks),
        dict(type='PackActionInputs', meta_keys=_base_.meta_keys, algorithm_keys=('unlabelled_inputs', ))
    ]))

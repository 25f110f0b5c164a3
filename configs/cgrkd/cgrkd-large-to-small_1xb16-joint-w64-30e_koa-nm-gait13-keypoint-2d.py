_base_ = '../dynstg_mamba/dynstg-mamba-small-pretrained_1xb16-joint-w64-30e_koa-nm-gait13-keypoint-2d.py'

teacher = 'dynstg-mamba-large-pretrained_1xb16-joint-w64-30e_koa-nm-keypoint-2d'
model = dict(
    _delete_=True,
    type='CGRKD',  # or LogitKD, FitNet, RKD
    student=_base_.model,
    teacher=f'configs/dynstg_mamba/{teacher}.py',
    teacher_ckpt=f'work_dirs/{teacher}/epoch_30.pth')
default_hooks = dict(distillation=dict(type='DistillationHook'))

# The teacher sees all 25 joints of a window, the student 13; and so of the computed walk beside it.
meta_keys = ('frame_dir', 'subject')
both = [dict(type='TeacherInput', transforms=_base_.train_pipeline[-3:-1]), *_base_.train_pipeline[-4:-1]]
walks = dict(
    type='SyntheticGaitDataset',
    ann_file='data/synthetic_walks/synthetic_walks.pkl',  # data/README.md tells how it is made
    layout=_base_.layout,
    cache_mb=2000.,
    pipeline=_base_.train_pipeline[:-4] + [
        dict(type='RandomRot'),
        dict(type='RandomScale'),
        dict(type='RandomGaussianNoise', sigma=0.02), *both,
        dict(type='PackActionInputs', meta_keys=meta_keys, algorithm_keys=('teacher_inputs', ))
    ])
train_dataloader = dict(
    dataset=dict(
        pipeline=_base_.train_pipeline[:-4] + both + [
            dict(type='UnlabelledWindows', dataset=walks),
            dict(
                type='PackActionInputs',
                meta_keys=meta_keys,
                algorithm_keys=('teacher_inputs', 'unlabelled_inputs', 'unlabelled_teacher_inputs'))
        ]))

_base_ = [
    '../dynstg_mamba/dynstg-mamba-small-pretrained_1xb16-joint-w64-60e_koa-keypoint-2d.py',
    '../_base_/datasets/unlabelled_walks.py',
    '../_base_/models/cgrkd_koa.py'
]

model = dict(_base_.cgrkd, _delete_=True, student=_base_.model)
default_hooks = dict(distillation=dict(type='DistillationHook'))

# With each window of a patient, the student learns the teacher's scores for an unlabelled synthetic walk.
walks = dict(
    _base_.walks, pipeline=[*_base_.train_windows, *_base_.augment, *_base_.features, *_base_.pack])
train_dataloader = dict(
    dataset=dict(pipeline=[
        *_base_.varied_windows, *_base_.features,
        dict(type='UnlabelledWindows', dataset=walks),
        dict(type='PackActionInputs', meta_keys=_base_.meta_keys, algorithm_keys=('unlabelled_inputs', ))
    ]))

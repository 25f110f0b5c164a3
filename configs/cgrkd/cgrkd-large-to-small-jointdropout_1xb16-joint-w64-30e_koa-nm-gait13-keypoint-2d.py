_base_ = ['./cgrkd-large-to-small_1xb16-joint-w64-30e_koa-nm-gait13-keypoint-2d.py', '../_base_/datasets/joint_dropout.py']

teacher = 'dynstg-mamba-large-pretrained-jointdropout_1xb16-joint-w64-30e_koa-nm-keypoint-2d'
model = dict(teacher=f'configs/dynstg_mamba/{teacher}.py', teacher_ckpt=f'work_dirs/{teacher}/epoch_30.pth')

# Behind PoseDecode, of patients and of walks alike: both networks see what is left.
walks = dict(pipeline=[*_base_.walks.pipeline[:5], _base_.joint_dropout, *_base_.walks.pipeline[5:]])
patients = _base_.train_dataloader.dataset.pipeline
train_dataloader = dict(
    dataset=dict(pipeline=[
        *patients[:5], _base_.joint_dropout, *patients[5:-2],
        dict(type='UnlabelledWindows', dataset=dict(_base_.walks, **walks)), patients[-1]
    ]))

_base_ = './cgrkd-large-to-small_1xb16-joint-w64-30e_koa-nm-gait13-keypoint-2d.py'

dataset = dict(type='KOAStageDataset', split='koa_stage')
train_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
teacher = 'dynstg-mamba-large-pretrained_1xb16-joint-w64-30e_koa-stage-keypoint-2d'
model = dict(
    student=dict(cls_head=dict(num_classes=3)),
    teacher=f'configs/dynstg_mamba/{teacher}.py',
    teacher_ckpt=f'work_dirs/{teacher}/epoch_30.pth')

_base_ = './dynstg-mamba-small-pretrained_1xb16-joint-w64-30e_koa-nm-gait13-keypoint-2d.py'

dataset = dict(type='KOAStageDataset', split='koa_stage')
train_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
model = dict(cls_head=dict(num_classes=3))

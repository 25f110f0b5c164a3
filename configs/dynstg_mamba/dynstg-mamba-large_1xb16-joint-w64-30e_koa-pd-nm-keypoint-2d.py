_base_ = './dynstg-mamba-large_1xb16-joint-w64-30e_koa-nm-keypoint-2d.py'

dataset = dict(type='KOAPDNMDataset', split='three_class')
train_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
model = dict(cls_head=dict(num_classes=3))

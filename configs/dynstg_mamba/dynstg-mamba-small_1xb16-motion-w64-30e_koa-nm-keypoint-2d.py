_base_ = './dynstg-mamba-small_1xb16-joint-w64-30e_koa-nm-keypoint-2d.py'

features = [dict(type='GaitFeatures', feats=['jm'], rate=25)]
train_pipeline = _base_.train_pipeline[:-2] + features + _base_.train_pipeline[-1:]
test_pipeline = _base_.test_pipeline[:-2] + features + _base_.test_pipeline[-1:]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
model = dict(backbone=dict(in_channels=2))  # x and y of each joint's change per second

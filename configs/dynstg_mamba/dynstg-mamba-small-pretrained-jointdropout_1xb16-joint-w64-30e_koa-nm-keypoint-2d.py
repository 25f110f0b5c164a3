_base_ = './dynstg-mamba-small-pretrained_1xb16-joint-w64-30e_koa-nm-keypoint-2d.py'

# For recordings in which joints get lost: half of the joints of a window, for up to half of its time, in training as well.
dropout = dict(type='RandomJointDropout', prob=0.5, share=(0.1, 0.5))
train_dataloader = dict(dataset=dict(pipeline=[*_base_.train_pipeline[:5], dropout, *_base_.train_pipeline[5:]]))

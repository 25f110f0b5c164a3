_base_ = ['./dynstg-mamba-large-pretrained_1xb16-joint-w64-30e_koa-stage-keypoint-2d.py', '../_base_/datasets/joint_dropout.py']

# Behind PoseDecode: direction, place and size come from what is left.
pipeline = [*_base_.train_pipeline[:5], _base_.joint_dropout, *_base_.train_pipeline[5:]]
train_dataloader = dict(dataset=dict(pipeline=pipeline))

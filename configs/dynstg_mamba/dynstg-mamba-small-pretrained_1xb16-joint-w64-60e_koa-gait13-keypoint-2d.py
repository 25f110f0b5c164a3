_base_ = './dynstg-mamba-small-pretrained_1xb16-joint-w64-60e_koa-keypoint-2d.py'

# Only the 13 joints that every pose estimator gives. The data set finds them by name in a file with more.
student_layout = 'gait_13'
model = dict(
    backbone=dict(
        graph_cfg=dict(layout=student_layout), init_cfg=dict(checkpoint=_base_.pretrained_weights['small_gait13'])))
train_dataloader = dict(dataset=dict(layout=student_layout))
test_dataloader = dict(dataset=dict(layout=student_layout))

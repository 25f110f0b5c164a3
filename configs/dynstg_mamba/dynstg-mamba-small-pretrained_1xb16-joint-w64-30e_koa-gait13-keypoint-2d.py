_base_ = './dynstg-mamba-small-pretrained_1xb16-joint-w64-30e_koa-keypoint-2d.py'

# The same windows, with only the 13 joints that every pose estimator gives.
student_layout = 'gait_13'
map_layout = dict(type='MapLayout', layout=student_layout)
model = dict(
    backbone=dict(
        graph_cfg=dict(layout=student_layout), init_cfg=dict(checkpoint=_base_.pretrained_weights['small_gait13'])))
train_dataloader = dict(
    dataset=dict(pipeline=[*_base_.train_windows, map_layout, *_base_.features, *_base_.pack]))
test_dataloader = dict(dataset=dict(pipeline=[*_base_.test_windows, map_layout, *_base_.features, *_base_.pack]))

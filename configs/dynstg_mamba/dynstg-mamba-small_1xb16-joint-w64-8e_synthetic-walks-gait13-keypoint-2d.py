_base_ = './dynstg-mamba-small_1xb16-joint-w64-8e_synthetic-walks-keypoint-2d.py'

# The model sees only the 13 joints that every pose estimator gives.
student_layout = 'gait_13'
model = dict(backbone=dict(graph_cfg=dict(layout=student_layout)))
train_dataloader = dict(
    dataset=dict(pipeline=[
        dict(type='MapLayout', layout=student_layout), *_base_.train_windows, *_base_.augment, *_base_.features,
        _base_.pack_parameters
    ]))

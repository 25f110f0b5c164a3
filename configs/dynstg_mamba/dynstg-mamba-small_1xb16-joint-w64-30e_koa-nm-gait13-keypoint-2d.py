_base_ = './dynstg-mamba-small_1xb16-joint-w64-30e_koa-nm-keypoint-2d.py'

# The same windows, of which the model sees the 13 joints that every pose estimator gives.
student_layout = 'gait_13'
train_pipeline = _base_.train_pipeline[:-3] + [dict(type='MapLayout', layout=student_layout)] + _base_.train_pipeline[-3:]
test_pipeline = _base_.test_pipeline[:-3] + [dict(type='MapLayout', layout=student_layout)] + _base_.test_pipeline[-3:]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
model = dict(backbone=dict(graph_cfg=dict(layout=student_layout)))

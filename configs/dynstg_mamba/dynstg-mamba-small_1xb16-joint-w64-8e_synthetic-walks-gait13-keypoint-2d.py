_base_ = './dynstg-mamba-small_1xb16-joint-w64-8e_synthetic-walks-keypoint-2d.py'

# The same walks, of which the model sees the 13 joints that every pose estimator gives.
student_layout = 'gait_13'
pipeline = _base_.train_dataloader.dataset.pipeline
pipeline = pipeline[:-3] + [dict(type='MapLayout', layout=student_layout)] + pipeline[-3:]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
model = dict(backbone=dict(graph_cfg=dict(layout=student_layout)))

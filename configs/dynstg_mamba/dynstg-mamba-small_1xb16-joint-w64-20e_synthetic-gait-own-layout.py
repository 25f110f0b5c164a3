# A skeleton that no file of the project names: 13 joints of the user's own, mapped from the sample's by their names.
_base_ = './dynstg-mamba-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'

own_layout = dict(
    num_node=13,
    joints=('neck', 'left_shoulder', 'left_elbow', 'left_wrist', 'right_shoulder', 'right_elbow', 'right_wrist',
            'left_hip', 'left_knee', 'left_ankle', 'right_hip', 'right_knee', 'right_ankle'),
    inward=[(1, 0), (2, 1), (3, 2), (4, 0), (5, 4), (6, 5), (7, 0), (8, 7), (9, 8), (10, 0), (11, 10), (12, 11)],
    center=0,
    left=[1, 2, 3, 7, 8, 9],
    right=[4, 5, 6, 10, 11, 12],
    legs=[(7, 8, 9), (10, 11, 12)])

to_own_layout = dict(type='MapLayout', layout=own_layout)  # a file of 13 joints needs none, but the data set's `layout`
train_dataloader = dict(dataset=dict(pipeline=[to_own_layout, *_base_.train_pipeline]))
val_dataloader = dict(dataset=dict(pipeline=[to_own_layout, *_base_.test_pipeline]))
test_dataloader = dict(dataset=dict(pipeline=[to_own_layout, *_base_.test_pipeline]))
model = dict(backbone=dict(graph_cfg=dict(layout=dict(own_layout, _delete_=True))))

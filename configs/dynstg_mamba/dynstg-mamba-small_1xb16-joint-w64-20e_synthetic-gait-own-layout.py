_base_ = './dynstg-mamba-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'

# A skeleton of your own, here with 13 joints that are mapped from those of the sample by name.
own_layout = dict(
    num_node=13,
    joints=('neck', 'left_shoulder', 'left_elbow', 'left_wrist', 'right_shoulder', 'right_elbow', 'right_wrist',
            'left_hip', 'left_knee', 'left_ankle', 'right_hip', 'right_knee', 'right_ankle'),
    inward=[(1, 0), (2, 1), (3, 2), (4, 0), (5, 4), (6, 5), (7, 0), (8, 7), (9, 8), (10, 0), (11, 10), (12, 11)],
    center=0,
    left=[1, 2, 3, 7, 8, 9],
    right=[4, 5, 6, 10, 11, 12],
    legs=[(7, 8, 9), (10, 11, 12)])

# A file that has these joints already needs no MapLayout, only `layout=own_layout` in its data sets.
map_layout = dict(type='MapLayout', layout=own_layout)
model = dict(backbone=dict(graph_cfg=dict(layout=dict(own_layout, _delete_=True))))
train_dataloader = dict(dataset=dict(pipeline=[map_layout, *_base_.train_pipeline]))
val_dataloader = dict(dataset=dict(pipeline=[map_layout, *_base_.test_pipeline]))
test_dataloader = dict(dataset=dict(pipeline=[map_layout, *_base_.test_pipeline]))

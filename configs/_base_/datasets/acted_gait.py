_base_ = './msnd_windows.py'

# The 13 joints that every pose estimator gives. The data set finds them by name among Kinect's 25.
layout = 'gait_13'

# Six acted gaits of the same ten people, tested on two whom the model has not seen: by sensor 3, by all three sensors,
# or by a sensor that the model has not seen either.
splits = dict(
    acted_gait='acted_gait_sensor3',
    acted_gait_all_sensors='acted_gait_all_sensors',
    acted_gait_unseen_sensor1='acted_gait_unseen_sensor1',
    acted_gait_unseen_sensor3='acted_gait_unseen_sensor3',
    acted_gait_unseen_sensor5='acted_gait_unseen_sensor5')
tasks = {task: dict(num_classes=6, dataset=dict(split=split)) for task, split in splits.items()}
task = 'acted_gait'
num_classes = tasks[task]['num_classes']
fold = 0  # 0 to 4
dataset = dict(
    tasks[task]['dataset'],
    type='ActedGaitDataset',
    ann_file='data/acted_gait/acted_gait.pkl',
    fold=fold,
    layout=layout)

# Nothing is selected on the test fold: there is no validation, and the last checkpoint is tested.
train_dataloader = dict(_base_.train_loader, dataset=dict(dataset, pipeline=_base_.train_pipeline))
test_dataloader = dict(_base_.test_loader, dataset=dict(dataset, test_mode=True, pipeline=_base_.test_pipeline))
test_evaluator = dict(type='GaitMetric')
test_cfg = dict(type='TestLoop')

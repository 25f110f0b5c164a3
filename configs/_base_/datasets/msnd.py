_base_ = './msnd_windows.py'

# By subject, or by clip as in papers. By clip, the same people are in training and test data: scores do not hold for
# new people.
tasks = dict(
    msnd=dict(num_classes=4, dataset=dict(ann_file='data/msnd/msnd.pkl', split='msnd')),
    msnd_by_clip=dict(
        num_classes=4,
        dataset=dict(ann_file='data/msnd/msnd_by_clip.pkl', split='msnd_by_clip', shared_subjects=True)))
task = 'msnd'
num_classes = tasks[task]['num_classes']
fold = 0  # 0 to 4
dataset = dict(tasks[task]['dataset'], type='MSNDDataset', fold=fold, layout=_base_.layout)

# Nothing is selected on the test fold: there is no validation, and the last checkpoint is tested.
train_dataloader = dict(_base_.train_loader, dataset=dict(dataset, pipeline=_base_.train_pipeline))
test_dataloader = dict(_base_.test_loader, dataset=dict(dataset, test_mode=True, pipeline=_base_.test_pipeline))
test_evaluator = dict(type='GaitMetric')
test_cfg = dict(type='TestLoop')

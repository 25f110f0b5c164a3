# Everyday actions by Kinect v1: whole clips, stretched to 64 frames as is usual for actions of a few seconds.
_base_ = './msnd_windows.py'

layout = 'kinect'  # of the data set and of the model
one_window = [
    dict(type='StretchClip', frames=64),
    dict(type='SampleWindows', duration=2.56, rate=25),
    dict(type='PoseDecode'),
    dict(type='AlignHeading', up='y')
]
train_windows = [*_base_.clean, *one_window, *_base_.scale, *_base_.augment]
test_windows = [*_base_.clean, *one_window, *_base_.scale]
train_pipeline = [*train_windows, *_base_.features, *_base_.pack]
test_pipeline = [*test_windows, *_base_.features, *_base_.pack]

# Folds: msr_action3d, its sets of eight actions, utd_mhad and the halves have one; ..._loso one a person;
# utkinect_by_sequence one a recording, with the same people in training.
files = dict(
    msr_action3d='data/msr_action3d/msr_action3d.pkl',
    utd_mhad='data/utd_mhad/utd_mhad.pkl',
    utkinect='data/utkinect/utkinect.pkl')
classes = dict(msr_action3d=20, utd_mhad=27, utkinect=10)
splits = [('msr_action3d', ''), ('msr_action3d', '_loso'), ('utd_mhad', ''), ('utd_mhad', '_loso'),
          ('utkinect', '_loso')]
splits += [(name, f'_half{half}') for name in ('msr_action3d', 'utkinect') for half in range(10)]
tasks = {
    f'{name}{split}': dict(num_classes=classes[name], dataset=dict(ann_file=files[name], split=f'{name}{split}'))
    for name, split in splits
}
tasks['utkinect_by_sequence'] = dict(
    num_classes=10,
    dataset=dict(
        ann_file='data/utkinect/utkinect_by_sequence.pkl', split='utkinect_by_sequence', shared_subjects=True))
for name in ('msr_action3d_as1', 'msr_action3d_as2', 'msr_action3d_as3'):
    tasks[name] = dict(num_classes=8, dataset=dict(ann_file=f'data/msr_action3d/{name}.pkl', split=name))
task = 'msr_action3d'
num_classes = tasks[task]['num_classes']
fold = 0
dataset = dict(tasks[task]['dataset'], type='GaitDataset', fold=fold, layout=layout)

# Nothing is selected on the test fold: there is no validation, and the last checkpoint is tested.
train_dataloader = dict(_base_.train_loader, dataset=dict(dataset, pipeline=train_pipeline))
test_dataloader = dict(_base_.test_loader, dataset=dict(dataset, test_mode=True, pipeline=test_pipeline))
test_evaluator = dict(type='GaitMetric')
test_cfg = dict(type='TestLoop')

# NTU RGB+D's 25 joints by Kinect v2, in the files that MMAction2 and PYSKL publish.
_base_ = './action_clips.py'

layout = 'nturgb+d'  # of the data set and of the model
feats = ['j']  # joint, or b, jm, bm: bone, joint motion, bone motion
in_channels = 3
normalize = [dict(type='PreNormalize3D'), dict(type='GenSkeFeat', dataset='nturgb+d', feats=feats)]

tasks = {
    f'{name}_{protocol}': dict(
        num_classes=classes,
        num_person=2,
        dataset=dict(ann_file=f'data/skeleton/{name}_3d.pkl', num_classes=classes),
        train=dict(split=f'{protocol}_train'),
        test=dict(split=f'{protocol}_val'))
    for name, classes, protocol in (('ntu60', 60, 'xsub'), ('ntu60', 60, 'xview'), ('ntu120', 120, 'xsub'),
                                    ('ntu120', 120, 'xset'))
}
task = 'ntu60_xsub'
num_classes = tasks[task]['num_classes']
dataset = dict(tasks[task]['dataset'], type='ActionDataset', layout=layout)
tested = dict(dataset, **tasks[task]['test'], test_mode=True)

train_dataloader = dict(
    _base_.train_loader,
    dataset=dict(
        type='RepeatDataset',
        times=5,
        dataset=dict(dataset, **tasks[task]['train'], pipeline=[*normalize, *_base_.train_clip])))
val_dataloader = dict(_base_.val_loader, dataset=dict(tested, pipeline=[*normalize, *_base_.val_clip]))
test_dataloader = dict(_base_.test_loader, dataset=dict(tested, pipeline=[*normalize, *_base_.test_clips]))

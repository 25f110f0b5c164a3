# COCO's 17 joints by HRNet in the pictures, in the files that MMAction2 and PYSKL publish.
_base_ = './action_clips.py'

layout = 'coco'  # of the data set and of the model
feats = ['j']  # joint, or b, jm, bm: bone, joint motion, bone motion
in_channels = 3  # two coordinates and the score
normalize = [dict(type='PreNormalize2D'), dict(type='GenSkeFeat', dataset='coco', feats=feats)]

# task: file, classes, split for training, split for the test, persons
published = dict(
    ntu60_xsub=('ntu60_2d', 60, 'xsub_train', 'xsub_val', 2),
    ntu60_xview=('ntu60_2d', 60, 'xview_train', 'xview_val', 2),
    ntu120_xsub=('ntu120_2d', 120, 'xsub_train', 'xsub_val', 2),
    ntu120_xset=('ntu120_2d', 120, 'xset_train', 'xset_val', 2),
    gym=('gym_2d', 99, 'train', 'val', 1),  # the file has the athlete alone
    k400=('k400_2d', 400, 'train', 'val', 2),
    diving48=('diving48_2d', 48, 'train', 'test', 2),
    **{f'ucf101_split{part}': ('ucf101_2d', 101, f'train{part}', f'test{part}', 2) for part in (1, 2, 3)},
    **{f'hmdb51_split{part}': ('hmdb51_2d', 51, f'train{part}', f'test{part}', 2) for part in (1, 2, 3)})
tasks = {
    name: dict(
        num_classes=classes,
        num_person=persons,
        dataset=dict(ann_file=f'data/skeleton/{file}.pkl', num_classes=classes),
        train=dict(split=train),
        test=dict(split=test))
    for name, (file, classes, train, test, persons) in published.items()
}
tasks['k400']['dataset']['data_prefix'] = dict(skeleton='data/skeleton/kpfiles')  # keypoints, a file for each clip
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

_base_ = './msnd_windows.py'

num_classes = 4
fold = 0  # 0 to 4; tools/train.py and tools/test.py hand `--cfg-options fold=K` to the data sets below
dataset = dict(type='MSNDDataset', ann_file='data/msnd/msnd.pkl', split='msnd', fold=fold, layout={{_base_.layout}})

train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(dataset, pipeline={{_base_.train_pipeline}}))
# Nothing is chosen on the test fold: there is no validation, and the last checkpoint is the one that counts.
test_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(dataset, test_mode=True, pipeline={{_base_.test_pipeline}}))
test_evaluator = dict(type='GaitMetric')
test_cfg = dict(type='TestLoop')

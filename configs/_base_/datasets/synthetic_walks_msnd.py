# Synthetic 3-D walks in the layout of the MSND motion capture, with their gait parameters, for pretraining.
_base_ = './msnd_windows.py'

num_parameters = 509
walks = dict(
    type='SyntheticGaitDataset',
    ann_file='data/synthetic_walks/synthetic_walks_msnd.pkl',  # data/README.md shows how to make it
    layout=_base_.layout,
    cache_mb=4000.)
pack_parameters = dict(type='PackActionInputs', meta_keys=_base_.meta_keys, algorithm_keys=('gait_parameters', ))
train_dataloader = dict(
    _base_.train_loader,
    dataset=dict(walks, pipeline=[*_base_.train_windows, *_base_.augment, *_base_.features, pack_parameters]))

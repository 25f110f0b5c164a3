# Synthetic walks with their gait parameters, for pretraining.
_base_ = ['./body_25_windows.py', './unlabelled_walks.py']

num_parameters = 353
pack_parameters = dict(type='PackActionInputs', meta_keys=_base_.meta_keys, algorithm_keys=('gait_parameters', ))
train_dataloader = dict(
    _base_.train_loader,
    dataset=dict(
        _base_.walks, pipeline=[*_base_.train_windows, *_base_.augment, *_base_.features, pack_parameters]))

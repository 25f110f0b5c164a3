# MMAction2's schedule of the skeleton models, its learning rate of 0.1 for a batch of 128 scaled to one of 16
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=60, val_interval=10)
param_scheduler = [dict(type='CosineAnnealingLR', eta_min=0, T_max=60, by_epoch=True, convert_to_iter_based=True)]
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.0125, momentum=0.9, weight_decay=0.0005, nesterov=True))

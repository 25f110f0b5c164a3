# MMAction2's schedule for skeleton models; its learning rate of 0.1 for a batch of 128 is scaled to a batch of 16.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=30, val_interval=10)
param_scheduler = dict(type='CosineAnnealingLR', eta_min=0, convert_to_iter_based=True)
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.0125, momentum=0.9, weight_decay=0.0005, nesterov=True))

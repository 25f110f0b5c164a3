train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=20, val_interval=10)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=True, begin=0, end=2, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', eta_min=0, T_max=18, by_epoch=True, begin=2, end=20, convert_to_iter_based=True)
]
optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=0.01, weight_decay=0.05), clip_grad=dict(max_norm=5))

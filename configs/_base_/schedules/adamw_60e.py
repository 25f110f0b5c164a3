train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=60, val_interval=10)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=True, begin=0, end=6, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', eta_min=0, T_max=54, by_epoch=True, begin=6, end=60, convert_to_iter_based=True)
]
optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=0.002, weight_decay=0.05), clip_grad=dict(max_norm=5))

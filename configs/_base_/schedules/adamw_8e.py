train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=8)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=True, begin=0, end=1, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', eta_min=0, T_max=7, by_epoch=True, begin=1, end=8, convert_to_iter_based=True)
]
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.003, weight_decay=0.05), clip_grad=dict(max_norm=5))

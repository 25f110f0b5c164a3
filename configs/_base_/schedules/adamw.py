# AdamW with a linear warm-up over a tenth of the epochs, then cosine decay to 0. Other lengths: train_cfg.max_epochs.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=30, val_interval=10)
param_scheduler = dict(type='WarmupCosineLR', convert_to_iter_based=True)
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.002, weight_decay=0.05), clip_grad=dict(max_norm=5))

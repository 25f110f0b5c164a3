_base_ = './dynstg-mamba-small-pretrained_1xb16-joint-w64-30e_koa-pd-nm-keypoint-2d.py'

train_cfg = dict(max_epochs=90)
warm_up, annealing = _base_.param_scheduler
param_scheduler = [warm_up, dict(annealing, T_max=87, end=90)]

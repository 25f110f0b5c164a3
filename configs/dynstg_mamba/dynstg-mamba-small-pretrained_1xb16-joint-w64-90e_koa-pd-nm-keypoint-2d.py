_base_ = './dynstg-mamba-small-pretrained_1xb16-joint-w64-30e_koa-pd-nm-keypoint-2d.py'

train_cfg = dict(max_epochs=90)
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=87, end=90)]

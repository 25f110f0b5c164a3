# Runs on published action sets. Their protocols have no validation data: the curves are those of the test split, and
# nothing is selected on it. The last checkpoint counts.
_base_ = './default_runtime.py'

default_hooks = dict(logger=dict(interval=100), checkpoint=dict(save_best=None))
auto_scale_lr = dict(enable=False, base_batch_size=128)  # 8 GPUs with 16 clips each

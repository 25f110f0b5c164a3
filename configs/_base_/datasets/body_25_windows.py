# Windows of BODY_25 keypoints with one walking direction, one origin and one size.
_base_ = './gait_windows.py'

layout = 'body_25'  # of the data set and of the model
coordinates = 2
in_channels = 4  # two coordinates of each of the two feats
train_windows = [*_base_.clean, *_base_.train_window, dict(type='MirrorDirection'), *_base_.scale]
varied_windows = [*_base_.clean, *_base_.train_window, *_base_.vary, dict(type='MirrorDirection'), *_base_.scale]
test_windows = [*_base_.clean, *_base_.test_window, dict(type='MirrorDirection'), *_base_.scale]
train_pipeline = [*train_windows, *_base_.features, *_base_.pack]
varied_pipeline = [*varied_windows, *_base_.features, *_base_.pack]
test_pipeline = [*test_windows, *_base_.features, *_base_.pack]

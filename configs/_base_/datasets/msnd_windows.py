# Windows of the MSND motion capture with one heading, one origin and one size.
_base_ = './gait_windows.py'

layout = 'msnd'  # of the data set and of the model
coordinates = 3
in_channels = 6  # three coordinates of each of the two feats
train_windows = [*_base_.clean, *_base_.train_window, dict(type='AlignHeading', up='y'), *_base_.scale]
varied_windows = [*_base_.clean, *_base_.train_window, *_base_.vary, dict(type='AlignHeading', up='y'), *_base_.scale]
test_windows = [*_base_.clean, *_base_.test_window, dict(type='AlignHeading', up='y'), *_base_.scale]
train_pipeline = [*train_windows, *_base_.features, *_base_.pack]
varied_pipeline = [*varied_windows, *_base_.features, *_base_.pack]
test_pipeline = [*test_windows, *_base_.features, *_base_.pack]

# For recordings in which joints get lost: half of the joints of a window, for up to half of its time, in training as well.
joint_dropout = dict(type='RandomJointDropout', prob=0.5, share=(0.1, 0.5))

# MMAction2's PoseC3D (SlowOnly, ResNet-50 with three stages) at half its width: a step costs as much as with ST-GCN.
model = dict(
    type='Recognizer3D',
    backbone=dict(
        type='ResNet3dSlowOnly',
        depth=50,
        pretrained=None,
        in_channels=25,
        base_channels=16,
        num_stages=3,
        out_indices=(2, ),
        stage_blocks=(4, 6, 3),
        conv1_stride_s=1,
        pool1_stride_s=1,
        inflate=(0, 1, 1),
        spatial_strides=(2, 2, 2),
        temporal_strides=(1, 1, 2),
        dilations=(1, 1, 1)),
    cls_head=dict(type='I3DHead', in_channels=256, dropout_ratio=0.5, average_clips='prob'))

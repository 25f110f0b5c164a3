# The windows of the other models, up to the scale, as heat maps of 32 x 32 pixels, every second frame. Centred frame by frame:
# who walks through a window leaves so small an image. 3-D windows are seen from the side.
heat_maps = [
    dict(type='CenterSkeleton'),
    dict(type='ProjectToImage', size=32, interval=2),
    dict(type='GeneratePoseTarget', sigma=0.6, use_score=False, with_kp=True, with_limb=False),
    dict(type='FormatShape', input_format='NCTHW_Heatmap'),
    dict(type='PackActionInputs', meta_keys=('frame_dir', 'subject'))
]

# From scaled windows to heat maps of 32 x 32 pixels, every second frame. The walker is centred in every frame, because
# a walker who crosses so small an image would leave it. 3-D windows are projected from the side.
heat_maps = [
    dict(type='CenterSkeleton'),
    dict(type='ProjectToImage', size=32, interval=2),
    dict(type='GeneratePoseTarget', sigma=0.6, use_score=False, with_kp=True, with_limb=False),
    dict(type='FormatShape', input_format='NCTHW_Heatmap')
]

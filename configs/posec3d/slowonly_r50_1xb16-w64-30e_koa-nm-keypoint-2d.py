_base_ = [
    '../_base_/default_runtime.py', '../_base_/schedules/sgd_30e.py', '../_base_/models/slowonly_r50.py',
    '../_base_/datasets/koa_nm.py'
]

# The windows of the other models, up to the scale, as heat maps of 32 x 32 pixels, every second frame. Centred frame by frame:
# who walks through a window leaves so small an image.
heat_maps = [
    dict(type='CenterSkeleton'),
    dict(type='ProjectToImage', size=32, interval=2),
    dict(type='GeneratePoseTarget', sigma=0.6, use_score=False, with_kp=True, with_limb=False),
    dict(type='FormatShape', input_format='NCTHW_Heatmap'),
    dict(type='PackActionInputs', meta_keys=('frame_dir', 'subject'))
]
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline[:-3] + heat_maps))
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline[:-3] + heat_maps))
model = dict(cls_head=dict(num_classes=_base_.num_classes))

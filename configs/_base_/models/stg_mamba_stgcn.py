model = dict(
    type='RecognizerGCN',
    backbone=dict(
        type='STGMamba',
        channels=256,
        graph_cfg=dict(mode='spatial'),
        backbone=dict(type='STGCN', graph_cfg=dict(mode='stgcn_spatial'))),
    cls_head=dict(type='GCNHead', in_channels=256))

model = dict(
    type='RecognizerGCN',
    backbone=dict(type='BlockGCN', graph_cfg=dict()),
    cls_head=dict(type='GCNHead', in_channels=256))

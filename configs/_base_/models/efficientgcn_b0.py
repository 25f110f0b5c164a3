model = dict(
    type='RecognizerGCN',
    backbone=dict(type='EfficientGCN', graph_cfg=dict()),
    cls_head=dict(type='GCNHead', in_channels=128, dropout=0.25))

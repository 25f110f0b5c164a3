model = dict(
    type='RecognizerGCN',
    backbone=dict(type='AAGCN', num_person=1, graph_cfg=dict(mode='spatial')),
    cls_head=dict(type='GCNHead', in_channels=256))

model = dict(
    type='RecognizerGCN',
    backbone=dict(type='DFSTGNN', base_channels=[16, 32, 64], depths=[1, 1, 1], graph_cfg=dict(mode='spatial')),
    cls_head=dict(type='GaitHead', in_channels=64, dropout=0.5))

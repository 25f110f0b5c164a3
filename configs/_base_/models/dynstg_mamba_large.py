model = dict(
    type='RecognizerGCN',
    backbone=dict(type='DynSTGMamba', size='large', graph_cfg=dict(mode='spatial')),
    cls_head=dict(type='GaitHead', in_channels=192, dropout=0.5))

model = dict(
    type='RecognizerGCN',
    backbone=dict(type='DynSTGMamba', size='small', graph_cfg=dict(mode='spatial')),
    cls_head=dict(type='GaitHead', in_channels=64, dropout=0.5))

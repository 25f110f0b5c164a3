model = dict(
    type='RecognizerGCN',
    backbone=dict(
        type='STGMamba',
        channels=256,
        graph_cfg=dict(mode='spatial'),
        backbone=dict(
            type='STGCN',
            gcn_adaptive='init',
            gcn_with_res=True,
            tcn_type='mstcn',
            graph_cfg=dict(mode='spatial'))),
    cls_head=dict(type='GCNHead', in_channels=256))

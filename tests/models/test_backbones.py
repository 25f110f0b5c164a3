import pytest
import torch
from mmengine.runner import autocast

from dynstg_mm.skeletons import LAYOUTS
from mmaction.registry import MODELS

BODY = dict(layout='body_25')


def build(**config):
    torch.manual_seed(0)
    return MODELS.build(config)


@pytest.mark.parametrize('config, channels', [
    (dict(type='DynSTGMamba', size='small'), 72),
    (dict(type='DynSTGMamba', size='large'), 192),
    (dict(type='DFSTGNN', base_channels=(16, 24), depths=(1, 1)), 24),
    (dict(type='STGMamba', channels=12, depth=2), 12),
])
@pytest.mark.parametrize('layout, persons, frames, in_channels', [('body_25', 1, 16, 2), ('coco', 2, 9, 4)])
def test_shape_is_what_heads_expect(config, channels, layout, persons, frames, in_channels):
    backbone = build(**config, graph_cfg=dict(layout=layout), in_channels=in_channels)
    joints = LAYOUTS[layout]['num_node']
    out = backbone(torch.randn(2, persons, frames, joints, in_channels))
    halvings = {'DynSTGMamba': 2, 'DFSTGNN': 1}.get(config['type'], 0)
    for _ in range(halvings):
        frames = -(-frames // 2)
    assert out.shape == (2, persons, channels, frames, joints)
    head = build(type='GCNHead', num_classes=3, in_channels=channels)
    assert head(out).shape == (2, 3)


def test_sizes_keep_to_their_share_of_stgcn():
    def parameters(**config):
        return sum(value.numel() for value in build(**config).parameters())

    stgcn = parameters(type='STGCN', graph_cfg=dict(layout=LAYOUTS['body_25'], mode='stgcn_spatial'))
    assert parameters(type='DynSTGMamba', graph_cfg=BODY, in_channels=4) < 0.05 * stgcn
    assert parameters(type='DynSTGMamba', graph_cfg=BODY, in_channels=4, size='large') < 0.6 * stgcn


@pytest.mark.parametrize('backbone, channels', [
    (dict(type='STGCN', num_stages=2, base_channels=8), 8),
    (dict(type='AAGCN', num_stages=2, base_channels=8), 8),
])
def test_stg_mamba_stands_behind_the_backbones_of_mmaction(backbone, channels):
    graph = dict(layout=LAYOUTS['body_25'], mode='spatial')
    model = build(type='STGMamba', graph_cfg=graph, channels=channels, backbone=dict(backbone, graph_cfg=graph))
    x = torch.randn(2, 2, 8, 25, 3)
    assert model(x).shape == model.backbone(x).shape
    wrong = build(type='STGMamba', graph_cfg=graph, channels=6, backbone=dict(backbone, graph_cfg=graph))
    with pytest.raises(ValueError, match='channels: 6; the backbone returns 8'):
        wrong(x)


def test_clip_does_not_depend_on_its_batch():
    backbone = build(type='DynSTGMamba', graph_cfg=BODY).eval()
    x = torch.randn(4, 1, 16, 25, 2)
    torch.testing.assert_close(backbone(x)[:1], backbone(x[:1]), rtol=1e-4, atol=1e-5)


def test_every_parameter_gets_a_gradient():
    backbone = build(type='DynSTGMamba', graph_cfg=BODY)
    with torch.no_grad():
        for name, value in backbone.named_parameters():
            if name.endswith('alpha'):
                value.fill_(0.3)
            elif name.endswith('filter'):
                value.add_(0.01 * torch.randn_like(value))
    backbone(torch.randn(4, 1, 16, 25, 2)).square().sum().backward()
    for name, value in backbone.named_parameters():
        assert value.grad is not None and value.grad.abs().max() > 0, name


def test_balance_is_trained_whatever_the_head():
    backbone = build(type='DynSTGMamba', graph_cfg=BODY, balance_weight=1.)
    scores = [layer.phases.score for stage in backbone.stages for layer in stage if hasattr(layer, 'temporal_conv')]
    for score in scores:
        torch.nn.init.zeros_(score.weight)
        score.bias.data = torch.tensor([3., 0, 0, 0])
    (backbone(torch.randn(4, 1, 16, 25, 2)) * 0).sum().backward()
    assert all(score.bias.grad[0] > 0 for score in scores)  # the phase that takes all is pushed down


def test_switches_take_their_parts_out():
    full = build(type='DynSTGMamba', graph_cfg=BODY)
    bare = build(type='DynSTGMamba', graph_cfg=BODY, mamba=False, num_phases=1, dynamic=False, learn_filter=False,
                 hierarchy=False)
    assert any('directions' in name for name, _ in full.named_parameters())
    assert not any(part in name for name, _ in bare.named_parameters()
                   for part in ('directions', 'alpha', 'filter', 'gate', 'limb_conv'))
    assert bare(torch.randn(2, 1, 8, 25, 2)).shape == full(torch.randn(2, 1, 8, 25, 2)).shape


def test_bfloat16_autocast_on_the_cpu():
    backbone = build(type='DynSTGMamba', graph_cfg=BODY).eval()
    x = torch.randn(2, 1, 16, 25, 2)
    expected = backbone(x)
    with autocast(device_type='cpu', dtype=torch.bfloat16):
        out = backbone(x).float()
    assert (out - expected).abs().max() < 0.1 * expected.abs().max()


@pytest.mark.parametrize('config, message', [
    (dict(type='DynSTGMamba', size='medium'), "size: 'medium'; expected one of large, small"),
    (dict(type='DFSTGNN', base_channels=(8, ), depths=(1, 2)), 'depths: 2 numbers; base_channels has 1'),
])
def test_wrong_options_are_named(config, message):
    with pytest.raises(ValueError, match=message):
        build(**config, graph_cfg=BODY)


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match='17 joints and 3 channels; the backbone was built for 25 joints and 2'):
        build(type='DynSTGMamba', graph_cfg=BODY)(torch.randn(1, 1, 8, 17, 3))

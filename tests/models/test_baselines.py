"""Networks of other authors: their size is the published one, and they keep MMAction2's contract."""
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.analysis import get_model_complexity_info
from torch.utils.flop_counter import FlopCounterMode

from dynstg_mm.errors import ConfigError
from dynstg_mm.skeletons import LAYOUTS

BASELINES = dict(CTRGCN=256)  # type -> channels of the result


def build(name, layout='nturgb+d', classes=3, **options):
    torch.manual_seed(0)
    return MODELS.build(dict(
        type='RecognizerGCN', backbone=dict(type=name, graph_cfg=dict(layout=layout), **options),
        cls_head=dict(type='GCNHead', num_classes=classes, in_channels=BASELINES[name])))


def parameters(model):
    return sum(value.numel() for value in model.parameters())


def products(model, x):
    """Multiply-adds of convolutions, and those of matrix products."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.eval().backbone(x)
    counts = counter.get_flop_counts()['Global']
    return tuple(sum(value // 2 for operation, value in counts.items() if ('conv' in str(operation)) == conv)
                 for conv in (True, False))


# The paper's 1.46 M are those of NTU RGB+D 120; 1.97 G is what later papers have for 64 frames of two persons. They
# count with fvcore, which has two operations for each multiply-add of `einsum`, and also counts batch normalization:
# 6.6 M values, twice. So the figures agree within their last digit and this 0.013.
def test_ctr_gcn_has_the_published_size():
    model = build('CTRGCN', classes=120)
    assert parameters(model) == pytest.approx(1.46e6, abs=0.005e6)
    convolutions, mixing = products(model, torch.randn(1, 2, 64, 25, 3))
    assert convolutions + 2 * mixing == pytest.approx(1.97e9, abs=0.005e9 + 0.014e9)


@pytest.mark.parametrize('name', BASELINES)
@pytest.mark.parametrize('layout, persons, frames, channels', [
    ('coco', 2, 9, 3), ('gait_13', 1, 16, 2), (dict(num_node=4, inward=[(1, 0), (2, 1), (3, 1)], center=0), 3, 5, 4)])
def test_baselines_keep_the_contract_of_backbones(name, layout, persons, frames, channels):
    model = build(name, layout, in_channels=channels)
    x = torch.randn(2, persons, frames, LAYOUTS[layout]['num_node'] if isinstance(layout, str) else 4, channels)
    out = model.backbone(x)
    assert out.shape == (2, persons, BASELINES[name], -(-frames // 4), x.shape[3])
    model.cls_head(out).square().sum().backward()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in model.parameters())
    with pytest.raises(ConfigError, match='^graph_cfg, in_channels'):
        model.backbone(x[..., :1])


@pytest.mark.parametrize('name', BASELINES)
def test_baselines_score_a_clip_alone(name):
    backbone = build(name).backbone.eval()
    with torch.no_grad():
        for value in backbone.parameters():
            value += 0.05 * torch.randn_like(value)  # as if trained
        x = torch.randn(3, 2, 16, 25, 3)
        torch.testing.assert_close(backbone(x)[1:2], backbone(x[1:2]), rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(backbone(x)[:, 1], backbone(x[:, 1:])[:, 0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize('name', BASELINES)
def test_mmaction_counts_baselines(name):
    model = build(name)
    model.forward = model.extract_feat  # as in MMAction2's get_flops
    found = get_model_complexity_info(model.eval(), (1, 1, 8, 25, 3), show_table=False, show_arch=False)
    assert found['params'] == parameters(model)
    assert found['flops'] == pytest.approx(sum(products(model, torch.randn(1, 1, 8, 25, 3))), rel=0.03)


def test_ctr_gcn_refines_the_graph_for_each_channel_and_clip():
    conv = build('CTRGCN').backbone.blocks[1].spatial
    conv.alpha.data.fill_(0.5)
    x, c, t, w = torch.randn(2, 64, 4, 25), 7, 3, 20
    results = []
    conv.bn.register_forward_pre_hook(lambda _, inputs: results.append(inputs[0]))
    conv(x)
    expected, mean = 0, x[1].mean(1)  # by the equation, for one clip, channel, frame and joint
    for k, adjacency in enumerate(conv.adjacency):
        part, row = slice(8 * k, 8 * k + 8), 64 * k + c
        psi, phi = (layer.weight[part, :, 0, 0] @ mean + layer.bias[part, None] for layer in (conv.psi, conv.phi))
        correlation = conv.xi.weight[row, :, 0, 0] @ torch.tanh(psi - phi[:, w:w + 1]) + conv.xi.bias[row]
        features = conv.transform.weight[row, :, 0, 0] @ x[1, :, t] + conv.transform.bias[row]
        expected += ((adjacency[:, w] + 0.5 * correlation) * features).sum()
    torch.testing.assert_close(results[0][1, c, t, w], expected, rtol=1e-4, atol=1e-5)

"""Networks of other authors: their size is the published one, and they keep MMAction2's contract."""
import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.analysis import get_model_complexity_info
from scipy.sparse.csgraph import minimum_spanning_tree
from torch.utils.flop_counter import FlopCounterMode

from dynstg_mm.errors import ConfigError
from dynstg_mm.models.block_gcn import merging_distances
from dynstg_mm.models.graph import hop_graph
from dynstg_mm.skeletons import get_layout

BASELINES = dict(CTRGCN=256, BlockGCN=256, EfficientGCN=128)  # type -> channels of the result
SMALL = dict(CTRGCN=dict(base_channels=8), BlockGCN=dict(base_channels=16), EfficientGCN=dict(main_channels=(8, 32)))
STAR = dict(num_node=4, inward=[(1, 0), (2, 1), (3, 1)], center=0)


def build(name, layout='nturgb+d', classes=3, channels=None, **options):
    torch.manual_seed(0)
    return MODELS.build(dict(
        type='RecognizerGCN', backbone=dict(type=name, graph_cfg=dict(layout=layout), **options),
        cls_head=dict(type='GCNHead', num_classes=classes, in_channels=channels or BASELINES[name])))


def small(name, layout, **options):
    """A narrow one with 32 channels at the end."""
    return build(name, layout, channels=32, **SMALL[name], **options)


def as_if_trained(model):
    with torch.no_grad():
        for value in model.parameters():
            value += 0.05 * torch.randn_like(value)
    return model.eval()


def parameters(model):
    return sum(value.numel() for value in model.parameters())


def operations(model, x):
    """Multiply-adds of convolutions and of matrix products, and values of convolutions and of batch normalization."""
    found = dict(convolutions=0, products=0, biased=0, normalized=0)

    def note(module, _, result):
        found['biased' if isinstance(module, torch.nn.Conv2d) else 'normalized'] += result.numel()

    for module in model.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            module.register_forward_hook(note)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.eval().backbone(x)
    for operation, count in counter.get_flop_counts()['Global'].items():
        found['convolutions' if 'conv' in str(operation) else 'products'] += count // 2
    return found


# The tolerance is half of the last digit of each figure. For multiply-adds, the publications use different counters:
# CTR-GCN: 1.46 M (its paper, NTU RGB+D 120); 1.97 G (papers since) counts `einsum` by fvcore, two for a multiply-add.
# BlockGCN: 1.3 M and 1.63 G (its paper, repeated by Hyper-GCN, ICCV 2025), without the graphs' products.
# EfficientGCN-B0: 0.29 M and 2.73 G, by thop, which misses the importance of edges and the graphs' products.
# All count two for each value that batch normalization sees.
@pytest.mark.parametrize('name, classes, frames, weights, without, count, published', [
    ('CTRGCN', 120, 64, 1.46, '', dict(convolutions=1, products=2, normalized=2), 1.97),
    ('BlockGCN', 60, 64, 1.3, '', dict(convolutions=1, normalized=2), 1.63),
    ('EfficientGCN', 60, 288, 0.29, 'importance', dict(convolutions=1, biased=1, normalized=2), 2.73)])
def test_baselines_have_the_published_size(name, classes, frames, weights, without, count, published):
    model = build(name, classes=classes).to('meta')
    left_out = sum(value.numel() for name, value in model.named_parameters() if without and without in name)
    assert (parameters(model) - left_out) / 1e6 == pytest.approx(weights, abs=0.05 if weights == 1.3 else 0.005)
    found = operations(model, torch.empty(1, 2, frames, 25, 3, device='meta'))
    assert sum(factor * found[kind] for kind, factor in count.items()) / 1e9 == pytest.approx(published, abs=0.005)


@pytest.mark.parametrize('name', BASELINES)
@pytest.mark.parametrize('layout, persons, frames, channels', [
    ('coco', 2, 9, 3), ('gait_13', 1, 16, 2), (STAR, 3, 5, 4)], ids=['coco', 'gait_13', 'own'])
def test_baselines_keep_the_contract_of_backbones(name, layout, persons, frames, channels):
    model = small(name, layout, in_channels=channels)
    x = torch.randn(2, persons, frames, get_layout(layout)['num_node'], channels)
    out = model.backbone(x)
    assert out.shape == (2, persons, 32, -(-frames // 4), x.shape[3])
    model.cls_head(out).square().sum().backward()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in model.parameters())
    with pytest.raises(ConfigError, match='^graph_cfg, in_channels'):
        model.backbone(x[..., :1])


@pytest.mark.parametrize('name', BASELINES)
def test_baselines_score_a_person_alone(name):
    backbone = as_if_trained(small(name, 'gait_13')).backbone
    x = torch.randn(3, 2, 16, 13, 3)
    with torch.no_grad():
        out = backbone(x)
        torch.testing.assert_close(out[1:2, 1:], backbone(x[1:2, 1:]), rtol=1e-3, atol=1e-4)
        assert backbone(x[:0]).shape == (0, 2, 32, 4, 13)
        backbone.train()(x[:1, :1])  # the last batch of an epoch may be one clip


@pytest.mark.parametrize('name', BASELINES)
def test_mmaction_counts_baselines(name):
    model, shape = small(name, 'gait_13'), (1, 1, 8, 13, 3)
    found = operations(model, torch.empty(shape))
    model = small(name, 'gait_13').eval()
    model.forward = model.extract_feat  # as in MMAction2's get_flops
    counted = get_model_complexity_info(model, shape, show_table=False, show_arch=False)
    assert counted['params'] == parameters(model)
    share = counted['flops'] / (found['convolutions'] + found['products'])
    assert 1 <= share < 1.1  # it counts batch normalization, too


def test_places_are_the_first_channels():
    x = torch.randn(2, 1, 8, 13, 4)
    backbone = as_if_trained(small('EfficientGCN', 'gait_13', in_channels=4, coordinates=2)).backbone
    torch.testing.assert_close(backbone(x), backbone(torch.cat([x[..., :2], x[..., :2]], -1)))
    backbone = as_if_trained(small('BlockGCN', 'gait_13', in_channels=4, coordinates=2)).backbone
    seen = []
    backbone.topology.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[1]))
    backbone(x)
    assert seen == [2]


@pytest.mark.parametrize('name', ['BlockGCN', 'EfficientGCN'])
def test_subsets_that_a_backbone_makes_itself_cannot_be_set(name):
    with pytest.raises(ConfigError, match='^graph_cfg: .*mode'):
        MODELS.build(dict(type=name, graph_cfg=dict(layout='coco', mode='spatial')))


def test_edges_between_joints():
    assert hop_graph(dict(layout=STAR))[1].tolist() == [[0, 1, 2, 2], [1, 0, 1, 1], [2, 1, 0, 2], [2, 1, 2, 0]]
    apart = dict(num_node=3, inward=[(1, 0)], center=0)
    assert hop_graph(dict(layout=apart))[1].tolist() == [[0, 1, 2], [1, 0, 2], [2, 2, 0]]


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


def test_block_gcn_mixes_each_group_by_its_own_graph():
    conv = as_if_trained(build('BlockGCN').backbone).blocks[0].spatial
    x, group, t, w = torch.randn(2, 128, 4, 25), 3, 2, 20
    results = []
    conv.bn.register_forward_pre_hook(lambda _, inputs: results.append(inputs[0]))
    conv(x)
    rows, expected = slice(16 * group, 16 * group + 16), conv.transform.bias[16 * group:16 * group + 16].clone()
    for k in range(3):
        column, encoded = conv.adjacency[k, group, :, w], conv.encoding[k, group][conv.hops[:, w]]
        graph = column / column.norm() + encoded / encoded.norm()
        expected += conv.transform.weight[rows, 16 * k:16 * k + 16, 0, 0] @ (x[1, rows, t] @ graph)
    torch.testing.assert_close(results[0][1, rows, t, w], expected, rtol=1e-2, atol=1e-3)


def test_merging_distances_are_the_edges_of_a_minimum_spanning_tree():
    poses = torch.randn(3, 13, 2, dtype=torch.float64)
    distances = torch.cdist(poses, poses)
    expected = np.stack([np.sort(minimum_spanning_tree(one.numpy()).data) / one.max().item() for one in distances])
    np.testing.assert_allclose(merging_distances(poses), expected)
    assert merging_distances(torch.zeros(1, 3, 2)).tolist() == [[0, 0]]  # a person who was never seen


def test_efficient_gcn_sees_joints_velocities_and_bones():
    backbone = build('EfficientGCN', STAR, in_channels=2).backbone
    x = torch.tensor([[1., 2], [1, 3], [4, 7], [1, 1]]).T[None, :, None].repeat(1, 1, 4, 1)  # (1, 2, 4, 4)
    x[..., 3] += torch.arange(4) ** 2  # a joint that speeds up in both coordinates
    assert backbone._joints(x)[0, :, 0, 2].tolist() == [4, 7, 3, 5]
    assert backbone._velocities(x)[0, :, :, 3].tolist() == [[1, 3, 5, 0]] * 2 + [[4, 8, 5, 0]] * 2
    bones = backbone._bones(x)[0, :, 0]
    assert bones[:2, 2].tolist() == [3, 4]
    torch.testing.assert_close(bones[2:, 2].cos(), torch.tensor([0.6, 0.8]), rtol=1e-4, atol=1e-4)
    assert bones[:2, 0].tolist() == [0, 0]  # the centre has no bone

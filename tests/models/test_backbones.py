import numpy as np
import pytest
import torch
from mmaction.registry import MODELS, TRANSFORMS
from mmengine.optim import build_optim_wrapper
from mmengine.runner import autocast
from torch.utils.flop_counter import FlopCounterMode

from dynstg_mm.errors import ConfigError
from dynstg_mm.layers import DynamicGraphConv, PhaseTemporalConv, STGMambaBlock
from dynstg_mm.models.df_stgnn_layer import DFSTGNNLayer
from dynstg_mm.skeletons import LAYOUTS, get_layout

BODY = dict(layout='body_25')


def build(**config):
    torch.manual_seed(0)
    return MODELS.build(config)


def set_alphas(backbone, value):
    """Let the dynamic part of the graph count, as in a trained model."""
    for name, alpha in backbone.named_parameters():
        if name.endswith('alpha'):
            torch.nn.init.constant_(alpha, value)


@pytest.mark.parametrize('config, channels', [
    (dict(type='DynSTGMamba', size='small'), 64),
    (dict(type='DynSTGMamba', size='large'), 192),
    (dict(type='DFSTGNN', base_channels=(16, 24), depths=(1, 1)), 24),
    (dict(type='STGMamba', channels=12, depth=2), 12),
])
@pytest.mark.parametrize('layout, persons, frames, in_channels', [
    ('body_25', 1, 16, 2), ('coco', 2, 9, 4), ('openpose', 3, 8, 6),
    (dict(num_node=4, inward=[(1, 0), (2, 1), (3, 1)], center=0), 1, 11, 3)])
def test_shape_is_what_heads_expect(config, channels, layout, persons, frames, in_channels):
    backbone = build(**config, graph_cfg=dict(layout=layout), in_channels=in_channels)
    joints = get_layout(layout)['num_node']
    out = backbone(torch.randn(2, persons, frames, joints, in_channels))
    halvings = {'DynSTGMamba': 3, 'DFSTGNN': 2}.get(config['type'], 0)
    for _ in range(halvings):
        frames = -(-frames // 2)
    assert out.shape == (2, persons, channels, frames, joints)
    head = build(type='GCNHead', num_classes=3, in_channels=channels)
    assert head(out).shape == (2, 3)


@pytest.mark.parametrize('name', LAYOUTS)
@pytest.mark.parametrize('backbone', [dict(type='DynSTGMamba'), dict(type='STGCN', num_stages=2, base_channels=8),
                                      dict(type='AAGCN', num_stages=2, base_channels=8, num_person=1),
                                      dict(type='CTRGCN', num_stages=2, base_channels=8)])
def test_every_layout_works_in_our_backbones_and_in_mmactions(backbone, name):
    joints = LAYOUTS[name]['num_node']
    model = build(**backbone, graph_cfg=dict(layout=name, mode='spatial'), in_channels=3)
    assert model(torch.randn(2, 1, 8, joints, 3)).shape[-1] == joints


def test_weight_decay_can_leave_out_what_mamba_exempts():
    exempt = {'.A_log': dict(decay_mult=0.), '.D': dict(decay_mult=0.)}  # as in the docstring of STGMambaBlock
    backbone = build(type='DynSTGMamba', graph_cfg=BODY)
    wrapper = build_optim_wrapper(torch.nn.ModuleDict(dict(backbone=backbone)), dict(
        optimizer=dict(type='AdamW', lr=0.01, weight_decay=0.05), paramwise_cfg=dict(custom_keys=exempt)))
    decayed = {id(value) for group in wrapper.optimizer.param_groups if group['weight_decay']
               for value in group['params']}
    names = {name.rsplit('.', 1)[-1] for name, value in backbone.named_parameters() if id(value) not in decayed}
    assert names == {'A_log', 'D'}


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
def test_stg_mamba_after_a_backbone_of_mmaction(backbone, channels):
    graph = dict(layout=LAYOUTS['body_25'], mode='spatial')
    model = build(type='STGMamba', graph_cfg=graph, channels=channels, backbone=dict(backbone, graph_cfg=graph))
    x = torch.randn(2, 2, 8, 25, 3)
    assert model(x).shape == model.backbone(x).shape
    wrong = build(type='STGMamba', graph_cfg=graph, channels=6, backbone=dict(backbone, graph_cfg=graph))
    with pytest.raises(ConfigError, match='^channels'):
        wrong(x)


def test_recomputing_changes_nothing():
    x, gradients = torch.randn(2, 1, 16, 25, 2), []
    for with_cp in (True, False):
        backbone = build(type='DynSTGMamba', graph_cfg=BODY, with_cp=with_cp)
        set_alphas(backbone, 0.3)
        backbone(x).square().sum().backward()
        gradients.append([value.grad for value in backbone.parameters()])
    torch.testing.assert_close(*gradients)


def test_clip_does_not_depend_on_its_batch():
    backbone = build(type='DynSTGMamba', graph_cfg=BODY).eval()
    set_alphas(backbone, 0.5)
    x = torch.randn(4, 1, 16, 25, 2)
    torch.testing.assert_close(backbone(x)[:1], backbone(x[:1]), rtol=1e-4, atol=1e-5)


def test_every_parameter_gets_a_gradient():
    backbone = build(type='DynSTGMamba', graph_cfg=BODY)
    with torch.no_grad():
        for name, value in backbone.named_parameters():
            if name.endswith(('filter', 'phase_graph.graphs')):
                value.add_(0.01 * torch.randn_like(value))
    backbone(torch.randn(4, 1, 16, 25, 2)).square().sum().backward()
    for name, value in backbone.named_parameters():
        assert value.grad is not None and value.grad.abs().max() > 0, name


def test_tubelets_hold_neighbouring_frames_and_the_last_one_is_repeated():
    backbone = build(type='DFSTGNN', graph_cfg=BODY, tubelet_size=3).eval()
    x = torch.randn(1, 1, 7, 25, 2)
    filled = torch.cat([x, x[:, :, -1:], x[:, :, -1:]], 2)
    torch.testing.assert_close(backbone(x), backbone(filled))
    frames = backbone.data_bn(x[0, 0].flatten(1)).view(7, 25, 2)
    expected = (backbone.embed(torch.cat([*frames[3:6]], -1)) + backbone.joint_embedding).relu()
    features, phases, _ = backbone._embed(x)
    torch.testing.assert_close(features[0, 1], expected)
    means = torch.stack([frames[:3].mean(0), frames[3:6].mean(0), frames[6]])
    torch.testing.assert_close(phases, backbone.phases(means[None]))


def test_no_clips():
    assert build(type='DynSTGMamba', graph_cfg=BODY).eval()(torch.zeros(0, 1, 16, 25, 2)).shape == (0, 1, 64, 2, 25)


def test_four_thousand_frames():
    backbone = build(type='DynSTGMamba', graph_cfg=BODY).eval()
    with torch.no_grad():
        out = backbone(torch.randn(1, 1, 4096, 25, 2))
    assert out.shape == (1, 1, 64, 512, 25) and out.isfinite().all()


@pytest.mark.parametrize('mamba', [True, dict(scan='spatio-temporal'), dict(bidirectional=False)])
def test_products_grow_as_the_clip_does(mamba):
    backbone = build(type='DynSTGMamba', graph_cfg=BODY, mamba=mamba).eval()
    products = []
    for frames in (64, 1024):
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            backbone(torch.randn(1, 1, frames, 25, 2))
        products.append(counter.get_total_flops())
    assert 15.5 < products[1] / products[0] <= 16


def test_centred_clip_keeps_its_scores_wherever_it_was():
    backbone = build(type='DynSTGMamba', graph_cfg=BODY).eval()
    head = build(type='GCNHead', num_classes=3, in_channels=64).eval()

    def scores(keypoint):
        results = dict(keypoint=keypoint, keypoint_score=np.ones(keypoint.shape[:3]), layout=get_layout('body_25'))
        centred = TRANSFORMS.build(dict(type='CenterSkeleton')).transform(results)['keypoint']
        return head(backbone(torch.tensor(centred, dtype=torch.float32)[None]))

    keypoint = np.random.default_rng(0).normal(size=(1, 16, 25, 2))
    torch.testing.assert_close(scores(keypoint + [300, 200]), scores(keypoint), rtol=1e-4, atol=1e-5)


def layers(model, kind):
    return [module for module in model.modules() if isinstance(module, kind)]


PARTS = [
    (dict(mamba=False), lambda model: not layers(model, STGMambaBlock)),
    (dict(num_phases=1), lambda model: all(layer['phases'].shape[-1] == 1 for layer in read(model))),
    (dict(learn_phases=True), lambda model: named(model, 'phases.signal') == ['phases.signal']),
    (dict(phase_filter=False), lambda model: all(len(part.kernel) == 1 for part in layers(model, PhaseTemporalConv))),
    (dict(dynamic=False), lambda model: not named(model, 'alpha') and not named(model, 'phase_graph')),
    (dict(learn_filter=False), lambda model: not named(model, 'static.filter')),
    (dict(joint_embedding=False), lambda model: not named(model, 'joint_embedding')),
    (dict(hierarchy=False), lambda model: layers(model, DynamicGraphConv)[0].hierarchy is None),
    (dict(tubelet_size=1), lambda model: model.embed.in_features == 2),
    (dict(with_cp=True), lambda model: all(part.with_cp for part in layers(model, (DFSTGNNLayer, STGMambaBlock)))),
    (dict(dropout=0.3), lambda model: [part.p for part in layers(model, torch.nn.Dropout)] == [0.3] * 3),
    (dict(kernel_size=3, dilations=(1, 2, 4)), lambda model: layers(model, PhaseTemporalConv)[0].offsets == (
        (-1, 0, 1), (-2, 0, 2), (-4, 0, 4))),
    (dict(mamba=dict(dynamic=False)), lambda model: all(part.alpha is None for part in layers(model, STGMambaBlock))),
    (dict(mamba=dict(learn_filter=True)), lambda model: len(named(model, 'static.filter')) == 6),
    (dict(mamba=dict(graph_conv=False, graph_selective=False)), lambda model: all(
        part.static is None for part in layers(model, STGMambaBlock))),
    (dict(mamba=dict(graph_conv=False)), lambda model: not layers(model, STGMambaBlock)[0].graph_conv),
    (dict(mamba=dict(graph_selective=False)), lambda model: not layers(model, STGMambaBlock)[0].graph_selective),
    (dict(mamba=dict(kernel_size=1)), lambda model: layers(model, STGMambaBlock)[0].offsets == ((0, ), (0, ))),
    (dict(mamba=dict(bidirectional=False)), lambda model: layers(model, STGMambaBlock)[0].groups == 1),
    (dict(mamba=dict(scan='spatio-temporal')), lambda model: layers(model, STGMambaBlock)[0].scan != 'temporal'),
    (dict(mamba=dict(expand=1, state_size=16)), lambda model: layers(model, STGMambaBlock)[0].A_log.shape == (16, 16)),
    (dict(mamba=dict(num_phases=2)), lambda model: len(named(model, 'phases.signal')) == 3),
]


def named(model, part):
    return [name for name, _ in model.named_parameters() if part in name]


def read(model):
    return model.eval().filters(torch.randn(1, 1, 8, 25, 2))


@pytest.mark.parametrize('switch, is_out', PARTS, ids=[str(switch) for switch, _ in PARTS])
def test_switch_takes_its_part_out(switch, is_out):
    full, bare = (build(type='DynSTGMamba', graph_cfg=BODY, **options) for options in (dict(mamba=dict()), switch))
    assert is_out(bare) and not is_out(full)
    x = torch.randn(2, 1, 8, 25, 2)
    full, out = full.train()(x), bare.train()(x)
    frames = full.shape[3] * (2 if 'tubelet_size' in switch else 1)
    assert out.shape == (*full.shape[:3], frames, 25)
    out.square().sum().backward()
    assert all(value.grad is not None for value in bare.parameters())  # as distributed training asks


@pytest.mark.parametrize('switch', [dict(graph_conv=False), dict(graph_selective=False), dict(scan='spatio-temporal')])
def test_switch_without_weights_changes_the_result(switch):
    full, bare = (build(type='DynSTGMamba', graph_cfg=BODY, mamba=options).eval() for options in (dict(), switch))
    with torch.no_grad():  # as if trained
        for value in full.parameters():
            value += 0.2 * torch.randn_like(value)
    bare.load_state_dict(full.state_dict())
    x = torch.randn(2, 1, 8, 25, 2)
    assert (bare(x) - full(x)).abs().max() > 1e-3


def test_permuting_joints_and_graph_permutes_the_output():
    order = [2, 0, 3, 1]  # joint i of the second skeleton is order[i] of the first
    place = [order.index(joint) for joint in range(4)]
    edges, limbs = [(1, 0), (2, 1), (3, 1)], dict(head=[0, 1], arm=[2], leg=[3])
    one = dict(num_node=4, inward=edges, center=0, limbs=limbs)
    two = dict(num_node=4, inward=[(place[i], place[j]) for i, j in edges], center=place[0],
               limbs={name: [place[joint] for joint in joints] for name, joints in limbs.items()})
    first, second = (build(type='DynSTGMamba', graph_cfg=dict(layout=layout)).eval() for layout in (one, two))
    for name, value in first.state_dict().items():
        if name in ('joint_embedding', 'phases.signal'):
            value = value[order]
        if not any(part in name for part in ('data_bn', 'adjacency', 'static.filter', 'hierarchy')):
            second.state_dict()[name].copy_(value)
    x = torch.randn(2, 1, 16, 4, 2)
    torch.testing.assert_close(second(x[:, :, :, order]), first(x)[..., order], rtol=1e-4, atol=1e-5)


def test_filters_can_be_read():
    backbone = build(type='DynSTGMamba', graph_cfg=BODY).eval()
    found = backbone.filters(torch.randn(2, 3, 16, 25, 2))
    assert [layer['phases'].shape[1] for layer in found] == [8, 8, 8, 4, 4, 2]
    for layer in found:
        b, t, p = layer['phases'].shape
        assert b == 6 and layer['adjacency'].shape[:2] == (b, t) and layer['adjacency'].shape[3:] == (25, 25)
        torch.testing.assert_close(layer['phases'].sum(-1), torch.ones(b, t))
    with pytest.raises(RuntimeError, match='training mode'):
        backbone.train().filters(torch.randn(1, 1, 16, 25, 2))
    for earlier, later in ((0, 3), (3, 5)):  # all layers share the phases
        torch.testing.assert_close(found[later]['phases'], found[earlier]['phases'][:, ::2])
    set_alphas(backbone, 0.)  # the plain graph
    found = backbone.eval().filters(torch.randn(2, 1, 16, 25, 2))
    torch.testing.assert_close(found[0]['adjacency'][0, 0], backbone.stages[0][0].graph_conv.static.adjacency)


def test_streaming_backbone():
    backbone = build(type='STGMamba', graph_cfg=BODY, channels=12, depth=2, bidirectional=False).eval()
    x, states, frames = torch.randn(2, 2, 9, 25, 2), None, []
    for t in range(9):
        frame, states = backbone.step(x[:, :, t], states)
        frames.append(frame)
    torch.testing.assert_close(torch.cat(frames, 3), backbone(x), rtol=1e-4, atol=1e-5)
    behind = build(type='STGMamba', graph_cfg=BODY, channels=64, backbone=dict(type='DynSTGMamba', graph_cfg=BODY))
    with pytest.raises(ConfigError, match='^step: the backbone'):
        behind.step(x[:, :, 0])


GPU = torch.cuda.is_available()


@pytest.mark.parametrize('kind', [torch.bfloat16, torch.float16] if GPU else [torch.bfloat16])
def test_autocast(kind):
    device = 'cuda' if GPU else 'cpu'
    backbone = build(type='DynSTGMamba', graph_cfg=BODY).eval().to(device)
    set_alphas(backbone, 0.3)
    x = torch.randn(2, 1, 16, 25, 2, device=device)
    expected = backbone(x)
    with autocast(device_type=device, dtype=kind):
        out = backbone(x).float()
        backbone.train()(x).float().square().mean().backward()
    assert (out - expected).abs().max() < 0.1 * expected.abs().max()
    assert all(value.grad.isfinite().all() for value in backbone.parameters())


@pytest.mark.parametrize('config, name', [
    (dict(type='DynSTGMamba', size='medium'), 'size'),
    (dict(type='DFSTGNN', base_channels=(8, ), depths=(1, 2)), 'depths'),
    (dict(type='DFSTGNN', tubelet_size=0), 'tubelet_size'),
    (dict(type='DFSTGNN', kernel_size=4), 'kernel_size'),
    (dict(type='DynSTGMamba', mamba=dict(dt_rank='full')), 'dt_rank'),
])
def test_wrong_options_are_named(config, name):
    with pytest.raises(ConfigError, match=name):
        build(**config, graph_cfg=BODY)


def test_wrong_input_is_named():
    with pytest.raises(ConfigError, match='^graph_cfg, in_channels'):
        build(type='DynSTGMamba', graph_cfg=BODY)(torch.randn(1, 1, 8, 17, 3))

import torch

from dynstg_mm.layers import DynamicGraphConv, LimbConv, MovementPhases, PhaseRelation
from dynstg_mm.layers.graph_conv import BatchNorm
from dynstg_mm.ops.graph import limb_graph
from dynstg_mm.skeletons import LAYOUTS


def layer(channels=6, joints=5, **options):
    torch.manual_seed(0)
    adjacency = torch.rand(3, joints, joints)
    return DynamicGraphConv(channels, 8, adjacency, **options), adjacency


def clip(phases=4, seed=0):
    """x, phases, and the relations of an untrained layer."""
    torch.manual_seed(seed)
    x, phases = torch.randn(2, 7, 5, 6), torch.rand(2, 7, phases).softmax(-1)
    return x, phases, PhaseRelation(6)(x, phases).detach()


def test_untrained_and_ungated_layer_is_the_static_graph_convolution():
    conv, adjacency = layer()
    x, phases, relations = clip()
    with torch.no_grad():
        conv.static.filter += torch.randn_like(conv.static.filter)
        conv.static.gate.fill_(-torch.inf)  # g = 0; alpha starts at 0
    static = torch.cat([torch.einsum('btvc,vw->btwc', x, subset) for subset in adjacency], -1)
    torch.testing.assert_close(conv(x, phases, relations), conv.project(static))


def test_trained_layer_convolves_with_the_adjacency_of_each_frame():
    conv, _ = layer()
    x, phases, relations = clip()
    before = conv(x, phases, relations)
    with torch.no_grad():
        conv.alpha.copy_(torch.tensor([0.5, -0.3, 1.]))
    adjacency = conv.adjacency(phases, relations)
    assert adjacency.shape == (2, 7, 3, 5, 5)
    expected = conv.project(torch.einsum('btvc,btkvw->btwkc', x, adjacency).flatten(3))
    torch.testing.assert_close(conv(x, phases, relations), expected, rtol=1e-4, atol=1e-5)
    assert (expected - before).abs().max() > 1e-3


def test_permuting_joints_and_graph_permutes_the_output():
    conv, _ = layer()
    relate, phases_of = PhaseRelation(6), MovementPhases(6)
    with torch.no_grad():
        conv.alpha.fill_(0.7)
    x, order = clip()[0], torch.tensor([3, 0, 4, 1, 2])
    expected = conv(x, phases_of(x), relate(x, phases_of(x)))[:, :, order]
    with torch.no_grad():
        for matrix in (conv.static.adjacency, conv.static.filter):
            matrix.copy_(matrix[:, order][:, :, order].clone())
    x = x[:, :, order]
    torch.testing.assert_close(conv(x, phases_of(x), relate(x, phases_of(x))), expected, rtol=1e-4, atol=1e-5)


def test_relation_follows_the_phase():
    x, phases, _ = clip()
    relate = PhaseRelation(6)
    first = torch.zeros_like(phases)
    first[:, :3, 0] = first[:, 3:, 1] = 1
    found = relate(x, first)
    moved = x.clone()
    moved[:, 3:] = torch.randn(2, 4, 5, 6)  # frames of the second phase only
    again = relate(moved, first)
    torch.testing.assert_close(again[:, 0], found[:, 0])
    assert (again[:, 1] - found[:, 1]).abs().max() > 1e-2


def test_every_parameter_gets_a_gradient():
    conv, _ = layer()
    relate, phases_of = PhaseRelation(6), MovementPhases(6)
    with torch.no_grad():
        conv.alpha.fill_(0.5)
        conv.static.filter += 0.1
    x = clip()[0]
    phases = phases_of(x)
    conv(x, phases, relate(x, phases)).square().sum().backward()
    for name, value in [*conv.named_parameters(), *relate.named_parameters(), *phases_of.named_parameters()]:
        assert value.grad is not None and value.grad.abs().max() > 0, name


def test_switches_leave_their_part_out():
    conv, _ = layer(dynamic=False, learn_filter=False)
    assert [name for name, _ in conv.named_parameters()] == ['project.weight', 'project.bias']


def test_limbs_return_to_their_joints():
    layout = LAYOUTS['body_25']
    conv = LimbConv(2, *limb_graph(layout))
    x = torch.zeros(1, 1, 25, 2)
    x[:, :, layout['limbs']['left_arm']] = 1
    with torch.no_grad():
        conv.project.weight.copy_(torch.eye(2))
        conv.project.bias.zero_()
    out = (conv(x) - x)[0, 0, :, 0]
    arm, leg = layout['limbs']['left_arm'][0], layout['limbs']['left_leg'][0]
    assert out[arm] > out[leg] > 0  # the leg hears of the arm through the body only


def test_norm_is_of_the_last_axis_and_survives_sync_bn():
    norm = BatchNorm(6)
    x = torch.randn(2, 7, 5, 6) * 3 + 1
    torch.testing.assert_close(norm(x).mean((0, 1, 2)), torch.zeros(6), rtol=0, atol=1e-5)
    assert isinstance(torch.nn.SyncBatchNorm.convert_sync_batchnorm(norm).norm, torch.nn.SyncBatchNorm)
    assert isinstance(norm, BatchNorm)

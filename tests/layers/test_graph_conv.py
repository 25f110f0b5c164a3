import torch

from dynstg_mm.layers import DynamicGraphConv, MovementPhases, PhaseRelation
from dynstg_mm.ops.graph import frame_relation, phase_features, relation


def layer(channels=6, joints=5, **options):
    torch.manual_seed(0)
    adjacency = torch.rand(3, joints, joints)
    return DynamicGraphConv(channels, 8, adjacency, **options), adjacency


def clip(phases=4, seed=0):
    """x, and the relations of an untrained layer."""
    torch.manual_seed(seed)
    x, phases = torch.randn(2, 7, 5, 6), torch.rand(2, 7, phases).softmax(-1)
    return x, PhaseRelation(6)(x, phases).detach()


def project(conv, mixed):
    """Subsets (..., k c) -> (..., c_out) by the weights of a layer."""
    return mixed @ conv.weight.flatten(0, 1) + conv.bias


def test_untrained_and_ungated_layer_is_the_static_graph_convolution():
    conv, adjacency = layer()
    x, relations = clip()
    with torch.no_grad():
        conv.static.filter += torch.randn_like(conv.static.filter)
        conv.static.gate.fill_(-torch.inf)  # g = 0; alpha starts at 0
    static = torch.cat([torch.einsum('btvc,vw->btwc', x, subset) for subset in adjacency], -1)
    torch.testing.assert_close(conv(x, relations), project(conv, static))


def test_trained_layer_convolves_with_the_adjacency_of_each_frame():
    conv, _ = layer()
    x, relations = clip()
    before = conv(x, relations)
    with torch.no_grad():
        conv.alpha.copy_(torch.tensor([0.5, -0.3, 1.]))
    adjacency = conv.adjacency(relations, (2, 7))
    assert adjacency.shape == (2, 7, 3, 5, 5)
    expected = project(conv, torch.einsum('btvc,btkvw->btwkc', x, adjacency).flatten(3))
    torch.testing.assert_close(conv(x, relations), expected, rtol=1e-4, atol=1e-5)
    assert (expected - before).abs().max() > 1e-3


def test_permuting_joints_and_graph_permutes_the_output():
    conv, _ = layer()
    relate, phases_of = PhaseRelation(6), MovementPhases(6)
    with torch.no_grad():
        conv.alpha.fill_(0.7)
    x, order = clip()[0], torch.tensor([3, 0, 4, 1, 2])
    expected = conv(x, relate(x, phases_of(x)))[:, :, order]
    with torch.no_grad():
        for matrix in (conv.static.adjacency, conv.static.filter):
            matrix.copy_(matrix[:, order][:, :, order].clone())
    x = x[:, :, order]
    torch.testing.assert_close(conv(x, relate(x, phases_of(x))), expected, rtol=1e-4, atol=1e-5)


def test_phases_are_read_from_the_mean_over_joints():
    phases_of, x = MovementPhases(6), clip()[0]
    torch.testing.assert_close(phases_of(x), phases_of.score(x.mean(2)).softmax(-1))


def test_relation_follows_the_phase():
    x, relate = clip()[0], PhaseRelation(6)
    phases = torch.zeros(2, 7, 4)
    phases[:, :3, 0] = phases[:, 3:, 1] = 1
    found = relate(x, phases)
    moved = x.clone()
    moved[:, 3:] = torch.randn(2, 4, 5, 6)  # frames of the second phase only
    again = relate(moved, phases)
    torch.testing.assert_close(again[:, :3], found[:, :3])
    assert (again[:, 3:] - found[:, 3:]).abs().max() > 1e-2
    by_phase = relation(*relate.query_key(phase_features(x, phases)).chunk(2, -1))
    torch.testing.assert_close(found, frame_relation(by_phase, phases))


def test_every_parameter_gets_a_gradient():
    conv, _ = layer()
    relate, phases_of = PhaseRelation(6), MovementPhases(6)
    with torch.no_grad():
        conv.alpha.fill_(0.5)
        conv.static.filter += 0.1
    x = clip()[0]
    conv(x, relate(x, phases_of(x))).square().sum().backward()
    for name, value in [*conv.named_parameters(), *relate.named_parameters(), *phases_of.named_parameters()]:
        assert value.grad is not None and value.grad.abs().max() > 0, name


def test_switches_leave_their_part_out():
    conv, _ = layer(dynamic=False, learn_filter=False)
    assert [name for name, _ in conv.named_parameters()] == ['weight', 'bias']


def test_hierarchy_is_one_more_subset_with_weights_of_its_own():
    hierarchy = torch.rand(5, 5)
    conv, adjacency = layer(hierarchy=hierarchy, dynamic=False, learn_filter=False)
    x = clip()[0]
    mixed = torch.cat([torch.einsum('btvc,vw->btwc', x, subset) for subset in [*adjacency, hierarchy]], -1)
    torch.testing.assert_close(conv(x), project(conv, mixed))

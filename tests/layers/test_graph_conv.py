import torch

from dynstg_mm.layers import DynamicGraphConv, MovementPhases, PhaseRelation


def layer(channels=6, joints=5, **options):
    torch.manual_seed(0)
    adjacency = torch.rand(3, joints, joints)
    return DynamicGraphConv(channels, 8, adjacency, **options), adjacency


def clip(phases=4, seed=0):
    """x, and the relations of an untrained layer."""
    torch.manual_seed(seed)
    x, phases = torch.randn(2, 7, 5, 6), torch.rand(2, 7, phases).softmax(-1)
    return x, relate_joints()(x, phases).detach()


def relate_joints(joints=5, phases=4):
    """A relation whose phases have graphs, as if trained."""
    relate = PhaseRelation(6, joints, phases, size=0.2)
    torch.nn.init.normal_(relate.table, std=0.1)
    return relate


def project(conv, mixed):
    """Subsets (..., k c) -> (..., c_out) by the weights of a layer."""
    return mixed @ conv.weight.flatten(0, 1) + conv.bias


def test_layer_without_gate_and_alpha_is_the_static_graph_convolution():
    conv, adjacency = layer()
    x, relations = clip()
    with torch.no_grad():
        conv.static.filter += torch.randn_like(conv.static.filter)
        conv.static.gate.fill_(-torch.inf)  # g = 0
        conv.alpha.zero_()
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


def test_permuting_joints_and_graphs_permutes_the_output():
    conv, _ = layer()
    relate, phases_of = relate_joints(), MovementPhases(torch.randn(5, 6))
    x, order = clip()[0], torch.tensor([3, 0, 4, 1, 2])
    expected = conv(x, relate(x, phases_of(x)))[:, :, order]
    with torch.no_grad():
        for matrix in (conv.static.adjacency, conv.static.filter, relate.table):
            matrix.copy_(matrix[:, order][:, :, order].clone())
        phases_of.signal.copy_(phases_of.signal[order].clone())
    x = x[:, :, order]
    torch.testing.assert_close(conv(x, relate(x, phases_of(x))), expected, rtol=1e-4, atol=1e-5)


def test_relation_is_the_graph_of_its_phase_and_that_of_the_clip():
    x, relate = clip()[0], relate_joints(phases=2)
    phases = torch.zeros(2, 7, 2)
    phases[:, :3, 0] = phases[:, 3:, 1] = 1
    found = relate(x, phases)
    assert found[:, :1].expand(-1, 3, -1, -1).equal(found[:, :3]) and not found[:, 2].equal(found[:, 3])
    query, key = relate.query_key(torch.stack([x[:, :3].mean(1), x[:, 3:].mean(1)], 1)).chunk(2, -1)
    clips = torch.einsum('bpvc,bpwc->bpvw', query, key)
    mean = clips.mean(1, keepdim=True)
    parts = [graphs / graphs.square().mean((1, 2, 3), keepdim=True).sqrt() for graphs in (clips - mean, mean)]
    expected = relate.table + 0.2 * 0.2 * (parts[0] + parts[1])
    torch.testing.assert_close(found[:, [0, 3]], expected, rtol=1e-3, atol=1e-4)


def test_relation_does_not_depend_on_how_large_features_are():
    x, relate = clip()[0], relate_joints()
    torch.nn.init.zeros_(relate.query_key.bias)
    phases = torch.rand(2, 7, 4).softmax(-1)
    torch.testing.assert_close(relate(10 * x, phases), relate(x, phases), rtol=1e-2, atol=1e-3)


def test_every_parameter_gets_a_gradient():
    conv, _ = layer()
    relate, phases_of = relate_joints(), MovementPhases(torch.randn(5, 6))
    with torch.no_grad():
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

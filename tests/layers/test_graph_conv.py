import torch

from dynstg_mm.layers import DynamicGraphConv, MovementPhases, PhaseGraph, PhaseRelation


def layer(channels=6, joints=5, **options):
    torch.manual_seed(0)
    adjacency = torch.rand(3, joints, joints)
    return DynamicGraphConv(channels, 8, adjacency, **options), adjacency


def clip(phases=4, seed=0):
    """x, and the relations of an untrained layer."""
    torch.manual_seed(seed)
    x, phases = torch.randn(2, 7, 5, 6), torch.rand(2, 7, phases).softmax(-1)
    return x, PhaseRelation(6, size=0.2)(x, phases).detach()


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


def parts(joints=5, phases=4):
    """Phases, their graphs as if trained, and the relations of a clip."""
    graphs = PhaseGraph(joints, phases)
    torch.nn.init.normal_(graphs.graphs, std=0.1)
    return MovementPhases(torch.randn(joints, 6), phases, learn=True), graphs, PhaseRelation(6, size=0.2)


def test_permuting_joints_and_graphs_permutes_the_output():
    conv, _ = layer()
    phases_of, graphs, relate = parts()
    x, order = clip()[0], torch.tensor([3, 0, 4, 1, 2])

    def result(x):
        phases = phases_of(x)
        return conv(x, graphs(phases) + relate(x, phases))

    expected = result(x)[:, :, order]
    with torch.no_grad():
        for matrix in (conv.static.adjacency, conv.static.filter, graphs.graphs):
            matrix.copy_(matrix[:, order][:, :, order].clone())
        phases_of.signal.copy_(phases_of.signal[order].clone())
    torch.testing.assert_close(result(x[:, :, order]), expected, rtol=1e-4, atol=1e-5)


def test_a_frame_has_the_graph_of_its_phase():
    graphs = parts()[1]
    torch.testing.assert_close(graphs(torch.eye(4)[None]), graphs.graphs[None])
    assert PhaseGraph(5)(torch.eye(4)[None]).eq(0).all()  # before training


def test_relation_is_that_of_the_clip_in_its_phase():
    x, relate = clip()[0], PhaseRelation(6, size=0.2)
    torch.nn.init.constant_(relate.still, 0.7)
    phases = torch.zeros(2, 7, 2)
    phases[:, :3, 0] = phases[:, 3:, 1] = 1
    found = relate(x, phases)
    assert found[:, :1].expand(-1, 3, -1, -1).equal(found[:, :3]) and not found[:, 2].equal(found[:, 3])
    query, key = relate.query_key(torch.stack([x[:, :3].mean(1), x[:, 3:].mean(1)], 1)).chunk(2, -1)
    clips = torch.einsum('bpvc,bpwc->bpvw', query, key)
    mean = clips.mean(1, keepdim=True)
    moving, still = (graphs / graphs.square().mean((1, 2, 3), keepdim=True).sqrt() for graphs in (clips - mean, mean))
    torch.testing.assert_close(found[:, [0, 3]], 0.2 * (moving + 0.7 * still), rtol=1e-3, atol=1e-4)


def test_relation_does_not_depend_on_how_large_features_are():
    x, relate = clip()[0], PhaseRelation(6, size=0.2)
    torch.nn.init.zeros_(relate.query_key.bias)
    phases = torch.rand(2, 7, 4).softmax(-1)
    torch.testing.assert_close(relate(10 * x, phases), relate(x, phases), rtol=1e-2, atol=1e-3)


def test_every_parameter_gets_a_gradient():
    conv, _ = layer()
    phases_of, graphs, relate = parts()
    with torch.no_grad():
        conv.static.filter += 0.1
    x = clip()[0]
    phases = phases_of(x)
    conv(x, graphs(phases) + relate(x, phases)).square().sum().backward()
    for module in (conv, phases_of, graphs, relate):
        for name, value in module.named_parameters():
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

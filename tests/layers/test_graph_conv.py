import torch

from dynstg_mm.layers import DynamicGraphConv, LimbConv, MovementPhases
from dynstg_mm.ops.graph import limb_graph
from dynstg_mm.skeletons import LAYOUTS


def layer(channels=6, joints=5, **options):
    torch.manual_seed(0)
    adjacency = torch.rand(3, joints, joints)
    return DynamicGraphConv(channels, 8, adjacency, **options), adjacency


def test_untrained_and_ungated_layer_is_the_static_graph_convolution():
    conv, adjacency = layer()
    x, phases = torch.randn(2, 7, 5, 6), torch.rand(2, 7, 4).softmax(-1)
    with torch.no_grad():
        conv.graph.filter += torch.randn_like(conv.graph.filter)
        conv.graph.gate.fill_(-torch.inf)  # g = 0; alpha starts at 0
    static = torch.cat([torch.einsum('btvc,vw->btwc', x, subset) for subset in adjacency], -1)
    torch.testing.assert_close(conv(x, phases), conv.project(static))


def test_dynamic_part_changes_the_output_once_alpha_is_on():
    conv, _ = layer()
    x, phases = torch.randn(2, 7, 5, 6), torch.rand(2, 7, 4).softmax(-1)
    before = conv(x, phases)
    with torch.no_grad():
        conv.graph.alpha.fill_(0.5)
    assert (conv(x, phases) - before).abs().max() > 1e-3


def test_permuting_joints_and_graph_permutes_the_output():
    conv, _ = layer()
    with torch.no_grad():
        conv.graph.alpha.fill_(0.7)
    x, order = torch.randn(2, 7, 5, 6), torch.tensor([3, 0, 4, 1, 2])
    phases = MovementPhases(6)(x)
    expected = conv(x, phases)[:, :, order]
    with torch.no_grad():
        for matrix in (conv.graph.adjacency, conv.graph.filter):
            matrix.copy_(matrix[:, order][:, :, order].clone())
    torch.testing.assert_close(conv(x[:, :, order], phases), expected, rtol=1e-4, atol=1e-5)


def test_every_parameter_gets_a_gradient():
    conv, _ = layer()
    phases_of = MovementPhases(6)
    with torch.no_grad():
        conv.graph.alpha.fill_(0.5)
        conv.graph.filter += 0.1
    x = torch.randn(2, 7, 5, 6)
    conv(x, phases_of(x)).square().sum().backward()
    for name, value in [*conv.named_parameters(), *phases_of.named_parameters()]:
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
    out = conv(x)[0, 0, :, 0]
    arm, leg = layout['limbs']['left_arm'][0], layout['limbs']['left_leg'][0]
    assert out[arm] > out[leg] > 0  # the leg hears of the arm through the body only

import torch
import torch.nn.functional as F

from dynstg_mm.layers import STGMambaBlock
from dynstg_mm.ops import selective_scan_ref

ADJACENCY = torch.rand(3, 5, 5, generator=torch.Generator().manual_seed(0))


def block(adjacency=ADJACENCY, **options):
    torch.manual_seed(0)
    return STGMambaBlock(6, adjacency, **options).eval()


def plain_mamba(module, x):
    """One direction of Mamba on (b, t, c), written out from its paper with the block's own weights."""
    way = module.directions[0]
    u, z = module.in_project(module.norm(x)).chunk(2, -1)
    taps = len(way.kernel)
    u = F.conv1d(F.pad(u.transpose(1, 2), (taps - 1, 0)), way.kernel.T[:, None], way.kernel_bias, groups=u.shape[-1])
    u = F.silu(u)
    step, B, C = way.select(u.transpose(1, 2)).split([way.rank, way.state_size, way.state_size], -1)
    y = selective_scan_ref(u, way.step(step).transpose(1, 2), -way.A_log.exp(), B.transpose(1, 2), C.transpose(1, 2),
                           way.D, z.transpose(1, 2), way.step_bias, delta_softplus=True)
    return x + module.out_project(y.transpose(1, 2))


def test_identity_adjacency_gives_plain_mamba():
    module = block(torch.eye(5)[None], bidirectional=False)
    x = torch.randn(2, 9, 5, 6)
    expected = torch.stack([plain_mamba(module, x[:, :, joint]) for joint in range(5)], 2)
    torch.testing.assert_close(module(x), expected, rtol=1e-4, atol=1e-5)


def test_causal_form_hears_nothing_of_later_frames():
    x = torch.randn(2, 12, 5, 6)
    later = x.clone()
    later[:, 7] = torch.randn(2, 5, 6)
    causal, both = block(bidirectional=False), block()
    torch.testing.assert_close(causal(later)[:, :7], causal(x)[:, :7])
    assert (causal(later)[:, 7:] - causal(x)[:, 7:]).abs().max() > 1e-3
    assert (both(later)[:, :7] - both(x)[:, :7]).abs().max() > 1e-4


def test_step_listens_to_the_neighbours_only_where_it_is_asked_to():
    x = torch.randn(1, 6, 5, 6)
    moved = x.clone()
    moved[:, :, 0] += torch.randn(6)
    for graph_selective, heard in ((True, True), (False, False)):
        module = block(graph_selective=graph_selective, dynamic=False)
        assert ((module(moved) - module(x))[:, :, 3].abs().max() > 1e-5) == heard


def test_every_parameter_gets_a_gradient():
    module = block().train()
    with torch.no_grad():
        module.graph.alpha.fill_(0.5)
        module.graph.filter += 0.1
    module(torch.randn(2, 9, 5, 6)).square().sum().backward()
    for name, value in module.named_parameters():
        assert value.grad is not None and value.grad.abs().max() > 0, name

import pytest
import torch
import torch.nn.functional as F

from dynstg_mm.errors import ConfigError
from dynstg_mm.layers import STGMambaBlock
from dynstg_mm.ops import selective_scan

ADJACENCY = torch.rand(3, 5, 5, generator=torch.Generator().manual_seed(0))


def block(adjacency=ADJACENCY, **options):
    torch.manual_seed(0)
    return STGMambaBlock(6, adjacency, **options).eval()


def plain_mamba(module, x):
    """One direction of Mamba on (b, t, c), written out from its paper with the block's own weights."""
    u, z = module.in_proj(module.norm(x)).chunk(2, -1)  # (b, t, d)
    weight = module.conv1d_weight.T[:, None]  # (d, 1, j)
    u = F.conv1d(F.pad(u.transpose(1, 2), (weight.shape[-1] - 1, 0)), weight, module.conv1d_bias, groups=len(weight))
    u = F.silu(u)  # (b, d, t)
    dt, B, C = module.x_proj(u.transpose(1, 2)).split([module.dt_rank, module.state_size, module.state_size], -1)
    delta = F.linear(dt, module.dt_proj.weight)
    y = selective_scan(u, delta.transpose(1, 2), -module.A_log.exp(), B.transpose(1, 2), C.transpose(1, 2), module.D,
                       z.transpose(1, 2), module.dt_bias, delta_softplus=True, backend='reference')
    return x + module.out_proj(y.transpose(1, 2))


def test_identity_adjacency_gives_plain_mamba():
    module = block(torch.eye(5)[None], bidirectional=False)
    x = torch.randn(2, 9, 5, 6)
    expected = torch.stack([plain_mamba(module, x[:, :, joint]) for joint in range(5)], 2)
    torch.testing.assert_close(module(x), expected, rtol=1e-4, atol=1e-5)


def test_causal_block_does_not_depend_on_later_frames():
    x = torch.randn(2, 12, 5, 6)
    later = x.clone()
    later[:, 7] = torch.randn(2, 5, 6)
    causal, both = block(bidirectional=False), block()
    torch.testing.assert_close(causal(later)[:, :7], causal(x)[:, :7])
    assert (causal(later)[:, 7:] - causal(x)[:, 7:]).abs().max() > 1e-3
    assert (both(later)[:, :7] - both(x)[:, :7]).abs().max() > 1e-4


def test_backward_channels_are_the_forward_ones_on_flipped_time():
    module = block(dynamic=False)
    half = len(module.D) // 2
    with torch.no_grad():  # both halves are alike, and neither depends on the other
        for value in (module.conv1d_weight, module.conv1d_bias, module.dt_proj.weight.T, module.dt_bias,
                      module.A_log.T, module.D, module.in_proj.weight.T[:, :2 * half],
                      module.in_proj.weight.T[:, 2 * half:], module.out_proj.weight):
            value[..., half:2 * half] = value[..., :half]
        module.x_proj.weight.zero_()
        module.x_proj.weight[module.dt_rank:] = 0.1
    x = torch.randn(2, 9, 5, 6)
    torch.testing.assert_close(module(x.flip(1)).flip(1), module(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('scan', ['temporal', 'spatio-temporal'])
def test_streaming_gives_what_the_whole_clip_gives(scan):
    module = block(bidirectional=False, scan=scan, joint_order=[3, 0, 4, 1, 2])
    x, state, frames = torch.randn(2, 12, 5, 6), None, []
    for t in range(12):
        frame, state = module.step(x[:, t], state)
        frames.append(frame)
    torch.testing.assert_close(torch.stack(frames, 1), module(x), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match='bidirectional=False'):
        block().step(x[:, 0])


def test_streaming_in_half_precision_and_without_a_growing_graph():
    module = block(bidirectional=False).bfloat16()
    frame, state = torch.randn(2, 5, 6).bfloat16(), None
    for _ in range(3):
        out, state = module.step(frame, state)
    assert out.dtype == torch.bfloat16 and not any(value.requires_grad for value in state)


def test_spatio_temporal_scan_is_one_sequence_through_joints_and_frames():
    order = [3, 0, 4, 1, 2]
    module = block(torch.eye(5)[None], bidirectional=False, kernel_size=1, scan='spatio-temporal', joint_order=order)
    x = torch.randn(2, 7, 5, 6)
    expected = plain_mamba(module, x[:, :, order].flatten(1, 2)).view(2, 7, 5, 6)
    torch.testing.assert_close(module(x)[:, :, order], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('bidirectional', [True, False])
def test_permuting_joints_and_graph_permutes_the_output(bidirectional):
    module, order = block(bidirectional=bidirectional), torch.tensor([3, 0, 4, 1, 2])
    if bidirectional:
        torch.nn.init.constant_(module.alpha, 0.7)
    x = torch.randn(2, 7, 5, 6)
    expected = module(x)[:, :, order]
    with torch.no_grad():
        for matrix in (module.static.adjacency, module.static.filter):
            matrix.copy_(matrix[:, order][:, :, order].clone())
        if bidirectional:
            module.phases.signal.copy_(module.phases.signal[order].clone())
    torch.testing.assert_close(module(x[:, :, order]), expected, rtol=1e-4, atol=1e-5)


def test_step_depends_on_the_neighbours_if_graph_selective():
    x = torch.randn(1, 6, 5, 6)
    moved = x.clone()
    moved[:, :, 0] += torch.randn(6)
    for graph_selective, depends in ((True, True), (False, False)):
        module = block(graph_selective=graph_selective, graph_conv=False, dynamic=False)
        for part in (module.x_proj, module.dt_proj):
            torch.nn.init.normal_(part.weight)
        assert ((module(moved) - module(x))[:, :, 3].abs().max() > 1e-5) == depends


@pytest.mark.parametrize('options', [dict(), dict(with_cp=True), dict(scan='spatio-temporal')])
def test_every_parameter_gets_a_gradient(options):
    module = block(**options).train()
    with torch.no_grad():
        module.alpha.fill_(0.5)
        module.static.filter += 0.1
    module(torch.randn(2, 9, 5, 6)).square().sum().backward()
    for name, value in module.named_parameters():
        assert value.grad is not None and value.grad.abs().max() > 0, name


def test_relations_may_come_from_outside():
    own, given = block(), block(num_phases=None)
    given.load_state_dict({name: value for name, value in own.state_dict().items() if name in given.state_dict()})
    for module in (own, given):
        torch.nn.init.constant_(module.alpha, 0.7)
    x = torch.randn(2, 9, 5, 6)
    phases = own.phases(own.norm(x))
    relations = own.graphs(phases) + own.relation(own.norm(x), phases)
    torch.testing.assert_close(given(x, relations), own(x))
    found = own.filters(x)
    torch.testing.assert_close(found['phases'], phases)
    torch.testing.assert_close(found['adjacency'][:, :, 0], own.static() + 0.7 * relations)
    assert given.filters(x, phases.flip(-1), relations)['phases'].equal(phases.flip(-1))


def test_dynamic_block_without_relations_is_named():
    with pytest.raises(ValueError, match='relations: None'):
        block(num_phases=None)(torch.randn(2, 9, 5, 6))


def test_recomputing_changes_nothing():
    x, gradients = torch.randn(2, 9, 5, 6), []
    for with_cp in (True, False):
        module = block(with_cp=with_cp)
        torch.nn.init.constant_(module.alpha, 0.7)
        module(x).square().sum().backward()
        gradients.append([value.grad for value in module.parameters()])
    torch.testing.assert_close(*gradients)


def test_switches_take_their_parts_out():
    names = {name for name, _ in block(graph_conv=False, graph_selective=False).named_parameters()}
    assert not any(name.startswith(('static', 'alpha', 'relation')) for name in names) and 'conv1d_weight' in names
    assert not any('filter' in name or 'alpha' in name
                   for name, _ in block(dynamic=False, learn_filter=False).named_parameters())


@pytest.mark.parametrize('options, name', [
    (dict(scan='spatial'), 'scan'),
    (dict(joint_order=[0, 1, 1, 2, 3]), 'joint_order'),
    (dict(dt_rank=0), 'dt_rank'),
    (dict(dt_rank='full'), 'dt_rank'),
])
def test_wrong_options_are_named(options, name):
    with pytest.raises(ConfigError, match=f'^{name}'):
        block(**options)


def test_checkpoint_with_the_old_names_is_refused():
    state = block().state_dict()
    state['in_project.weight'] = state.pop('in_proj.weight')
    with pytest.raises(ConfigError, match='upgrade-checkpoint'):
        block().load_state_dict(state, strict=False)


def test_rank_of_the_step():
    assert block(expand=4).dt_rank == 2 and block(expand=4).dt_proj.weight.shape == (24, 2)
    assert block(dt_rank=3).dt_proj.weight.shape == (6, 3)
    assert block(expand=4, dt_rank='mamba').dt_rank == 1

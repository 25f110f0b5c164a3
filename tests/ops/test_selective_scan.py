"""Every backend against the reference: the tolerance is twice the float32 reference's own error against float64.

On a machine with a GPU the same tests run there natively; without one, Triton's interpreter runs our GPU kernel.
"""
import importlib.util

import pytest
import torch

from dynstg_mm.ops import selective_scan, selective_scan_ref
from dynstg_mm.ops.selective_scan import runs

NAMES = ('u', 'delta', 'A', 'B', 'C', 'D', 'z', 'delta_bias')
GPU = torch.cuda.is_available()
DEVICE = dict(numba='cpu', torch='cuda' if GPU else 'cpu', auto='cuda' if GPU else 'cpu', mamba='cuda',
              triton='cuda' if GPU else 'cpu')


@pytest.fixture(params=['auto', 'numba', 'torch', 'triton', 'mamba'])
def backend(request):
    if request.param == 'triton' and not importlib.util.find_spec('triton'):
        pytest.skip('triton has no build for this machine')
    if request.param == 'mamba' and not (GPU and runs('mamba', 'cuda')):
        pytest.skip("mamba-ssm's kernel needs a GPU")
    return request.param


def arguments(b=3, d=5, t=17, n=4, scale=1., joints=(), groups=(), seed=0):
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=draw)

    per_state = (b, *joints, *groups, n, t)
    return [normal(b, *joints, d, t), scale * normal(b, *joints, d, t), -torch.rand(d, n, generator=draw) * 4 - 0.1,
            normal(*per_state), normal(*per_state), normal(d), normal(b, *joints, d, t), normal(d)]


def run(values, dtype, backend='ref', **options):
    """Output and all gradients, on the CPU."""
    values = [value.to(DEVICE.get(backend, 'cpu'), dtype, copy=True).requires_grad_() for value in values]
    out = selective_scan(*values, delta_softplus=True, backend=backend, **options)
    weight = torch.linspace(-1, 1, out.numel(), dtype=dtype, device=out.device).view(out.shape)
    (out * weight).sum().backward()
    return [value.detach().cpu() for value in (out, *(value.grad for value in values))]


def assert_as_good_as_the_reference(backend, draws=3, reverse=False, **sizes):
    """Root mean square over elements and draws: a single sum over clips may cancel, and then its error is luck."""
    error, own, size = torch.zeros(3, 1 + len(NAMES), dtype=torch.float64)
    for seed in range(draws):
        values = arguments(seed=seed, **sizes)
        truth, plain = (run(values, kind, reverse=reverse) for kind in (torch.float64, torch.float32))
        fast = run(values, torch.float32, backend, reverse=reverse)
        assert all(value.isfinite().all() for value in fast)
        for total, first, second in ((error, fast, truth), (own, plain, truth), (size, truth, [0] * len(truth))):
            total += torch.stack([(x - y).double().square().mean() for x, y in zip(first, second)])
    allowed = 2 * own.sqrt() + 1e-7 * size.sqrt()  # rounding, where the reference's own error happens to be 0
    assert (error.sqrt() <= allowed).all(), dict(zip(('out', ) + NAMES, (error.sqrt() / allowed).tolist()))


@pytest.mark.parametrize('t, scale', [(1, 1), (7, 1), (64, 1), (1000, 1), (64, 30), (64, 1e-4)])
def test_outputs_and_gradients_match_the_reference(backend, t, scale):
    interpreted = backend == 'triton' and not GPU
    assert_as_good_as_the_reference(backend, b=1 if interpreted else 3, t=t, scale=scale,
                                    draws=1 if interpreted else 3)


@pytest.mark.parametrize('reverse', [True, (False, True)])
def test_joints_groups_and_directions(backend, reverse):
    assert_as_good_as_the_reference(backend, b=1, d=10, t=18, n=3, joints=(2, ), groups=(2, ), reverse=reverse)


def test_many_joints_and_vectors_side_by_side():
    """Blocks of joints, the last one short, several vectors of channels a group, and a last chunk of frames."""
    assert_as_good_as_the_reference('numba', b=1, d=96, t=37, n=2, joints=(5, ), groups=(2, ), reverse=(True, False))


@pytest.mark.parametrize('n', [1, 16])
def test_state_sizes(backend, n):
    assert_as_good_as_the_reference(backend, b=1, n=n, d=18, draws=3 if backend == 'triton' and not GPU else 12)


def test_backwards_is_forwards_on_flipped_time():
    values = arguments()
    flipped = [value.flip(-1) if value.shape[-1] == 17 else value for value in values]
    torch.testing.assert_close(selective_scan_ref(*values, reverse=True), selective_scan_ref(*flipped).flip(-1))


def test_groups_are_separate_scans():
    values = arguments(d=10, groups=(2, ))
    u, delta, A, B, C, D, z, bias = values
    halves = [selective_scan_ref(u[:, part], delta[:, part], A[part], B[:, g], C[:, g], D[part], z[:, part], bias[part])
              for g, part in enumerate((slice(5), slice(5, 10)))]
    torch.testing.assert_close(selective_scan_ref(*values), torch.cat(halves, 1))


def test_without_options_and_without_gradient(backend):
    u, delta, A, B, C, *_ = arguments()
    expected = selective_scan_ref(u, delta.abs(), A, B, C)
    with torch.no_grad():
        out = selective_scan(*(value.to(DEVICE[backend]) for value in (u, delta.abs(), A, B, C)), backend=backend)
    torch.testing.assert_close(out.cpu(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('double', ['torch', 'triton'])
def test_double_precision_is_exact(double):
    if double == 'triton':
        pytest.importorskip('triton')
    values = arguments(b=1, t=40)
    for x, z in zip(run(values, torch.float64, double), run(values, torch.float64)):
        torch.testing.assert_close(x, z, rtol=1e-10, atol=1e-10)


def test_non_contiguous_input(backend):
    values = arguments(b=2)
    wide = [torch.stack([value, value], -1).to(DEVICE[backend])[..., 0] for value in values]
    out = selective_scan(*wide, delta_softplus=True, backend=backend)
    torch.testing.assert_close(out.cpu(), selective_scan_ref(*values, delta_softplus=True), rtol=1e-4, atol=1e-4)


def test_threads_share_the_work(three_threads):
    values = arguments(b=3, joints=(5, ))
    one = run(values, torch.float32, 'numba')
    parts = three_threads()
    for few, many in zip(one, run(values, torch.float32, 'numba')):
        torch.testing.assert_close(many, few, rtol=1e-4, atol=1e-4)
    assert parts == [3, 3]  # forward and backward


def test_trial_of_a_kernel_is_not_disturbed_by_its_caller():
    from dynstg_mm.layers import recompute
    x = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        runs.cache_clear()
        assert runs('torch', 'cpu')
    runs.cache_clear()
    recompute(lambda value: value * value if runs('torch', 'cpu') else value, x).sum().backward()
    assert x.grad.tolist() == [2, 2]
    runs.cache_clear()
    assert not runs('mamba', 'cpu')


@pytest.mark.parametrize('kind', [torch.bfloat16, torch.float16])
def test_half_precision_keeps_its_type_and_its_state_in_float32(backend, kind):
    values = [value.to(kind).float() for value in arguments(b=1, t=40)]
    for name, x, z in zip(('out', ) + NAMES, run(values, kind, backend), run(values, torch.float32)):
        assert x.dtype == kind, name
        assert (x.float() - z).abs().max() < 0.02 * z.abs().max(), name


@pytest.mark.parametrize('name', ['ref', 'auto', 'torch'])
def test_weights_may_be_float32_beside_half_precision(name):
    values = arguments(b=1, t=40)
    mixed = [value.to(DEVICE.get(name, 'cpu'), value.dtype if value.shape[0] == 5 else torch.bfloat16)
             for value in values]  # A, D and the bias, of 5 channels
    out = selective_scan(*mixed, delta_softplus=True, backend=name)
    expected = selective_scan_ref(*values, delta_softplus=True)
    assert out.dtype == torch.bfloat16 and (out.cpu().float() - expected).abs().max() < 0.02 * expected.abs().max()


@pytest.mark.parametrize('name', ['u', 'delta', 'A', 'z', 'delta_bias'])
def test_a_diverged_value_stays_visible(backend, name):
    values = arguments(b=1)
    value = values[NAMES.index(name)]
    value.view(-1)[0 if value.dim() < 3 else 3] = float('nan')  # of the first channel, from the fourth frame on
    out = selective_scan(*(value.to(DEVICE[backend]) for value in values), delta_softplus=True, backend=backend)
    assert out[0, 0, 3].isnan() and out[0, 1:].isfinite().all()


@pytest.mark.parametrize('index, name', list(enumerate(NAMES))[1:])
def test_wrong_shape_names_the_argument(index, name):
    values = arguments()
    values[index] = values[index][:-1]
    with pytest.raises(ValueError, match=f'^{name}: shape'):
        selective_scan(*values)


def test_wrong_options_are_named(monkeypatch):
    values = arguments()
    values[3] = values[3].to('meta')
    with pytest.raises(ValueError, match='B: on meta'):
        selective_scan(*values)
    with pytest.raises(ValueError, match='backend'):
        selective_scan(*arguments(), backend='cuda')
    with pytest.raises(ValueError, match='B: 2 groups; u has 5 channels'):
        selective_scan(*arguments(groups=(2, )))
    with pytest.raises(ValueError, match='reverse: 3 directions; B has 1 groups'):
        selective_scan(*arguments(), reverse=(True, False, True))
    with pytest.raises(ValueError, match='numba computes in float32 on the CPU'):
        selective_scan(*(value.double() for value in arguments()), backend='numba')
    monkeypatch.delenv('TRITON_INTERPRET', raising=False)
    with pytest.raises(ValueError, match='triton needs a GPU'):
        selective_scan(*arguments(), backend='triton')

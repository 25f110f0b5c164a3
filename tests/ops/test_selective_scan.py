"""Every backend against the reference: the tolerance is twice the float32 reference's own error against float64.

On a machine with a GPU the same tests run there; without one, Triton's interpreter runs our GPU kernel.
"""
import importlib.util

import pytest
import torch

from dynstg_mm.ops import scan_joints, selective_scan
from dynstg_mm.ops.selective_scan import runs

NAMES = ('u', 'delta', 'A', 'B', 'C', 'D', 'z', 'delta_bias')
GPU = torch.cuda.is_available()
DEVICE = dict(numba='cpu', torch='cuda' if GPU else 'cpu', auto='cuda' if GPU else 'cpu', mamba='cuda',
              triton='cuda' if GPU else 'cpu')


@pytest.fixture(params=['auto', 'torch', 'triton', 'mamba'])  # 'auto' is 'numba' on the CPU
def backend(request):
    if request.param == 'triton' and not importlib.util.find_spec('triton'):
        pytest.skip('triton has no build for this machine')
    if request.param == 'mamba' and not (GPU and runs('mamba', 'cuda')):
        pytest.skip("mamba-ssm's kernel needs a GPU")
    return request.param


def interpreted(backend):
    return backend == 'triton' and not GPU


def arguments(b=2, t=17, v=1, d=5, n=4, g=1, scale=1., seed=0):
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=draw)

    return [normal(b, t, v, d), scale * normal(b, t, v, d), -torch.rand(d, n, generator=draw) * 4 - 0.1,
            normal(b, t, v, g, n), normal(b, t, v, g, n), normal(d), normal(b, t, v, d), normal(d)]


def reference(*values, delta_softplus=True, **options):
    return scan_joints(*values, delta_softplus=delta_softplus, backend='reference', **options)


def run(values, dtype, backend='reference', **options):
    """Output and all gradients, on the CPU."""
    values = [value.to(DEVICE.get(backend, 'cpu'), dtype, copy=True).requires_grad_() for value in values]
    out = scan_joints(*values, delta_softplus=True, backend=backend, **options)
    weight = torch.linspace(-1, 1, out.numel(), dtype=dtype, device=out.device).view(out.shape)
    (out * weight).sum().backward()
    return [value.detach().cpu() for value in (out, *(value.grad for value in values))]


def assert_as_good_as_the_reference(backend, draws=3, reverse=False, **sizes):
    """Root mean square over elements and draws: a single sum over clips may cancel, and then its error is luck."""
    error, own, size = torch.zeros(3, 1 + len(NAMES), dtype=torch.float64)
    for seed in range(1 if interpreted(backend) else draws):
        values = arguments(seed=seed, **sizes)
        truth, plain = (run(values, dtype, reverse=reverse) for dtype in (torch.float64, torch.float32))
        fast = run(values, torch.float32, backend, reverse=reverse)
        assert all(value.isfinite().all() for value in fast)
        for total, first, second in ((error, fast, truth), (own, plain, truth), (size, truth, [0] * len(truth))):
            total += torch.stack([(x - y).double().square().mean() for x, y in zip(first, second)])
    allowed = 2 * own.sqrt() + 1e-7 * size.sqrt()  # rounding, where the reference's own error happens to be 0
    assert (error.sqrt() <= allowed).all(), dict(zip(('out', ) + NAMES, (error.sqrt() / allowed).tolist()))


@pytest.mark.parametrize('t, scale', [(1, 1), (7, 1), (600, 1), (40, 30), (40, 1e-4)])
def test_outputs_and_gradients_match_the_reference(backend, t, scale):
    assert_as_good_as_the_reference(backend, **(dict(b=1, t=min(t, 70)) if interpreted(backend) else dict(b=3, t=t)),
                                    scale=scale)


@pytest.mark.parametrize('reverse', [True, (False, True)])
def test_joints_groups_and_directions(backend, reverse):
    assert_as_good_as_the_reference(backend, b=1, t=18, v=2, d=10, n=3, g=2, reverse=reverse)


def test_many_joints_and_vectors_side_by_side():
    """Blocks of joints, the last one short, several vectors of channels a group, and a short last chunk of frames."""
    assert_as_good_as_the_reference('auto', b=1, t=37, v=5, d=96, n=2, g=2, reverse=(True, False))


@pytest.mark.parametrize('n', [1, 16])
def test_state_sizes(backend, n):
    assert_as_good_as_the_reference(backend, b=1, n=n, d=18, draws=12)


def test_backwards_is_forwards_on_flipped_time():
    values = arguments()
    flipped = [value.flip(1) if value.dim() > 2 else value for value in values]
    torch.testing.assert_close(reference(*values, reverse=True), reference(*flipped).flip(1))


def test_groups_are_separate_scans():
    u, delta, A, B, C, D, z, bias = values = arguments(d=10, g=2)
    halves = [reference(u[..., part], delta[..., part], A[part], B[..., g:g + 1, :], C[..., g:g + 1, :], D[part],
                        z[..., part], bias[part]) for g, part in enumerate((slice(5), slice(5, 10)))]
    torch.testing.assert_close(reference(*values), torch.cat(halves, -1))


def test_joints_are_separate_scans():
    values = arguments(v=3)
    one = [value[:, :, 1:2] if value.dim() > 2 else value for value in values]
    torch.testing.assert_close(reference(*values)[:, :, 1:2], reference(*one))


@pytest.mark.parametrize('g', [None, 2])
def test_selective_scan_has_the_layout_of_mamba(g):
    u, delta, A, B, C, D, z, bias = values = arguments(d=6, g=g or 1)
    expected = reference(*values).squeeze(2).transpose(1, 2)
    u, delta, z = (value.squeeze(2).transpose(1, 2) for value in (u, delta, z))  # (b, d, l)
    B, C = (value.squeeze(2).permute(0, 2, 3, 1) for value in (B, C))  # (b, g, n, l)
    if g is None:
        B, C = B.squeeze(1), C.squeeze(1)  # (b, n, l)
    out = selective_scan(u, delta, A, B, C, D, z, bias, True)
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match='^C: shape'):
        selective_scan(u, delta, A, B, C[:1])
    with pytest.raises(ValueError, match='^u: shape'):
        selective_scan(u[None], delta, A, B, C)


def test_without_options_and_without_gradient(backend):
    u, delta, A, B, C, *_ = arguments()
    expected = reference(u, delta.abs(), A, B, C, delta_softplus=False)
    with torch.no_grad():
        out = scan_joints(*(value.to(DEVICE[backend]) for value in (u, delta.abs(), A, B, C)), backend=backend)
    torch.testing.assert_close(out.cpu(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('double', ['torch', 'triton'])
def test_double_precision_is_exact(double):
    if double == 'triton':
        pytest.importorskip('triton')
    values = arguments(b=1, t=40)
    for x, z in zip(run(values, torch.float64, double), run(values, torch.float64)):
        torch.testing.assert_close(x, z, rtol=1e-10, atol=1e-10)


def test_non_contiguous_input(backend):
    values = arguments()
    wide = [torch.stack([value, value], -1).to(DEVICE[backend])[..., 0] for value in values]
    out = scan_joints(*wide, delta_softplus=True, backend=backend)
    torch.testing.assert_close(out.cpu(), reference(*values), rtol=1e-4, atol=1e-4)


def test_threads_share_the_work(three_threads):
    values = arguments(b=3, v=5)
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


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_keeps_its_type_and_its_state_in_float32(backend, dtype):
    values = [value.to(dtype).float() for value in arguments(b=1, t=40)]
    for name, x, z in zip(('out', ) + NAMES, run(values, dtype, backend), run(values, torch.float32)):
        assert x.dtype == dtype, name
        assert (x.float() - z).abs().max() < 0.02 * z.abs().max(), name


@pytest.mark.parametrize('name', ['reference', 'auto', 'torch'])
def test_weights_may_be_float32_beside_half_precision(name):
    values = arguments(b=1, t=40)
    mixed = [value.to(DEVICE.get(name, 'cpu'), torch.bfloat16 if value.dim() > 2 else value.dtype) for value in values]
    out = scan_joints(*mixed, delta_softplus=True, backend=name)
    expected = reference(*values)
    assert out.dtype == torch.bfloat16 and (out.cpu().float() - expected).abs().max() < 0.02 * expected.abs().max()


@pytest.mark.parametrize('name', ['u', 'delta', 'A', 'z', 'delta_bias'])
def test_a_diverged_value_stays_visible(backend, name):
    values = arguments(b=1)
    value = values[NAMES.index(name)]
    value[(0, 3, 0, 0) if value.dim() > 2 else 0] = float('nan')  # of the first channel, from the fourth frame on
    out = scan_joints(*(value.to(DEVICE[backend]) for value in values), delta_softplus=True, backend=backend)
    assert out[0, 3, 0, 0].isnan() and out[..., 1:].isfinite().all()


@pytest.mark.parametrize('index, name', list(enumerate(NAMES))[1:])
def test_wrong_shape_names_the_argument(index, name):
    values = arguments()
    values[index] = values[index][:-1]
    with pytest.raises(ValueError, match=f'^{name}: shape'):
        scan_joints(*values)


def test_wrong_arguments_are_named(monkeypatch):
    values = arguments()
    values[3] = values[3].to('meta')
    monkeypatch.delenv('TRITON_INTERPRET', raising=False)
    for name, given, options in [
            ('u: shape', arguments(t=0), {}),
            ('B: on meta', values, {}),
            ('B: 2 groups', arguments(g=2), {}),
            ('reverse', arguments(), dict(reverse=(True, False, True))),
            ('backend', arguments(), dict(backend='cuda')),
            ('backend: numba', [value.double() for value in arguments()], dict(backend='numba')),
            ('backend: triton', arguments(), dict(backend='triton'))]:
        with pytest.raises(ValueError, match=f'^{name}'):
            scan_joints(*given, **options)

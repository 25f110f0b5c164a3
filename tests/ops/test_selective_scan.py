import pytest
import torch

from dynstg_mm.ops import selective_scan, selective_scan_ref

NAMES = ('u', 'delta', 'A', 'B', 'C', 'D', 'z', 'delta_bias')


def arguments(b=3, d=5, t=17, n=4, scale=1., seed=0):
    draw = torch.Generator().manual_seed(seed)
    def normal(*shape):
        return torch.randn(*shape, generator=draw)
    return [normal(b, d, t), scale * normal(b, d, t), -torch.rand(d, n, generator=draw) * 4 - 0.1, normal(b, n, t),
            normal(b, n, t), normal(d), normal(b, d, t), normal(d)]


def run(scan, values, dtype):
    values = [value.to(dtype, copy=True).requires_grad_() for value in values]
    out = scan(*values, delta_softplus=True)
    weight = torch.linspace(-1, 1, out.numel(), dtype=dtype).view(out.shape)
    (out * weight).sum().backward()
    return [out.detach()] + [value.grad for value in values]


@pytest.mark.parametrize('backend', ['numba', 'torch', 'auto'])
@pytest.mark.parametrize('t, scale', [(1, 1), (7, 1), (64, 1), (1000, 1), (64, 30), (64, 1e-4)])
def test_outputs_and_gradients_match_the_reference(backend, t, scale):
    values = arguments(t=t, scale=scale)
    truth = run(selective_scan_ref, values, torch.float64)
    plain = run(selective_scan_ref, values, torch.float32)
    fast = run(lambda *a, **k: selective_scan(*a, backend=backend, **k), values, torch.float32)
    for name, x, y, z in zip(('out', ) + NAMES, fast, plain, truth):
        assert torch.isfinite(x).all(), name
        # twice the float32 reference's own error, and rounding of the largest value where that happens to be 0
        allowed = 2 * (y - z).abs().max() + 4e-7 * z.abs().max()
        assert (x - z).abs().max() <= allowed, name


@pytest.mark.parametrize('backend', ['numba', 'torch'])
def test_double_precision_is_exact(backend):
    values = arguments(t=70)
    truth = run(selective_scan_ref, values, torch.float64)
    fast = run(lambda *a, **k: selective_scan(*a, backend=backend, **k), values, torch.float64)
    for x, z in zip(fast, truth):
        torch.testing.assert_close(x, z, rtol=1e-10, atol=1e-10)


def test_non_contiguous_input_and_several_threads():
    u, delta, A, B, C, D, z, bias = arguments(b=7)
    strided = [value.transpose(1, 2).contiguous().transpose(1, 2) for value in (u, delta, B, C)]
    expected = selective_scan(u, delta, A, B, C, backend='ref')
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        out = selective_scan(strided[0], strided[1], A, strided[2], strided[3], backend='numba')
    finally:
        torch.set_num_threads(threads)
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-4)


def test_result_has_the_type_of_the_input():
    values = arguments()
    out = selective_scan(*[value.bfloat16() for value in values], delta_softplus=True)
    expected = selective_scan(*values, delta_softplus=True)
    assert out.dtype == torch.bfloat16
    assert (out.float() - expected).abs().max() < 0.05 * expected.abs().max()


@pytest.mark.parametrize('index, name', list(enumerate(NAMES))[1:])
def test_wrong_shape_names_the_argument(index, name):
    values = arguments()
    values[index] = values[index][:-1]
    with pytest.raises(ValueError, match=f'^{name}: shape'):
        selective_scan(*values)


def test_wrong_device_and_backend_are_named():
    values = arguments()
    values[3] = values[3].to('meta')
    with pytest.raises(ValueError, match='B: on meta'):
        selective_scan(*values)
    with pytest.raises(ValueError, match='backend'):
        selective_scan(*arguments(), backend='cuda')

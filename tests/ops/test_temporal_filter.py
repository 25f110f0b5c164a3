"""Every backend against the reference: the tolerance is twice the float32 reference's own error against float64."""
import pytest
import torch

from dynstg_mm.ops import temporal_filter

BRANCHES = ((-1, 0, 1), (-4, 0, 4), (-2, -1, 0))


def reference(*arguments, **options):
    return temporal_filter(*arguments, backend='reference', **options)


def run(x, kernel, offsets, bias=None, dtype=torch.float32, **options):
    """Output and all gradients."""
    x, kernel, bias = (value if value is None else value.to(dtype, copy=True).requires_grad_()
                       for value in (x, kernel, bias))
    y = temporal_filter(x, kernel, offsets, bias=bias, **options)
    (y * torch.linspace(-1, 1, y.numel(), dtype=dtype).view(y.shape)).sum().backward()
    return [y.detach(), *(value.grad for value in (x, kernel, bias) if value is not None)]


def assert_as_good_as_the_reference(backend, *values, **options):
    truth = run(*values, dtype=torch.float64, backend='reference', **options)
    plain = run(*values, backend='reference', **options)
    for fast, own, exact in zip(run(*values, backend=backend, **options), plain, truth):
        error, allowed = ((value - exact).square().mean().sqrt() for value in (fast, own))
        assert error <= 2 * allowed + 1e-7 * exact.square().mean().sqrt()


@pytest.fixture(params=['numba', 'torch'])
def backend(request):
    return request.param


@pytest.mark.parametrize('frames, stride, offsets', [
    (1, 1, BRANCHES), (9, 1, BRANCHES), (64, 2, BRANCHES), (9, 2, ((1, 2, 3), )), (8, 1, ((-3, -2, -1), ))])
@pytest.mark.parametrize('per_frame', [True, False])
def test_outputs_and_gradients_match_the_reference(backend, offsets, frames, stride, per_frame):
    torch.manual_seed(0)
    x = torch.randn(3, frames, 5, 8)
    kernel = torch.randn(3, -(-frames // stride), 3, 8) if per_frame else torch.randn(3, 8)
    assert_as_good_as_the_reference(backend, x, kernel, offsets, stride=stride)


def test_bias_and_silu(backend):
    torch.manual_seed(0)
    x, kernel, bias = torch.randn(3, 9, 5, 8), torch.randn(3, 8), torch.randn(8)
    assert_as_good_as_the_reference(backend, x, kernel, BRANCHES, bias, stride=2, silu=True)
    expected = torch.nn.functional.silu(reference(x, kernel, BRANCHES) + bias)
    torch.testing.assert_close(reference(x, kernel, BRANCHES, 1, bias, True), expected)


def test_reference_is_a_convolution():
    x, kernel = torch.randn(2, 10, 3, 4), torch.randn(3, 4)
    expected = torch.nn.functional.conv1d(x.permute(0, 2, 3, 1).reshape(6, 4, 10), kernel.T[:, None], padding=2,
                                          dilation=2, groups=4)
    out = reference(x, kernel, ((-2, 0, 2), ))
    torch.testing.assert_close(out, expected.view(2, 3, 4, 10).permute(0, 3, 1, 2), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('shape', [(3, 8), (5, 16, 3, 8)])
def test_threads_share_the_work(three_threads, shape):
    x, kernel = torch.randn(5, 16, 25, 8), torch.randn(shape)
    one = run(x, kernel, BRANCHES)
    parts = three_threads()
    for few, many in zip(one, run(x, kernel, BRANCHES)):
        torch.testing.assert_close(many, few, rtol=1e-4, atol=1e-4)
    assert parts == [3, 3]  # forward and backward


@pytest.mark.parametrize('clips, frames', [(0, 9), (2, 1)])
def test_few_or_no_clips(backend, clips, frames):
    x = torch.randn(clips, frames, 3, 8, requires_grad=True)
    y = temporal_filter(x, torch.randn(clips, frames, 3, 8), BRANCHES, backend=backend)
    y.sum().backward()
    assert y.shape == x.shape == x.grad.shape


def test_types(backend):
    x, kernel = torch.randn(2, 10, 3, 4), torch.randn(3, 4)
    assert temporal_filter(x.double(), kernel, BRANCHES).dtype == torch.float64
    assert temporal_filter(x.bfloat16(), kernel, BRANCHES, backend=backend).dtype == torch.bfloat16


def test_tensor_cached_by_inference_serves_training():
    x, kernel = torch.randn(2, 10, 3, 6), torch.randn(3, 6, requires_grad=True)
    with torch.inference_mode():
        temporal_filter(x, kernel, BRANCHES, backend='torch')
    temporal_filter(x, kernel, BRANCHES, backend='torch').sum().backward()
    assert kernel.grad.abs().sum() > 0


X, KERNEL = torch.zeros(2, 10, 3, 4), torch.zeros(3, 4)


@pytest.mark.parametrize('name, x, kernel, offsets, options', [
    ('kernel: shape', X, torch.zeros(2, 4), BRANCHES, {}),
    ('kernel: shape', X, torch.zeros(3, 5), BRANCHES, {}),
    ('kernel: shape', X, torch.zeros(2, 9, 3, 4), BRANCHES, {}),
    ('kernel: on meta', X, KERNEL.to('meta'), BRANCHES, {}),
    ('bias: shape', X, KERNEL, BRANCHES, dict(bias=torch.zeros(3))),
    ('x: shape', X[0], KERNEL, BRANCHES, {}),
    ('offsets', X, KERNEL, ((0, 1, 2), (0, 1)), {}),
    ('backend', X, KERNEL, BRANCHES, dict(backend='triton')),
    ('backend: numba', X.double(), KERNEL, BRANCHES, dict(backend='numba')),
])
def test_wrong_arguments_are_named(name, x, kernel, offsets, options):
    with pytest.raises(ValueError, match=f'^{name}'):
        temporal_filter(x, kernel, offsets, **options)

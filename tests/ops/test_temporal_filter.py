import functools

import pytest
import torch

from dynstg_mm.ops import temporal_filter

BRANCHES = ((-1, 0, 1), (-4, 0, 4), (-2, -1, 0))
temporal_filter_ref = functools.partial(temporal_filter, backend='reference')


def run(filtered, x, kernel, offsets, stride=1, bias=None, silu=False):
    values = [value.clone().requires_grad_() for value in (x, kernel, bias) if value is not None]
    y = filtered(*values[:2], offsets, stride, *values[2:], silu=silu)
    (y * torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view(y.shape)).sum().backward()
    return y.detach(), *(value.grad for value in values)


@pytest.fixture(params=['numba', 'torch'])
def filtered(request):
    return functools.partial(temporal_filter, backend=request.param)


@pytest.mark.parametrize('offsets', [BRANCHES, ((1, 2, 3), ), ((-3, -2, -1), )])
@pytest.mark.parametrize('frames, stride', [(1, 1), (9, 1), (9, 2), (64, 2)])
@pytest.mark.parametrize('per_frame', [True, False])
def test_outputs_and_gradients_match_the_reference(filtered, offsets, frames, stride, per_frame):
    x = torch.randn(3, frames, 5, 8)
    kernel = torch.randn(3, -(-frames // stride), 3, 8) if per_frame else torch.randn(3, 8)
    for fast, plain in zip(run(filtered, x, kernel, offsets, stride),
                           run(temporal_filter_ref, x, kernel, offsets, stride)):
        torch.testing.assert_close(fast, plain, rtol=1e-4, atol=1e-4)


def test_bias_and_silu(filtered):
    x, kernel, bias = torch.randn(3, 9, 5, 8), torch.randn(3, 8), torch.randn(8)
    for fast, plain in zip(run(filtered, x, kernel, BRANCHES, 2, bias, True),
                           run(temporal_filter_ref, x, kernel, BRANCHES, 2, bias, True)):
        torch.testing.assert_close(fast, plain, rtol=1e-4, atol=1e-4)
    expected = torch.nn.functional.silu(temporal_filter_ref(x, kernel, BRANCHES) + bias)
    torch.testing.assert_close(temporal_filter_ref(x, kernel, BRANCHES, 1, bias, True), expected)


def test_reference_is_a_convolution():
    x, kernel = torch.randn(2, 10, 3, 4), torch.randn(3, 4)
    expected = torch.nn.functional.conv1d(x.permute(0, 2, 3, 1).reshape(6, 4, 10), kernel.T[:, None], padding=2,
                                          dilation=2, groups=4)
    out = temporal_filter_ref(x, kernel, ((-2, 0, 2), ))
    torch.testing.assert_close(out, expected.view(2, 3, 4, 10).permute(0, 3, 1, 2), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('shape', [(3, 8), (5, 16, 3, 8)])
def test_threads_share_the_work(three_threads, shape):
    x, kernel = torch.randn(5, 16, 25, 8), torch.randn(shape)
    one = run(temporal_filter, x, kernel, BRANCHES)
    parts = three_threads()
    for few, many in zip(one, run(temporal_filter, x, kernel, BRANCHES)):
        torch.testing.assert_close(many, few, rtol=1e-4, atol=1e-4)
    assert parts == [3, 3]


@pytest.mark.parametrize('clips, frames', [(0, 9), (2, 1)])
def test_few_or_no_clips(filtered, clips, frames):
    x = torch.randn(clips, frames, 3, 8, requires_grad=True)
    y = filtered(x, torch.randn(clips, frames, 3, 8), BRANCHES)
    y.sum().backward()
    assert y.shape == x.shape == x.grad.shape


def test_types():
    x, kernel = torch.randn(2, 10, 3, 4), torch.randn(3, 4)
    assert temporal_filter(x.double(), kernel, BRANCHES).dtype == torch.float64
    for backend in ('numba', 'torch'):
        assert temporal_filter(x.bfloat16(), kernel, BRANCHES, backend=backend).dtype == torch.bfloat16


def test_what_a_look_has_left_behind_serves_training():
    x, kernel = torch.randn(2, 10, 3, 6), torch.randn(3, 6, requires_grad=True)
    with torch.inference_mode():
        temporal_filter(x, kernel, BRANCHES, backend='torch')
    temporal_filter(x, kernel, BRANCHES, backend='torch').sum().backward()
    assert kernel.grad.abs().sum() > 0


@pytest.mark.parametrize('shape', [(2, 4), (3, 5), (2, 9, 3, 4)])
def test_wrong_kernel_is_named(shape):
    with pytest.raises(ValueError, match='kernel: shape'):
        temporal_filter(torch.randn(2, 10, 3, 4), torch.randn(shape), BRANCHES)


def test_wrong_bias_is_named():
    with pytest.raises(ValueError, match='bias: shape'):
        temporal_filter(torch.randn(2, 10, 3, 4), torch.randn(3, 4), BRANCHES, bias=torch.zeros(3))


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match='x: shape'):
        temporal_filter(torch.randn(10, 3, 4), torch.randn(3, 4), BRANCHES)
    with pytest.raises(ValueError, match='offsets'):
        temporal_filter(torch.randn(2, 10, 3, 4), torch.randn(3, 4), ((0, 1, 2), (0, 1)))
    with pytest.raises(ValueError, match='kernel: on meta'):
        temporal_filter(torch.randn(2, 10, 3, 4), torch.randn(3, 4, device='meta'), BRANCHES)
    with pytest.raises(ValueError, match='backend: numba computes in float32'):
        temporal_filter(torch.randn(2, 10, 3, 4).double(), torch.randn(3, 4), BRANCHES, backend='numba')


def test_wrong_backend_is_named():
    with pytest.raises(ValueError, match='backend'):
        temporal_filter(torch.randn(2, 10, 3, 4), torch.randn(3, 4), BRANCHES, backend='triton')

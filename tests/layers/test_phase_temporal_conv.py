import pytest
import torch

from dynstg_mm.layers import PhaseTemporalConv


def test_one_phase_is_a_plain_dilated_convolution():
    conv = PhaseTemporalConv(4, num_phases=1, kernel_size=3, dilations=(2, ), stride=2)
    x = torch.randn(2, 9, 5, 4)
    weight = conv.kernel[0].T[:, None, :, None]  # (c, 1, taps, 1)
    plain = torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), weight, padding=(2, 0), dilation=(2, 1), stride=(2, 1),
                                       groups=4)
    out = conv(x, torch.ones(2, 9, 1))
    torch.testing.assert_close(out, conv.project(plain.permute(0, 2, 3, 1)), rtol=1e-4, atol=1e-5)


def test_each_frame_uses_the_kernel_of_its_phase():
    conv = PhaseTemporalConv(4, num_phases=2, kernel_size=3, dilations=(1, 2))
    x = torch.randn(1, 8, 3, 4)
    first = conv(x, torch.tensor([1., 0]).expand(1, 8, 2))
    second = conv(x, torch.tensor([0., 1]).expand(1, 8, 2))
    switch = torch.zeros(1, 8, 2)
    switch[:, :4, 0] = switch[:, 4:, 1] = 1
    out = conv(x, switch)
    torch.testing.assert_close(out[:, :4], first[:, :4])
    torch.testing.assert_close(out[:, 4:], second[:, 4:])


@pytest.mark.parametrize('frames, stride, expected', [(8, 1, 8), (8, 2, 4), (9, 2, 5), (1, 2, 1)])
def test_length(frames, stride, expected):
    conv = PhaseTemporalConv(5, stride=stride)
    assert conv(torch.randn(2, frames, 3, 5), torch.ones(2, frames, 4) / 4).shape == (2, expected, 3, 5)


def test_even_kernel_is_refused():
    with pytest.raises(ValueError, match='kernel_size'):
        PhaseTemporalConv(4, kernel_size=4)

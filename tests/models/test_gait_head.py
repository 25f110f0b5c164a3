import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample

from dynstg_mm.errors import ConfigError


def build(**options):
    torch.manual_seed(0)
    head = MODELS.build(dict(type='GaitHead', num_classes=3, in_channels=4, **options))
    torch.nn.init.normal_(head.fc.weight)
    return head


def test_range_of_a_feature_counts_and_its_timing_does_not():
    head, time = build(), torch.linspace(0, 4 * torch.pi, 33)[:-1]
    x = torch.zeros(1, 1, 4, 32, 5) + time.sin()[:, None]
    assert not torch.allclose(head(x), head(2 * x))  # both have the mean 0
    torch.testing.assert_close(head(x), head(x.roll(5, dims=3)))
    plain = MODELS.build(dict(type='GCNHead', num_classes=3, in_channels=4))
    torch.testing.assert_close(plain(x), plain(2 * x))


def test_a_constant_feature_has_a_finite_gradient():
    x = torch.ones(2, 1, 4, 8, 5, requires_grad=True)
    build(dropout=0.5)(x).sum().backward()
    assert x.grad.isfinite().all()


def test_persons_are_averaged():
    x = torch.randn(2, 1, 4, 8, 5)
    head = build()
    torch.testing.assert_close(head(x.repeat(1, 2, 1, 1, 1)), head(x))


def samples(parameters):
    """Data samples with gait parameters, as the pipeline packs them."""
    found = [ActionDataSample().set_gt_label(0) for _ in parameters]
    for sample, row in zip(found, parameters):
        sample.set_field(row.numpy(), 'gait_parameters')
    return found


def test_gait_parameters_are_learnt():
    torch.manual_seed(0)
    head = MODELS.build(dict(type='GaitParameterHead', num_parameters=3, in_channels=4))
    x, wanted = torch.randn(8, 1, 4, 16, 5), torch.randn(8, 3)
    optimizer, losses = torch.optim.Adam(head.parameters(), lr=0.05), []
    for _ in range(200):
        losses.append(head.loss(x, samples(wanted))['loss_parameters'])
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < 0.1 * losses[0]


def test_windows_of_a_clip_are_compared_with_its_parameters():
    head = MODELS.build(dict(type='GaitParameterHead', num_parameters=2, in_channels=4))
    wanted = torch.tensor([[1., 2.], [-1., 0.]])
    assert head.loss_by_feat(wanted.repeat_interleave(3, 0), samples(wanted))['loss_parameters'] == 0
    with pytest.raises(ConfigError, match='^num_parameters'):
        head.loss_by_feat(torch.zeros(2, 3), samples(wanted))

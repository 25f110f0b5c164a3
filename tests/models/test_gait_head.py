import torch

from mmaction.registry import MODELS


def build(**options):
    torch.manual_seed(0)
    head = MODELS.build(dict(type='GaitHead', num_classes=3, in_channels=4, **options))
    torch.nn.init.normal_(head.fc.weight)
    return head


def test_the_swing_is_heard_and_the_time_of_it_is_not():
    head, time = build(), torch.linspace(0, 4 * torch.pi, 33)[:-1]
    x = torch.zeros(1, 1, 4, 32, 5) + time.sin()[:, None]
    assert not torch.allclose(head(x), head(2 * x))  # both have the mean 0
    torch.testing.assert_close(head(x), head(x.roll(5, dims=3)))
    plain = MODELS.build(dict(type='GCNHead', num_classes=3, in_channels=4))
    torch.testing.assert_close(plain(x), plain(2 * x))


def test_a_feature_that_stands_still_has_a_gradient():
    x = torch.ones(2, 1, 4, 8, 5, requires_grad=True)
    build(dropout=0.5)(x).sum().backward()
    assert x.grad.isfinite().all()


def test_persons_are_averaged():
    x = torch.randn(2, 1, 4, 8, 5)
    head = build()
    torch.testing.assert_close(head(x.repeat(1, 2, 1, 1, 1)), head(x))

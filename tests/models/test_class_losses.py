from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmaction.registry import DATASETS, MODELS
from sklearn.utils.class_weight import compute_class_weight

from dynstg_mm.errors import ConfigError
from dynstg_mm.hooks import TargetStatisticsHook

LABELS = torch.tensor([0, 0, 0, 0, 0, 1, 1, 2])


def build(type='FocalLoss', fitted=True, **options):
    loss = MODELS.build(dict(type=type, **options))
    if fitted:
        loss.fit_classes(LABELS)
    return loss


@pytest.fixture
def scores():
    return torch.randn(8, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)


def one_hot(labels):
    return F.one_hot(labels, 3).float()


@pytest.mark.parametrize('weights', [None, [1., 2., 0.5], 'balanced'])
def test_without_gamma_it_is_weighted_cross_entropy(scores, weights):
    expected = torch.tensor(compute_class_weight('balanced', classes=np.arange(3), y=LABELS.numpy()),
                            dtype=torch.float32) if weights == 'balanced' else weights and torch.tensor(weights)
    loss = build(gamma=0, class_weight=weights, loss_weight=2.)
    torch.testing.assert_close(loss(scores, LABELS), 2 * F.cross_entropy(scores, LABELS, weight=expected))
    torch.testing.assert_close(loss(scores, one_hot(LABELS)), loss(scores, LABELS))


@pytest.mark.parametrize('gamma', [0.5, 2])
def test_focal_loss_by_the_equation(scores, gamma):
    p = scores.softmax(1)[range(8), LABELS]
    torch.testing.assert_close(build(gamma=gamma)(scores, LABELS), ((1 - p)**gamma * -p.log()).mean())
    sure = torch.tensor([[200., 0, 0]], requires_grad=True)  # p = 1
    build(gamma=gamma)(sure, torch.tensor([0])).backward()
    assert sure.grad.isfinite().all()


def test_balanced_softmax_by_the_equation(scores):
    loss = build('BalancedSoftmaxLoss')
    n = torch.tensor([5., 2, 1])
    expected = -(n[LABELS] * scores.exp()[range(8), LABELS] / (n * scores.exp()).sum(1)).log().mean()
    torch.testing.assert_close(loss(scores, LABELS), expected)
    torch.testing.assert_close(loss(scores, one_hot(LABELS)), expected)
    smooth = 0.9 * one_hot(LABELS) + 0.1 / 3
    loss(torch.cat([scores, scores[:, :1]], 1), F.pad(smooth, (0, 1))).backward()  # a class without training clips
    assert scores.grad.isfinite().all()


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('type', ['FocalLoss', 'BalancedSoftmaxLoss'])
def test_half_precision(scores, type, dtype):
    loss = build(type)
    assert loss(scores.to(dtype), LABELS).dtype == torch.float32
    torch.testing.assert_close(loss(scores.to(dtype), LABELS), loss(scores, LABELS), rtol=0.02, atol=0)


@pytest.mark.parametrize('options, field', [
    (dict(gamma=-1), 'gamma'), (dict(gamma='2'), 'gamma'), (dict(class_weight='even'), 'class_weight'),
    (dict(class_weight=[1, -1]), 'class_weight')])
def test_wrong_options_are_named(options, field):
    with pytest.raises(ConfigError, match=f'FocalLoss: {field}'):
        build(**options)


def test_what_does_not_fit_the_classes_is_named(scores):
    with pytest.raises(ConfigError, match='loss_cls.class_weight: 2'):
        build(class_weight=[1, 2])(scores, LABELS)
    for loss in (build('BalancedSoftmaxLoss'), build(class_weight='balanced')):
        with pytest.raises(ConfigError, match='num_classes: 2'):
            loss(scores[:, :2], LABELS)
    for loss in (build('BalancedSoftmaxLoss', fitted=False), build(class_weight='balanced', fitted=False)):
        with pytest.raises(ConfigError, match='TargetStatisticsHook'):
            loss(scores, LABELS)
    assert build(fitted=False)(scores, LABELS) > 0


def test_a_head_learns_the_numbers_of_clips_and_saves_nothing_more(annotation_file):
    path = annotation_file(lambda data: data['split'].update(train=data['split']['train'][:3]))
    dataset = DATASETS.build(dict(type='GaitDataset', ann_file=path, split='train', pipeline=[], layout='body_25'))
    dataset = DATASETS.build(dict(type='RepeatDataset', dataset=dataset, times=2))
    plain, head = (MODELS.build(dict(type='GaitHead', num_classes=4, in_channels=4, loss_cls=dict(type=name)))
                   for name in ('CrossEntropyLoss', 'BalancedSoftmaxLoss'))
    runner = SimpleNamespace(model=SimpleNamespace(cls_head=head), train_dataloader=SimpleNamespace(dataset=dataset))
    TargetStatisticsHook().before_train(runner)
    labels = [dataset.get_data_info(index)['label'] for index in range(len(dataset))]
    assert head.loss_cls.counts.tolist() == [labels.count(label) for label in range(max(labels) + 1)]
    assert list(head.state_dict()) == list(plain.state_dict())

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample

from dynstg_mm.errors import ConfigError

GRADES = dict(num_grades=4)
OUTPUTS = dict(CORNOutput=GRADES, CORALOutput=GRADES, SoftmaxOutput=GRADES, GaussianOutput={}, QuantileOutput={})


def build(**outputs):
    torch.manual_seed(0)
    return MODELS.build(dict(type='TargetHead', in_channels=4, outputs=outputs))


def one(kind, **options):
    return MODELS.build(dict(type=kind, in_channels=3, **{**OUTPUTS[kind], **options}))


def samples(*rows):
    found = [ActionDataSample() for _ in rows]
    for sample, row in zip(found, rows):
        sample.set_field(np.atleast_1d(np.array(row, float)), 'targets')
    return found


@pytest.mark.parametrize('kind', OUTPUTS)
def test_output_learns_what_the_features_say(kind):
    head = build(a=dict(type=kind, **OUTPUTS[kind]))
    values = torch.arange(4.).repeat(8)
    x = torch.randn(32, 1, 4, 16, 5) / 4
    x[:, :, 0] += values[:, None, None, None]
    head.outputs['a'].fit(values)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        head.loss(x, samples(*values))['loss_a'].backward()
        optimizer.step()
    scores = torch.stack([sample.pred_targets['a'] for sample in head.predict(x, samples(*values))])
    found = scores[:, 0] if scores.shape[1] == 3 else scores @ torch.arange(4.)
    assert (found - values).abs().mean() < 0.4
    if scores.shape[1] == 3:
        assert (scores[:, 1] < scores[:, 0]).all() and (scores[:, 0] < scores[:, 2]).all()


@pytest.mark.parametrize('kind', ['CORNOutput', 'CORALOutput', 'SoftmaxOutput'])
def test_scores_of_grades_are_probabilities(kind):
    scores = one(kind).scores(3 * torch.randn(50, one(kind).width))
    torch.testing.assert_close(scores.sum(1), torch.ones(50))
    assert (scores >= 0).all()


def test_corn_learns_each_threshold_from_the_clips_that_reach_it():
    """Equation 7 of its paper, clip by clip."""
    raw, values = torch.randn(6, 3), torch.tensor([0., 1, 1, 2, 3, 3])
    losses = [F.binary_cross_entropy_with_logits(raw[clip, step], (values[clip] > step).float())
              for clip in range(6) for step in range(3) if values[clip] >= step]
    torch.testing.assert_close(one('CORNOutput').loss(raw, values), torch.stack(losses).mean())


def test_coral_shares_its_weights_between_the_thresholds():
    x = torch.randn(5, 3)
    raw = one('CORALOutput')(x)
    torch.testing.assert_close(raw[:, 0] - raw[:, 1], (raw[:1, 0] - raw[:1, 1]).expand(5))
    assert (raw[:, :-1] > raw[:, 1:]).all()


def test_balanced_weights_are_those_of_scikit_learn():
    from sklearn.utils.class_weight import compute_class_weight
    values = torch.tensor([0., 0, 0, 1, 2, 2])
    output = one('SoftmaxOutput', num_grades=3, class_weight='balanced')
    with pytest.raises(ConfigError, match='class_weight.*TargetStatisticsHook'):
        output.loss(torch.zeros(6, 3), values)
    output.fit(values)
    np.testing.assert_allclose(output.weight, compute_class_weight('balanced', classes=np.arange(3), y=values.numpy()))


@pytest.mark.parametrize('weight', [[1., 2.], 'even', [1., 2., 3., -1.]])
def test_wrong_class_weight_is_refused(weight):
    with pytest.raises(ConfigError, match='class_weight'):
        one('CORNOutput', class_weight=weight)


def test_missing_values_do_not_teach():
    head = build(a=dict(type='CORNOutput', num_grades=4), b=dict(type='GaussianOutput'))
    x = torch.randn(3, 1, 4, 8, 5)
    both = head.loss(x, samples([1, math.nan], [2, math.nan], [math.nan, math.nan]))
    assert both['loss_b'] == 0 and both['loss_a'] > 0
    torch.testing.assert_close(both['loss_a'], head.loss(x[:2], samples([1, 0.], [2, 0.]))['loss_a'])
    sum(both.values()).backward()
    assert all(value.grad.isfinite().all() for value in head.parameters())


def test_windows_of_a_recording_are_pooled():
    output = one('GaussianOutput')
    windows = torch.tensor([[[1., 0, 2], [3., 2, 4]]])
    value, low, high = output.pool(windows)[0]
    assert value == 2 and low < 1 and high > 3  # windows that differ make it less sure
    torch.testing.assert_close(output.pool(windows[:, :1])[0], windows[0, 0])


def test_numbers_come_in_the_units_of_the_target():
    output = one('GaussianOutput')
    output.fit(torch.tensor([90., 100, 110]))
    assert output.scores(torch.zeros(1, 2))[0, 0] == 100


@pytest.mark.parametrize('change, named', [
    (lambda: build(), 'outputs'), (lambda: build(a=dict(type='GCNHead', num_classes=2)), 'outputs.a.type'),
    (lambda: build(a=dict(type='GaussianOutput')).loss(torch.randn(1, 1, 4, 8, 5), samples([1, 2])), 'outputs'),
    (lambda: build(a=dict(type='GaussianOutput')).loss(torch.randn(1, 1, 4, 8, 5), [ActionDataSample()]), 'targets')])
def test_head_and_data_must_fit(change, named):
    with pytest.raises(ConfigError, match=named):
        change()

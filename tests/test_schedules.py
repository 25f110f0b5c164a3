"""The schedule is MMEngine's warm-up and cosine decay, and follows the number of epochs."""
import pytest
import torch
from mmaction.registry import PARAM_SCHEDULERS

from dynstg_mm.errors import ConfigError


def learning_rates(schedule, epochs, length):
    """Rates of two groups of parameters at every iteration, as MMEngine's runner builds and steps the schedules."""
    weights = [torch.zeros(1, requires_grad=True) for _ in range(2)]
    optimizer = torch.optim.SGD([dict(params=[weights[0]], lr=0.002), dict(params=[weights[1]], lr=0.0002)])
    filled_in = dict(optimizer=optimizer, epoch_length=length)
    built = [PARAM_SCHEDULERS.build(dict(end=epochs) | settings, default_args=filled_in) for settings in schedule]
    rates = []
    for _ in range(epochs * length):
        rates.append([group['lr'] for group in optimizer.param_groups])
        optimizer.step()
        for one in built:
            one.step()
    return rates


OURS = [dict(type='WarmupCosineLR', convert_to_iter_based=True)]


@pytest.mark.parametrize('epochs, warmup', [(8, 1), (20, 2), (30, 3), (60, 6)])
@pytest.mark.parametrize('length', [2, 19])
def test_warmup_and_cosine_are_those_of_mmengine(epochs, warmup, length):
    theirs = [dict(type='LinearLR', start_factor=0.01, end=warmup, convert_to_iter_based=True),
              dict(type='CosineAnnealingLR', T_max=epochs - warmup, begin=warmup, convert_to_iter_based=True)]
    assert learning_rates(OURS, epochs, length) == learning_rates(theirs, epochs, length)


def test_length_of_the_warmup_can_be_given():
    rates = [rate for rate, _ in learning_rates([dict(OURS[0], warmup_epochs=3)], 90, 4)]
    assert rates.index(max(rates)) in (11, 12) and rates[0] == 0.002 * 0.01 and rates[-1] < 1e-6


@pytest.mark.parametrize('epochs, length', [(1, 1), (1, 5), (3, 1), (10, 1)])
def test_short_training_reaches_the_full_rate(epochs, length):
    rates = [rate for rate, _ in learning_rates(OURS, epochs, length)]
    assert max(rates) == pytest.approx(0.002)


@pytest.mark.parametrize('warmup', [-1, 5, 9])
def test_warmup_must_leave_epochs_to_train(warmup):
    with pytest.raises(ConfigError, match='warmup_epochs'):
        learning_rates([dict(OURS[0], warmup_epochs=warmup)], 5, 2)

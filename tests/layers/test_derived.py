import copy

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.model import ExponentialMovingAverage

from dynstg_mm.layers.derived import DerivedModule


class Doubled(DerivedModule):
    """Counts how often its parameter is doubled."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3))
        self.calls = 0

    def double(self, weight, times=2):
        self.calls += 1
        return times * weight

    def forward(self):
        return self.derived(self.double, self.weight, 2)


def test_values_are_cached_in_eval_mode_without_gradients_only():
    module = Doubled().eval()
    with torch.no_grad():
        assert module() is module() and module.calls == 1
    assert module().requires_grad and module.calls == 2
    module.train()
    with torch.no_grad():
        assert module() is not module()


def step(model):
    with torch.enable_grad():
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        sum(parameter.sin().sum() for parameter in model.parameters()).backward()
    optimizer.step()


def load(model):
    model.load_state_dict({name: 2 * value for name, value in model.state_dict().items()})


def swap(model):  # as MMEngine's EMA hook does it before validation, whose loop then calls eval()
    average = ExponentialMovingAverage(model, momentum=0.5)
    load(average.module)
    for ours, theirs in zip(model.parameters(), average.module.parameters()):
        ours.data.copy_(theirs.data)
    model.eval()


def exchange(model):
    for parameter in model.parameters():
        parameter.data = 2 * parameter.data


@pytest.mark.parametrize('change', [step, load, swap, exchange])
def test_a_backbone_in_eval_mode_follows_its_parameters(change):
    model = MODELS.build(dict(type='DynSTGMamba', graph_cfg=dict(layout='coco'))).eval()
    for name, parameter in model.named_parameters():
        if name.endswith('alpha'):  # at 0 the dynamic graph has no effect
            parameter.data.fill_(0.5)
    x = torch.randn(1, 1, 16, 17, 2)
    with torch.no_grad():
        before = model(x)
        assert torch.equal(before, model(x))
        change(model)
        fresh = copy.deepcopy(model).train().eval()
        after = model(x)
        assert not torch.equal(before, after) and torch.equal(after, fresh(x))
    assert torch.allclose(after, model(x), atol=1e-6)


def test_cached_values_follow_the_type_of_the_model():
    model = MODELS.build(dict(type='DynSTGMamba', graph_cfg=dict(layout='coco'))).eval()
    x = torch.randn(1, 1, 16, 17, 2)
    with torch.no_grad():
        single, double = model(x), model.double()(x.double())
    assert double.dtype == torch.float64 and torch.allclose(single, double.float(), atol=1e-4)
    assert not any('derived' in name for name in model.state_dict())

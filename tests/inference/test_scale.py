"""Answers of models of a scale: an expected grade with its interval, or one line."""
import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope

from dynstg_mm.config import apply_options, read_config
from dynstg_mm.datasets.targets import Target
from dynstg_mm.errors import ConfigError
from dynstg_mm.inference import Answer, GaitInferencer
from dynstg_mm.inference.inferencer import on_scale
from dynstg_mm.inference.words import in_short, verdict

from .conftest import CONFIG, TINY

UPDRS = dict(updrs=dict(type='ordinal', grades=[0, 1, 2, 3]))


def inferencer(folder, targets, classes, **outputs):
    """A tiny model of these targets with random weights."""
    torch.manual_seed(0)
    cfg = Config(apply_options(read_config(str(CONFIG)), TINY).to_dict())
    cfg.model.cls_head = dict(type='TargetHead', in_channels=8, outputs=outputs)
    with DefaultScope.overwrite_default_scope('mmaction'):
        network = MODELS.build(cfg.model)
    torch.save(dict(state_dict=network.state_dict(), meta=dict(dataset_meta=dict(classes=classes, targets=targets))),
               folder / 'scale.pth')
    return GaitInferencer(cfg, str(folder / 'scale.pth'), 'cpu')


def test_model_of_grades_gives_an_expected_grade_with_an_interval(tmp_path, sample):
    model = inferencer(tmp_path, UPDRS, ('0', '1', '2', '3'), updrs=dict(type='CORNOutput', num_grades=4))
    answer = model.answer(dict(sample['annotations'][0]))
    assert answer.classes == ['0', '1', '2', '3'] and sum(answer.scores) == pytest.approx(1, abs=1e-5)
    assert answer.scale['expected'] == pytest.approx(np.dot(range(4), answer.scores))
    assert answer.scale['low'] <= answer.scale['median'] <= answer.scale['high']
    assert 'expected grade' in in_short(answer) and any('updrs' in sentence for sentence in verdict(answer))
    answer.write(tmp_path / 'answer.json')
    assert Answer.read(tmp_path / 'answer.json').scale == answer.scale


@pytest.mark.parametrize('targets, outputs', [
    (dict(speed=dict(type='numeric')), dict(speed=dict(type='GaussianOutput'))),
    ({**UPDRS, 'speed': dict(type='numeric')}, dict(updrs=dict(type='CORNOutput', num_grades=4),
                                                    speed=dict(type='QuantileOutput')))])
def test_model_of_numbers_or_several_targets_is_refused(tmp_path, targets, outputs):
    with pytest.raises(ConfigError, match='scale.pth: predicts .*speed'):
        inferencer(tmp_path, targets, ('0', '1'), **outputs)


def test_middle_of_the_probability_is_in_grades():
    stage = Target.of('stage', dict(type='ordinal', grades=['EL', 'MD', 'SV']))
    assert on_scale(stage, np.array([.04, .5, .46])) == dict(
        target='stage', expected=pytest.approx(1.42), median='MD', low='MD', high='SV')
    assert on_scale(stage, np.array([0, 0, 1.])) == dict(target='stage', expected=2, median='SV', low='SV', high='SV')
    yahr = Target.of('hoehn_yahr', dict(type='ordinal', grades=[1, 1.5, 2]))
    assert on_scale(yahr, np.array([.5, .5, 0]))['expected'] == 1.25

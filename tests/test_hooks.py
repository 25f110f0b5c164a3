from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmaction.registry import DATASETS, MODELS

from dynstg_mm.errors import ConfigError
from dynstg_mm.hooks import TargetStatisticsHook, check_targets, check_weights

OWN = {'backbone.weight': torch.ones(2, 3), 'backbone.bn.num_batches_tracked': torch.tensor(1),
       'distill_projection.weight': torch.ones(2)}


def test_weights_of_the_same_model_are_accepted():
    """With or without what only teaches, and as a parallel module saves them."""
    check_weights(OWN, OWN, 'epoch_1.pth')
    check_weights(OWN, {'module.backbone.weight': torch.zeros(2, 3)}, 'epoch_1.pth')
    check_weights({'backbone.weight': OWN['backbone.weight']}, OWN, 'epoch_1.pth')


@pytest.mark.parametrize('weights, named', [
    ({}, 'backbone.weight: missing'),
    ({**OWN, 'backbone.bias': torch.ones(2)}, 'backbone.bias: unexpected'),
    ({'backbone.weight': torch.ones(2, 4)}, 'backbone.weight: has shape'),
])
def test_weights_of_another_model_are_refused(weights, named):
    with pytest.raises(ConfigError, match=f'epoch_1.pth: {named}'):
        check_weights(OWN, weights, 'epoch_1.pth')


GRADES = dict(updrs=dict(type='ordinal', grades=[0, 1, 2, 3]))
NUMBER = dict(speed=dict(type='numeric'))
CORN, GAUSSIAN = dict(type='CORNOutput', num_grades=4), dict(type='GaussianOutput')


def test_outputs_learn_weights_and_means_from_the_training_clips(annotation_file):
    def change(data):
        for place, clip in enumerate(data['annotations']):
            clip['targets'] = dict(updrs=min(clip['label'], 2) if place % 3 else None, speed=float(place))

    dataset = DATASETS.build(dict(type='GaitDataset', ann_file=annotation_file(change), split='train', pipeline=[],
                                  layout='body_25', targets={**GRADES, **NUMBER}))
    head = MODELS.build(dict(type='TargetHead', in_channels=4, outputs=dict(
        updrs=dict(CORN, class_weight='balanced'), speed=GAUSSIAN)))
    runner = SimpleNamespace(model=SimpleNamespace(cls_head=head), train_dataloader=SimpleNamespace(dataset=dataset))
    TargetStatisticsHook().before_train(runner)
    grades, speeds = np.array([dataset.get_data_info(index)['targets'] for index in range(len(dataset))]).T
    weight = head.outputs['updrs'].weight
    assert weight[3] == 0 and weight[2] < weight[0]  # nobody has a 3, most a 2
    np.testing.assert_allclose(sum(weight[int(grade)] for grade in grades[np.isfinite(grades)]),
                               np.isfinite(grades).sum(), rtol=1e-5)
    assert head.outputs['speed'].mean == pytest.approx(np.nanmean(speeds))


@pytest.mark.parametrize('head, targets, field', [
    (dict(type='GaitHead', num_classes=2), NUMBER, 'cls_head.type: GaitHead'),
    (dict(type='GaitHead', num_classes=4), {**GRADES, **NUMBER}, 'cls_head.type: GaitHead'),
    (dict(type='TargetHead', outputs=dict(speed=GAUSSIAN)), {}, 'cls_head.outputs: speed'),
    (dict(type='TargetHead', outputs=dict(speed=GAUSSIAN)), GRADES, 'cls_head.outputs: speed'),
    (dict(type='TargetHead', outputs=dict(updrs=GAUSSIAN)), GRADES, 'cls_head.outputs.updrs: GaussianOutput'),
    (dict(type='TargetHead', outputs=dict(updrs=dict(CORN, num_grades=3))), GRADES, 'cls_head.outputs.updrs: CORN'),
    (dict(type='TargetHead', outputs=dict(speed=CORN)), NUMBER, 'cls_head.outputs.speed: CORN')])
def test_head_that_does_not_fit_the_targets_is_named(head, targets, field):
    with pytest.raises(ConfigError, match=f'model.{field}'):
        check_targets(head, SimpleNamespace(metainfo=dict(targets=targets)))


def test_a_classifier_may_learn_the_grades_of_one_scale():
    check_targets(dict(type='GaitHead', num_classes=4), SimpleNamespace(metainfo=dict(targets=GRADES)))
    check_targets(dict(type='GaitHead', num_classes=4), SimpleNamespace(metainfo={}))

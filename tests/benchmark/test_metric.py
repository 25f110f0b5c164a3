import json

import numpy as np
import pytest
import torch
from mmaction.registry import METRICS
from mmaction.structures import ActionDataSample
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from dynstg_mm.errors import ConfigError, ResultsError
from dynstg_mm.statistics import by_subject, classification_scores, confusion_of, subject_interval


def samples(rows, subject=True):
    """Data samples of (subject, label, score) rows, as the test loop hands them over."""
    for index, (person, label, score) in enumerate(rows):
        sample = ActionDataSample().set_gt_label(label).set_pred_score(torch.tensor(score))
        sample.set_metainfo(dict(frame_dir=f'clip{index}', **(dict(subject=person) if subject else {})))
        yield sample.to_dict()


ROWS = [('a', 0, [.9, .1]), ('a', 0, [.4, .6]), ('b', 0, [.2, .8]), ('b', 0, [.6, .4]), ('c', 1, [.1, .9]),
        ('d', 1, [.3, .7])]


def evaluate(rows=ROWS, subject=True, classes=('NM', 'KOA'), **options):
    metric = METRICS.build(dict(type='GaitMetric', **options))
    metric.dataset_meta = dict(classes=classes)
    metric.process(None, list(samples(rows, subject)))
    return metric.evaluate(len(rows))


def test_scores_by_clip_class_and_subject():
    result = evaluate()
    assert result['gait/accuracy'] == pytest.approx(4 / 6)
    assert result['gait/recall_NM'] == 0.5 and result['gait/recall_KOA'] == 1
    assert result['gait/precision_NM'] == 1 and result['gait/precision_KOA'] == 0.5
    assert result['gait/macro_recall'] == 0.75
    assert result['gait/macro_f1'] == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert result['gait/subject_accuracy'] == 0.75  # a's mean is right, b's is wrong
    assert list(result)[0] == 'gait/accuracy'  # what save_best='auto' takes


def test_without_subjects_the_clip_scores_stand_alone():
    result = evaluate(subject=False)
    assert 'gait/subject_accuracy' not in result and result['gait/accuracy'] == pytest.approx(4 / 6)


def test_predictions_are_written(tmp_path):
    evaluate(out_file=str(tmp_path / 'predictions.json'))
    written = json.loads((tmp_path / 'predictions.json').read_text())
    assert written['classes'] == ['NM', 'KOA'] and len(written['clips']) == 6
    assert written['clips'][1] == dict(clip='clip1', subject='a', label=0, score=pytest.approx([.4, .6]))


def test_head_and_data_set_must_agree_on_the_classes():
    with pytest.raises(ConfigError, match='model.cls_head.num_classes'):
        evaluate(classes=('a', 'b', 'c'))


def test_scores_that_are_no_numbers_are_named():
    with pytest.raises(ResultsError, match='clip clip1: score'):
        evaluate([ROWS[0], ('a', 0, [float('nan')] * 2)])


def test_a_person_with_clips_of_two_classes_counts_in_each():
    clips = [dict(subject='a', label=0, score=[.9, .1]), dict(subject='a', label=1, score=[.1, .9]),
             dict(subject='a', label=1, score=[.3, .7])]
    for order in (clips, clips[::-1]):
        found = {clip['label']: clip for clip in by_subject(order)}
        assert found[0]['score'] == pytest.approx([.9, .1]) and found[1]['score'] == pytest.approx([.2, .8])


def test_class_without_clips_does_not_count_into_the_averages():
    scores = classification_scores(np.array([[2, 0, 0], [0, 1, 0], [0, 0, 0]]))
    assert scores['macro_f1'] == 1 and scores['macro_recall'] == 1


def test_averages_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    clips = [dict(label=int(rng.integers(4)), score=rng.random(4).tolist()) for _ in range(50)]
    labels, predicted = [clip['label'] for clip in clips], [int(np.argmax(clip['score'])) for clip in clips]
    precision, recall, f1, _ = precision_recall_fscore_support(labels, predicted, average='macro')
    assert classification_scores(confusion_of(clips, 4)) == pytest.approx(dict(
        accuracy=accuracy_score(labels, predicted), macro_f1=f1, macro_recall=recall, macro_precision=precision))


def test_interval_resamples_people():
    rng = np.random.default_rng(0)
    people = [dict(subject=str(i), label=i % 2, score=[1, 0] if rng.random() < .3 + .5 * (1 - i % 2) else [0, 1])
              for i in range(60)]
    low, high = subject_interval([people], 2, resamples=1000)['accuracy']
    copies = [dict(person) for person in people for _ in range(10)]  # ten clips of each tell nothing new
    assert subject_interval([copies], 2, resamples=1000)['accuracy'] == pytest.approx((low, high))
    assert low < classification_scores(confusion_of(people, 2))['accuracy'] < high and high - low > 0.1


def test_subject_score_is_the_mean_over_the_clips():
    clips = [dict(subject='a', label=1, score=[.9, .1]), dict(subject='a', label=1, score=[.3, .7])]
    assert by_subject(clips) == [dict(subject='a', label=1, score=pytest.approx([.6, .4]))]


UPDRS = dict(updrs=dict(type='ordinal', grades=[0, 1, 2]))
SPEED = dict(speed=dict(type='numeric', unit='m/s'))


def evaluate_targets(rows, targets, **options):
    """Metrics of (subject, values, scores by target) rows."""
    metric = METRICS.build(dict(type='GaitMetric', **options))
    metric.dataset_meta = dict(classes=('PD', ), targets=targets)
    metric.process(None, [dict(frame_dir=f'clip{index}', subject=person, targets=np.array(values, float), pred_targets={
        name: torch.tensor(score) for name, score in scores.items()}) for index, (person, values, scores) in
        enumerate(rows)])
    return metric.evaluate(len(rows))


def test_one_ordinal_target_adds_to_the_scores_of_classes():
    metric = METRICS.build(dict(type='GaitMetric'))
    metric.dataset_meta = dict(classes=('0', '1', '2'), targets=UPDRS)
    metric.process(None, list(samples([('a', 0, [.4, .25, .35]), ('b', 1, [.1, .8, .1]), ('c', 2, [0., .2, .8])])))
    result = metric.evaluate(3)
    assert result['gait/accuracy'] == 1 and result['gait/mae'] == pytest.approx(1 / 3)  # the most likely; the median
    assert result['gait/subject_within_one'] == 1


def test_missing_values_do_not_count(tmp_path):
    rows = [('a', [0, 1.2], dict(updrs=[.9, .1, 0.], speed=[1., .8, 1.3])),
            ('b', [np.nan, 1.], dict(updrs=[0., .1, .9], speed=[1.5, 1.2, 1.6])),
            ('c', [2, np.nan], dict(updrs=[0., .1, .9], speed=[0., 0., 0.]))]
    result = evaluate_targets(rows, {**UPDRS, **SPEED}, out_file=str(tmp_path / 'predictions.json'))
    assert result['gait/updrs_mae'] == 0 and result['gait/updrs_accuracy'] == 1
    assert result['gait/speed_mae'] == pytest.approx(0.35) and result['gait/speed_coverage'] == 0.5
    written = json.loads((tmp_path / 'predictions.json').read_text())
    assert written['clips'][1]['targets']['updrs']['label'] is None and list(written['targets']) == ['updrs', 'speed']


def test_head_must_predict_the_targets_of_the_data():
    with pytest.raises(ConfigError, match='model.cls_head'):
        evaluate_targets([('a', [1.], dict(updrs=[1., 0., 0.]))], SPEED)

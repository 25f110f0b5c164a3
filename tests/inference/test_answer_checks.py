"""Answers about people left out, of tiny models with random weights on two folds."""
import json

import numpy as np
import pytest

from dynstg_mm.benchmark.answers import read_answers
from dynstg_mm.benchmark.runs import kept_runs
from dynstg_mm.commands.check_answers import check, main, parse_args
from dynstg_mm.errors import ConfigError, ResultsError
from dynstg_mm.inference.answer_checks import _cut, record_without
from dynstg_mm.inference.out_of_fold import out_of_fold
from dynstg_mm.inference.training_gait import TrainingGait
from dynstg_mm.skeletons import get_layout
from dynstg_mm.statistics import by_subject

from ..benchmark.test_robustness import runs  # noqa: F401


def test_answers_are_counted_with_their_doubts(runs, tmp_path):  # noqa: F811
    out, file = tmp_path / 'answers.json', tmp_path / 'gait.pkl'
    arguments = [str(runs), 'more', '--out', str(out), '--others', f'again={file}', '--lengths', '2']
    assert main([*arguments, '--strangers', f'same={file}']) == 0
    content = read_answers(out)['out']
    own, cut, again = content['rows']
    assert [row['recordings'] for row in content['rows']] == ['as they are', 'cut to 2 s', 'again']
    assert {**again, 'recordings': own['recordings']} == own
    people = by_subject(out_of_fold(kept_runs(runs, 'more')).clips)
    assert own['people'] == len(people) and own['count'] == own['right']['answers'] + own['wrong']['answers'] == 6
    assert own['accuracy'][0] == np.mean([np.argmax(clip['score']) == clip['label'] for clip in people])
    for side in (own['right'], own['wrong'], cut['right'], cut['wrong']):
        assert max(side.values()) == side['answers'] and side['any'] >= side['unlike_training']
    assert content['strangers']['same']['recordings'] == 16 and 0 <= content['strangers']['same']['gait'] <= 1

    assert main([*arguments[:-2], '--lengths', '--name', 'other']) == 0  # is added
    assert read_answers(out) == dict(out=content, other=dict(rows=[own, again], strangers={}))
    del content['rows'][0]['covered']
    out.write_text(json.dumps(dict(out=content)))
    with pytest.raises(ResultsError, match='rows.*covered'):
        read_answers(out)


def test_a_person_is_compared_with_the_others_alone(runs):  # noqa: F811
    found = out_of_fold(kept_runs(runs, 'more'))
    record = record_without(found.people[0], 0, found, TrainingGait(kept_runs(runs, 'more'), found), 0.9)
    others = np.array(found.people) != found.people[0]
    assert 0 < others.sum() < len(others)
    assert record.features.held_out.tolist() == found.distances[others].tolist()
    assert sum(map(len, record.conformal.scores)) == len(record.gait.held_out) == others.sum()


def test_the_middle_of_the_part_with_a_person_is_kept(sample):
    clip = dict(sample['annotations'][0], layout=get_layout('body_25'))
    clip['keypoint'] = np.array(clip['keypoint'], np.float32)
    clip['keypoint'][:, :40] = 0
    clip['keypoint_score'] = np.array(clip['keypoint_score'])
    clip['keypoint_score'][:, :40] = 0
    frames = int(np.ceil(2 * clip['rate'])) + 1
    first = 40 + (clip['keypoint'].shape[1] - 40 - frames) // 2
    cut = _cut(clip, 2.)
    assert cut['keypoint'].shape[1] == frames == cut['total_frames']
    seen = clip['keypoint_score'][:, first:first + frames] > 0
    assert seen.any() and np.array_equal(cut['keypoint'][seen], clip['keypoint'][:, first:first + frames][seen])


@pytest.mark.parametrize('arguments, field', [
    (['more', '--lengths', '0.5'], '--lengths'), (['nobody'], 'runs/nobody'),
    (['more', '--others', 'nowhere.pkl'], 'nowhere.pkl')])
def test_what_cannot_be_measured_is_named(runs, tmp_path, arguments, field):  # noqa: F811
    with pytest.raises((ConfigError, ResultsError, FileNotFoundError), match=field):
        check(parse_args([str(runs), *arguments, '--out', str(tmp_path / 'answers.json')]))
    assert not (tmp_path / 'answers.json').exists()

"""Reasons not to believe an answer."""
import numpy as np
import pytest

from dynstg_mm.gait.events import foot_events
from dynstg_mm.gait.walk import walk_of
from dynstg_mm.inference.answer import Answer, WindowAnswer
from dynstg_mm.inference.doubts import Expected, add_doubts, describe
from dynstg_mm.inference.training_record import TrainingRecord
from dynstg_mm.skeletons import LAYOUTS


@pytest.fixture
def clip(sample):
    return dict(sample['annotations'][0], layout='body_25')


def doubts(clip, model=None, walk=False, **fields):
    """Code -> severity, of the answer about a clip."""
    frames = np.shape(clip['keypoint'])[1]
    answer = Answer('a', 'm', ['x', 'y'], predicted='x', rate=clip['rate'], frames=frames,
                    duration=frames / clip['rate'], **fields)
    person = walk_of(clip, clip['layout']) if walk else None
    add_doubts(answer, clip, model or Expected(2.56, True, LAYOUTS['body_25']), person,
               foot_events(person) if walk else ())
    answer.to_json()
    return answer, {doubt.code: doubt.severity for doubt in answer.doubts if doubt.code != 'not_checked'}


def test_a_walk_is_not_doubted(clip):
    answer, found = doubts(clip, walk=True, windows=[WindowAnswer(0, 2.56, [1, 0])])
    assert found == {} and answer.predicted == 'x' and answer.windows[0].doubts == []


def test_standing_is_refused(clip):
    clip['keypoint'] = np.repeat(clip['keypoint'][:, 40:41], clip['keypoint'].shape[1], 1)
    clip['keypoint_score'] = np.repeat(clip['keypoint_score'][:, 40:41], clip['keypoint'].shape[1], 1)
    answer, found = doubts(clip, walk=True, windows=[WindowAnswer(0, 2.56, [1, 0])])
    assert found == {'not_walking': 'refusal'} and answer.predicted is None
    assert answer.windows[0].doubts == ['not_walking']


def test_what_cannot_be_measured_is_refused(clip):
    clip['keypoint_score'] = clip['keypoint_score'].copy()
    clip['keypoint_score'][..., [10, 11, 13, 14]] = 0  # knees and ankles
    answer = Answer('a', 'm', ['x'], predicted='x')
    assert describe(answer, clip) == (None, [])
    assert answer.predicted is None and answer.doubts[0].severity == 'refusal'


@pytest.mark.parametrize('change, code, severity', [
    (dict(rate=50.), 'too_short', 'doubt'), (dict(rate=200.), 'too_short', 'refusal'),
    (dict(rate=10.), 'low_rate', 'doubt'), (dict(persons=2), 'several_persons', 'doubt'),
    (dict(assumed=True), 'other_skeleton', 'note')])
def test_the_recording(clip, change, code, severity):
    assert doubts(dict(clip, **change))[1] == {code: severity}


def test_shares_of_the_picture(clip):
    assert doubts(dict(clip, keypoint=clip['keypoint'] / np.float32(1000)))[1] == {'aspect': 'doubt'}


def test_a_skeleton_that_jumps_to_another_person(clip):
    keypoint = clip['keypoint'] = clip['keypoint'].copy()
    keypoint[:, 50:, :, 0] += 2000
    answer, found = doubts(clip, walk=True)
    jump, = (doubt for doubt in answer.doubts if doubt.code == 'jump')
    assert found['jump'] == 'doubt' and f'{50 / clip["rate"]:.1f} s' in jump.text and jump.value > jump.limit
    assert 'look' not in found and doubts(dict(clip, format='video'), walk=True)[1]['look'] == 'note'


def test_a_skeleton_that_is_assumed_and_cannot_be(clip):
    mixed = dict(clip, keypoint=clip['keypoint'][:, :, np.random.default_rng(0).permutation(25)], assumed=True)
    assert doubts(mixed)[1]['other_skeleton'] == 'doubt'


def test_a_skeleton_with_made_joints(clip):
    model = Expected(2.56, True, LAYOUTS['gait_13'])
    assert doubts(clip, model)[1] == {}  # it has all of them
    assert doubts(dict(clip, layout='coco'), model)[1] == {'other_skeleton': 'note'}  # no neck


@pytest.mark.parametrize('estimator, others, expected', [
    ('OpenPose 1.7', {}, {}), (None, {}, {}), ('MediaPipe 0.10', {}, {'other_estimator': 'doubt'}),
    ('MediaPipe 0.10', {'MediaPipe': dict(macro_f1=[.9, .8, 1], own=dict(macro_f1=[.93, .9, 1]))},
     {'other_estimator': 'note'})])
def test_the_estimator(clip, estimator, others, expected):
    record = TrainingRecord(estimator='OpenPose', figures=dict(others=others))
    assert doubts(dict(clip, estimator=estimator), Expected(record=record))[1] == expected


@pytest.mark.parametrize('program, expected', [
    ('openpose', {}), ('npz', {}), ('mmpose', {'other_estimator': 'doubt'}), ('c3d', {'other_estimator': 'doubt'}),
    ('trc', {'other_estimator': 'doubt'}), ('kinect', {'other_estimator': 'doubt'})])
def test_the_program_of_a_format(clip, program, expected):
    record = TrainingRecord(estimator='OpenPose 1.7')
    assert doubts(dict(clip, format=program), Expected(record=record))[1] == expected


def test_unlike_the_training(clip):
    far, near = (dict(distance=distance, rank=.9, limit=2.) for distance in (3., 1.))
    assert doubts(clip, unlike=dict(features=near, gait=near))[1] == {}
    assert doubts(clip, unlike=dict(features=far, gait=near))[1] == {'unlike_training': 'doubt'}


@pytest.mark.parametrize('kept, expected', [
    (None, {}), (['x'], {}), (['x', 'y'], {}), (['y'], {'not_in_set': 'doubt'}), ([], {'not_in_set': 'doubt'})])
def test_the_answer_is_one_of_the_likely_classes(clip, kept, expected):
    assert doubts(clip, prediction_set=kept, probabilities=[.6, .4])[1] == expected


def test_windows_that_disagree(clip):
    windows = [WindowAnswer(0, 1, [.9, .1]), WindowAnswer(1, 2, [.2, .8])]
    assert doubts(clip, windows=windows)[1] == {'changes': 'doubt'}
    assert doubts(clip, windows=windows[:1] * 3 + windows[1:])[1] == {}

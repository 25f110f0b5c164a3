import pytest

from dynstg_mm.datasets.folds import (
    Fold,
    everybody,
    fold_split,
    folds_of,
    leave_one_subject_out,
    parse_fold,
    split_family,
    split_task,
    subject_folds,
)
from dynstg_mm.errors import DataError


@pytest.mark.parametrize('fold', [Fold('koa_nm', 0, 'train'), Fold('msnd_loso', 44, 'test'), Fold('', 2, 'val'),
                                  Fold('a_fold1_test', 3, 'test')])
def test_names_of_folds_are_parsed_as_they_are_made(fold):
    assert parse_fold(fold_split(*fold)) == fold


@pytest.mark.parametrize('split', ['train', 'a_test', 'a_fold0', 'a_fold_test', 'a_fold0_exam', 'a_fold0_test1', 3,
                                   None])
def test_other_names_are_no_folds(split):
    assert parse_fold(split) is None


def test_folds_of_a_task_are_in_numerical_order():
    splits = ['a_fold10_test', 'a_fold2_test', 'a_fold3_train', 'b_a_fold1_test', 'ab_fold0_test', 7, 'test']
    assert folds_of(splits, 'a') == [2, 10]
    assert folds_of(splits, 'a', 'train') == [3] and folds_of(splits, 'b_a') == [1]


@pytest.mark.parametrize('split, family, task', [
    ('train', '*', 'all'), ('a_fold0_test', 'a_fold0_*', 'a'), ('a_fold1_TRAIN', 'a_fold1_*', 'a_fold1'),
    ('train1', '*1', '1'), ('gait_val', 'gait_*', 'gait'), ('test_a_train', 'test_a_*', 'test_a'),
    ('everyone', None, 'everyone')])
def test_splits_that_belong_together(split, family, task):
    assert (split_family(split), split_task(split)) == (family, task)


def test_folds_hold_every_subject_out_once_and_keep_the_classes():
    clips = [dict(frame_dir=f's{subject}_{walk}', subject=f's{subject}', label=int(subject >= 20))
             for subject in range(30) for walk in range(2)]
    splits = subject_folds(clips, 'task')
    assert splits == subject_folds(clips, 'task')
    tested = [name for fold in range(5) for name in splits[fold_split('task', fold, 'test')]]
    assert sorted(tested) == sorted(clip['frame_dir'] for clip in clips)
    label = {clip['frame_dir']: clip['label'] for clip in clips}
    for fold in range(5):
        train, test = splits[f'task_fold{fold}_train'], splits[f'task_fold{fold}_test']
        assert not {name.split('_')[0] for name in train} & {name.split('_')[0] for name in test}
        assert sum(label[name] for name in test) == 4 and len(test) == 12


def test_leaving_one_subject_out_tests_everybody_once():
    clips = [dict(frame_dir=f's{subject}_{walk}', subject=f's{subject}', label=0) for subject in range(4)
             for walk in range(2)]
    splits = leave_one_subject_out(clips, 'task')
    assert splits['task_fold2_test'] == ['s2_0', 's2_1'] and len(splits['task_fold2_train']) == 6
    with pytest.raises(DataError, match='1 subjects'):
        leave_one_subject_out(clips[:2], 'task')


@pytest.mark.parametrize('clips, field', [
    ([dict(frame_dir='a', subject='s', label=0), dict(frame_dir='b', subject='s', label=1)], 'clip b: label'),
    ([dict(frame_dir=str(i), subject=str(i), label=int(i > 3)) for i in range(20)], 'task: 4 subjects'),
])
def test_folds_that_cannot_be_made_are_refused(clips, field):
    with pytest.raises(DataError, match=field):
        subject_folds(clips, 'task')


def test_everybody_is_tested_by_one_fold():
    splits = dict(a_fold10_test=['z'], a_fold2_test=['x', 'y'], a_fold2_train=['z'], b_fold0_test=['w'])
    assert everybody(splits, 'a') == ['x', 'y', 'z'] and everybody(splits, 'c') == []

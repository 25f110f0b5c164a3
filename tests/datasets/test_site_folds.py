import pytest

from dynstg_mm.datasets.folds import everybody
from dynstg_mm.datasets.site_folds import adapted_to_site, folds_at_sites, leave_one_site_out
from dynstg_mm.errors import DataError


def walks(sites=None):
    """Two walks of each person: 12 people in Kiel and 6 in Lyon, of two classes."""
    sites = sites or {f'{site}{person}': [site] for site, people in (('Kiel', 12), ('Lyon', 6))
                      for person in range(people)}
    return [dict(frame_dir=f'{subject}_{site}_{walk}', subject=subject, label=int(subject[4:]) % 2, site=site)
            for subject, places in sites.items() for site in places for walk in range(2)]


def people(clips, names):
    subject = {clip['frame_dir']: clip['subject'] for clip in clips}
    return {subject[name] for name in names}


def test_each_site_is_left_out_once():
    clips = walks()
    splits = leave_one_site_out(clips, 'gait')
    assert list(splits) == [f'gait_leave_site_out_fold{fold}_{part}' for fold in (0, 1) for part in ('train', 'test')]
    assert people(clips, splits['gait_leave_site_out_fold1_test']) == {f'Lyon{person}' for person in range(6)}
    assert len(splits['gait_leave_site_out_fold1_train']) == 24


def test_people_of_the_new_site_are_trained_on_and_never_tested():
    clips = walks()
    drawn = {}
    for count in (2, 4):
        splits = adapted_to_site(clips, 'gait', count)
        for fold, site in enumerate(('Kiel', 'Lyon')):
            train, test = (people(clips, splits[f'gait_leave_site_out_adapt{count}_fold{fold}_{part}'])
                           for part in ('train', 'test'))
            own = {subject for subject in train | test if subject.startswith(site)}
            drawn[count, site] = own & train
            assert len(own & train) == count and not train & test and own - train == test
            assert sum(int(subject[4:]) % 2 for subject in own & train) == count / 2  # both classes
    assert all(drawn[2, site] < drawn[4, site] for site in ('Kiel', 'Lyon'))
    assert adapted_to_site(clips, 'gait', 2) == adapted_to_site(clips, 'gait', 2, seed=0)
    assert adapted_to_site(clips, 'gait', 2) != adapted_to_site(clips, 'gait', 2, seed=1)


@pytest.mark.parametrize('people', [6, 9])
def test_somebody_must_be_left_to_test(people):
    with pytest.raises(DataError, match='site Lyon: 6 people'):
        adapted_to_site(walks(), 'gait', people)


def test_a_person_at_two_sites_is_an_error_where_a_whole_site_is_left_out():
    clips = walks({'Kiel0': ['Kiel'], 'Both1': ['Kiel', 'Lyon'], 'Lyon2': ['Lyon']})
    with pytest.raises(DataError, match='clip Both1_Lyon_0: subject'):
        leave_one_site_out(clips, 'gait')


def test_folds_at_sites_share_their_people_and_no_fold_knows_whom_it_tests():
    cameras = {f'walk{person}': ['left', 'right'] for person in range(7)} | {'only9': ['left']}
    clips = walks(cameras)
    splits = folds_at_sites(clips, 'gait', folds=3)
    tasks = ('gait_site_left', 'gait_site_right', 'gait_all_sites', 'gait_unseen_site_left', 'gait_unseen_site_right')
    assert set(splits) == {f'{task}_fold{fold}_{part}' for task in tasks for fold in range(3)
                           for part in ('train', 'test')}
    for fold in range(3):
        tested = people(clips, splits[f'gait_all_sites_fold{fold}_test'])
        for task in tasks:
            assert people(clips, splits[f'{task}_fold{fold}_test']) <= tested
            assert not people(clips, splits[f'{task}_fold{fold}_train']) & tested
        assert all('left' in name for name in splits[f'gait_unseen_site_right_fold{fold}_train'])
        assert all('right' in name for name in splits[f'gait_unseen_site_right_fold{fold}_test'])
    assert sorted(everybody(splits, 'gait_all_sites')) == sorted(clip['frame_dir'] for clip in clips)


@pytest.mark.parametrize('folds', [2, 3])
def test_folds_are_even_over_sites_and_classes(folds):
    clips = walks()
    splits = folds_at_sites(clips, 'gait', folds=folds)
    for fold in range(folds):
        tested = people(clips, splits[f'gait_all_sites_fold{fold}_test'])
        assert len(tested) == 18 // folds and abs(sum(int(subject[4:]) % 2 for subject in tested) - 9 / folds) < 1
        assert sum(subject.startswith('Lyon') for subject in tested) == 6 // folds


@pytest.mark.parametrize('change, field', [
    (lambda clip: dict(clip, site=None), 'clip Kiel0_Kiel_0: site: missing'),
    (lambda clip: dict(clip, site='Kiel'), 'site: all clips are of Kiel'),
    (lambda clip: dict(clip, subject=clip['site']), 'site Kiel: 1 person'),
])
def test_sites_that_cannot_be_left_out_are_named(change, field):
    with pytest.raises(DataError, match=field):
        folds_at_sites([change(clip) for clip in walks()], 'gait')

import numpy as np
import pytest

from dynstg_mm.commands.join import main
from dynstg_mm.datasets import GaitDataset
from dynstg_mm.datasets.named_files import TaskFile, named_files
from dynstg_mm.errors import UserError
from dynstg_mm.files import dump_pickle
from dynstg_mm.importers.join import join_files
from dynstg_mm.safe_pickle import load_pickle
from dynstg_mm.skeletons import LAYOUTS


def write_site(folder, name, classes, layout='coco', people=4, **fields):
    """Two walks of each person; the joint number is its place, and the class changes from person to person."""
    joints = len(LAYOUTS[layout]['joints'])
    clips = [dict(frame_dir=f'w{person}_{walk}', subject=f'p{person}', label=person % len(classes), rate=30.,
                  total_frames=9, keypoint=np.random.default_rng([person, walk]).random((1, 9, joints, 2)) + 1,
                  **fields) for person in range(people) for walk in range(2)]
    for clip in clips:
        clip['keypoint'][..., 0] = np.arange(joints) + 1
    path = folder / f'{name}.pkl'
    dump_pickle(dict(split={'all_train': [clip['frame_dir'] for clip in clips[2:]]}, annotations=clips, classes=classes,
                     layout=layout), path)
    return str(path)


@pytest.fixture
def files(tmp_path):
    return {'Kiel': TaskFile(write_site(tmp_path, 'kiel', ['NM', 'KOA'])),
            'Lyon': TaskFile(write_site(tmp_path, 'lyon', ['arthrose', 'sain', 'autre'], layout='body_25', people=6))}


RENAMED = dict(arthrose='KOA', sain='NM', autre='')


def test_classes_and_joints_are_mapped_by_name(files, tmp_path):
    out = tmp_path / 'both.pkl'
    summary = join_files(files, out, name='gait', by='dataset', renamed=RENAMED, adapt=[1])
    data = load_pickle(out)
    assert data['classes'] == ['NM', 'KOA'] and data['layout'] == 'coco' and '1 Lyon (4 people)' in summary
    clips = {clip['frame_dir']: clip for clip in data['annotations']}
    assert len(clips) == 16  # without those of two people of class autre
    assert (clips['Lyon/w0_0']['label'], clips['Lyon/w1_0']['label'], clips['Kiel/w0_0']['label']) == (1, 0, 0)
    assert clips['Lyon/w0_0']['subject'] == 'Lyon/p0' and clips['Lyon/w0_0']['dataset'] == 'Lyon'
    own = LAYOUTS['body_25']['joints']
    assert (clips['Lyon/w0_0']['keypoint'][0, 0, :, 0] - 1).tolist() == [
        own.index(joint) for joint in LAYOUTS['coco']['joints']]
    tested = GaitDataset(str(out), [], split='gait_leave_dataset_out', fold=1, test_mode=True)
    assert {tested.get_data_info(index)['dataset'] for index in range(len(tested))} == {'Lyon'}
    assert len(GaitDataset(str(out), [], split='gait_leave_dataset_out_adapt1', fold=1)) == 10


def test_classes_are_in_the_order_of_the_files_and_only_those_that_are_there(files, tmp_path):
    join_files(files, tmp_path / 'both.pkl', name='gait', by='dataset', renamed=dict(RENAMED, KOA='KOA'),
               classes_of=dict(Kiel=['KOA', 'NM', 'PD']))
    assert load_pickle(tmp_path / 'both.pkl')['classes'] == ['KOA', 'NM']


def test_equal_names_are_one_person_only_if_that_is_said(files, tmp_path):
    out = tmp_path / 'both.pkl'
    join_files(files, out, name='gait', by='dataset', renamed=RENAMED, same_people=True)
    splits = load_pickle(out)['split']
    assert not any('leave' in split for split in splits)
    people = {clip['frame_dir']: clip['subject'] for clip in load_pickle(out)['annotations']}
    for fold in range(4):
        train, test = ({people[name] for name in splits[f'gait_unseen_dataset_Lyon_fold{fold}_{part}']}
                       for part in ('train', 'test'))
        assert test and not train & test


def test_scores_beside_the_class_are_kept_if_their_scale_is_the_same(files, tmp_path):
    for part, grades in zip(files.values(), ([0, 1, 2], [0, 1, 2])):
        data = load_pickle(part.file)
        for clip in data['annotations']:
            clip['targets'] = dict(updrs=1)
        dump_pickle(dict(data, targets=dict(updrs=dict(type='ordinal', grades=grades))), part.file)
    join_files(files, tmp_path / 'both.pkl', name='gait', by='dataset', renamed=RENAMED)
    data = load_pickle(tmp_path / 'both.pkl')
    assert list(data['targets']) == ['updrs'] and data['annotations'][0]['targets'] == dict(updrs=1)
    changed = load_pickle(files['Lyon'].file)
    changed['targets']['updrs']['grades'] = [0, 1, 2, 3]
    dump_pickle(changed, files['Lyon'].file)
    with pytest.raises(UserError, match='lyon.pkl: targets.updrs'):
        join_files(files, tmp_path / 'both.pkl', name='gait', by='dataset', renamed=RENAMED)


def test_one_file_with_sites_gets_splits_and_keeps_its_names(tmp_path):
    path = write_site(tmp_path, 'gait', ['a', 'b'], people=8)
    data = load_pickle(path)
    for clip in data['annotations']:
        clip['site'] = 'Kiel' if int(clip['subject'][1:]) < 5 else 'Lyon'
    dump_pickle(data, path)
    assert main([f'{path}:all', '--adapt', '1', '2', '--out', str(tmp_path / 'sites.pkl')]) == 0
    data = load_pickle(tmp_path / 'sites.pkl')
    assert data['split']['sites_leave_site_out_fold1_test'] == [f'w{person}_{walk}' for person in (5, 6, 7)
                                                                for walk in (0, 1)]
    assert len(data['annotations']) == 14  # the task leaves the first two out


@pytest.mark.parametrize('options, field', [
    (dict(), 'site: missing'),
    (dict(by='dataset', classes=['NM', 'KOA']), 'class arthrose'),
    (dict(by='dataset', classes_of=dict(Lyon=['a'])), 'lyon.pkl: clip w1_0: label'),
    (dict(by='dataset', classes_of=dict(Rom=['a'])), '--classes-of: Rom'),
    (dict(by='dataset', layout='body_25'), 'kiel.pkl: layout'),
    (dict(by='dataset', adapt=[6]), 'dataset Kiel: 4 people'),
])
def test_wrong_files_and_options_are_one_line(files, tmp_path, options, field):
    with pytest.raises(UserError, match=field) as caught:
        join_files(files, tmp_path / 'both.pkl', name='gait', **options)
    assert '\n' not in str(caught.value) and not (tmp_path / 'both.pkl').exists()


def test_files_have_names_and_tasks(tmp_path):
    file = tmp_path / 'a:b.pkl'
    file.touch()
    assert named_files([str(file), f'c={file}:koa_nm'], '--x') == {
        'a:b': TaskFile(str(file)), 'c': TaskFile(str(file), 'koa_nm')}
    with pytest.raises(UserError, match='--x'):
        named_files([str(file), str(file)], '--x')
    with pytest.raises(FileNotFoundError):
        named_files(['missing.pkl:task'], '--x')

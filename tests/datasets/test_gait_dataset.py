import math
import os
import pickle
import re

import numpy as np
import pytest
from mmaction.registry import DATASETS
from mmengine.logging import MMLogger
from torch.utils.data import DataLoader

from dynstg_mm.commands.common import one_line_errors
from dynstg_mm.datasets import check_sides
from dynstg_mm.errors import ClipError, ConfigError, DataError
from dynstg_mm.gait.geometry import leg_length
from dynstg_mm.skeletons import LAYOUTS


def build(path, type='SyntheticGaitDataset', split='train', **options):
    return DATASETS.build(dict(dict(pipeline=[]), type=type, ann_file=path, split=split, **options))


def first(data):
    """The first clip of the split `train`."""
    return next(clip for clip in data['annotations'] if clip['frame_dir'] == data['split']['train'][0])


def change(field, value):
    def apply(data):
        first(data)[field] = value(first(data)) if callable(value) else value
    return apply


def test_clips_come_with_their_fields(annotation_file):
    dataset = build(annotation_file(), layout='body_25')
    assert len(dataset) == 8 and dataset.metainfo['classes'][3] == 'osteoarthritis'
    clip = dataset[0]
    assert clip['keypoint'].shape[2:] == (25, 2) and clip['rate'] in (25, 30) and clip['subject']


@pytest.mark.parametrize('type, classes', [
    ('KOANMDataset', ('NM', 'KOA')), ('KOAPDNMDataset', ('NM', 'KOA', 'PD')), ('KOAStageDataset', ('EL', 'MD', 'SV')),
    ('PDWalkDataset', ('Healthy', 'PD')), ('AtaxiaDataset', ('Control', 'Ataxia'))])
def test_named_data_sets_carry_their_classes(annotation_file, type, classes):
    def two_classes(data):
        for clip in data['annotations']:
            clip['label'] %= 2
    assert build(annotation_file(two_classes), type=type).metainfo['classes'] == classes


def test_own_classes_through_metainfo(annotation_file):
    dataset = build(annotation_file(), type='GaitDataset', metainfo=dict(classes=('a', 'b', 'c', 'd')))
    assert dataset.metainfo['classes'] == ('a', 'b', 'c', 'd')


def test_stock_pose_dataset_reads_the_same_file(annotation_file):
    path = annotation_file()
    stock, ours = build(path, type='PoseDataset'), build(path)
    assert len(stock) == len(ours)
    for a, b in zip(stock, ours):
        assert a['label'] == b['label'] and (a['keypoint'] == b['keypoint']).all()


@pytest.mark.parametrize('break_it, message', [
    (change('keypoint', lambda clip: clip['keypoint'][:, :0]), 'keypoint: 1 persons in 0 frames'),
    (change('keypoint', lambda clip: clip['keypoint'][:, :, :17]), 'keypoint: 17 joints; expected 25'),
    (change('keypoint', lambda clip: clip['keypoint'][0]), 'keypoint: an array of float32 of shape'),
    (change('keypoint', lambda clip: clip['keypoint'].astype(object)), 'keypoint: an array of object'),
    (change('keypoint', lambda clip: clip['keypoint'].tolist()), 'keypoint: a list of 1; expected an array'),
    (change('keypoint', lambda clip: clip['keypoint'] * np.nan), 'keypoint: NaN or infinite in frame 0'),
    (change('keypoint', lambda clip: np.concatenate([clip['keypoint']] * 2, -1)), 'keypoint: 4 coordinates'),
    (change('keypoint_score', lambda clip: clip['keypoint_score'][:, 1:]), 'keypoint_score: an array of'),
    (change('keypoint', lambda clip: clip['keypoint'] + np.float32(1e30)), r'keypoint: 1e\+30 to 1e\+30; expected'),
    (change('keypoint_score', lambda clip: clip['keypoint_score'] * np.nan), 'keypoint_score: NaN or infinite in'),
    (change('total_frames', 3), 'total_frames: 3'),
    (change('rate', None), 'rate: missing; expected the frames per second'),
    (change('rate', 0), 'rate: 0; expected'),
    (change('label', 4), r'label: 4; .* \(normal, parkinson'),
    (change('label', -1), 'label: -1; expected a class number'),
    (change('label', 'normal'), "label: 'normal'; expected a class number"),
    (change('subject', None), 'subject: missing; expected who walks'),
])
def test_wrong_clip_is_named_with_its_field(annotation_file, break_it, message):
    path = annotation_file(break_it)
    with pytest.raises(DataError, match=f'gait.pkl: clip synthetic_normal_00_0: {message}'):
        build(path, layout='body_25')


@pytest.mark.parametrize('break_it, message', [
    (lambda data: data.pop('annotations'), 'annotations: missing'),
    (lambda data: data['annotations'].append(dict()), 'annotation 16: frame_dir: missing'),
    (lambda data: data['annotations'].append(dict(frame_dir='two\nlines')), "annotation 16: frame_dir: 'two"),
    (lambda data: data['annotations'].append(dict(data['annotations'][0])), 'annotation 16: frame_dir: synthetic_'),
    (lambda data: data['split'].pop('train'), 'split train: missing; .* test'),
    (lambda data: data['split'].update(train=[]), 'split train: empty'),
    (lambda data: data['split']['train'].append('nobody'), 'split train: names clip nobody'),
    (lambda data: data['split']['train'].append(data['split']['train'][0]), 'split train: names clip .* twice'),
    (lambda data: data['split'].update({7: []}), 'split: the name 7'),
    (lambda data: data['split'].update(train='clip'), "split train: 'clip'"),
    (lambda data: data.update(split=['train']), 'split: a list of 1; expected a dict'),
])
def test_wrong_file_is_named(annotation_file, break_it, message):
    with pytest.raises(DataError, match=f'gait.pkl: .*{message}'):
        build(annotation_file(break_it))


@pytest.mark.parametrize('prefix, suffix', [('', ''), ('task_fold0_', ''), ('', '1')])
@pytest.mark.parametrize('loaded', ['train', 'test'])
def test_subject_on_both_sides_is_an_error(annotation_file, prefix, suffix, loaded):
    def leak(data):
        shared = first(data)['frame_dir']
        data['split']['train'].remove(shared)
        data['split']['test'].append(shared)  # the subject's other clip stays in training
        data['split'] = {prefix + name + suffix: members for name, members in data['split'].items()}
        data['split']['other_train'] = [shared]  # of another task, where the same person may well train

    path = annotation_file(leak)
    with pytest.raises(DataError, match='clip synthetic_normal_00_[01]: subject: .* in both '):
        build(path, split=prefix + loaded + suffix)
    assert len(build(path, split=prefix + loaded + suffix, shared_subjects=True))


def test_sides_of_two_divisions_of_a_file(annotation_file):
    def divide(data):
        data['split'].update(own_train=data['split']['test'], own_test=data['split']['train'])
    path = annotation_file(divide)
    train, test = (dict(type='GaitDataset', ann_file=str(path), split=split) for split in ('train', 'own_test'))
    message = 'split train, test_dataloader.dataset own_test: clip synthetic_normal_00_0: '
    for wrapped in (train, dict(type='RepeatDataset', times=2, dataset=dict(train, pipeline=[]))):
        with pytest.raises(DataError, match=message):
            check_sides(wrapped, test)
    check_sides(train, dict(test, shared_subjects=True))
    check_sides(dict(train, split='own_train'), dict(test, split='train'))  # whose people are others
    with pytest.raises(DataError, match='train_dataloader.dataset has split own_train, val_.*: classes: '):
        check_sides(dict(train, split='own_train', type='SyntheticGaitDataset'),
                    dict(test, split='train', metainfo=dict(classes=('a', 'b', 'c', 'd'))), 'val')


def test_classes_and_layout_of_the_file_hold_where_the_config_has_none(annotation_file):
    path = annotation_file(lambda data: data.update(classes=['a', 'b', 'c', 'd'], layout='body_25'))
    data = build(path, type='GaitDataset')
    assert data.metainfo['classes'] == ('a', 'b', 'c', 'd')
    assert data.layout is data[0]['layout'] is LAYOUTS['body_25']
    nameless = dict(num_node=25, inward=[(1, 0)], center=0)
    for layout in ('body_25', nameless):
        build(path, type='GaitDataset', layout=layout, metainfo=dict(classes=('a', 'b', 'c', 'd')))


@pytest.mark.parametrize('field, value, message', [
    ('classes', ['normal', 'ataxia', 'parkinson', 'osteoarthritis'],
     'classes: normal, ataxia, .* normal, parkinson'),
    ('classes', ['normal', 'parkinson'], 'classes: normal, parkinson .* normal, park.*, ata'),
    ('classes', 'normal', "classes: 'normal'; expected different names"),
    ('classes', ['normal', 'normal'], 'classes: a list of 2; expected different names'),
    ('layout', 'coco', 'layout: joints: left_big_toe, .* missing.* nose, left_eye.* gait_13'),
    ('layout', 'own', "layout: unknown name 'own'"),
    ('layout', dict(num_node=10**12, inward=[], center=0), 'layout: num_node: 1000000000000'),
    ('layout', dict(num_node=2, inward=3, center=0), 'layout: inward: 3'),
])
def test_classes_and_layout_that_disagree_are_both_named(annotation_file, field, value, message):
    path = annotation_file(lambda data: data.update({field: value}))
    with pytest.raises(DataError, match=f'gait.pkl: {message}'):
        build(path, layout='body_25')


def test_the_file_may_know_more_classes(annotation_file):
    def two_classes(data):
        data['classes'] = ['NM', 'KOA', 'PD']
        for clip in data['annotations']:
            clip['label'] %= 2
    assert build(annotation_file(two_classes), type='KOANMDataset').metainfo['classes'] == ('NM', 'KOA')


def test_a_subject_is_the_same_as_number_and_as_text(annotation_file):
    def numbers(data):
        for clip in data['annotations']:
            clip['subject'] = 7 if clip['frame_dir'] in data['split']['train'] else '7'
    with pytest.raises(DataError, match='clip .*: subject: 7'):
        build(annotation_file(numbers))


def test_a_score_of_none_is_no_score(annotation_file):
    path = annotation_file(lambda data: [clip.update(keypoint_score=None, subject=3) for clip in data['annotations']])
    data = DATASETS.build(dict(type='GaitDataset', ann_file=path, pipeline=[dict(type='PoseDecode')]))
    assert 'keypoint_score' not in data[0] and data[0]['subject'] == '3'


@pytest.mark.parametrize('test_mode', [False, True])
def test_what_is_kept_of_a_clip_changes_nothing(annotation_file, test_mode):
    steps = [dict(type='FillMissingJoints'), dict(type='ResampleRate'),
             dict(type='SampleWindows', duration=1, num_clips=2, test_mode=test_mode), dict(type='PoseDecode'),
             dict(type='MirrorDirection'), dict(type='ScaleByLegLength'), dict(type='RandomScale')]
    path, seen = annotation_file(), []
    for cache_mb in (512, 0.05, 0):
        data = DATASETS.build(dict(type='GaitDataset', ann_file=path, split='train', layout='body_25', pipeline=steps,
                                   cache_mb=cache_mb))
        np.random.seed(0)
        clips = [data[index % len(data)] for index in range(3 * len(data))]
        seen.append([(clip['frame_dir'], clip['sample_idx'], clip['keypoint']) for clip in clips])
        assert data._cached == sum(clip['keypoint'].nbytes for clip in data._cache.values()) <= cache_mb * 1e6
        assert len(data._cache) == {512: len(data), 0: 0}.get(cache_mb, len(data._cache))
    for kept in seen[:2]:
        for one, other in zip(kept, seen[2]):
            assert one[:2] == other[:2]
            np.testing.assert_array_equal(one[2], other[2])


def test_transforms_that_change_in_place_do_not_reach_what_is_kept(annotation_file):
    steps = [dict(type='FillMissingJoints'), dict(type='ScaleByLegLength')]
    data = DATASETS.build(dict(type='GaitDataset', ann_file=annotation_file(), split='train', layout='body_25',
                               pipeline=steps))
    clip = data[0]
    kept = data._cache[clip['frame_dir']]['keypoint']
    assert leg_length(kept[0], LAYOUTS['body_25']) > 20 > 1.01 > leg_length(clip['keypoint'][0], LAYOUTS['body_25'])


def test_a_subset_has_its_own_clips(annotation_file):
    data = DATASETS.build(dict(type='GaitDataset', ann_file=annotation_file(), split='train', layout='body_25',
                               pipeline=[dict(type='FillMissingJoints')]))
    names = [clip['frame_dir'] for clip in data]
    data.get_subset_([3, 1])
    assert [clip['frame_dir'] for clip in data] == [names[3], names[1]]


@pytest.mark.parametrize('step, line', [
    (dict(type='SampleWindows', duration=60, short_clips='refuse'),
     'error: .*gait.pkl: clip synthetic_normal_00_0: keypoint: .* of 60 s needs 1500..*'),
    (dict(type='CenterSkeleton'), 'error: layout: missing; CenterSkeleton .*')])
def test_an_error_in_a_worker_is_one_line(annotation_file, step, line):
    data = DATASETS.build(dict(type='GaitDataset', ann_file=annotation_file(), split='train', pipeline=[step]))
    batches = iter(DataLoader(data, num_workers=1, collate_fn=list))
    with pytest.raises(SystemExit) as stopped, one_line_errors():
        next(batches)
    batches._shutdown_workers()  # at once: the garbage collector would do it late and wait for 5 s
    assert re.fullmatch(line, stopped.value.code)


def test_a_file_with_more_joints_is_mapped_by_name(annotation_file):
    path = annotation_file(lambda data: data.update(layout='body_25'))
    whole, mapped = build(path, layout='body_25'), build(path, layout='gait_13')
    knee = [LAYOUTS[name]['joints'].index('left_knee') for name in ('body_25', 'gait_13')]
    for field in ('keypoint', 'keypoint_score'):
        np.testing.assert_array_equal(whole[0][field][:, :, knee[0]], mapped[0][field][:, :, knee[1]])
    assert mapped[0]['layout'] is LAYOUTS['gait_13'] and mapped[0]['keypoint'].shape[2] == 13


@pytest.fixture
def short_file(annotation_file):
    """In each split, one clip with 30 frames, one that shows nobody from frame 30 on, and clips of 3 s and more."""

    def shorten(data):
        for split in data['split'].values():
            one, other = ([clip for clip in data['annotations'] if clip['frame_dir'] in split])[:2]
            one.update(total_frames=30, **{field: one[field][:, :30] for field in ('keypoint', 'keypoint_score')})
            for field in ('keypoint', 'keypoint_score'):
                other[field] = other[field].copy()
                other[field][:, 30:] = 0
    return annotation_file(shorten)


@pytest.mark.parametrize('test_mode', [False, True])
@pytest.mark.parametrize('how', ['pad', 'drop', 'refuse'])
def test_short_clips_are_padded_left_out_or_refused_with_a_count(short_file, how, test_mode):
    steps = [dict(type='FillMissingJoints'), dict(type='ResampleRate'),
             dict(type='SampleWindows', duration=2.56, short_clips=how, test_mode=test_mode), dict(type='PoseDecode')]
    logged = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MMLogger.get_current_instance(), 'warning', logged.append)
        data = build(short_file, layout='body_25', pipeline=steps, split='test' if test_mode else 'train')
    if how == 'refuse':
        assert not logged
        with pytest.raises(ClipError, match='keypoint: .* needs 64'):
            list(data)
        return
    line, = logged
    assert '2 of 8 clips' in line and '2.56 s' in line
    assert [clip['padded'] for clip in data] == ([True] * 2 if how == 'pad' else []) + [False] * 6
    assert {clip['keypoint'].shape[1] for clip in data} == {64}


def test_all_clips_too_short_to_keep_is_an_error(annotation_file):
    with pytest.raises(DataError, match='60 s'):
        build(annotation_file(), layout='body_25', pipeline=[
            dict(type='FillMissingJoints'), dict(type='SampleWindows', duration=60, short_clips='drop')])


@pytest.mark.parametrize('how', ['pad', 'drop'])
def test_a_clip_of_nobody_is_named_with_its_file_before_training_or_left_out(annotation_file, how):
    path = annotation_file(lambda data: data['annotations'][0].update(keypoint=0 * data['annotations'][0]['keypoint']))
    steps = [dict(type='FillMissingJoints'), dict(type='ResampleRate'),
             dict(type='SampleWindows', duration=2.56, short_clips=how), dict(type='PoseDecode')]
    if how == 'drop':
        assert len(build(path, layout='body_25', pipeline=steps)) == 7
        return
    with pytest.raises(ClipError, match='gait.pkl: clip synthetic_normal_00_0: keypoint: .* leave it out'):
        build(path, layout='body_25', pipeline=steps)


def test_fold_picks_the_part(annotation_file):
    def folds(data):
        data['split'] = {f'task_fold3_{name}': members for name, members in data['split'].items()}

    path = annotation_file(folds)
    assert build(path, split='task', fold=3)[0]['subject'].endswith('00')
    assert build(path, split='task', fold=3, test_mode=True)[0]['subject'].endswith('01')
    with pytest.raises(DataError, match='split task_fold4_train: missing'):
        build(path, split='task', fold=4)


def test_fold_all_trains_on_the_test_people_of_all_folds(annotation_file):
    def folds(data):
        train, test = data['split'].values()
        data['split'] = dict(task_fold0_train=train, task_fold0_test=test, task_fold1_train=test, task_fold1_test=train)

    everybody = build(annotation_file(folds), split='task', fold='all')
    assert len({everybody[index]['frame_dir'] for index in range(len(everybody))}) == len(everybody)
    assert {everybody[index]['subject'][-2:] for index in range(len(everybody))} == {'00', '01'}
    assert everybody.metainfo['source'] == ('gait.pkl', 'task_foldall_train')
    with pytest.raises(ConfigError, match='fold'):
        build(annotation_file(folds), split='task', fold='all', test_mode=True)
    with pytest.raises(DataError, match='other_foldall_train'):
        build(annotation_file(folds), split='other', fold='all')


def test_hostile_file_is_refused_and_not_executed(tmp_path):
    class Hostile:

        def __reduce__(self):
            return os.system, (f'touch {tmp_path}/touched', )

    path = tmp_path / 'hostile.pkl'
    path.write_bytes(pickle.dumps(dict(split=dict(train=['a']), annotations=[Hostile()])))
    with pytest.raises(pickle.UnpicklingError, match='hostile.pkl: refused: it names posix.system'):
        build(str(path))
    assert not (tmp_path / 'touched').exists()


def test_rare_classes_are_repeated(annotation_file):
    def change(data):
        data['split']['train'] = [name for name in data['split']['train'] if 'normal' not in name or '_0' == name[-2:]]

    rare = dict(type='GaitDataset', ann_file=annotation_file(change), split='train', pipeline=[], layout='body_25')
    balanced = DATASETS.build(dict(type='ClassBalancedDataset', oversample_thr=0.5, dataset=rare))
    plain = balanced.dataset
    times = [balanced.repeat_indices.count(index) for index in range(len(plain))]
    share = [sum(plain.get_cat_ids(other) == plain.get_cat_ids(index) for other in range(len(plain))) / len(plain)
             for index in range(len(plain))]
    assert times == [math.ceil(max(1, math.sqrt(0.5 / one))) for one in share] and max(times) > 1
    assert balanced.get_cat_ids(0) == [balanced.get_data_info(0)['label']]

import json

import numpy as np
import pytest
from mmaction.registry import DATASETS

from dynstg_mm.audit import KINDS, audit_file, json_report, text_report
from dynstg_mm.audit.findings import Findings
from dynstg_mm.audit.shortcuts import Shortcut, judge_shortcuts
from dynstg_mm.errors import ClipError, ConfigError, DataError
from dynstg_mm.files import dump_pickle


def places(path, **options):
    """Kind of finding -> its places."""
    audit = audit_file(path, progress=False, **{'layout': 'body_25', **options})
    assert audit.failed == any(KINDS[finding.kind][0] == 'error' for finding in audit.findings)
    return {finding.kind: finding.where for finding in audit.findings}


@pytest.fixture
def few_people(people):
    """Two people of each class, for whom no control is computed, which takes longest."""
    return [clip for clip in people if clip['frame_dir'][-4:-2] in ('00', '01')]


@pytest.fixture
def people(sample):
    """Four people of each class, two clips each, as plain dicts to be broken."""
    return [dict(clip, keypoint=clip['keypoint'].astype(np.float32),
                 keypoint_score=clip['keypoint_score'].astype(np.float32))
            for clip in sample['annotations'] if clip['frame_dir'][-4:-2] in ('00', '01', '02', '03')]


def test_a_sound_file_is_left_alone(annotation_file):
    found = places(annotation_file())
    assert set(found) == {'few_subjects', 'rates', 'no_control'}  # two people a class, filmed at two rates
    assert '2 people of class 0' in found['no_control'][0]


def change_field(field, value):
    def change(clip):
        clip[field] = value
    return change


def change_keypoint(change):
    def apply(clip):
        clip['keypoint'] = np.ascontiguousarray(change(clip['keypoint']))
        clip['keypoint_score'] = None
        clip['total_frames'] = clip['keypoint'].shape[1]
    return apply


def lose(frames, joints):
    def change(keypoint):
        keypoint[:, frames, joints] = 0
        return keypoint
    return change


CLIPS = [  # what is done to a clip, the kind of finding, and what the place says
    (change_field('keypoint', [1, 2]), 'keypoint', 'a list of 2; expected an array'),
    (change_field('keypoint', np.array([['a']], dtype=object)), 'keypoint', 'array of object'),
    (change_field('keypoint', np.zeros((1, 0, 25, 2))), 'keypoint', '1 persons in 0 frames with 25 joints'),
    (change_keypoint(lambda keypoint: keypoint[:, :, :17]), 'joint_count',
     '17 joints; expected 25'),
    (change_keypoint(lambda keypoint: np.where(keypoint == keypoint[0, 3, 4], np.nan, keypoint)), 'nan',
     'NaN or infinite in frame 3, joint 4'),
    (change_field('keypoint_score', np.zeros((1, 9, 25))), 'score', 'shape (1, 9, 25)'),
    (change_field('keypoint_score', np.full((1, 9), 'high')), 'score', 'array of <U4'),
    (change_keypoint(lambda keypoint: keypoint * 0), 'nobody', ''),
    (change_field('total_frames', np.array([1, 2])), 'total_frames', 'expected'),
    (change_field('rate', None), 'rate', 'missing'),
    (change_field('rate', float('nan')), 'rate', 'nan'),
    (change_field('rate', True), 'rate', 'True'),
    (change_field('rate', 7), 'odd_rate', '7'),
    (change_field('label', '0'), 'label', "'0'"),
    (change_field('label', 4), 'label', '4; expected'),
    (change_field('targets', dict(updrs=4)), 'target', 'targets.updrs: 4; expected one of 0, 1, 2, 3'),
    (change_field('subject', None), 'subject', 'missing'),
    (change_field('subject', ['A', 'B']), 'subject', 'a list of 2'),
    (change_keypoint(lambda keypoint: keypoint[:, :60]), 'too_short', ' a window has 2.56 s'),
    (change_keypoint(lose(slice(None, None, 1), slice(0, 10))), 'lost_joints', '%'),
    (change_keypoint(lose(slice(30, 50), slice(None))), 'gap', 'from frame 30'),
    (change_keypoint(lose(slice(None), 4)), 'never_seen', 'right_wrist'),
    (change_keypoint(lambda keypoint: np.repeat(keypoint, 2, axis=1)), 'frozen', '50%'),
    (change_keypoint(lambda keypoint: np.concatenate([keypoint * 0, keypoint])), 'first_person',
     'in 0 frames; person 1 in'),
    (change_keypoint(lambda keypoint: keypoint / 100), 'scale', 'most have'),
    (change_keypoint(lambda keypoint: keypoint * [1, -1]), 'upside_down', 'y is up; expected -y'),
    (change_keypoint(lambda keypoint: keypoint / (640, 480)), 'shares', ''),
    (change_keypoint(lambda keypoint: keypoint[:, :, ::-1]), 'anatomy', 'times as long'),
    (change_keypoint(lambda keypoint: keypoint + np.where(keypoint == 0, 0, 600)), 'outside',
     'outside of (height, width)'),
    (lambda clip: clip.update(keypoint_score=clip['keypoint_score'] * 100), 'score_range', 'to '),
]


def test_every_defect_of_a_clip_is_listed_with_its_name(people, tmp_path):
    for (change, _, _), clip in zip(CLIPS, people):
        change(clip)
    people += [dict(people[-1]), 'no dict', dict(frame_dir=3)]
    dump_pickle(dict(split={}, annotations=people, classes=['normal', 'parkinson', 'ataxia', 'osteoarthritis'],
                     targets=dict(updrs=dict(type='ordinal', grades=[0, 1, 2, 3]), cadence=dict(type='numeric'))),
                tmp_path / 'clips.pkl')
    found = places(tmp_path / 'clips.pkl')
    for (_, kind, text), clip in zip(CLIPS, people):
        assert any(f'clip {clip["frame_dir"]}' in where and text in where for where in found[kind]), (kind, found[kind])
    duplicate, = found['name']
    assert duplicate.startswith(f'annotation {len(people) - 3}: ') and people[-3]['frame_dir'] in duplicate
    assert [where.partition(';')[0] for where in found['annotation']] == [
        f"annotation {len(people) - 2}: 'no dict'", f'annotation {len(people) - 1}: frame_dir: 3']


def test_a_mirror_image_in_three_dimensions(tmp_path):
    pose = np.zeros((17, 3))
    pose[:7] = [[0, 9, 0], [-1, 9, 0], [-1, 5, 1], [-1, 1, 0], [1, 9, 0], [1, 5, 1], [1, 1, 0]]  # y up, facing z
    pose[7:] = [[0, 10 + joint / 10, 0] for joint in range(10)]
    sway = np.sin(np.arange(90) / 5)[:, None, None]
    clips = [dict(frame_dir=name, subject=name, label=0, rate=30., total_frames=90,
                  keypoint=(pose * mirror + sway)[None].astype(np.float32))
             for name, mirror in (('sound', [1, 1, 1]), ('mirrored', [-1, 1, 1]), ('turned', [-1, 1, -1]))]
    dump_pickle(dict(split={}, annotations=clips, layout='h36m'), tmp_path / 'gait.pkl')
    assert places(tmp_path / 'gait.pkl', layout=None)['mirrored'] == ['clip mirrored']
    for clip, unit in zip(clips, ('m', 'cm', 'mm')):  # 9 units tall
        clip['unit'] = unit
    dump_pickle(dict(split={}, annotations=clips, layout='h36m'), tmp_path / 'gait.pkl')
    assert [line.split(':')[0] for line in places(tmp_path / 'gait.pkl', layout=None)['height']] == [
        'clip sound', 'clip mirrored', 'clip turned']


def to_clip(**fields):
    return lambda data: data['annotations'][0].update(fields)


def to_keypoint(change):
    def apply(data):
        clip = data['annotations'][0]
        clip['keypoint'] = change(clip['keypoint'].astype(np.float64))
    return apply


def to_file(**fields):
    return lambda data: data.update(fields)


def as_tests(make):
    """The same members of the test split in another container."""
    return lambda data: data['split'].update(test=make(data['split']['test']))


def same_subject(data):
    for side, subject in (('train', '7'), ('test', 7)):
        for clip in data['annotations']:
            if clip['frame_dir'] == data['split'][side][0]:
                clip['subject'] = subject


@pytest.mark.parametrize('change, refused', [
    (to_clip(rate=0.5), True), (to_clip(rate=10_001), True), (to_clip(rate='30'), True), (to_clip(rate=30), False),
    (to_clip(subject=''), True), (to_clip(subject='two\nlines'), True), (to_clip(subject=True), True),
    (to_clip(subject=np.int64(4)), False), (same_subject, True),
    (to_clip(label=True), True), (to_clip(label=np.uint8(1)), False), (to_clip(frame_dir='two\nlines'), True),
    (to_keypoint(lambda keypoint: keypoint * 1e9), True), (to_keypoint(lambda keypoint: keypoint[:, :, :4]), True),
    (to_keypoint(lambda keypoint: np.concatenate([keypoint * 0, keypoint]).astype(np.float32)), True),  # the scores not
    (lambda data: [data['annotations'][0].update({field: np.concatenate([0 * data['annotations'][0][field],
                                                                         data['annotations'][0][field]])})
                   for field in ('keypoint', 'keypoint_score')], False),  # the second person is there
    (lambda data: to_clip(keypoint_score=data['annotations'][0]['keypoint_score'] > 0)(data), False),
    (to_file(classes=['a', 'b', 'c', 'c']), True), (to_file(classes=['a', 'b', 3, 'd']), True),
    (to_file(classes='abcd'), True), (to_file(classes=('a', 'b', 'c', 'd')), False),
    (to_file(targets=dict(updrs=3)), True),
    (to_file(layout='skeleton'), True), (to_file(layout=dict(num_node=10**8, inward=[], center=0)), True),
    (to_file(layout='body_25'), False), (to_file(split=['train']), True),
    (as_tests(set), False), (as_tests(np.array), False), (as_tests(tuple), False), (as_tests(str), True),
    (as_tests(lambda members: members + members[:1]), True), (as_tests(lambda members: [*members, 'nobody']), True),
])
def test_the_audit_reports_an_error_for_all_that_the_data_set_refuses(annotation_file, change, refused):
    path = annotation_file(change)
    found = audit_file(path, layout='body_25', progress=False)
    assert found.failed == refused, [finding.kind for finding in found.findings]
    try:
        for split, test_mode in (('train', False), ('test', True)):
            data = DATASETS.build(dict(type='GaitDataset', ann_file=str(path), split=split, layout='body_25',
                                       test_mode=test_mode, pipeline=[dict(type='KeepTrackedPerson')]))
            for index in range(len(data)):
                data[index]
    except (DataError, ClipError):
        assert refused
    else:
        assert not refused


def test_every_defect_of_a_split_is_listed(people, tmp_path):
    names = [clip['frame_dir'] for clip in people]
    normal = [name for name in names if '_normal_' in name]
    by_name = {clip['frame_dir']: clip for clip in people}
    by_name['copy'] = dict(by_name[normal[0]], frame_dir='copy', subject='somebody else', label=1)
    train, test = [name for name in names if '_00_' in name or '_01_' in name], normal[4:6] + ['copy', names[-1]]
    split = dict(
        task_fold0_train=train, task_fold0_test=test,
        twice_train=names[8:], twice_test=[names[0], names[0], 'nobody', normal[1]], twice_val=[names[8]],
        copies_train=[normal[0], 'copy'], copies_test=[normal[2]],
        lonely=[normal[3]], broken=3, empty_test=[], **{'7': [normal[0]]})
    split[7] = [normal[0]]
    dump_pickle(dict(split=split, annotations=list(by_name.values()), classes='normal', layout='body_26'),
                tmp_path / 'splits.pkl')
    found = places(tmp_path / 'splits.pkl', layout=None)
    assert found['wrong_layout'][0].startswith("layout: unknown name 'body_26'")
    assert found['classes'][0].startswith("classes: 'normal'")
    assert [' '.join(where.split()[:6]) for where in found['split']] == [
        'split: the name 7; expected one', f'split twice_test: names clip {names[0]} twice',
        'split twice_test: names clip nobody, which', 'split broken: 3; expected a list',
        'split empty_test: empty; expected at least']
    assert found['no_part'] == ['split lonely', 'split broken', 'split 7']
    assert any(where.startswith(f'clip {names[8]}: in both twice_train and twice_val')
               for where in found['recording_leak'])
    assert any(f'{normal[0]} and copy: the same numbers; in task_fold0_train and task_fold0_test' in where
               for where in found['recording_leak'])
    leak, = found['subject_leak']
    assert leak.startswith(f'clip {names[8]}: {by_name[names[8]]["subject"]} is in both twice_train and twice_val')
    assert found['counted_twice'] == [f'clips {normal[0]} and copy: the same numbers; in copies']
    assert f'clips {normal[0]} and copy: label 0 and 1' in found['label_conflict']
    subject = by_name[normal[0]]['subject']
    assert f'clips {normal[0]} and copy: subject {subject} and somebody else' in found['two_names']
    assert 'split twice_train: class 0' in found['untrained_class']
    assert not any('lonely' in where for where in found['untrained_class'])


def test_a_person_of_two_classes_and_a_class_on_one_side(people, tmp_path):
    names = [clip['frame_dir'] for clip in people]
    people[1]['label'] = 1
    dump_pickle(dict(split=dict(train=names[:10], test=names[10:]), annotations=people), tmp_path / 'classes.pkl')
    found = places(tmp_path / 'classes.pkl')
    assert found['two_classes'] == [f'task all: subject {people[0]["subject"]}: 0 and 1']
    assert found['one_sided_class'] == ['split test: class 0']
    assert found['untrained_class'] == ['split train: class 2', 'split train: class 3']


def test_copies_that_no_split_parts_are_a_note(few_people, tmp_path):
    copy = dict(few_people[0], frame_dir='stage/0')
    others = [clip['frame_dir'] for clip in few_people[2:16]]
    split = dict(one_train=[few_people[0]['frame_dir']], one_test=others[:2], two_train=['stage/0'],
                 two_test=others[2:])
    dump_pickle(dict(split=split, annotations=[*few_people, copy]), tmp_path / 'tasks.pkl')
    found = places(tmp_path / 'tasks.pkl')
    assert found['shared'] == [f'clips {few_people[0]["frame_dir"]} and stage/0: the same numbers']
    assert not {'counted_twice', 'recording_leak'} & set(found)
    assert found['unused'] == sorted(f'clip {clip["frame_dir"]}' for clip in few_people
                                     if clip['frame_dir'] not in [few_people[0]['frame_dir'], *others])
    assert 'shared' not in places(tmp_path / 'tasks.pkl', split=['one_train'])
    assert 'shared' not in places(tmp_path / 'tasks.pkl', split=['one'])
    with pytest.raises(ConfigError, match='--split three: .* and 3 more'):
        audit_file(tmp_path / 'tasks.pkl', split=['three'], progress=False)


def test_without_splits_copies_are_a_warning(few_people, tmp_path):
    dump_pickle(dict(annotations=[*few_people, dict(few_people[0], frame_dir='copy')]), tmp_path / 'all.pkl')
    found = places(tmp_path / 'all.pkl')
    assert found['counted_twice'] == [f'clips {few_people[0]["frame_dir"]} and copy: the same numbers']
    assert 'no_splits' in found


def test_shortcuts_of_rate_and_place_are_found(people, tmp_path):
    for clip in people:
        clip.update(label=clip['label'] % 2, rate=50. if clip['label'] % 2 else 30., img_shape=(480, 4000))
        if clip['label']:  # at the right of the image
            clip['keypoint'] += np.where(clip['keypoint'] == 0, 0, np.array([2000, 0], np.float32))
    dump_pickle(dict(annotations=people), tmp_path / 'rate.pkl')
    audit = audit_file(tmp_path / 'rate.pkl', layout='body_25', window=1, progress=False)
    ways = {way.source: way for way in audit.shortcuts['all']}
    assert ways['rate'].macro_recall == 1 and ways['rate'].low == 1 and ways['rate'].chance == 0.5
    assert 'image size' not in ways  # the same for all
    found = {finding.kind: finding for finding in audit.findings}
    assert audit.failed and found['metadata'].level == 'error' and 'ResampleRate' in found['metadata'].advice
    assert 'alone: rate 1.00 [1.00, 1.00]' in found['metadata'].where[0]
    assert any(where.startswith('task all: macro-recall with place 1.00') for where in found['place'].where)


def test_shortcuts_are_found_if_everybody_has_clips_of_both_classes(people, tmp_path):
    for number, clip in enumerate(people):
        clip.update(label=number % 2, rate=50. if number % 2 else 30.)
    dump_pickle(dict(annotations=people), tmp_path / 'rate.pkl')
    audit = audit_file(tmp_path / 'rate.pkl', layout='body_25', window=1, progress=False)
    assert {way.source: way.macro_recall for way in audit.shortcuts['all']}['rate'] == 1
    found = {finding.kind: finding.where for finding in audit.findings}
    assert len(found['two_classes']) == 16 and 'no_control' not in found


@pytest.mark.parametrize('macro_recall, low, kind', [
    (0.8, 0.7, 'metadata'), (0.7, 0.6, 'metadata_trace'), (0.54, 0.51, None), (0.9, 0.45, None)])
def test_metadata_are_judged_by_how_far_and_how_surely_they_are_above_chance(macro_recall, low, kind):
    found = Findings()
    judge_shortcuts('walks', [Shortcut('all metadata', macro_recall, low, 1., 0.9, 0.5)], found)
    assert list(found.kinds) == ([kind] if kind else [])


def test_text_and_json_hold_everything(few_people, tmp_path):
    few_people[3]['keypoint'][0, 5, 6] = np.nan
    dump_pickle(dict(split=dict(train=[clip['frame_dir'] for clip in few_people[:8]],
                                test=[clip['frame_dir'] for clip in few_people[8:]]), annotations=few_people),
                tmp_path / 'gait.pkl')
    audit = audit_file(tmp_path / 'gait.pkl', layout='body_25', progress=False)
    text, content = text_report(audit), json.loads(json.dumps(json_report(audit), allow_nan=False))
    assert 'ERROR (nan): keypoint: NaN, infinite or' in text
    assert f'clip {few_people[3]["frame_dir"]}: NaN or infinite in frame 5, joint 6' in text
    assert '| all  | parkinson      | 4 ' in text and '| all  | train | 1 ' in text  # classes named by the field group
    assert content['failed'] and content['clips'][few_people[3]['frame_dir']] == dict(
        cannot_be_used=['keypoint'], label=0, subject=few_people[3]['subject'])
    assert content['tasks']['all']['splits']['*']['test'][0] == few_people[8]['frame_dir']


def test_allowed_errors_are_warnings(few_people, tmp_path):
    few_people[0]['keypoint'][:] = np.inf
    dump_pickle(dict(annotations=few_people), tmp_path / 'gait.pkl')
    audit = audit_file(tmp_path / 'gait.pkl', layout='body_25', allow=['nan'], progress=False)
    assert not audit.failed
    assert [finding.level for finding in audit.findings if finding.kind == 'nan'] == ['warning']


@pytest.mark.parametrize('content, message', [
    ([], 'annotations: missing'), (dict(annotations={}), 'annotations: missing'), (dict(annotations=[]), 'annotations'),
])
def test_a_file_without_annotations_is_refused(content, message, tmp_path):
    dump_pickle(content, tmp_path / 'empty.pkl')
    with pytest.raises(ValueError, match=message):
        audit_file(tmp_path / 'empty.pkl', progress=False)

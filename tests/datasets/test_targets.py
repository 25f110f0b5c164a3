"""Scores beside the class: what may stand in a file, and what is said about mistakes of those who label."""
import math

import numpy as np
import pytest

from dynstg_mm.datasets.annotation_file import AnnotationFile
from dynstg_mm.datasets.targets import Target, choose_targets, read_targets
from dynstg_mm.errors import ClipError, ConfigError, DataError

from .test_gait_dataset import build, first

UPDRS = dict(updrs_gait=dict(type='ordinal', grades=[0, 1, 2, 3]))


def grade(value, targets=UPDRS):
    """Give every clip its label as its grade, and the first one another value."""
    def apply(data):
        data['targets'] = targets
        for clip in data['annotations']:
            clip['targets'] = dict(updrs_gait=clip['label'])
        first(data)['targets'] = value
    return apply


@pytest.mark.parametrize('value, code', [(2, 2), (2., 2), (np.int64(0), 0)])
def test_value_of_a_grade_is_the_grade_itself(value, code):
    assert Target.of('a', UPDRS['updrs_gait']).encode(value) == code


def test_scale_may_have_half_grades_and_not_start_at_0():
    scale = Target.of('hoehn_yahr', dict(type='ordinal', grades=[1, 1.5, 2, 2.5, 3]))
    assert [scale.encode(grade) for grade in (1, 1.5, 3.)] == [0, 1, 4]
    with pytest.raises(DataError, match='0; expected one of 1, 1.5, 2, 2.5, 3'):
        scale.encode(0)


@pytest.mark.parametrize('value', [None, math.nan, np.float32('nan')])
def test_missing_values_are_allowed(value):
    for settings in (UPDRS['updrs_gait'], dict(type='numeric', low=0)):
        assert math.isnan(Target.of('a', settings).encode(value))


@pytest.mark.parametrize('values, field', [
    (dict(updrs_gait=4), 'targets.updrs_gait: 4; expected one of 0, 1, 2, 3'),
    (dict(updrs_gait=-1), 'targets.updrs_gait: -1'), (dict(updrs_gait=1.5), 'targets.updrs_gait: 1.5'),
    (dict(updrs_gait='2'), "targets.updrs_gait: '2'.*not as text"), (dict(updrs_gait=True), 'targets.updrs_gait: True'),
    (dict(updrs_gait=[2]), r'targets.updrs_gait: \[2\]'), (dict(updrs_gate=2), 'targets.updrs_gate: .*updrs_gait'),
    (2, 'targets: 2; expected a dict')])
def test_wrong_value_is_named_with_its_clip(annotation_file, values, field):
    path = annotation_file(grade(values))
    faults = [fault for fault in AnnotationFile.read(path).faults() if fault.kind == 'target']
    assert len(faults) == 1
    with pytest.raises(DataError, match=f'gait.pkl: clip synthetic_normal_00_0: {field}'):
        raise faults[0].error(path)
    if 'updrs_gate' not in str(values):  # the file does not describe it, but a config may
        with pytest.raises(ClipError, match=f'clip synthetic_normal_00_0: {field}'):
            build(path, targets=['updrs_gait'])


@pytest.mark.parametrize('value', [np.array([1, 2]), np.zeros((9, 9)), 10**400, 10**5000, [[1]] * 99, {1: 2}, b'2'],
                         ids=lambda value: type(value).__name__)
@pytest.mark.parametrize('settings', [UPDRS['updrs_gait'], dict(type='nominal', grades=['a', 'b']),
                                      dict(type='numeric')])
def test_anything_else_is_one_short_line(value, settings):
    for error, read in ((DataError, lambda: Target.of('a', settings).encode(value)),
                        (ConfigError, lambda: Target.of('a', dict(type='ordinal', grades=value))),
                        (ConfigError, lambda: Target.of('a', dict(type=value)))):
        with pytest.raises(error) as caught:
            read()
        assert '\n' not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize('value, end', [(-1, 'low'), (3, 'high'), ('1.2', 'text'), (np.inf, 'infinite')])
def test_number_outside_its_range_is_refused(value, end):
    with pytest.raises(DataError, match='expected a number from 0 to 2.5'):
        Target.of('speed', dict(type='numeric', low=0, high=2.5)).encode(value)


@pytest.mark.parametrize('settings, field', [
    (dict(type='score'), 'type'), (dict(type='ordinal'), 'grades'), (dict(type='ordinal', grades=[0, 0]), 'grades'),
    (dict(type='ordinal', grades=[1, 0, 2]), 'grades'), (dict(type='numeric', grades=[0, 1]), 'grades'),
    (dict(type='numeric', low=2, high=1), 'low, high'), (dict(type='numeric', range=(0, 1)), 'range'),
    (dict(type='numeric', from_label=True), 'from_label'), ('ordinal', 'a dict')])
def test_wrong_description_is_named(settings, field):
    with pytest.raises(ConfigError, match=f'^targets.updrs.*{field}'):
        read_targets(dict(updrs=settings))


def test_cells_of_a_table_become_values():
    updrs, stage = Target.of('a', UPDRS['updrs_gait']), Target.of('b', dict(type='ordinal', grades=['EL', 'MD']))
    assert (updrs.parse(' 2 '), updrs.parse('2.0'), updrs.parse('NA'), stage.parse('MD')) == (2, 2, None, 'MD')
    assert Target.of('c', dict(type='numeric')).parse('1.25') == 1.25
    for target, text in ((updrs, '4'), (updrs, 'mild'), (stage, 'el'), (Target.of('c', dict(type='numeric')), '1,25')):
        with pytest.raises(DataError, match=text):
            target.parse(text)


def test_description_survives_writing():
    for settings in (UPDRS['updrs_gait'], dict(type='numeric', low=0, high=3., unit='m/s'),
                     dict(type='nominal', grades=['a', 'b'], from_label=True)):
        target = Target.of('t', settings)
        assert Target.of('t', target.to_dict()) == target


def test_single_grades_are_labels_and_clips_without_are_left_out(annotation_file):
    dataset = build(annotation_file(grade(dict(updrs_gait=None))), targets=['updrs_gait'])
    plain = build(annotation_file(grade(dict(updrs_gait=None))))
    assert len(plain) == len(dataset) + 1 and 'classes' in plain.metainfo
    assert dataset.metainfo['classes'] == ('0', '1', '2', '3')
    assert all(dataset.get_data_info(index)['targets'] == dataset.get_data_info(index)['label']
               for index in range(len(dataset)))


def test_several_targets_keep_clips_that_have_one(annotation_file):
    described = dict(UPDRS, speed=dict(type='numeric'))
    data = build(annotation_file(grade(dict(speed=1.2), described)), targets=list(described))
    rows = {info['frame_dir']: info['targets'] for info in map(data.get_data_info, range(len(data)))}
    values = rows['synthetic_normal_00_0']
    assert math.isnan(values[0]) and values[1] == 1.2 and data.metainfo['classes'][0] == 'normal'


def test_labels_in_order_are_a_target_without_new_fields(annotation_file):
    settings = dict(type='ordinal', grades=['none', 'mild', 'moderate', 'severe'], from_label=True)
    dataset = build(annotation_file(), targets=dict(severity=settings))
    assert dataset.metainfo['classes'][3] == 'severe' and dataset.get_data_info(0)['targets'] == [0]
    with pytest.raises(DataError, match='targets.severity: the label is [23]; expected 0 to 1'):
        build(annotation_file(), targets=dict(severity=dict(settings, grades=['none', 'some'])))


def test_target_without_any_value_is_named(annotation_file):
    with pytest.raises(DataError, match='targets.pain: missing in all'):
        build(annotation_file(), targets=dict(pain=dict(type='numeric')))
    with pytest.raises(ConfigError, match='targets: pain: not described'):
        build(annotation_file(), targets=['pain'])


def test_config_and_file_must_describe_a_target_alike():
    known = read_targets(UPDRS)
    with pytest.raises(ConfigError, match='targets.updrs_gait: .* 0, 1, 2, 3, 4 in the config'):
        choose_targets(dict(updrs_gait=dict(type='ordinal', grades=[0, 1, 2, 3, 4])), known)
    assert choose_targets('updrs_gait', known) == known


def test_what_mmengine_adds_to_an_inherited_description_is_no_field():
    settings = dict(type='ordinal', grades=[0, 1, 2])
    assert Target.of('updrs', dict(settings, _scope_='mmaction')) == Target.of('updrs', settings)

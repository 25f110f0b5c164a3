"""Whatever stands in an annotation file is loaded, and then goes through a pipeline, or is refused by name."""
import copy
import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, scalar_dtypes
from mmaction.registry import DATASETS

from dynstg_mm.errors import ClipError, DataError
from dynstg_mm.skeletons import LAYOUTS

PIPELINE = [dict(type='KeepTrackedPerson'), dict(type='FillMissingJoints'), dict(type='ResampleRate', rate=25),
            dict(type='SampleWindows', duration=0.4, num_clips=2), dict(type='PoseDecode'),
            dict(type='MirrorDirection'), dict(type='CenterSkeleton'), dict(type='ScaleByLegLength'),
            dict(type='RandomJointDropout', prob=0.2), dict(type='FormatGCNInput', num_person=1),
            dict(type='GaitFeatures', feats=['j', 'a', 'bm', 'rd']), dict(type='PackActionInputs')]
FIELDS = ('frame_dir', 'label', 'total_frames', 'img_shape', 'keypoint', 'keypoint_score', 'subject', 'rate', 'extra')


def examples(number):
    """The same inputs in every run."""
    return settings(max_examples=number, deadline=None, database=None, derandomize=True,
                    suppress_health_check=list(HealthCheck))


def valid():
    """A file of two clips of each of two subjects, who stand on different sides."""
    draw = np.random.default_rng(0)
    clips = [dict(frame_dir=f'clip{number}', label=number % 2, subject=f's{number // 2}', rate=30., total_frames=20,
                  img_shape=(480, 640), keypoint=draw.uniform(10, 400, (1, 20, 17, 2)).astype(np.float32),
                  keypoint_score=np.ones((1, 20, 17), np.float32)) for number in range(4)]
    return dict(annotations=clips, split=dict(train=['clip0', 'clip1'], test=['clip2', 'clip3']),
                classes=['well', 'ill'], layout='coco')


NUMBERS = st.one_of(st.integers(), st.integers(-3, 40), st.floats(), st.just(10**400),
                    st.floats(width=16).map(np.float16), st.integers(0, 255).map(np.uint8), st.booleans().map(np.bool_))
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=5), st.binary(max_size=5), st.just('clip0'),
                   st.just('\ud800'), st.just('two\nlines'), st.complex_numbers(), st.just(range(10**9)))
HASHABLE = st.one_of(st.none(), st.integers(-3, 40), st.text(max_size=5), st.just('clip0'), st.tuples(st.just('clip1')))
ARRAYS = arrays(st.one_of(scalar_dtypes(), st.sampled_from(['O', 'S3', 'U3', '>f4'])),
                array_shapes(min_dims=0, min_side=0, max_dims=5, max_side=2), elements=None)
VALUES = st.recursive(st.one_of(LEAVES, ARRAYS), lambda inner: st.one_of(
    st.lists(inner, max_size=4), st.tuples(inner, inner), st.dictionaries(HASHABLE, inner, max_size=3),
    st.sets(HASHABLE, max_size=3)), max_leaves=6)


@pytest.fixture
def load(tmp_path):
    path = tmp_path / 'gait.pkl'

    def load(content):
        """The data set, or the one line that refuses it."""
        path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))
        try:
            data = DATASETS.build(dict(type='GaitDataset', ann_file=str(path), split='train', pipeline=PIPELINE,
                                       serialize_data=False))
        except (DataError, pickle.UnpicklingError) as error:
            line = str(error)
            assert line.startswith(f'{path}: ') and '\n' not in line and len(line) < 1000
            return line.removeprefix(f'{path}: ')
        for index in range(len(data)):
            try:
                inputs = data[index]['inputs'].numpy()
            except ClipError as error:
                assert str(error).startswith(f'{path}: clip {data.get_data_info(index)["frame_dir"]}: ')
            except ValueError as error:
                assert str(error).startswith('layout: ')  # none, or one without legs
            else:
                assert inputs.shape[1:4] == (1, 10, data.layout['num_node']) and np.isfinite(inputs).all()
        return data

    return load


def test_the_valid_file_is_loaded(load):
    data = load(valid())
    assert len(data) == 2 and data.metainfo['classes'] == ('well', 'ill') and data.layout is LAYOUTS['coco']


@examples(350)
@given(st.sampled_from(FIELDS), st.integers(0, 3), VALUES, st.sampled_from(['set', 'remove']))
def test_a_clip_with_any_value_in_any_field(load, field, number, value, how):
    data = valid()
    if how == 'set':
        data['annotations'][number][field] = value
    else:
        data['annotations'][number].pop(field, None)
    outcome = load(data)
    if isinstance(outcome, str) and not outcome.startswith(('refused', 'not a complete')):
        assert field in outcome or field == 'frame_dir' and 'which has no annotation' in outcome
        assert f'clip clip{number}: ' in outcome or field in ('frame_dir', 'subject')


@examples(250)
@given(st.sampled_from(['annotations', 'split', 'classes', 'layout', 'train', 'test', 'clip', 'num_node', 'center',
                        'inward', 'joints', 'legs']), VALUES)
def test_a_file_with_any_value_above_the_clips(load, place, value):
    data = valid()
    if place in ('train', 'test'):
        data['split'][place] = value
    elif place == 'clip':
        data['annotations'][1] = value
    elif place in data:
        data[place] = value
    else:
        data['layout'] = dict(copy.deepcopy(LAYOUTS['coco']), **{place: value})
    load(data)


@examples(50)
@given(VALUES)
def test_a_file_of_any_value(load, value):
    assert isinstance(load(value), str)


@examples(250)
@given(st.sampled_from(['keypoint', 'keypoint_score']), st.sampled_from(
    ['f2', 'f4', 'f8', 'g', '>f4', '>i2', 'i1', 'u8', 'i8', 'b1', 'c8', 'O', 'U9', 'S9', 'M8[s]']), st.sampled_from(
    ['whole', 'one frame', 'no frame', 'no person', 'two persons', 'five frames', 'fewer joints', 'flat', 'turned']),
    st.sampled_from([0, 1, -1, 1e-40, 1e5, 1e9, 1e30, -1e300, np.nan, np.inf]), st.floats(0, 1))
def test_arrays_of_any_type_and_shape_with_any_number(load, field, dtype, part, number, share):
    data = valid()
    clip = data['annotations'][0]
    array = clip[field].copy()
    with np.errstate(all='ignore'):
        array[np.random.default_rng(0).random(array.shape) < share] = np.float32(number)
        array = array.astype(dtype)
    clip[field] = {
        'whole': array, 'one frame': array[:, :1], 'no frame': array[:, :0], 'no person': array[:0],
        'two persons': np.concatenate([array, array]), 'five frames': array[:, :5], 'fewer joints': array[:, :, :9],
        'flat': array.ravel(), 'turned': array.T}[part]
    clip['total_frames'] = clip['keypoint'].shape[1] if clip['keypoint'].ndim > 1 else 20
    outcome = load(data)
    if isinstance(outcome, str) and not outcome.startswith(('refused', 'not a complete')):
        assert outcome.startswith(('clip clip0: keypoint: ', 'clip clip0: keypoint_score: '))


@examples(300)
@given(st.integers(0, 5), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=3),
       st.floats(0, 2))
def test_files_with_damaged_bytes(load, protocol, flips, length):
    content = bytearray(pickle.dumps(valid(), protocol=protocol))
    for place, byte in flips:
        content[round(place * (len(content) - 1))] = byte
    load(bytes(content[:max(1, round(length * len(content)))]))


@examples(150)
@given(st.binary(max_size=200))
def test_files_of_any_bytes(load, content):
    assert isinstance(load(b'\x80\x04' + content), str)

"""A known walk is written in every documented variant of a format, and must come back as it was."""
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dynstg_mm.errors import DataError
from dynstg_mm.importers.arrange import UPRIGHT
from dynstg_mm.importers.convert import read_recordings
from dynstg_mm.importers.find import find_files
from dynstg_mm.importers.unlabelled import find_recordings, recognise
from dynstg_mm.skeletons import LAYOUTS

from .fuzz import CHANNELS, fuzz
from .written import (
    HEIGHT,
    WIDTH,
    hidden,
    person,
    pixels,
    scores,
    write_alphapose,
    write_alphapose_by_image,
    write_bvh,
    write_c3d,
    write_csv,
    write_deeplabcut,
    write_kinect_table,
    write_mmpose,
    write_openpose,
    write_pickle,
    write_sep_json,
    write_skeleton,
    write_stgcn,
    write_trc,
)

FRAMES = 12
SHAPE = (HEIGHT, WIDTH)
some = settings(max_examples=12, deadline=None, derandomize=True,
                suppress_health_check=[HealthCheck.function_scoped_fixture])
seeds = st.integers(0, 10**6)
shares = st.sampled_from(['pixel', 'normalized', 'centered'])
orders = st.sampled_from(['tvc', 'mtvc', 'tmvc', 'ctv', 'ctvm'])


def read(format_name, path, img_shape=None, **options):
    names = ('coords', 'layout', 'source_layout', 'up', 'scale')
    given_ = {name: options.pop(name) for name in names if name in options}
    recording, = read_recordings('clip', path, format_name=format_name, options=options, img_shape=img_shape, **given_)
    return recording


def fresh(folder, suffix=''):
    """A path that no example before has used."""
    return Path(folder) / f'{len(list(Path(folder).iterdir()))}{suffix}'


def in_unit(place, kind):
    """Pixels as shares of the image."""
    share = place / (WIDTH, HEIGHT)
    return dict(pixel=place, normalized=share, centered=2 * share - 1)[kind]


def two_people(layout, seed):
    """Two people on different sides of the picture, the second seen in half of the frames, and their scores."""
    people = np.stack([pixels(person(layout, FRAMES, seed)), pixels(person(layout, FRAMES, seed + 1), 700.)])
    score = np.stack([scores(people.shape[1:3], seed=seed), scores(people.shape[1:3], seed=seed + 1)])
    score[1, FRAMES // 2:] = 0
    return people, score


def check(recording, place, score, atol=0.02):
    """The first person is as written."""
    seen = score > 0
    np.testing.assert_allclose(recording.keypoint[0], hidden(place, score), atol=atol)
    np.testing.assert_allclose(recording.keypoint_score[0], np.where(seen, score, 0), atol=1e-5)


@some
@given(st.sampled_from(['body_25', 'body_25b', 'openpose']), shares, st.booleans(), st.integers(0, 500), seeds)
def test_openpose(tmp_path, layout, unit, both, start, seed):
    people, score = two_people(layout, seed)
    count = 1 + both
    written = hidden(in_unit(people, unit), score)[:count]
    path = write_openpose(fresh(tmp_path), written, score[:count], start)
    recording = read('openpose', path, SHAPE)
    assert recording.layout == layout
    check(recording, people[0], score[0], atol=0.1)


@some
@given(st.sampled_from(['coco', 'halpe_26']), shares, st.booleans(), st.booleans(), seeds)
def test_alphapose(tmp_path, layout, unit, both, tracked, seed):
    people, score = two_people(layout, seed)
    count = 1 + both
    path = write_alphapose(fresh(tmp_path, '.json'), hidden(in_unit(people, unit), score)[:count], score[:count],
                           tracked)
    recording = read('alphapose', path, SHAPE)
    assert recording.layout == layout
    check(recording, people[0], score[0])


@some
@given(shares, st.booleans(), st.booleans(), seeds)
def test_mmpose(tmp_path, unit, both, named, seed):
    people, score = two_people('coco', seed)
    count = 1 + both
    path = write_mmpose(fresh(tmp_path, '.json'), hidden(in_unit(people, unit), score)[:count], score[:count],
                        list(LAYOUTS['coco']['joints']) if named else None)
    recording = read('mmpose', path, SHAPE)
    assert recording.layout == 'coco'
    check(recording, people[0], score[0])


VISIBILITY = {'probability': lambda score: score, 'none': lambda score: score * 0,
              'logit': lambda score: np.log(np.maximum(score, 0.001) / (1.001 - score))}


@some
@given(st.sampled_from(['pixel', 'normalized', 'world', 'laboratory']), st.sampled_from(sorted(VISIBILITY)),
       st.sampled_from(['.csv', '.npz']), st.booleans(), seeds)
def test_mediapipe(tmp_path, kind, visibility, suffix, numbered, seed):
    body, names = person('mediapipe', FRAMES, seed), list(LAYOUTS['mediapipe']['joints'])
    hips = body[:, 23:25].mean(1, keepdims=True)
    expected = dict(pixel=pixels(body), normalized=pixels(body), world=body - hips, laboratory=1000 * body)[kind]
    depth = (body - hips)[..., 2:]  # of an image landmark: relative to the hips
    if kind == 'pixel':
        written = np.concatenate([expected, 200 * depth], -1)
    elif kind == 'normalized':
        written = np.concatenate([in_unit(expected, kind), depth / 6], -1)
    else:  # y down, or z up
        written = expected * (1, -1, -1) if kind == 'world' else expected[..., [0, 2, 1]] * (1, -1, 1)
    score = scores(body.shape[:2], lost=0, seed=seed)
    path = fresh(tmp_path, suffix)
    if suffix == '.npz':
        np.savez(path, landmarks=np.concatenate([written, VISIBILITY[visibility](score)[..., None]], -1), fps=30)
    else:
        labels, axis = ([str(joint) for joint in range(33)], '{axis}{joint}') if numbered else (names, '{joint}_{axis}')
        write_csv(path, written, labels, VISIBILITY[visibility](score), 30., axis=axis)
    recording = read('mediapipe', path, SHAPE)
    assert recording.layout == 'mediapipe' and recording.rate == pytest.approx(30, abs=0.01)
    np.testing.assert_allclose(recording.keypoint[0], expected, atol=0.01)
    np.testing.assert_allclose(recording.keypoint_score[0], 1 if visibility == 'none' else score, atol=0.002)


NAMES = {'snake': str, 'camel': lambda name: ''.join(part.capitalize() for part in name.split('_')),
         'short': lambda name: ''.join(part.capitalize() for part in name.split('_')).replace(
             'Left', 'L').replace('Right', 'R'), 'body': lambda name: f'body_{name}'}


@some
@given(st.sampled_from(['y', '-y', 'z', '-z', 'x', '-x']), st.sampled_from([1, 100, 1000]), st.sampled_from(',;\t'),
       st.booleans(), st.sampled_from(sorted(NAMES)), st.sampled_from([None, 25., 100.]), st.booleans(), seeds)
def test_csv_in_three_dimensions(tmp_path, up, unit, separator, line_per_joint, style, rate, scored, seed):
    body, score = unit * person('gait_17', FRAMES, seed), scores((FRAMES, 17), seed=seed)
    written = np.where((score > 0)[..., None], body @ np.array(UPRIGHT[up], float), 0 if scored else np.nan)
    names = [NAMES[style](name) for name in LAYOUTS['gait_17']['joints']]
    if line_per_joint and style == 'body':
        names = list(LAYOUTS['gait_17']['joints'])
    path = write_csv(fresh(tmp_path, '.csv'), written, names, score if scored else None, rate, separator,
                     line_per_joint)
    recording = read('csv', path, layout='gait_17')
    assert recording.rate == rate
    check(recording, body, score if scored else (score > 0) * 1., atol=1e-5 * unit + 1e-5)


@some
@given(shares, st.booleans(), st.booleans(), seeds)
def test_csv_in_two_dimensions(tmp_path, unit, line_per_joint, sized, seed):
    place, score = pixels(person('coco', FRAMES, seed)), scores((FRAMES, 17), seed=seed)
    path = write_csv(fresh(tmp_path, '.csv'), hidden(in_unit(place, unit), score), list(LAYOUTS['coco']['joints']),
                     score, 25., line_per_joint=line_per_joint)
    if unit == 'pixel' or sized:
        check(read('csv', path, SHAPE if sized else None, layout='coco'), place, score)
    else:
        with pytest.raises(DataError, match='img_shape'):
            read('csv', path)


def reordered(people, order):
    """(M, T, V, C) in another order of the axes; without persons the first one."""
    return people.transpose(['mtvc'.index(axis) for axis in order]) if 'm' in order else (
        people[0].transpose(['tvc'.index(axis) for axis in order]))


@some
@given(orders, st.booleans(), st.sampled_from([2, 3]), st.booleans(), seeds)
def test_npz_in_any_order_of_axes(tmp_path, order, both, dims, given_order, seed):
    flat, score = two_people('coco', seed)
    score[1] = scores(score.shape[1:], seed=seed)  # there all the time, but never as surely
    score[1] *= 0.5
    people = flat if dims == 2 else np.stack([person('coco', FRAMES, seed),
                                              person('coco', FRAMES, seed + 1) + (3, 0, 1)])
    people, score = np.repeat(people, 2, 1)[:1 + both], np.repeat(score, 2, 1)[:1 + both]  # more frames than 16
    path = fresh(tmp_path, '.npz')
    np.savez(path, keypoints=reordered(hidden(people, score), order), fps=50,
             scores=reordered(score[..., None], order).squeeze(order.index('c')))
    options = dict(axes=order.upper()) if given_order else {}
    recording = read('npz', path, dims=dims, source_layout='coco', **options)
    assert recording.rate == 50 and recording.keypoint.shape == (1, 24, 17, dims)
    check(recording, people[0], score[0])


@pytest.mark.parametrize('order', ['mtvc', 'tmvc', 'ctvm'])
def test_the_first_of_two_people_is_kept_whose_scores_differ_by_chance(tmp_path, order):
    people, _ = two_people('coco', 0)
    score = 0.7 + 0.005 * np.repeat([[[0.]], [[1.]]], 17, 2).repeat(FRAMES, 1)
    path = tmp_path / 'walk.npz'
    np.savez(path, keypoints=reordered(np.concatenate([people, score[..., None]], -1).repeat(2, 1), order), fps=25)
    recording = read('npz', path, axes=order, dims=2)
    check(recording, people[0].repeat(2, 0), score[0].repeat(2, 0))
    assert any('kept the first' in note for note in recording.notes)


@some
@given(st.sampled_from(['mtvc', 'tmvc', 'ctvm']), st.sampled_from(['none', 'field', 'third']), st.booleans(), shares,
       seeds)
def test_annotation_in_any_order_of_axes(tmp_path, order, scored, both, unit, seed):
    people, score = two_people('coco', seed)
    people[1] = people[1] * 0.7 + 200  # without scores the larger one is kept
    people, score = people[:1 + both], np.maximum(score, 0.3)[:1 + both]
    score[1:] *= 0.5
    values = in_unit(people, unit)
    if scored == 'third':
        assume(unit == 'pixel')  # otherwise a third number cannot be told from a depth
        values = np.concatenate([values, score[..., None]], -1)
    clip = dict(frame_dir='a', label=0, subject='b', total_frames=FRAMES, rate=25., img_shape=SHAPE,
                keypoint=reordered(values, order))
    if scored == 'field':
        clip['keypoint_score'] = reordered(score[..., None], order).squeeze(order.index('c'))
    recording = read('mmaction', write_pickle(fresh(tmp_path, '.pkl'), clip), source_layout='coco')
    check(recording, people[0], np.ones_like(score[0]) if scored == 'none' else score[0])


@some
@given(st.lists(st.permutations(CHANNELS), min_size=13, max_size=13), st.booleans(), st.booleans(), st.booleans(),
       st.sampled_from([25., 60., 120.]), seeds)
def test_bvh_with_channels_in_any_order(tmp_path, order, spaces, windows, second, rate, seed):
    body = 100 * person('gait_13', FRAMES, seed).astype(np.float64)
    names = [name.replace('_', ' ' if spaces else '_') for name in LAYOUTS['gait_13']['joints']]
    other = 'ROOT Ball\n{\nOFFSET 0 0 0\nCHANNELS 3 Zrotation Xrotation Yrotation\n}' if second else ''
    path = write_bvh(fresh(tmp_path, '.bvh'), body, names, order, rate, other)
    if windows:
        path.write_bytes(path.read_bytes().replace(b'\n', b'\r\n\t'))
    recording = read('bvh', path)
    assert recording.rate == rate and list(recording.joints[:13]) == names
    assert any('Ball' in note for note in recording.notes) == second
    np.testing.assert_allclose(recording.keypoint[0][:, :13], body, atol=1e-3)


@pytest.mark.parametrize('order', list(itertools.permutations(['Zrotation', 'Xrotation', 'Yrotation']))[:3])
def test_bvh_rotations_do_not_depend_on_the_place_of_positions(tmp_path, order):
    turns = np.random.default_rng(0).uniform(-90, 90, (4, 6)).round(3)
    for name, first in (('first', True), ('last', False)):
        channels = [*order, *CHANNELS[:3]] if first else [*CHANNELS[:3], *order]
        place = np.tile([5., 90, 7], (4, 1))
        values = np.hstack([turns[:, :3], place, turns[:, 3:]] if first else [place, turns])
        (tmp_path / f'{name}.bvh').write_text('\n'.join([
            'HIERARCHY', 'ROOT Hips {', 'OFFSET 0 0 0', f'CHANNELS 6 {" ".join(channels)}', 'JOINT Knee', '{',
            'OFFSET 3 -40 2', f'CHANNELS 3 {" ".join(order)}', 'End Site', '{', 'OFFSET 0 -40 0', '}', '}', '}',
            'MOTION', 'Frames: 4', 'Frame Time: 0.04', *(' '.join(map(str, row)) for row in values)]))
    first, last = (read('bvh', tmp_path / f'{name}.bvh').keypoint for name in ('first', 'last'))
    assert np.array_equal(first, last) and np.ptp(first[0, :, 1]) > 10


@some
@given(st.sampled_from(['y', 'z', 'x', '-z']), st.booleans(), st.sampled_from(['residual', 'zeros']), st.booleans(),
       st.booleans(), st.booleans(), seeds)
def test_c3d(tmp_path, up, stated, lost_as, prefixed, modelled, long, seed):
    body = 1000 * person('gait_13', FRAMES, seed)
    score = (scores((FRAMES, 13), seed=seed) > 0) * 1.
    names = [f'P01:{name}' if prefixed else name for name in LAYOUTS['gait_13']['joints']]
    extra = [f'{"P01:" * prefixed}extra_{index}' for index in range(260 * long)]
    written = np.concatenate([body, body[:, :1].repeat(len(extra), 1)], 1) @ np.array(UPRIGHT[up], float)
    lost = np.concatenate([score == 0, np.zeros((FRAMES, len(extra)), bool)], 1)
    outputs = dict(ANGLES=['LKneeAngles', 'RKneeAngles'], POWERS=['LKneePower']) if modelled else None
    path = write_c3d(fresh(tmp_path, '.c3d'), written, [*names, *extra], lost, outputs=outputs, lost_as=lost_as,
                     screen=('+X', ('' if up.startswith('-') else '+') + up.upper()) if stated else None)
    recording = read('c3d', path)
    assert (recording.rate, recording.unit) == (100, 'mm') and recording.keypoint.shape[2] == 13 + len(extra)
    assert recording.joints[:13] == list(LAYOUTS['gait_13']['joints'])
    np.testing.assert_allclose(recording.keypoint[0][:, :13], hidden(body, score), atol=0.1)
    np.testing.assert_array_equal(recording.keypoint_score[0][:, :13], score)


@some
@given(st.sampled_from(['y', 'z', '-x']), st.sampled_from(['m', 'mm']), st.sampled_from(['', '0', 'NaN']),
       st.booleans(), st.sampled_from([60., 100.]), seeds)
def test_trc(tmp_path, up, unit, lost_as, prefixed, rate, seed):
    body = person('gait_17', FRAMES, seed) * dict(m=1, mm=1000)[unit]
    score = (scores((FRAMES, 17), seed=seed) > 0) * 1.
    written = np.where(score[..., None] > 0, body @ np.array(UPRIGHT[up], float), np.nan)
    names = ['P01:' * prefixed + NAMES['short'](name) for name in LAYOUTS['gait_17']['joints']]
    recording = read('trc', write_trc(fresh(tmp_path, '.trc'), written, names, rate, unit, lost_as), layout='gait_17')
    assert (recording.rate, recording.unit) == (rate, unit)
    check(recording, body, score, atol=1e-5 * dict(m=1, mm=1000)[unit])


@pytest.mark.parametrize('lines, cells', [(3, None), (6, None), (9, 20)])
def test_a_trc_file_that_is_cut_is_refused(tmp_path, lines, cells):
    path = write_trc(tmp_path / 'walk.trc', person('gait_13', FRAMES), list(LAYOUTS['gait_13']['joints']))
    kept = path.read_text().split('\n')[:lines]
    path.write_text('\n'.join([*kept[:-1], '\t'.join(kept[-1].split('\t')[:cells])]))
    with pytest.raises(DataError, match='TRC'):
        read('trc', path)
    path.write_text('\n'.join(kept))
    if lines == 9:
        assert len(read('trc', path).notes) == 1  # fewer frames than the header says


@some
@given(st.booleans(), st.booleans(), seeds)
def test_deeplabcut(tmp_path, both, solid, seed):
    people, score = two_people('coco', seed)
    if solid:
        people = np.stack([person('coco', FRAMES, seed), person('coco', FRAMES, seed + 1)])
    path = write_deeplabcut(fresh(tmp_path, '.csv'), hidden(people, score)[:1 + both], score[:1 + both],
                            list(LAYOUTS['coco']['joints']))
    recording = read('deeplabcut', path)
    assert list(recording.joints) == list(LAYOUTS['coco']['joints']) and recording.estimator == 'deeplabcut'
    check(recording, people[0], score[0])


@some
@given(st.sampled_from(['cmu', 'open']), shares, st.booleans(), seeds)
def test_alphapose_by_image(tmp_path, kind, unit, both, seed):
    people, score = two_people('openpose', seed)
    path = write_alphapose_by_image(fresh(tmp_path, '.json'), hidden(in_unit(people, unit), score)[:1 + both],
                                    score[:1 + both], kind)
    assert recognise(path) == 'alphapose'
    recording = read('alphapose', path, SHAPE)
    assert recording.layout == 'openpose'
    check(recording, people[0], score[0])
    apart = write_sep_json(path.parent / path.stem / 'sep-json', path)
    other = read('openpose', apart, SHAPE)
    assert recognise(apart / '0.json') == 'openpose' and other.estimator == 'alphapose'
    check(other, people[0], score[0])
    assert [recording.format for recording in find_recordings([apart.parent])] == ['openpose']
    (apart.parent / 'alphapose-results.json').write_bytes(path.read_bytes())  # the same people
    assert [recording.format for recording in find_recordings([apart.parent])] == ['alphapose']
    assert len(find_files('alphapose', apart.parent)) == 1


@pytest.mark.parametrize('kind', ['cmu', 'open'])
def test_alphapose_by_image_in_the_order_of_coco(tmp_path, kind):
    coco, score = pixels(person('coco', FRAMES)), np.ones((1, FRAMES, 18))
    path = write_alphapose_by_image(tmp_path / 'walk.json', coco[None, :, [*range(17), 16]], score, kind)
    apart = write_sep_json(tmp_path / 'sep-json', path)
    for found in (read('alphapose', path), read('openpose', apart)):
        assert found.layout == 'coco' and any('COCO' in note for note in found.notes)
        np.testing.assert_allclose(found.keypoint[0], coco, atol=0.01)


@pytest.mark.parametrize('kind', ['cmu', 'open'])
def test_alphapose_by_image_in_another_order_is_refused(tmp_path, kind):
    flat, score = pixels(person('coco', FRAMES))[None, :, [*range(17), 15]], np.ones((1, FRAMES, 18))
    path = write_alphapose_by_image(tmp_path / 'walk.json', flat, score, kind)
    with pytest.raises(DataError, match='joints: .* neck'):
        read('alphapose', path)
    (tmp_path / '0.json').write_text(json.dumps(json.loads(path.read_text())['0.jpg']))
    with pytest.raises(DataError, match='joints: .* neck'):
        read('openpose', [tmp_path / '0.json'])
    with pytest.raises(DataError, match='sep-json'):
        read('alphapose', tmp_path / '0.json')


@some
@given(st.booleans(), seeds)
def test_skeleton_of_ntu(tmp_path, both, seed):
    people = np.stack([person('nturgb+d', FRAMES, seed), person('nturgb+d', FRAMES, seed + 1) + (2, 0, 1)])
    state = np.random.default_rng(seed).integers(0, 3, people.shape[:3])
    state[1, FRAMES // 2:] = 0
    recording = read('kinect', write_skeleton(fresh(tmp_path, '.skeleton'), people[:1 + both], state[:1 + both]))
    assert (recording.layout, recording.rate, recording.unit) == ('nturgb+d', 30, 'm')
    check(recording, people[0], state[0] / 2)


@some
@given(st.sampled_from([0, 59.9]), st.booleans(), st.sampled_from([15., 30.]), st.sampled_from(['y', 'z']), seeds)
def test_table_of_kinect(tmp_path, start, numbered, rate, up, seed):
    rng = np.random.default_rng(seed)
    body, kept = person('nturgb+d', FRAMES, seed), np.array([0, 1, 2, 3, 7, 8, 9, 10, 11])  # a gap of three frames
    times = start + (kept + rng.uniform(-0.1, 0.1, len(kept)) * (kept > 0)) / rate
    score = np.zeros((FRAMES, 25))
    score[kept] = 1
    written = body @ np.array(UPRIGHT[up], float)
    for joint, wrong in ((3, np.nan), (4, 6e164), (5, -40.)):
        written[8, joint, 1], score[8, joint] = wrong, 0
    path = write_kinect_table(fresh(tmp_path, '.csv'), written[kept], times, numbered)
    assert recognise(path) == 'kinect'
    recording = read('kinect', path)
    assert (recording.layout, recording.unit, len(recording.notes)) == ('nturgb+d', 'm', 2 + (up == 'y'))
    assert recording.rate == pytest.approx(rate, rel=0.1)
    check(recording, body, score, atol=1e-4)


@pytest.mark.parametrize('place, times', [(4, 0.05), (2, 2.)])
def test_a_table_of_kinect_whose_times_go_back_is_refused(tmp_path, place, times):
    moments = 10 + np.arange(12) / 30
    moments[place] -= times
    with pytest.raises(DataError, match='time'):
        read('kinect', write_kinect_table(tmp_path / 'walk.csv', person('nturgb+d', 12), moments))


@some
@given(st.sampled_from(['nturgb+d', 'openpose', 'coco']), st.sampled_from(['scored', 'shares', 'pixels']),
       st.booleans(), seeds)
def test_array_of_stgcn(tmp_path, layout, kind, both, seed):
    people, score = two_people(layout, seed)
    if layout == 'nturgb+d':
        people = np.stack([person(layout, FRAMES, seed), person(layout, FRAMES, seed + 1) + (2, 0, 1)])
    people, score = people[:1 + both], score[:1 + both]
    values, scored = hidden(people, score), kind == 'scored' and layout != 'nturgb+d'
    if kind != 'pixels' and layout != 'nturgb+d':
        values = np.concatenate([hidden(people / (WIDTH, HEIGHT) - 0.5, score), score[..., None]], -1)[..., :2 + scored]
    path = write_stgcn(fresh(tmp_path) / 'train_data.npy', [values, values[:1, ::-1]], [1, 0], 20)
    first, second = read_recordings('train', path, format_name='stgcn', options={}, img_shape=SHAPE)
    assert [clip.name for clip in (first, second)] == ['S001C001P000R001A001', 'S001C001P001R001A001']
    assert [clip.fields['label'] for clip in (first, second)] == [1, 0] and first.layout == layout
    check(first, people[0], score[0] if scored else (score[0] > 0) * 1.)
    check(second, people[0, ::-1], score[0, ::-1] if scored else (score[0, ::-1] > 0) * 1.)


def test_the_user_names_the_vertical_axis_and_the_unit(tmp_path):
    body, names = 1000 * person('gait_13', FRAMES), list(LAYOUTS['gait_13']['joints'])
    path = write_c3d(tmp_path / 'walk.c3d', body @ np.array(UPRIGHT['z'], float), names)
    recording = read('c3d', path, up='y', scale=0.001)
    np.testing.assert_allclose(recording.keypoint[0], body @ np.array(UPRIGHT['z'], float) / 1000, atol=1e-4)
    assert recording.unit == 'm' and any('as given' in note for note in recording.notes)


@pytest.mark.parametrize('format_name, layout', [('openpose', 'body_25'), ('alphapose', 'coco'), ('mmpose', 'coco')])
def test_the_given_source_layout_is_taken_or_refused(tmp_path, format_name, layout):
    people, score = two_people(layout, 0)
    writer = dict(openpose=write_openpose, alphapose=write_alphapose, mmpose=write_mmpose)[format_name]
    path = writer(tmp_path / 'walk.json', people[:1], score[:1])
    given_ = dict(body_25='nturgb+d', coco='mpi_inf_3dhp')[layout]
    recording = read(format_name, path, source_layout=given_)
    assert recording.layout == given_ and any('far from their neighbours' in note for note in recording.notes)
    with pytest.raises(DataError, match='source-layout'):
        read(format_name, path, source_layout='gait_13')


def test_a_source_layout_is_refused_where_the_file_names_its_joints(tmp_path):
    path = write_csv(tmp_path / 'walk.csv', person('coco', FRAMES), list(LAYOUTS['coco']['joints']))
    assert read('csv', path, source_layout='coco').layout == 'coco'
    for other in ('mpi_inf_3dhp', 'h36m'):  # joints of the second could be computed from those of COCO
        with pytest.raises(DataError, match='source-layout'):
            read('csv', path, source_layout=other)


@pytest.mark.parametrize('order, people', [('vtc', 1), ('cvt', 1), ('mvtc', 2), ('vtmc', 2), ('cmtv', 2), ('mctv', 2)])
def test_exchanged_axes_are_read_or_refused(tmp_path, order, people):
    body = np.stack([person('coco', 30, seed) + (0, 0, 2 * seed) for seed in range(people)])
    values = body.transpose(['mtvc'.index(letter) for letter in order]) if people > 1 else body[0].transpose(
        ['tvc'.index(letter) for letter in order])
    np.savez(tmp_path / 'walk.npz', keypoints=values)
    path = tmp_path / 'walk.npz'
    try:
        found = read_recordings('walk', path, format_name='npz', options=dict(dims=3))[0]
    except DataError as error:
        assert 'keypoints' in str(error) and '--axes' in str(error)
    else:
        np.testing.assert_allclose(found.keypoint[0], body[0], atol=1e-5)
    found, = read_recordings('walk', path, format_name='npz', options=dict(dims=3, axes=order))
    np.testing.assert_allclose(found.keypoint[0], body[0], atol=1e-5)


@pytest.mark.parametrize('size', [(1, 1), (WIDTH, HEIGHT)])
def test_a_depth_beside_the_coordinates_of_an_image_is_refused(tmp_path, size):
    body = person('coco', FRAMES)
    place = np.concatenate([pixels(body) / (WIDTH, HEIGHT) * size, 0.3 * body[..., 2:]], -1)
    path = write_csv(tmp_path / 'walk.csv', place, list(LAYOUTS['coco']['joints']))
    with pytest.raises(DataError, match='keypoint.*--up=-y'):
        read('csv', path)
    assert read('csv', path, up='-y').keypoint.shape[-1] == 3


@pytest.mark.parametrize('stated, unit', [('MM', 'mm'), ('Meters', 'm'), ('centimetres', 'cm'), ('inches', None)])
def test_units_in_other_words(tmp_path, stated, unit):
    body = person('gait_13', FRAMES) / (1 if unit is None else dict(m=1, cm=0.01, mm=0.001)[unit])
    names = list(LAYOUTS['gait_13']['joints'])
    for format_name, path in (('c3d', write_c3d(tmp_path / 'walk.c3d', body, names, unit=stated)),
                              ('trc', write_trc(tmp_path / 'walk.trc', body, names, unit=stated))):
        found = read(format_name, path)
        assert found.unit == unit and any(stated in note for note in found.notes) == (unit is None)


def test_y_of_a_picture_points_down(tmp_path):
    place, names = pixels(person('coco', FRAMES)), list(LAYOUTS['coco']['joints'])
    path = write_csv(tmp_path / 'walk.csv', place * (1, -1) + (0, HEIGHT), names)
    found = read('csv', path, img_shape=(HEIGHT, WIDTH))
    np.testing.assert_allclose(found.keypoint[0, :, :, 0], place[..., 0], rtol=1e-5)
    np.testing.assert_allclose(np.diff(found.keypoint[0, :, :, 1]), np.diff(place[..., 1]), atol=1e-2)
    assert any('points up' in note for note in found.notes)
    kept = read('csv', path, up='-y')
    np.testing.assert_allclose(kept.keypoint[0], place * (1, -1) + (0, HEIGHT), rtol=1e-5)
    turned = read('csv', write_csv(tmp_path / 'walk.csv', place[..., ::-1], names))
    assert any('exchanged' in note for note in turned.notes)


def test_mutated_files_are_read_or_refused_in_one_line(tmp_path):
    raw = []
    ends = fuzz(240, 0, tmp_path, lambda *found: raw.append(found))
    assert not raw and ends['read'] > 20 and ends['refused'] > 100

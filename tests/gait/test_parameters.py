import numpy as np
import pytest

from dynstg_mm.benchmark.baselines import METADATA, TREES, control_scores
from dynstg_mm.datasets.folds import subject_folds
from dynstg_mm.datasets.synthetic_gait import FINE, draw_walker, walk
from dynstg_mm.errors import ClipError, ResultsError, UserError
from dynstg_mm.files import dump_pickle
from dynstg_mm.gait.geometry import leg_length
from dynstg_mm.gait.joint_map import apply_joint_map
from dynstg_mm.gait.parameters import add_gait_parameters, gait_feature_table, gait_features
from dynstg_mm.gait.windows import walking_windows
from dynstg_mm.skeletons import LAYOUTS, get_layout, map_joints
from dynstg_mm.statistics import classification_scores, confusion_of

EXTRA_TREES, _ = TREES
LEGS = dict(num_node=7, center=0, inward=[(1, 0), (2, 1), (3, 2), (4, 0), (5, 4), (6, 5)], left=[1, 2, 3],
            right=[4, 5, 6], legs=[(1, 2, 3), (4, 5, 6)])


def someone(seed=0, **changes):
    """A walker whose every stride is the same."""
    walker = draw_walker('normal', np.random.default_rng(seed))
    for name, value in dict(dict(timing=0, reach=0, wobble=0, limp=0), **changes).items():
        setattr(walker, name, value)
    return walker


def record(walker, *, seconds=6, rate=60, dims=2):
    """The walk in pixels seen from the side, or in metres."""
    keypoint = walk(walker, seconds, np.random.default_rng(1))[::FINE // rate]
    if dims == 2:
        keypoint = keypoint[..., :2] * (200, -200) + (300, 900)
    return dict(frame_dir='walk', keypoint=keypoint[None].astype(np.float32), rate=float(rate),
                total_frames=len(keypoint), label=0, subject='someone')


@pytest.fixture(scope='module')
def spread():
    """Standard deviation of every feature between people."""
    _, table = gait_feature_table([record(draw_walker('normal', np.random.default_rng(seed))) for seed in range(10)],
                                  'body_25')
    return table.std(0)


def differences(one, other, spread):
    """Differences between two clips' features, in standard deviations between people."""
    assert list(one) == list(other)
    return np.abs(np.subtract(list(one.values()), list(other.values()))) / np.maximum(spread, 1e-3)


@pytest.mark.parametrize('dims', [2, 3])
@pytest.mark.parametrize('cycle', [0.8, 1.1, 1.5])
def test_known_walk(cycle, dims):
    clip = record(someone(cycle=cycle), dims=dims)
    found = gait_features(clip, 'body_25')
    assert found['stride_time'] == pytest.approx(cycle, rel=0.01)
    assert found['cadence'] == pytest.approx(2 / cycle, rel=0.01)
    assert found['left_step_time'] == pytest.approx(cycle / 2, rel=0.04)
    assert found['right_step_time'] == pytest.approx(cycle / 2, rel=0.04)
    assert found['step_time_cv'] < 0.03 and found['periodicity'] > 0.75
    joints = clip['keypoint'][0]
    travel = (joints[-1, 8, 0] - joints[0, 8, 0]) / (len(joints) - 1) * 60 / leg_length(joints, get_layout('body_25'))
    assert found['speed'] == pytest.approx(travel, rel=0.05)
    assert found['stride_length'] == pytest.approx(travel * cycle, rel=0.05)
    assert 0.55 < found['stance'] < 0.75 and 0.1 < found['double_support'] < 0.4
    assert np.isfinite(list(found.values())).all()


def test_angles_are_those_of_the_walker():
    walker = someone(elbow=0.6, lean=0.2)
    walker.arm[:] = 0.3
    found = gait_features(record(walker), 'body_25')
    assert found['trunk_median'] == pytest.approx(0.2, abs=0.03)
    assert found['elbow_median'] == pytest.approx(0.6, abs=0.05)
    assert found['arm_range'] == pytest.approx(0.6, abs=0.06)  # of the 5th to the 95th percentile of -0.3 to 0.3
    assert found['thigh_range'] == pytest.approx(2 * walker.hip, rel=0.1)
    assert found['knee_high'] == pytest.approx(walker.knee_rest.mean() + walker.knee_swing.mean(), rel=0.15)


def test_stiff_knee_bends_less_on_its_side():
    sound, stiff = someone(), someone()
    stiff.knee_swing[0] *= 0.5
    sound, stiff = (gait_features(record(walker), 'body_25') for walker in (sound, stiff))
    assert stiff['left_knee_range'] < 0.7 * sound['left_knee_range']
    assert stiff['right_knee_range'] == pytest.approx(sound['right_knee_range'], rel=0.05)
    assert stiff['knee_range_asymmetry'] > sound['knee_range_asymmetry'] + 0.2


def test_irregular_walk_is_found_irregular():
    even, uneven = (gait_features(record(walker, seconds=12), 'body_25')
                    for walker in (someone(), someone(timing=0.15, reach=0.2)))
    for name in ('step_time_cv', 'knee_irregularity'):
        assert uneven[name] > 3 * even[name]
    assert uneven['stride_regularity_up'] < even['stride_regularity_up'] - 0.2


def test_wide_base_and_limp():
    narrow, wide = (gait_features(record(someone(width=width), dims=3), 'body_25') for width in (0.06, 0.14))
    assert wide['base_width'] > 2 * narrow['base_width'] > 0
    limping = gait_features(record(someone(limp=0.08), dims=3), 'body_25')
    assert limping['stance_asymmetry'] > narrow['stance_asymmetry'] + 0.05


@pytest.mark.parametrize('seconds, rate', [(6, 30), (6, 24), (6, 120), (4, 60), (12, 60)])
def test_rate_and_length_do_not_show(seconds, rate, spread):
    found = differences(gait_features(record(someone()), 'body_25'),
                        gait_features(record(someone(), seconds=seconds, rate=rate), 'body_25'), spread)
    assert np.median(found) < 0.03 and np.mean(found > 0.5) < 0.05 and found.max() < 2


def test_place_size_and_lost_frames_do_not_show(spread):
    clip, rng = record(someone()), np.random.default_rng(0)
    plain = gait_features(clip, 'body_25')
    moved = dict(clip, keypoint=clip['keypoint'] * 0.37 + np.float32([500, -40]), img_shape=(99, 99))
    assert differences(plain, gait_features(moved, 'body_25'), spread).max() < 0.05
    gaps = clip['keypoint'].copy()
    gaps[:, :, 20] = 0  # a small toe, which is not needed
    gaps[rng.random(gaps.shape[:3]) < 0.1] = 0
    lost = differences(plain, gait_features(dict(clip, keypoint=gaps), 'body_25'), spread)
    assert np.median(lost) < 0.05 and np.mean(lost > 0.5) < 0.1


def test_other_direction_swaps_the_legs():
    walker = someone()
    walker.knee_swing[0] *= 0.5
    clip = record(walker)
    plain = gait_features(clip, 'body_25')
    backwards = clip['keypoint'] * np.float32([-1, 1]) + np.float32([3000, 0])
    mirrored = gait_features(dict(clip, keypoint=backwards), 'body_25')
    for name in ('knee_range', 'step_time', 'ankle_forward', 'arm_high', 'knee_to_other_wrist_mean'):
        assert mirrored[f'left_{name}'] == pytest.approx(plain[f'right_{name}'], abs=1e-4)
        assert mirrored[name] == pytest.approx(plain[name], abs=1e-4)


@pytest.mark.parametrize('up, axes', [('y', (0, 1, 2)), ('z', (0, 2, 1))])
def test_heading_and_vertical_axis_do_not_show(up, axes, spread):
    clip = record(someone(), dims=3)
    plain = gait_features(clip, 'body_25')
    x, y, z = np.moveaxis(clip['keypoint'], -1, 0)
    turned = np.stack([0.6 * x - 0.8 * z, y, 0.8 * x + 0.6 * z], -1)[..., axes]
    found = gait_features(dict(clip, keypoint=turned), 'body_25', up=up)
    np.testing.assert_allclose(list(found.values()), list(plain.values()), atol=2e-3)
    upside_down = gait_features(dict(clip, keypoint=turned * -1), 'body_25', up=f'-{up}')
    np.testing.assert_allclose(list(upside_down.values()), list(plain.values()), atol=2e-3)


@pytest.mark.parametrize('layout', ['coco', 'openpose', 'legs only'])
def test_other_layouts_have_the_features_of_their_joints(layout):
    walker = someone()
    clip = record(walker)
    full = gait_features(clip, 'body_25')
    if layout == 'legs only':
        part = dict(clip, keypoint=clip['keypoint'][:, :, [8, 12, 13, 14, 9, 10, 11]])
        found = gait_features(part, LEGS)
        assert not any(word in name for name in found for word in ('arm', 'elbow', 'trunk', 'neck', 'foot', 'toe'))
    else:
        mapping = map_joints(LAYOUTS['body_25']['joints'], LAYOUTS[layout])
        found = gait_features(dict(clip, keypoint=apply_joint_map(clip['keypoint'], None, mapping)[0]), layout)
        assert found['arm_range'] == pytest.approx(full['arm_range'], rel=0.01)
        assert 'ankle_range' not in found and 'foot_range' not in found and 'trunk_median' in found
    assert set(found) < set(full) and np.isfinite(list(found.values())).all()
    for name in ('stride_time', 'speed', 'knee_range', 'knee_irregularity', 'left_ankle_forward'):
        assert found[name] == pytest.approx(full[name], rel=0.01), name


def test_joint_that_was_never_seen_is_nan_and_nothing_else():
    clip = record(someone())
    clip['keypoint'][:, :, LAYOUTS['body_25']['joints'].index('right_wrist')] = 0
    lost = {name for name, value in gait_features(clip, 'body_25').items() if np.isnan(value)}
    assert {'right_elbow_range', 'elbow_range', 'right_wrist_up', 'wrist_apart_mean'} <= lost
    assert all('wrist' in name or 'elbow' in name for name in lost)
    assert not lost & {'left_wrist_up', 'left_elbow_range', 'right_elbow_up'}


def test_standing_person_has_no_strides():
    clip = record(someone())
    clip['keypoint'][:] = clip['keypoint'][:, :1]
    found = gait_features(clip, 'body_25')
    assert np.isnan(found['stride_time']) and np.isnan(found['step_time']) and found['speed'] == 0
    assert found['knee_range'] == pytest.approx(0, abs=1e-5)


def test_short_walk_holds_its_last_pose_as_for_the_models():
    clip = record(someone(), seconds=2)
    place = walking_windows(clip, get_layout('body_25'))
    assert place.shape[:2] == (10, 64) and (place[:, 50:] == place[:, 50:51]).all() and (place == place[:1]).all()
    assert np.ptp(place[0, :50], axis=0).max() > 0.1
    values = gait_features(clip, 'body_25')
    assert values['cadence'] == pytest.approx(gait_features(record(someone()), 'body_25')['cadence'], rel=0.1)
    with pytest.raises(ClipError, match='2.56 s'):
        gait_features(clip, 'body_25', pad=False)
    for frames in (1, 5):
        gait_features(dict(clip, keypoint=clip['keypoint'][:, :frames], total_frames=frames), 'body_25')


@pytest.mark.parametrize('change, layout, message', [
    (lambda clip: clip.update(rate=None), 'body_25', 'clip walk: rate: None'),
    (lambda clip: clip.update(keypoint=clip['keypoint'][0]), 'body_25', r'clip walk: keypoint: shape \(360, 25, 2\)'),
    (lambda clip: clip.update(keypoint=0 * clip['keypoint']), 'body_25', 'clip walk: keypoint: no frame shows'),
    (lambda clip: None, 'coco', 'clip walk: keypoint: 25 joints; .* 17'),
    (lambda clip: None, dict(LEGS, legs=[]), 'layout: legs: missing'),
    (lambda clip: None, dict(LEGS, legs=LEGS['legs'][:1]), 'layout: legs: left'),
])
def test_what_cannot_be_measured_is_named(change, layout, message):
    clip = record(someone())
    change(clip)
    with pytest.raises(ValueError, match=message):
        gait_features(clip, layout)


def test_table_of_mixed_clips_is_refused():
    with pytest.raises(ValueError, match='clip other: keypoint: 3 coordinates; the first clip has 2'):
        gait_feature_table([record(someone()), dict(record(someone(), dims=3), frame_dir='other')], 'body_25')


@pytest.fixture(scope='module')
def task(sample, tmp_path_factory):
    """Annotation file of a part of the sample, and its test clips in 2 folds by subject."""
    clips = [clip for clip in sample['annotations'] if int(clip['frame_dir'][-4:-2]) < 8]
    splits = subject_folds(clips, 'sample', folds=2)
    by_name = {clip['frame_dir']: clip for clip in clips}
    folds = [[dict(clip=name, subject=by_name[name]['subject'], label=by_name[name]['label'], score=[0.25] * 4)
              for name in splits[f'sample_fold{fold}_test']] for fold in range(2)]
    path = tmp_path_factory.mktemp('trees') / 'sample.pkl'
    dump_pickle(dict(annotations=clips, split=splits, layout='body_25'), path)
    return str(path), folds


def test_trees_recognise_the_synthetic_disorders(task):
    path, folds = task
    for name in TREES:
        found = control_scores(name, path, folds)
        control = control_scores(METADATA, path, folds)
        assert [[dict(clip, score=None) for clip in fold] for fold in found] == [
            [dict(clip, score=None) for clip in fold] for fold in control]
        pooled = [clip for fold in found for clip in fold]
        np.testing.assert_allclose([sum(clip['score']) for clip in pooled], 1)
        assert classification_scores(confusion_of(pooled, 4))['macro_f1'] > 0.6  # of four classes


def test_trees_of_a_smaller_skeleton_use_its_joints_of_the_file(task):
    path, folds = task
    pairs = [fold[:2] for fold in folds]
    two = [[dict(clip, score=[0.5, 0.5], label=label) for label, clip in enumerate(pair)] for pair in pairs]
    small = control_scores(EXTRA_TREES, path, two, layout='gait_13')
    assert [len(fold) for fold in small] == [2, 2] and small != control_scores(EXTRA_TREES, path, two)


def test_trees_learn_from_the_other_folds_only(task):
    path, folds = task
    two = [[dict(clip, score=[0.5, 0.5]) for clip in fold if clip['label'] < 2] for fold in folds[:2]]
    right = control_scores(EXTRA_TREES, path, two)
    assert control_scores(EXTRA_TREES, path, two) == right  # of the same seed
    wrong = control_scores(EXTRA_TREES, path, [[dict(clip, label=1 - clip['label']) for clip in two[0]], two[1]])
    np.testing.assert_allclose([clip['score'] for clip in wrong[0]], [clip['score'] for clip in right[0]])
    np.testing.assert_allclose([clip['score'][::-1] for clip in wrong[1]], [clip['score'] for clip in right[1]],
                               atol=0.25)


@pytest.mark.parametrize('change, message', [
    (lambda data: data.pop('layout'), 'layout: missing'),
    (lambda data: data['annotations'].pop(0), 'no clip synthetic_normal_00_0'),
    (lambda data: data['annotations'][0].update(rate=0), 'clip synthetic_normal_00_0: rate: 0'),
])
def test_unusable_file_is_named(annotation_file, change, message):
    def with_layout(data):
        data['layout'] = 'body_25'
        data['clips'] = [clip['frame_dir'] for clip in data['annotations']]
        change(data)

    path = annotation_file(with_layout)
    names = ['synthetic_normal_00_0', 'synthetic_parkinson_00_0']
    folds = [[dict(clip=name, subject=name, label=label, score=[0.5, 0.5]) for label, name in enumerate(names)],
             [dict(clip='synthetic_normal_01_0', subject='x', label=0, score=[0.5, 0.5])]]
    with pytest.raises(UserError, match=message) as caught:
        control_scores(EXTRA_TREES, path, folds)
    assert path in str(caught.value)
    with pytest.raises(ResultsError, match='at least two folds'):
        control_scores(EXTRA_TREES, annotation_file(lambda data: data.update(layout='body_25')), folds[:1])


def test_gait_parameters_are_whole_and_of_one_scale(sample):
    clips = [dict(clip) for clip in sample['annotations'][::12]]
    clips[0]['keypoint'] = clips[0]['keypoint'].copy()
    clips[0]['keypoint'][:, :, [4, 7]] = 0  # wrists that are never seen have no gait features
    names = add_gait_parameters(clips, 'body_25')
    table = np.stack([clip['gait_parameters'] for clip in clips])
    assert table.shape == (len(clips), len(names)) and table.dtype == np.float32 and np.isfinite(table).all()
    np.testing.assert_allclose(table.mean(0), 0, atol=1e-5)
    spread = table.std(0)
    assert ((abs(spread - 1) < 1e-3) | (spread == 0)).all() and (spread > 0).mean() > 0.9

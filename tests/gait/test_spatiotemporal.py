import numpy as np
import pytest

from dynstg_mm.datasets.synthetic_gait import FINE, draw_walker, walk
from dynstg_mm.gait.spatiotemporal import PARAMETERS, gait_report
from dynstg_mm.gait.walk import walk_of
from dynstg_mm.skeletons import LAYOUTS
from tests.gait.walkers import stepping


def report(clip, layout='body_25', **options):
    return {record['name']: record for record in gait_report(clip, layout, **options)}


@pytest.mark.parametrize('rate', [30, 100])
@pytest.mark.parametrize('cycle, stance, steps', [(1.1, (0.6, 0.6), (0.6, 0.6)), (1.4, (0.66, 0.7), (0.3, 0.4)),
                                                  (0.9, (0.58, 0.64), (0.8, 0.7))])
def test_known_steps(rate, cycle, stance, steps):
    clip, _ = stepping(rate=rate, cycle=cycle, stance=stance, steps=steps, width=0.12)
    found = report(clip, unit='m')
    for name, value, relative in (
            ('cadence_spm', 120 / cycle, 0.01), ('stride_duration_s', cycle, 0.01),
            ('walking_speed_mps', sum(steps) / cycle, 0.01), ('stride_length_m', sum(steps), 0.01),
            ('step_length_m', np.mean(steps), 0.03), ('step_width_m', 0.12, 0.01)):
        assert found[name]['value'] == pytest.approx(value, rel=relative), name
    for side, length, share in zip(('left', 'right'), steps, stance):
        assert found['step_length_m'][side] == pytest.approx(length, rel=0.04)
        assert found['step_duration_s'][side] == pytest.approx(cycle / 2, rel=0.05)
        assert found['stance_percent'][side] == pytest.approx(100 * share, abs=2.5)
    assert found['double_support_percent']['value'] == pytest.approx(100 * (sum(stance) - 1), abs=5)
    assert found['step_length_asymmetry']['value'] == pytest.approx(
        100 * abs(steps[0] - steps[1]) / np.mean(steps), abs=3)
    assert found['stride_duration_cv']['value'] < 1.5


def test_side_view_has_leg_lengths_only():
    clip, _ = stepping(dims=2, steps=(0.5, 0.7))
    found, space = report(clip), report(stepping(dims=3, steps=(0.5, 0.7))[0], unit='m')
    legs = walk_of(clip, 'body_25').leg / 200  # metres
    assert found['step_length_legs']['left'] == pytest.approx(0.5 / legs, rel=0.03)
    for name, most in dict(cadence_spm=1, stance_percent=2, double_support_percent=3, hip_range_deg=0.5).items():
        assert found[name]['value'] == pytest.approx(space[name]['value'], abs=most), name
    for name in ('step_length_m', 'walking_speed_mps', 'step_width_legs'):
        assert np.isnan(found[name]['value']) and found[name]['reason']


def test_treadmill_speed_is_that_of_the_belt():
    clip, _ = stepping()
    belt = clip['keypoint'] - (clip['keypoint'][:, :, 8:9] - clip['keypoint'][:, :1, 8:9])
    ground, treadmill = report(clip, unit='m'), report(dict(clip, keypoint=belt), unit='m')
    for name in ('walking_speed_mps', 'stride_length_m', 'step_length_m'):
        assert treadmill[name]['value'] == pytest.approx(ground[name]['value'], rel=0.03), name


def test_angles_and_asymmetry_are_those_of_the_walker():
    walker = draw_walker('normal', np.random.default_rng(0))
    for name in ('timing', 'reach', 'wobble', 'limp'):
        setattr(walker, name, 0)
    walker.lean, walker.arm[:], walker.cycle = 0.2, (0.3, 0.15), 1.1
    walker.knee_swing[0] *= 0.5
    keypoint = walk(walker, 8, np.random.default_rng(1))[::FINE // 60].astype(np.float32)[None]
    found = report(dict(frame_dir='walk', keypoint=keypoint, rate=60., total_frames=480))
    assert found['cadence_spm']['value'] == pytest.approx(120 / 1.1, rel=0.01)
    assert found['arm_swing_deg']['left'] == pytest.approx(np.degrees(0.6), rel=0.1)
    assert found['arm_swing_deg']['right'] == pytest.approx(np.degrees(0.3), rel=0.1)
    assert found['arm_swing_asymmetry']['value'] == pytest.approx(67, abs=8)
    assert found['trunk_lean_deg']['value'] == pytest.approx(np.degrees(0.2), abs=2)
    assert found['knee_range_deg']['left'] < 0.7 * found['knee_range_deg']['right']


def test_every_parameter_has_a_value_or_a_reason():
    clip, _ = stepping()
    hidden = clip['keypoint'].copy()
    hidden[:, :, [LAYOUTS['body_25']['joints'].index(f'left_{joint}') for joint in ('elbow', 'big_toe')]] = 0
    for changed in (clip, dict(clip, keypoint=hidden), dict(clip, keypoint=clip['keypoint'][:, :50]),
                    dict(clip, keypoint=clip['keypoint'][:, ::6], rate=10.)):
        records = gait_report(changed, 'body_25')
        assert [record['name'] for record in records] == [parameter.name for parameter in PARAMETERS]
        for record in records:
            assert bool(record['reason']) == bool(np.isnan(record['value'])), record
    found = report(dict(clip, keypoint=hidden))
    assert np.isnan(found['arm_swing_deg']['left']) and np.isfinite(found['arm_swing_deg']['right'])
    assert np.isfinite(found['step_length_legs']['value'])  # of the ankles


def test_view_from_the_front_is_refused():
    clip, _ = stepping()
    x, y, z = np.moveaxis(clip['keypoint'], -1, 0)
    near = 3 / (10 - 0.3 * x)  # comes towards the camera
    front = np.stack([300 + 300 * near * z, 500 - 300 * near * y], -1)
    found = report(dict(clip, keypoint=front.astype(np.float32)))
    assert all(np.isnan(record['value']) and record['reason'] for record in found.values())
    assert 'side' in found['cadence_spm']['reason']

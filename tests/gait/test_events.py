import numpy as np
import pytest

from dynstg_mm.errors import ClipError
from dynstg_mm.gait.events import foot_events, gait_phase
from dynstg_mm.gait.joint_map import apply_joint_map
from dynstg_mm.gait.walk import walk_of
from dynstg_mm.skeletons import LAYOUTS, map_joints
from tests.gait.walkers import stepping


def errors(events, truth, kind):
    """Seconds between every true event of a kind and the nearest one that was found; a missing one is an hour."""
    return np.array([min((event.time - time for event in events if (event.side, event.kind) == (side, kind)), key=abs,
                         default=3600) for time, side, what in truth if what == kind])


@pytest.mark.parametrize('dims', [2, 3])
@pytest.mark.parametrize('rate, tolerance', [(100, 0.02), (60, 0.02), (25, 0.035)])
def test_contacts_are_found_to_two_hundredths_of_a_second(dims, rate, tolerance):
    clip, truth = stepping(dims=dims, rate=rate, stance=(0.58, 0.66), steps=(0.5, 0.7))
    events = foot_events(walk_of(clip, 'body_25'))
    assert len(truth) <= len(events) <= len(truth) + 3  # those at the ends may be found or not
    for kind in ('strike', 'off'):
        found = errors(events, truth, kind)
        assert np.abs(found).max() < tolerance
        assert found.std() < tolerance / 2


@pytest.mark.parametrize('layout', ['gait_13', 'coco', 'h36m'])
def test_ankles_replace_feet(layout):
    clip, truth = stepping(dims=3)
    mapping = map_joints(LAYOUTS['body_25']['joints'], dict(LAYOUTS['gait_13']))
    keypoint, _ = apply_joint_map(clip['keypoint'], None, mapping)
    if layout != 'gait_13':
        whole = np.zeros((*keypoint.shape[:2], 17, 3), np.float32)
        for index, name in enumerate(LAYOUTS[layout]['joints']):
            if name in LAYOUTS['gait_13']['joints']:
                whole[:, :, index] = keypoint[:, :, LAYOUTS['gait_13']['joints'].index(name)]
        keypoint = whole
    events = foot_events(walk_of(dict(clip, keypoint=keypoint), layout))
    for kind in ('strike', 'off'):
        found = errors(events, truth, kind)
        assert np.abs(found).max() < 0.06 and found.std() < 0.01


def test_sides_and_times_do_not_depend_on_the_direction_or_on_where_the_recording_starts():
    clip, _ = stepping(dims=2, stance=(0.58, 0.66))
    plain = foot_events(walk_of(clip, 'body_25'))
    back = foot_events(walk_of(dict(clip, keypoint=clip['keypoint'] * np.float32([-1, 1]) + 3000), 'body_25'))
    late = clip['keypoint'].copy()
    late[:, :30] = 0  # nobody in the first half second
    assert [event[1:] for event in back] == [event[1:] for event in plain]
    np.testing.assert_allclose([event.time for event in back], [event.time for event in plain], atol=1e-3)
    after = [event for event in foot_events(walk_of(dict(clip, keypoint=late), 'body_25')) if event.time > 1]
    assert [event[1:] for event in after] == [event[1:] for event in plain if event.time > 1]
    np.testing.assert_allclose([event.time for event in after], [event.time for event in plain if event.time > 1],
                               atol=5e-3)


@pytest.mark.parametrize('up, axes', [('y', (0, 1, 2)), ('z', (2, 0, 1))])
def test_heading_does_not_show(up, axes):
    clip, truth = stepping(dims=3)
    x, y, z = np.moveaxis(clip['keypoint'], -1, 0)
    turned = np.stack([0.6 * x - 0.8 * z, y, 0.8 * x + 0.6 * z], -1)[..., axes]
    events = foot_events(walk_of(dict(clip, keypoint=turned), 'body_25', up=up))
    assert np.abs(errors(events, truth, 'strike')).max() < 0.015


def test_on_a_treadmill_the_steps_are_the_same():
    clip, truth = stepping(dims=3)
    belt = clip['keypoint'] - (clip['keypoint'][:, :, 8:9] - clip['keypoint'][:, :1, 8:9])
    events = foot_events(walk_of(dict(clip, keypoint=belt), 'body_25'))
    for kind in ('strike', 'off'):
        assert np.abs(errors(events, truth, kind)).max() < 0.02


@pytest.mark.parametrize('rate, most', [(100, 0.02), (30, 0.1)])
def test_a_foot_that_lands_on_its_toes_has_struck(rate, most):
    """The heel sinks for a tenth of a second more, which slow recordings take for the strike."""
    clip, truth = stepping(dims=3, rate=rate)
    time = np.arange(clip['total_frames']) / rate
    for side, heel in (('left', 21), ('right', 24)):
        strikes = np.array([moment for moment, foot, kind in truth if (foot, kind) == (side, 'strike')])
        since = (time[:, None] - strikes).T
        late = np.clip(1 - since / 0.1, 0, 1) * (since > -0.1)
        clip['keypoint'][0, :, heel] += late.max(0)[:, None] * np.float32([-0.06, 0.06, 0])
    found = errors(foot_events(walk_of(clip, 'body_25')), truth, 'strike')
    assert np.abs(found).max() < most


def test_phase_runs_from_strike_to_strike_of_one_foot():
    clip, truth = stepping(dims=2, cycle=1.2)
    for side in ('left', 'right'):
        phase = gait_phase(clip['keypoint'][0], 'body_25', 60, side=side)
        assert phase.shape == (480, ) and np.isfinite(phase).mean() > 0.6
        strike = next(time for time, foot, kind in truth if (foot, kind) == (side, 'strike'))
        true = ((np.arange(480) / 60 - strike) / 1.2) % 1
        away = (phase - true + 0.5) % 1 - 0.5
        assert np.nanmax(np.abs(away)) < 0.02
    assert np.isnan(phase[0]) and np.isnan(phase[-1])  # no whole cycle


def test_nobody_who_stands_or_is_filmed_too_slowly_steps():
    clip, _ = stepping(dims=2)
    still = clip['keypoint'].copy()
    still[:] = still[:, :1] + np.random.default_rng(0).normal(0, 1, still.shape)
    assert not foot_events(walk_of(dict(clip, keypoint=still), 'body_25'))
    assert np.isnan(gait_phase(still[0], 'body_25', 60)).all()
    assert not foot_events(walk_of(dict(clip, keypoint=clip['keypoint'][:, ::6], rate=10), 'body_25'))


def test_unusable_clip_is_named():
    clip, _ = stepping()
    with pytest.raises(ClipError, match='rate'):
        walk_of(dict(clip, rate=None), 'body_25')
    with pytest.raises(ClipError, match='keypoint'):
        walk_of(dict(clip, keypoint=0 * clip['keypoint']), 'body_25')

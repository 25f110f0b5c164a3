"""Foot strikes are found, and moments and means have their place between them."""
import numpy as np

from dynstg_mm.inference.strikes import CURVE, find_strikes, marked_strikes, over_stride, phase_beyond
from dynstg_mm.skeletons import LAYOUTS


def test_phases_run_from_strike_to_strike():
    phase = phase_beyond(np.array([-2., 0.5, 1., 1.5, 2.1, 2.6, 9.]), [1., 2., 3.2])
    np.testing.assert_allclose(phase, [np.nan, 0.54545455, 0, 0.5, 0.08333333, 0.5, np.nan], atol=1e-6)
    assert np.isnan(phase_beyond(np.array([5.]), [1., 2., 3., 9., 10.]))  # nobody walks for 6 s


def test_strides_of_a_walk_are_found_and_a_skeleton_without_legs_has_none(sample):
    clip = dict(sample['annotations'][0], layout='body_25')
    strikes, stride = find_strikes(clip, 'body_25')
    assert set(strikes) == {'left', 'right'} and 0.8 < stride < 1.6
    legless = {key: value for key, value in LAYOUTS['body_25'].items() if key != 'legs'}
    assert find_strikes(clip, legless)[0] == {}


def test_strikes_of_an_annotation_are_sorted_by_side():
    events = [(2., 'left', 'strike'), (1.5, 'right', 'strike'), (1., 'left', 'strike'), (1.2, 'left', 'off')]
    assert marked_strikes(dict(events=events)) == dict(left=[1., 2.], right=[1.5])
    assert marked_strikes({}) == {}


def test_means_over_the_stride_are_those_of_the_moments_around():
    place = np.append(np.random.default_rng(0).random(2000), np.nan)
    values = np.stack([np.cos(2 * np.pi * place), place > 0.5], 1)
    values[-1] = 1e6  # its place is unknown
    wave, step = over_stride(place, values).T
    points = (np.arange(CURVE) + 0.5) / CURVE
    np.testing.assert_allclose(wave, np.cos(2 * np.pi * points), atol=0.05)
    assert step[2:8].max() < 0.01 and step[12:18].min() > 0.99
    assert np.isnan(over_stride(np.full(3, np.nan), np.ones((3, 4)))).all()

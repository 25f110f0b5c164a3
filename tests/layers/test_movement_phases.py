import numpy as np
import pytest
import torch
from sklearn.metrics import normalized_mutual_info_score

from dynstg_mm.layers import MovementPhases
from dynstg_mm.models.graph import leg_difference
from dynstg_mm.skeletons import get_layout, mirror_order


def legs(angle, amplitude=1.):
    """A pose of gait_13 in which only the ankles move, in opposite directions, (b, t, v, 2)."""
    layout = get_layout('gait_13')
    x = torch.zeros(*angle.shape, 13, 2)
    for leg in layout['legs']:
        x[..., leg[2], 0] = (1 if leg[2] in layout['left'] else -1) * amplitude * angle.cos()
    return x


def phases_of_legs():
    return MovementPhases(leg_difference(get_layout('gait_13'), 2))


def test_untrained_phases_follow_the_stride():
    angle = torch.linspace(0.7, 17, 40)[None]  # 2.6 strides
    phases = phases_of_legs()(legs(angle))
    torch.testing.assert_close(phases.sum(-1), torch.ones(1, 40))
    stride = (angle[0].numpy() % (2 * np.pi) / (2 * np.pi) * 8).astype(int)
    assert normalized_mutual_info_score(stride, phases[0].argmax(-1)) > 0.6
    assert phases.mean((0, 1)).min() > 0.15  # all of them are in use
    largest = phases[0].argmax(-1)
    assert set(((largest[1:] - largest[:-1]) % 4).tolist()) == {0, 1}  # one after the other


@pytest.mark.parametrize('change', [lambda x: 3 * x, lambda x: x + 5, lambda x: x[:, :, torch.arange(13)]])
def test_size_and_place_do_not_count(change):
    x = legs(torch.linspace(0, 12, 30)[None])
    torch.testing.assert_close(phases_of_legs()(change(x)), phases_of_legs()(x), rtol=0.01, atol=0.01)


def test_exchanging_the_legs_is_half_a_stride():
    angle = torch.linspace(0, 4 * np.pi, 41)[None]
    module = phases_of_legs()
    torch.testing.assert_close(module(legs(angle + np.pi)), module(legs(angle)).roll(2, -1), rtol=1e-3, atol=1e-3)


def test_exchanging_the_sides_is_half_a_stride_whatever_is_learned():
    layout = get_layout('gait_13')
    module = MovementPhases(torch.randn(13, 2), learn=True, mirror=mirror_order(layout))
    x = torch.randn(2, 40, 13, 2).cumsum(1)
    torch.testing.assert_close(module(x[:, :, mirror_order(layout)]), module(x).roll(2, -1), rtol=1e-3, atol=1e-3)
    together = torch.randn(2, 40, 1, 2).expand(-1, -1, 13, -1)  # a movement of the whole body
    torch.testing.assert_close(module(x + together), module(x), rtol=0.01, atol=0.01)


def test_a_person_who_stands_still_has_all_phases_alike():
    phases = phases_of_legs()(torch.ones(2, 9, 13, 2))
    torch.testing.assert_close(phases, torch.full((2, 9, 4), 0.25), rtol=0, atol=0.01)


def test_one_phase_switches_them_off():
    module = MovementPhases(torch.zeros(5, 2), num_phases=1)
    assert module(torch.randn(2, 9, 5, 2)).eq(1).all() and not list(module.parameters())


def test_a_skeleton_without_legs_still_has_a_signal():
    weight = leg_difference(get_layout(dict(num_node=4, inward=[(1, 0), (2, 1), (3, 1)], center=0)), 2)
    assert weight.shape == (4, 2) and weight.abs().min() > 0
    assert leg_difference(get_layout('body_25'), 3)[:, 1:].eq(0).all()

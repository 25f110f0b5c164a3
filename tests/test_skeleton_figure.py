import re

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from dynstg_mm.inference.skeleton_video import PLAIN
from dynstg_mm.skeleton_figure import SIDE_COLORS, _views, bones, draw_frames, points_only, side, walking_direction
from dynstg_mm.skeletons import LAYOUTS, mirror_order

from .conftest import ROOT
from .importers.written import person, pixels

GAIT = LAYOUTS['gait_17']
LEFT, RIGHT = (GAIT['joints'].index(f'{name}_hip') for name in ('left', 'right'))


def test_sides_have_the_same_colours_everywhere():
    css = dict(re.findall(r'--(left|right|middle): (#\w{6})', (ROOT / 'dynstg_mm/inference/style.css.j2').read_text()
                          .split('\n')[1]))
    assert css == {name or 'middle': color for name, color in SIDE_COLORS.items()}
    assert [to_hex(np.array(color) / 255) for color in (PLAIN.left, PLAIN.right, PLAIN.middle)] == list(
        SIDE_COLORS.values())


def test_sides_and_bones():
    assert side(GAIT, LEFT) == 'left' and side(GAIT, LEFT, RIGHT) == '' == side(GAIT, 0)
    assert side(GAIT, LEFT, 0) == 'left'
    assert side(points_only(['Left_knee', 'nose', 'r_knee_right']), 2) == 'right'  # by name
    assert (RIGHT, LEFT) in bones(GAIT) and len(bones(LAYOUTS['body_25'])) == len(LAYOUTS['body_25']['inward'])


@pytest.mark.parametrize('angle', [0, 1, 2.5, 4])
def test_swapped_sides_are_seen_from_behind(angle):
    turn = np.array([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]])
    place = person('gait_17', 50) @ turn
    seen = np.ones(place.shape[:2], bool)
    for order, left_is_left in ((np.arange(17), True), (mirror_order(GAIT), False)):
        aside, behind = _views(place[:, order], seen, GAIT, 'm')
        assert ((behind.place[:, LEFT, 0] < behind.place[:, RIGHT, 0]) == left_is_left).all()
        assert aside.place[-1, 0, 0] > aside.place[0, 0, 0] and aside.ahead == 1
    ankles = GAIT['joints'].index('left_ankle'), GAIT['joints'].index('right_ankle')
    assert all((view.place[:, list(ankles), 1] < view.place[:, [0], 1]).all() for view in (aside, behind))


def test_the_direction_is_unknown_of_somebody_who_stands_and_whose_feet_are_not_seen():
    layout = LAYOUTS['gait_13']
    still = np.repeat(person('gait_13', 1), 20, 0)
    aside, behind = _views(still, np.ones((20, 13), bool), layout, None)
    assert aside.ahead == 0 and 'left' not in behind.title and 'unknown unit' in aside.unit
    np.testing.assert_allclose(np.linalg.norm(walking_direction(still, layout)), 1)


@pytest.mark.parametrize('mirrored', [False, True])
def test_the_direction_in_a_picture(mirrored):
    flat = pixels(person('gait_17', 50))
    flat[..., 0] = 1000 - flat[..., 0] if mirrored else flat[..., 0]
    view, = _views(flat, np.ones(flat.shape[:2], bool), GAIT, None)
    assert view.ahead == (-1 if mirrored else 1) * np.sign(person('gait_17', 50)[-1, 0, 0])


@pytest.mark.parametrize('layout', ['gait_17', None])
@pytest.mark.parametrize('dims', [2, 3])
def test_three_frames_are_drawn(layout, dims):
    place = person('gait_17', 30)
    place = pixels(place) if dims == 2 else place
    seen = np.ones(place.shape[:2], bool)
    seen[:9] = seen[:, 4] = False
    figure = Figure()
    draw_frames(figure, place, seen, LAYOUTS[layout] if layout else points_only(GAIT['joints']), 25., 'm')
    assert len(figure.axes) == 3 * (dims - 1)
    titles = [axes.get_title() for axes in figure.axes[:3]]
    assert all(re.search(r'frame (11|19|27), ', title) for title in titles)

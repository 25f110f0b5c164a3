"""What is drawn of filters whose phases are the gait cycle, and whose graph differs between phases and people."""
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from dynstg_mm.benchmark.figures import new_figure
from dynstg_mm.errors import ConfigError
from dynstg_mm.inference import filter_figure
from dynstg_mm.inference.filter_checks import synthetic_walks
from dynstg_mm.inference.filter_figure import draw_filters, draw_links, links_of, summarise
from dynstg_mm.inference.filters import FilterReader
from dynstg_mm.skeletons import LAYOUTS

from .test_filter_checks import checkpoint, gait_cycle, inferencer  # noqa: F401

CLASSES = ('normal', 'parkinson', 'ataxia', 'osteoarthritis')


@pytest.fixture
def reader(inferencer):  # noqa: F811
    return FilterReader(inferencer)


@pytest.fixture
def walks(inferencer):  # noqa: F811
    return [clip for clip in synthetic_walks(inferencer) if clip['frame_dir'][-4:-2] in ('00', '01', '02')]


def moves(reader, walks, *, dependent=False):
    """Give the model a graph in which phase 2 (index 1) links joints 3 and 4, twice as strongly in some walks."""
    def filters(x):
        layer, coarse = gait_cycle(reader.inferencer.layout, x)
        graph = torch.ones(*layer['phases'].shape[:2], 1, 25, 25)
        lean = (x[:, 0, :, 1, 0] - x[:, 0, :, 8, 0]).mean(1)[:, None] > 0.15 if dependent else torch.tensor(False)
        graph[:, :, 0, 3, 4] += layer['phases'][..., 1] * (1 + lean.float())
        return [dict(layer, adjacency=graph), coarse]
    reader.backbone.filters = filters


def test_the_middle_of_each_phase_shows_its_own_link(reader, walks):
    moves(reader, walks)
    summary = summarise(reader, walks, CLASSES)
    assert summary.people == summary.walks == 12 and list(summary.curves) == [0] and summary.layer == 0
    assert summary.movements[0] > 0 and summary.movements[1] is None
    assert summary.middle[1, 3, 4] > 0.5 > 0 > summary.middle[3, 3, 4]
    assert np.count_nonzero(summary.middle) == 4  # nothing else moves
    places = np.array(summary.places, float)
    apart = np.diff([*places, places[0]]) % 1
    np.testing.assert_allclose(apart, 0.25, atol=0.12)
    mean, spread = summary.curves[0]
    np.testing.assert_allclose(mean.sum(1), 1, atol=1e-3)
    assert 20 * ((mean[:, 1].argmax() + 0.5) / 20 - places[1] + 0.5) % 20 == pytest.approx(10, abs=2.5)
    assert spread.max() < 0.5


def test_groups_are_all_others_and_the_first_class_or_as_asked(reader, walks):
    moves(reader, walks, dependent=True)
    summary = summarise(reader, walks, CLASSES)
    assert summary.groups == (list(CLASSES[1:]), ['normal']) and summary.apart.shape == (4, 25, 25)
    asked = summarise(reader, walks, CLASSES, groups=['normal', 'ataxia'])
    back = summarise(reader, walks, CLASSES, groups=['ataxia', 'normal'])
    np.testing.assert_allclose(asked.apart, -back.apart, atol=1e-6)
    assert np.abs(asked.apart).max() > 0 and not asked.sure[:, 0].any()
    alone = summarise(reader, walks[:3], CLASSES)
    assert alone.groups == ((), ()) and len(alone.apart) == 0
    draw_filters(alone, 'no groups')


@pytest.mark.parametrize('options, named', [
    (dict(groups=['normal', 'gout']), '--groups'), (dict(groups=['ataxia', 'ataxia']), '--groups'),
    (dict(layer=1), '--layer'), (dict(clip='nobody'), '--clip')])
def test_a_wrong_choice_is_named(reader, walks, options, named):
    moves(reader, walks)
    with pytest.raises(ConfigError, match=named):
        summarise(reader, walks[::6], CLASSES, **options)


def test_a_graph_that_stands_still_looks_so(reader, walks):
    layout, pose = LAYOUTS['body_25'], np.random.default_rng(0).random((25, 2))
    graph = np.zeros((25, 25))
    graph[3, 4] = graph[4, 3] = 0.01
    axes = new_figure().add_subplot()
    draw_links(axes, pose, graph, layout, filter_figure.LEAST_SCALE)
    assert not axes.patches
    graph[3, 4] = graph[4, 3] = 0.5
    draw_links(axes, pose, graph, layout, filter_figure.LEAST_SCALE)
    link, = axes.patches
    red, _, blue = (int(to_hex(link.get_edgecolor())[place:place + 2], 16) for place in (1, 3, 5))
    assert red > 2 * blue and link.get_linewidth() > 3
    assert links_of(np.triu(np.ones((2, 2)))).tolist() == [[0, 0.5], [0.5, 0]]

    def still(x):
        phases = torch.full((len(x), x.shape[2] // 2, 4), 0.25)
        return [dict(phases=phases, adjacency=torch.ones(*phases.shape[:2], 1, 25, 25))]

    reader.backbone.filters = still
    summary = summarise(reader, walks[::4], CLASSES)
    figure = draw_filters(summary, 'still')
    assert summary.movements == [0] and not summary.middle.any()
    bars = [axes for part in figure.subfigs for axes in part.axes if axes.get_xlim() == (-0.5, 0.5)]
    assert [axes.get_xlim() for axes in bars] == [(-0.5, 0.5)]  # one colour scale


def test_a_model_without_a_graph_that_moves_or_without_phases_is_drawn(reader, walks):
    def only(count, graph):
        def filters(x):
            phases = torch.full((len(x), x.shape[2] // 2, count), 1 / count)
            return [dict(phases=phases, adjacency=graph and torch.ones(*phases.shape[:2], 1, 25, 25))]
        return filters
    for count, graph in ((4, None), (1, True)):
        reader.backbone.filters = only(count, graph)
        assert len(draw_filters(summarise(reader, walks[::6], CLASSES), 'title').subfigs) == 1

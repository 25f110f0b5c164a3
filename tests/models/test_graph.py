import pytest
from mmaction.models.utils import Graph

from dynstg_mm.models.graph import build_graph
from dynstg_mm.skeletons import LAYOUTS, get_layout


@pytest.mark.parametrize('name', ['coco', 'openpose', 'nturgb+d'])
def test_layouts_of_mmaction_are_unchanged(name):
    ours, theirs = Graph(LAYOUTS[name]), Graph(name)
    assert ours.center == theirs.center and ours.num_node == theirs.num_node
    if name != 'nturgb+d':  # there a hand is linked to the other hand, here to its wrist
        assert (ours.A == theirs.A).all()


def test_graph_takes_our_layouts_by_name():
    assert (Graph('body_25').A == Graph(LAYOUTS['body_25']).A).all()
    with pytest.raises(ValueError, match='body_26'):
        Graph('body_26')


def test_adjacency_of_a_custom_layout():
    layout, adjacency = build_graph(dict(num_node=3, inward=[(1, 0), (2, 1)], center=0))
    assert adjacency.shape == (3, 3, 3) and layout == get_layout(layout)
    assert adjacency[0].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]  # self, inward, outward
    assert adjacency[1].tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    assert adjacency[2].tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]

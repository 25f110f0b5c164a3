from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from dynstg_mm.skeletons import LAYOUTS, depth_first, get_layout, mirror_order, parents
from mmaction.models.utils import Graph

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize('name', LAYOUTS)
def test_layout_is_a_tree_with_pairs_and_limbs(name):
    layout = LAYOUTS[name]
    joints, count = layout['joints'], layout['num_node']
    assert len(joints) == len(set(joints)) == count
    assert len({child for child, _ in layout['inward']}) == len(layout['inward'])
    reach = np.linalg.matrix_power(np.eye(count) + sum(
        np.eye(count)[[i]].T @ np.eye(count)[[j]] + np.eye(count)[[j]].T @ np.eye(count)[[i]]
        for i, j in layout['inward']), count)
    assert (reach > 0).all()
    for left, right in zip(layout['left'], layout['right']):
        assert joints[left].replace('left', 'right') == joints[right]
    assert sorted(sum(layout['limbs'].values(), [])) == list(range(count))
    for hip, knee, ankle in layout['legs']:
        assert 'hip' in joints[hip] and 'knee' in joints[knee] and 'ankle' in joints[ankle]


@pytest.mark.parametrize('name', ['coco', 'openpose', 'nturgb+d'])
def test_layouts_of_mmaction_are_unchanged(name):
    ours, theirs = Graph(LAYOUTS[name]), Graph(name)
    assert ours.center == theirs.center and ours.num_node == theirs.num_node
    if name != 'nturgb+d':  # its hands hang on each other there, and on the wrist here
        assert (ours.A == theirs.A).all()


def test_config_and_package_agree_on_body_25():
    config = Config.fromfile(ROOT / 'configs/_base_/datasets/body_25_windows.py')
    assert config.layout == 'body_25' and len(config.graph_layout) == 3
    assert all(LAYOUTS['body_25'][key] == value for key, value in config.graph_layout.items())


def test_mirroring_twice_is_the_identity():
    order = mirror_order(LAYOUTS['body_25'])
    assert [order[index] for index in order] == list(range(25)) and order != list(range(25))


def test_own_layout_gets_limbs_and_parents():
    own = get_layout(dict(num_node=5, inward=[(1, 0), (2, 1), (3, 0), (4, 3)], center=0))
    assert own['limbs'] == dict(center=[0], branch_1=[1, 2], branch_2=[3, 4])
    assert parents(own) == [0, 0, 1, 0, 3]


@pytest.mark.parametrize('layout, message', [
    ('body_26', 'unknown name'),
    (dict(num_node=3), 'inward, center missing'),
    (dict(num_node=3, inward=[(3, 0)], center=0), 'inward names joint 3'),
    (dict(num_node=3, inward=[(1, 0)], center=0, left=[1], right=[]), 'pairs'),
    (dict(num_node=3, inward=[(1, 0)], center=0, joints=('a', )), '1 names for 3'),
])
def test_wrong_layout_is_named(layout, message):
    with pytest.raises(ValueError, match=message):
        get_layout(layout)


@pytest.mark.parametrize('name', LAYOUTS)
def test_depth_first_order_reaches_every_joint_behind_its_parent(name):
    layout = LAYOUTS[name]
    order, parent = depth_first(layout), parents(layout)
    assert sorted(order) == list(range(layout['num_node'])) and order[0] == layout['center']
    assert all(order.index(parent[joint]) < order.index(joint) for joint in order[1:] if parent[joint] != joint)
    knee, ankle = layout['legs'][0][1:]
    assert order.index(ankle) == order.index(knee) + 1

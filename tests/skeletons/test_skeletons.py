import json
import re

import numpy as np
import pytest

from dynstg_mm.errors import ConfigError
from dynstg_mm.skeletons import LAYOUTS, depth_first, get_layout, map_joints, mirror_order, name_hint, parents


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


def test_mirroring_twice_is_the_identity():
    order = mirror_order(LAYOUTS['body_25'])
    assert [order[index] for index in order] == list(range(25)) and order != list(range(25))


def test_own_layout_gets_limbs_and_parents():
    own = get_layout(dict(num_node=5, inward=[(1, 0), (2, 1), (3, 0), (4, 3)], center=0))
    assert own['limbs'] == dict(center=[0], branch_1=[1, 2], branch_2=[3, 4])
    assert parents(own) == [0, 0, 1, 0, 3]


def test_own_layout_in_a_file(tmp_path):
    path = tmp_path / 'dreizehn Gelenke.json'
    path.write_text('{"num_node": 2, "inward": [[1, 0]], "center": 0, "joints": ["hüfte", "knie"]}', encoding='utf-8')
    assert get_layout(str(path))['joints'] == ['hüfte', 'knie']
    path.write_text('{"num_node": 2')
    with pytest.raises(ConfigError, match='Gelenke.json: not a readable JSON file'):
        get_layout(str(path))
    path.write_text('{"num_node": 2, "inward": [[1, 9]], "center": 0}')
    with pytest.raises(ConfigError, match='Gelenke.json: .*inward'):
        get_layout(str(path))


@pytest.mark.parametrize('layout, message', [
    ('body_26', 'unknown name'),
    (dict(num_node=3), 'inward: missing'),
    (dict(num_node=3, inward=[(3, 0)], center=0), 'inward: joint 3'),
    (dict(num_node=3, inward=[(1, 0)], center=0, left=[1], right=[]), 'left: 1 joints'),
    (dict(num_node=3, inward=[(1, 0)], center=0, joints=('a', )), 'joints: .* 3 names'),
    (dict(num_node=3, inward=[(1, 0)], center=0, joints=('a', 'b', 'a')), "joints: the name 'a'"),
    (dict(num_node=3, inward=[(1, 0)], center=0, legs=[(0, 1)]), 'legs: '),
    (dict(num_node=3, inward=[(1, 0)], center='hip'), "center: joint 'hip'"),
    ([(1, 0)], 'layout: a list'), (dict(num_node=3, inward=3, center=0), 'inward: 3'),
    (dict(num_node=3, inward=[], center=0, left=5), 'left: 5'),
    (dict(num_node=3, inward=[], center=0, limbs=[1]), 'limbs: '),
    (dict(num_node=3, inward=[], center=0, joints=3), 'joints: 3'),
    (dict(num_node='3', inward=[(1, 0)], center=0), "num_node: '3'"),
    (dict(num_node=3, inward=[(1, 2), (2, 1)], center=0), 'inward: .* joint 1'),
])
def test_wrong_layout_is_named(layout, message):
    with pytest.raises(ConfigError, match=message):
        get_layout(layout)


@pytest.mark.parametrize('name', LAYOUTS)
def test_depth_first_order_reaches_every_joint_behind_its_parent(name):
    layout = LAYOUTS[name]
    order, parent = depth_first(layout), parents(layout)
    assert sorted(order) == list(range(layout['num_node'])) and order[0] == layout['center']
    assert all(order.index(parent[joint]) < order.index(joint) for joint in order[1:] if parent[joint] != joint)
    knee, ankle = layout['legs'][0][1:]
    assert order.index(ankle) == order.index(knee) + 1


def test_joints_are_mapped_by_name():
    body_25, coco = LAYOUTS['body_25'], LAYOUTS['coco']
    mapping = map_joints(body_25['joints'], coco)
    assert [body_25['joints'][index] for index, in mapping] == list(coco['joints'])
    own = get_layout(dict(num_node=3, inward=[(1, 0), (2, 1)], center=0, joints=('mid_hip', 'left_knee', 'ankle'),
                          aliases=dict(LAnk='ankle')))
    assert map_joints(['LKnee', 'LAnk', 'Mid Hip'], own) == [(2, ), (0, ), (1, )]
    assert map_joints(['r_hip', 'LHip', 'left knee', 'Ankle'], own) == [(1, 0), (2, ), (3, )]


def test_names_of_the_msnd_files_are_its_layout():
    layout = LAYOUTS['msnd']
    assert map_joints(list(layout['aliases']), layout) == [(index, ) for index in range(25)]
    assert map_joints(layout['joints'], layout) == [(index, ) for index in range(25)]  # `RightShoulder` is a collar
    assert map_joints([name.upper() for name in layout['joints']], layout) == [(index, ) for index in range(25)]


@pytest.mark.parametrize('names, message', [
    (['nose', 'left_knee'], 'joints: left_eye, right_eye, .* missing'),
    (['RKnee', 'right_knee'], "joints: 'RKnee' and 'right_knee'"),
])
def test_joints_that_cannot_be_mapped_are_named(names, message):
    with pytest.raises(ConfigError, match=message):
        map_joints(names, LAYOUTS['coco'])


def sources(names, joints):
    return {joint: [names[place] for place in places]
            for joint, places in zip(joints, map_joints(names, dict(joints=joints)))}


def test_plug_in_gait_markers_are_the_joints_next_to_them():
    names = ['SACR', *(side + marker for side in 'LR' for marker in ('SHO', 'ELB', 'WRA', 'ASI', 'KNE', 'ANK', 'HEE',
                                                                    'TOE')), 'C7']
    found = sources(names, LAYOUTS['gait_17']['joints'])
    assert found['neck'] == ['LSHO', 'RSHO'] and found['left_hip'] == ['LASI'] and found['right_big_toe'] == ['RTOE']
    assert len({place for places in found.values() for place in places}) == 16
    assert sources(['C7'], ['neck']) == dict(neck=['C7'])


@pytest.mark.parametrize('names, joint, expected', [
    (['LKNE', 'LKNM', 'LKJC'], 'left_knee', ['LKJC']),
    (['LFEO', 'LKNE', 'LFEP'], 'left_knee', ['LFEO']),
    (['LKNM', 'LKNE'], 'left_knee', ['LKNE', 'LKNM']), (['lkne', 'rkne'], 'left_knee', ['lkne']),
    (['r_knee', 'r_mknee'], 'right_knee', ['r_knee', 'r_mknee']),
    (['r_knee_study', 'r_mknee_study', 'RKnee'], 'right_knee', ['RKnee']),
    (['r_knee_study', 'r_mknee_study'], 'right_knee', ['r_knee_study', 'r_mknee_study']),
    (['R.Knee', 'R.Knee.Medial'], 'right_knee', ['R.Knee', 'R.Knee.Medial']),
    (['L_FLE', 'L_FME'], 'left_knee', ['L_FLE', 'L_FME']),
    (['LASI', 'RASI', 'LHJC', 'RHJC'], 'mid_hip', ['LHJC', 'RHJC']),
    (['RHJC_study', 'r.ASIS_study'], 'right_hip', ['RHJC_study']),
    (['r_calc_study'], 'right_heel', ['r_calc_study']),
    (['LSHO', 'LSJC', 'RSHO'], 'neck', ['LSJC', 'RSHO']),
    (['KneeRight', 'KneeLeft'], 'left_knee', ['KneeLeft']), (['KNEE_LEFT'], 'left_knee', ['KNEE_LEFT']),
    (['HandTipLeft'], 'left_hand_tip', ['HandTipLeft']), (['knee.R', 'knee.L'], 'right_knee', ['knee.R']),
    (['KneeR', 'KneeL'], 'left_knee', ['KneeL']), (['Knee (R)', 'Knee (L)'], 'right_knee', ['Knee (R)']),
    (['HipCenter', 'HipLeft', 'HipRight'], 'mid_hip', ['HipCenter']),
    (['left_elbow', 'RElbow', 'rightWRA', 'R_shoulder'], 'right_elbow', ['RElbow']),
])
def test_names_of_other_programs(names, joint, expected):
    assert sources(names, [joint]) == {joint: expected}


def test_no_joint_is_taken_from_the_other_side():
    with pytest.raises(ConfigError, match='left_knee'):
        map_joints(['RKNE', 'R_FLE', 'R_FME', 'r_knee', 'KneeRightMid', 'RKJC'], dict(joints=['left_knee']))


def test_the_nearest_names_are_proposed():
    names = [*(joint for joint in LAYOUTS['gait_13']['joints'] if 'knee' not in joint and joint != 'neck'), 'Knie_L',
             'RKnie', 'Schwanz']
    with pytest.raises(ConfigError) as error:
        map_joints(names, LAYOUTS['gait_13'])
    proposed = json.loads(re.search(r'--joint-names: (\{.*\})', str(error.value))[1])
    assert proposed == {'RKnie': 'right_knee', 'Knie_L': 'left_knee'}
    assert name_hint(['a', 'b'], ['left_knee']) == ''
    four = ['left_knee', 'right_knee', 'left_hip', 'right_hip']  # none is like any name, but there are enough of these
    assert '"NAME OF left_hip": "left_hip"' in name_hint(list('abcd'), four)

import numpy as np
import pytest

from dynstg_mm.errors import ConfigError
from dynstg_mm.gait.joint_map import in_skeleton
from dynstg_mm.inference.gait_values import from_the_side, gait_values, reference


@pytest.fixture
def walk(sample):
    return sample['annotations'][0]


def test_a_model_of_13_joints_measures_the_same_whichever_skeleton_the_file_has(walk):
    small = in_skeleton(walk, 'body_25', 'gait_13')
    assert small['keypoint'].shape[2] == 13 and in_skeleton(small, 'gait_13', 'gait_13') is small
    ours, theirs = gait_values(walk, 'body_25', 'gait_13'), gait_values(small, 'gait_13', 'gait_13')
    assert ours.keys() == theirs.keys() and np.allclose(list(ours.values()), list(theirs.values()), equal_nan=True)
    with pytest.raises(ConfigError, match='heel'):
        in_skeleton(small, 'gait_13', 'body_25')


def test_a_3d_walk_is_seen_from_the_side(walk):
    flat = walk['keypoint'][..., :2].astype(np.float32)
    towards = np.stack([0 * flat[..., 0], -flat[..., 1], flat[..., 0]], -1)  # along z, y up
    seen = from_the_side(dict(walk, keypoint=towards), 'body_25')['keypoint']
    shown = walk['keypoint_score'] > 0 if walk.get('keypoint_score') is not None else np.ones(flat.shape[:3], bool)
    ahead = np.sign(flat[0, -1, 8, 0] - flat[0, 0, 8, 0])
    assert seen[shown][:, 0] == pytest.approx(ahead * flat[shown][:, 0], abs=1e-2)
    assert seen[shown][:, 1] == pytest.approx(flat[shown][:, 1], abs=1e-2)
    assert from_the_side(walk, 'body_25') is walk


def test_a_person_counts_once_in_the_reference():
    def record(value):
        return dict(name='cadence', unit='steps/min', value=value)
    people = {str(person): [record(100. + person)] * (1 + person) for person in range(5)}
    people['5'] = [record(float('nan'))]
    assert reference(people)['cadence'] == dict(unit='steps/min', people=5, p5=100.2, p25=101, median=102, p75=103,
                                                p95=103.8)
    assert reference({name: people[name] for name in '0123'}) == {}

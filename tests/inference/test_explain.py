"""An explanation names the joint that the answer rests on, and depends on what the model has learned."""
import copy
import json

import numpy as np
import pytest
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from scipy.stats import spearmanr
from torch import nn

from dynstg_mm.files import dump_pickle
from dynstg_mm.inference import GaitInferencer
from dynstg_mm.inference.explain import BODY, Explanation, Neutral, explain
from dynstg_mm.inference.explanation_checks import altered_config, altered_walks, randomised
from dynstg_mm.skeletons import LAYOUTS, mirror_order

BODY_25 = LAYOUTS['body_25']


@pytest.fixture(scope='module')
def altered(tmp_path_factory):
    """A model of walks in which the left wrist shakes or not, and two held-out walks that shake, one to the left."""
    folder = tmp_path_factory.mktemp('altered')
    data = altered_walks(['left_wrist'], subjects=18)
    dump_pickle(data, folder / 'walks.pkl')
    with DefaultScope.overwrite_default_scope('mmaction'):
        config = altered_config(folder / 'walks.pkl', data['classes'], folder, epochs=8)
        Runner.from_cfg(copy.deepcopy(config)).train()
        inferencer = GaitInferencer(config, folder / 'epoch_8.pth', 'cpu')
    clips = [dict(clip, layout='body_25') for clip in data['annotations']
             if clip['frame_dir'] in data['split']['test'] and clip['label'] == 1]
    path = {np.sign(clip['keypoint'][0, -9, 8, 0] - clip['keypoint'][0, 9, 8, 0]): clip for clip in clips}
    return inferencer, [path[-1], path[1]]


@pytest.fixture(scope='module')
def explained(altered):
    return [explain(altered[0], clip) for clip in altered[1]]


def test_the_altered_joint_is_named(altered, explained):
    for made in explained:
        assert altered[0].classes[made.predicted] == 'left_wrist'
        assert made.joints[np.argmax(made.joint_effect)] == 'left_wrist'
        assert made.limbs[np.argmax(made.limb_effect)] == 'left_arm'


def test_the_most_important_movements_count_more_than_others(explained):
    for made in explained:
        assert made.holds()
        assert np.mean(made.deletion) < np.mean(made.random) - 0.02


def test_other_weights_have_another_explanation(altered, explained):
    other = explain(randomised(altered[0]), altered[1][0], label=1)
    assert abs(spearmanr(np.ravel(explained[0].effect), np.ravel(other.effect)).statistic) < 0.6


def test_the_probability_is_that_of_the_answer(altered, explained):
    made, answer = explained[0], altered[0].answer(altered[1][0])
    assert made.probability == pytest.approx(answer.probabilities[1], abs=1e-6)
    assert made.deletion[0] == made.random[0][0] == made.probability
    assert len({made.deletion[-1], *(order[-1] for order in made.random)}) == 1
    assert made.limbs == [*BODY_25['limbs'], BODY]


def test_a_mirrored_walk_has_the_same_phases_over_the_stride_of_the_other_leg(altered, explained):
    assert [made.leg for made in explained] == ['right', 'left']  # one walks to the left
    clip, made = altered[1][0], explained[0]
    order = mirror_order(BODY_25)
    keypoint, score = clip['keypoint'][:, :, order].copy(), clip['keypoint_score'][:, :, order]
    keypoint[..., 0] = np.where(score > 0, 640 - keypoint[..., 0], 0)
    mirrored = explain(altered[0], dict(clip, keypoint=keypoint, keypoint_score=score))
    assert mirrored.leg == 'left'
    curve, = made.phases.values()  # all layers share the phases
    np.testing.assert_allclose(mirrored.phases['0'], curve, atol=0.02)
    np.testing.assert_allclose(np.sum(curve, axis=1), 1, atol=0.01)
    assert np.ptp(curve, axis=0).max() > 0.5
    assert json.loads(json.dumps(made.to_json()))['phases'] == made.phases


def test_a_network_without_phases_has_none(altered):
    inferencer = copy.copy(altered[0])
    inferencer.model = copy.deepcopy(inferencer.model)
    inferencer.model.backbone = Plain(inferencer.model.backbone)
    made = explain(inferencer, altered[1][0])
    assert made.by == 'stride' and made.phases == {} and made.leg == ''


class Plain(nn.Module):
    """A backbone whose filters cannot be read."""

    def __init__(self, backbone):
        super().__init__()
        self.inside = backbone

    def forward(self, x):
        return self.inside(x)


def walking(frames=100, turn=np.pi / 3):
    """A leg that swings like a pendulum below hips that go straight on."""
    rng = np.random.default_rng(0)
    pose = rng.standard_normal((1, 1, 25, 2))
    keypoint = np.repeat(pose, frames, 1) + np.arange(frames)[None, :, None, None] * [0.02, 0]
    angle = turn * np.sin(2 * np.pi * np.arange(frames) / 25)
    for knee, hip in ((10, 9), (11, 10)):
        keypoint[0, :, knee] = keypoint[0, :, hip] + np.stack([np.sin(angle), np.cos(angle)], -1)
    return keypoint


def test_a_still_limb_keeps_its_length_and_the_rest_its_place():
    keypoint, weight = walking(), np.zeros((100, 26))
    neutral = Neutral(keypoint, BODY_25, 25)
    np.testing.assert_allclose(neutral.occluded(weight), keypoint, atol=1e-6)
    weight[:, BODY_25['limbs']['right_leg']] = 1
    still = neutral.occluded(weight)
    inside = slice(13, -13)
    for knee, hip in ((10, 9), (11, 10)):
        bone = (still[0, :, knee] - still[0, :, hip])[inside]
        np.testing.assert_allclose(np.linalg.norm(bone, axis=-1), 1, atol=1e-5)
        assert np.ptp(bone, axis=0).max() < 1e-4
    others = [joint for joint in range(25) if joint not in BODY_25['limbs']['right_leg']]
    np.testing.assert_allclose(still[:, :, others], keypoint[:, :, others], atol=1e-6)


def test_a_walk_without_movement_has_nothing_to_take_away():
    keypoint = walking(turn=0.)
    np.testing.assert_allclose(Neutral(keypoint, BODY_25, 25).occluded(np.ones((100, 26))), keypoint, atol=1e-5)


def test_a_single_joint_moves_alone():
    keypoint, weight = walking(), np.zeros((100, 26))
    weight[:, 10] = 1
    changed = Neutral(keypoint, BODY_25, 25).occluded(weight, alone=True) - keypoint
    moved = np.abs(changed).max((0, 1, 3)) > 1e-5
    assert np.flatnonzero(moved).tolist() == [10]


def test_an_explanation_holds_if_it_beats_nine_of_ten_random_orders():
    made = Explanation(0, 1., [], [], 'time', [], [], [], [], [1., 0.2, 0.], [[1., 0.5, 0.]] * 9 + [[1., 0.1, 0.]])
    assert made.beaten() == 0.9 and made.holds()
    made.random[0] = [1., 0., 0.]
    assert not made.holds()

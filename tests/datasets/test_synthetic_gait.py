import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dynstg_mm.datasets.synthetic_gait import CLASSES, FINE, JOINTS, draw_walker, film, synthetic_gait, walk
from dynstg_mm.gait.agreement import contact_errors
from dynstg_mm.gait.events import FootEvent, foot_events
from dynstg_mm.gait.walk import walk_of
from dynstg_mm.importers import read_csv
from dynstg_mm.skeletons import LAYOUTS

from ..conftest import ROOT


def test_generator_makes_the_committed_sample(sample):
    made = synthetic_gait(seed=0)
    assert made['split'] == sample['split']
    for a, b in zip(made['annotations'], sample['annotations']):
        assert (a['frame_dir'], a['label'], a['rate']) == (b['frame_dir'], b['label'], b['rate'])
        np.testing.assert_allclose(a['keypoint'].astype(float), b['keypoint'].astype(float), atol=0.51)


def test_generator_makes_the_committed_recording():
    rng = np.random.default_rng(2026)
    keypoint, score = film(walk(draw_walker('osteoarthritis', rng), 6, rng), 25., rng)
    recording, = read_csv(ROOT / 'data/synthetic_gait/walk.csv')
    assert recording.rate == 25 and tuple(recording.joints) == JOINTS
    np.testing.assert_allclose(recording.keypoint[0], keypoint, atol=0.06)
    np.testing.assert_allclose(recording.keypoint_score[0], score, atol=0.006)


def test_another_seed_makes_other_walkers(sample):
    made = synthetic_gait(subjects=12, seed=1)
    assert not np.array_equal(made['annotations'][0]['keypoint'], sample['annotations'][0]['keypoint'])


def test_everything_in_it_is_called_synthetic(sample):
    assert all(clip['subject'].startswith('synthetic_') for clip in sample['annotations'])


def averages(disorder):
    """Mean speed (m/s), base of support (m), and range of the stiffer knee (degrees) of 20 walkers."""
    rng, rows = np.random.default_rng(5), []
    for _ in range(20):
        joints = walk(draw_walker(disorder, rng), 4, rng)
        place = {name: joints[:, index] for index, name in enumerate(JOINTS)}
        travel = place['mid_hip'][-1, 0] - place['mid_hip'][0, 0]
        width = (place['left_ankle'][:, 2] - place['right_ankle'][:, 2]).mean()
        rows.append((travel / (len(joints) / FINE), width, min(knee_range(place, side) for side in ('left', 'right'))))
    return np.mean(rows, 0)


def knee_range(place, side):
    thigh, shank = (place[f'{side}_{upper}'] - place[f'{side}_{lower}'] for upper, lower in (('hip', 'knee'),
                                                                                        ('knee', 'ankle')))
    cosine = (thigh * shank).sum(-1) / np.linalg.norm(thigh, axis=-1) / np.linalg.norm(shank, axis=-1)
    return np.degrees(np.ptp(np.arccos(np.clip(cosine, -1, 1))))


def test_walks_are_those_of_people():
    speed, width, knee = averages('normal')
    assert 1.0 < speed < 1.4 and 0.08 < width < 0.16 and 45 < knee < 70
    assert averages('parkinson')[0] < 0.8 * speed
    assert averages('ataxia')[1] > 1.4 * width
    assert averages('osteoarthritis')[2] < 0.85 * knee


def test_feet_do_not_slip():
    rng = np.random.default_rng(0)
    joints = walk(draw_walker('normal', rng), 4, rng)
    heel = joints[:, JOINTS.index('left_heel')]
    slowest = np.sort(np.abs(np.gradient(heel[:, 0]) * FINE))
    assert slowest[len(slowest) // 4] < 0.1  # a heel stands still for more than a quarter of the time


def test_motion_capture_sees_the_same_walk_in_three_dimensions():
    clip = synthetic_gait(subjects=1, clips=1, seed=3, layout='msnd')['annotations'][0]
    keypoint = clip['keypoint'][0].astype(float)
    assert clip['rate'] == 60 and keypoint.shape == (clip['total_frames'], 25, 3) and 190 < len(keypoint) <= 240
    place = dict(zip(LAYOUTS['msnd']['joints'], keypoint.swapaxes(0, 1)))
    up, forward = (place['head'] - place['mid_hip']).mean(0), place['mid_hip'][-1] - place['mid_hip'][0]
    assert up[1] > 0.5 and forward[0] > 2  # metres
    assert (place['head_top'] - place['head'])[:, 1].min() > 0.05
    assert (np.cross(up, forward) * (place['left_hip'] - place['right_hip']).mean(0)).sum() > 0  # no mirror image
    lengths = np.linalg.norm(place['left_wrist'] - place['left_elbow'], axis=-1)
    assert lengths.std() < 0.01 < 0.15 < lengths.mean()


def test_neither_pose_nor_metadata_alone_give_the_class_away(sample):
    pipeline = Compose(Config.fromfile(ROOT / 'configs/_base_/datasets/body_25_windows.py').test_pipeline)
    clips = {clip['frame_dir']: clip for clip in sample['annotations']}

    def part(name):
        members = [clips[member] for member in sample['split'][name]]
        poses = [pipeline(dict(clip, layout=LAYOUTS['body_25']))['inputs'][..., :2].numpy().mean((0, 1, 2)).ravel()
                 for clip in members]
        metadata = [[clip['rate'], clip['total_frames'], (clip['keypoint_score'] == 0).mean()] for clip in members]
        return poses, metadata, [clip['label'] for clip in members]

    (poses, metadata, labels), (test_poses, test_metadata, truth) = part('train'), part('test')
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(poses, labels)
    assert f1_score(truth, linear.predict(test_poses), average='macro') < 0.62
    forest = RandomForestClassifier(200, random_state=0).fit(metadata, labels)
    assert np.mean(forest.predict(test_metadata) == truth) < 0.4  # chance is 0.25
    assert len(CLASSES) == 4 and np.bincount(truth).tolist() == [14] * 4


def test_true_strikes_are_those_of_the_feet():
    missed = 0
    for clip in synthetic_gait(subjects=2, clips=1, seed=4)['annotations']:
        marked = [FootEvent(*event) for event in clip['events']]
        assert marked == sorted(marked) and marked[-1].time > clip['total_frames'] / clip['rate']
        inside = [event for event in marked if 0.3 < event.time < clip['total_frames'] / clip['rate'] - 0.3]
        errors, lost, _ = contact_errors(foot_events(walk_of(clip, 'body_25')), inside, 'strike')
        missed += lost
        assert len(errors) > 2 and np.abs(np.mean(errors)) < 0.1
    assert missed < 8

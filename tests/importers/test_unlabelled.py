"""Recordings without labels: their format is recognised, and one bad file leaves the others."""
import json

import numpy as np
import pytest

from dynstg_mm.errors import ConfigError, DataError
from dynstg_mm.files import dump_pickle
from dynstg_mm.importers.unlabelled import find_recordings, read_unlabelled, recognise
from dynstg_mm.skeletons import LAYOUTS

from .written import person, pixels, write_bvh, write_deeplabcut, write_trc

GAIT_13 = LAYOUTS['gait_13']['joints']


def track(frames=20, joints=13):
    return np.random.default_rng(0).uniform(100, 200, (frames, joints, 2))


def write_csv(path, joints=GAIT_13):
    names = [f'{joint}_{axis}' for joint in joints for axis in 'xy']
    rows = track(joints=len(joints)).reshape(20, -1)
    path.write_text('\n'.join([','.join(['time', *names]), *(
        ','.join(map(str, [frame / 25, *row])) for frame, row in enumerate(rows))]))


def write_openpose(folder, people=1):
    folder.mkdir()
    for frame, body in enumerate(track(joints=25)):
        person = dict(pose_keypoints_2d=[value for point in body for value in (*point, 0.9)])
        (folder / f'walk_{frame:03}_keypoints.json').write_text(json.dumps(dict(version=1.3, people=[person] * people)))


@pytest.fixture
def folder(tmp_path):
    write_csv(tmp_path / 'table.csv')
    write_csv(tmp_path / 'landmarks.csv', [f'landmark {index}' for index in range(33)])
    write_openpose(tmp_path / 'frames')
    np.savez(tmp_path / 'arrays.npz', keypoints=track(), joint_names=GAIT_13, fps=25)
    dump_pickle(dict(annotations=[dict(frame_dir='a', keypoint=track()[None], total_frames=20)]), tmp_path / 'file.pkl')
    (tmp_path / 'alpha.json').write_text(json.dumps([dict(image_id='0.jpg', keypoints=[50.] * 51, score=1)]))
    (tmp_path / 'mmpose.json').write_text(json.dumps([dict(frame_id=0, instances=[])]))
    write_trc(tmp_path / 'lab.trc', person('gait_13', 20), GAIT_13)
    write_deeplabcut(tmp_path / 'dlc.csv', track()[None], np.ones((1, 20, 13)), GAIT_13)
    (tmp_path / 'labels.csv').write_text('clip,subject,label\ntable,1,a\n')
    return tmp_path


def test_formats_are_recognised_in_a_folder(folder):
    assert {source.name: source.format for source in find_recordings([folder])} == dict(
        table='csv', landmarks='mediapipe', frames='openpose', arrays='npz', file='mmaction', alpha='alphapose',
        mmpose='mmpose', lab='trc', dlc='deeplabcut')


def test_clips_need_no_label(folder):
    clips = {clip['frame_dir']: clip for clip in read_unlabelled(
        find_recordings([folder / name for name in ('table.csv', 'frames', 'arrays.npz', 'file.pkl')]))}
    assert {name: clip['layout'] for name, clip in clips.items()} == dict(
        table='gait_13', frames='body_25', arrays='gait_13', a=None)
    assert {name: clip['rate'] for name, clip in clips.items()} == dict(table=25, frames=None, arrays=25, a=None)
    assert not any('label' in clip for clip in clips.values())


def test_arrays_of_an_annotation_file_stay_as_they_are(folder):
    clip, = read_unlabelled(find_recordings([folder / 'file.pkl']))
    np.testing.assert_array_equal(clip['keypoint'], track()[None])


def test_a_bad_file_leaves_the_others(folder):
    (folder / 'garbage.csv').write_bytes(b'\x00\x01garbage')
    (folder / 'empty.npz').write_bytes(b'')
    failed = {}
    sources = find_recordings([folder, folder / 'nothing'], failed=failed.__setitem__)
    clips = list(read_unlabelled(sources, failed=failed.__setitem__))
    assert {'table', 'frames', 'arrays', 'a'} <= {clip['frame_dir'] for clip in clips}
    assert set(failed) == {str(folder / name) for name in ('garbage.csv', 'empty.npz', 'nothing', 'mmpose.json')}
    assert all(name in str(error) for name, error in failed.items())


def test_without_a_place_for_errors_they_are_raised(folder):
    for name in (folder / 'nothing', ''):  # an empty name is not this folder
        with pytest.raises(DataError, match='nothing|empty'):
            find_recordings([name])
    (folder / 'other.json').write_text('{"a": 1}')
    with pytest.raises(DataError, match='other.json'):
        recognise(folder / 'other.json')


def test_the_given_rate_takes_precedence(folder):
    sources = find_recordings([folder / 'table.csv'])
    assert next(read_unlabelled(sources, rate=30))['rate'] == 30
    with pytest.raises(ConfigError, match='rate'):
        next(read_unlabelled(sources, rate=0))


def test_all_persons_are_read(tmp_path):
    frames = tmp_path / 'frames'
    write_openpose(frames)
    for path in frames.iterdir():
        content = json.loads(path.read_text())
        body = np.array(content['people'][0]['pose_keypoints_2d']).reshape(-1, 3) + (500, 0, -0.1)
        content['people'].append(dict(pose_keypoints_2d=body.ravel().tolist()))
        path.write_text(json.dumps(content))
    clip, = read_unlabelled(find_recordings([frames]))
    assert clip['persons'] == 2
    assert clip['keypoint'].shape[0] == 2


def test_annotations_in_another_order_of_axes(tmp_path):
    place = 100 + 50 * np.random.default_rng(0).random((30, 1, 17, 2))
    clip = dict(frame_dir='a', keypoint=place, total_frames=30, rate=25.)
    dump_pickle(dict(annotations=[clip], layout='h36m'), tmp_path / 'file.pkl')
    read, = read_unlabelled(find_recordings([tmp_path / 'file.pkl']), layout='coco')
    assert read['layout'] == 'coco' and np.array_equal(read['keypoint'][0], place[:, 0].astype(np.float32))
    turned, = read_unlabelled(find_recordings([tmp_path / 'file.pkl']), reader=dict(axes='TMVC'))
    assert turned['layout'] == 'h36m' and turned['total_frames'] == 30
    with pytest.raises(DataError, match='total_frames|persons'):
        dump_pickle(dict(annotations=[dict(clip, total_frames=29)]), tmp_path / 'file.pkl')
        next(read_unlabelled(find_recordings([tmp_path / 'file.pkl'])))


def test_a_skeleton_of_a_file_gets_the_legs_of_a_layout(tmp_path):
    names = ('mid_hip', 'neck', 'nose', *(f'{side}_{joint}' for side in ('left', 'right') for joint in (
        'shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')))
    place = np.random.default_rng(0).uniform(0, 1, (5, len(names), 3))
    write_bvh(tmp_path / 'walk.bvh', place, list(names), [['Xposition', 'Yposition', 'Zposition']] * len(names))
    clip, = read_unlabelled(find_recordings([tmp_path]), prefer=LAYOUTS['gait_13'])
    assert clip['layout'] == 'gait_13'


def test_names_of_joints_are_kept_if_no_layout_has_them(tmp_path):
    np.savez(tmp_path / 'legs.npz', keypoints=track(joints=3), joint_names=['left_hip', 'left_knee', 'left_ankle'])
    clip, = read_unlabelled(find_recordings([tmp_path]))
    assert clip['layout'] is None and clip['joint_names'] == ['left_hip', 'left_knee', 'left_ankle']


def test_a_skeleton_may_be_named_that_the_names_have_too(tmp_path):
    names = ['Nose', 'Neck', 'RShoulder', *(f'joint {index}' for index in range(22))]
    np.savez(tmp_path / 'other.npz', keypoints=track(joints=25), joint_names=names)
    with pytest.raises(DataError, match='another skeleton'):
        next(read_unlabelled(find_recordings([tmp_path / 'other.npz']), layout='body_25'))
    openpose = [''.join(part.capitalize() for part in name.replace('right', 'r').replace('left', 'l').split('_'))
                for name in LAYOUTS['body_25']['joints']]  # RBigToe
    np.savez(tmp_path / 'same.npz', keypoints=track(joints=25), joint_names=openpose)
    clip, = read_unlabelled(find_recordings([tmp_path / 'same.npz']), layout='body_25')
    assert clip['layout'] == 'body_25'


def annotated(path, keypoint, **fields):
    dump_pickle(dict(annotations=[dict(fields, frame_dir='a', keypoint=keypoint, total_frames=20)]), path)
    return path


def from_annotation(path, **options):
    clip, = read_unlabelled(find_recordings([path]), layout='coco', **options)
    return clip


def test_arrays_of_an_annotation_in_another_order_are_put_in_order(tmp_path):
    two = np.stack([pixels(person('coco', 20, seed), 200 + 400 * seed) for seed in (0, 1)])
    clip = from_annotation(annotated(tmp_path / 'file.pkl', two.transpose(3, 1, 2, 0)))  # (2, T, V, 2), as it should be
    np.testing.assert_allclose(clip['keypoint'], two, rtol=1e-6)


def test_the_options_hold_for_annotation_files(tmp_path):
    body = person('coco', 20)
    lying = annotated(tmp_path / 'lying.pkl', body[None][..., [0, 2, 1]] * (1, -1, 1))
    np.testing.assert_allclose(from_annotation(lying, up='z')['keypoint'][0], body, atol=1e-6)
    assert from_annotation(lying, reader=dict(unit='m'))['unit'] == 'm'
    with pytest.raises(DataError, match='unit'):
        from_annotation(lying, reader=dict(unit='mm'))
    shares = annotated(tmp_path / 'shares.pkl', pixels(body)[None] / (1280, 720))
    with pytest.raises(DataError, match='img_shape'):
        from_annotation(shares)
    np.testing.assert_allclose(from_annotation(shares, reader=dict(img_shape=(720, 1280)))['keypoint'][0],
                               pixels(body), rtol=1e-5)


def test_the_given_vertical_axis_holds_when_named_joints_are_mapped(tmp_path):
    body = person('gait_13')
    np.savez(tmp_path / 'walk.npz', keypoints=body, fps=25, joint_names=GAIT_13)
    clip, = read_unlabelled(find_recordings([tmp_path]), up='-y', reader=dict(dims=3))
    assert clip['layout'] == 'gait_13'
    np.testing.assert_allclose(clip['keypoint'][0, ..., 1], -body[..., 1], atol=1e-6)

import json
import re

import numpy as np
import pytest

from dynstg_mm.errors import DataError
from dynstg_mm.files import dump_pickle
from dynstg_mm.importers import (
    read_alphapose,
    read_bvh,
    read_c3d,
    read_csv,
    read_mediapipe,
    read_mmaction,
    read_mmpose,
    read_npz,
    read_openpose,
)
from dynstg_mm.importers.arrange import arrange
from dynstg_mm.importers.persons import most_seen
from dynstg_mm.importers.recording import EmptyRecording, with_lost
from dynstg_mm.skeletons import LAYOUTS

# A hip at (0, 10, 0) + position channels, a knee 4 below and an end site 3 below that. The root's offset is not added.
BVH = """HIERARCHY
ROOT Hips
{
  OFFSET 7 7 7
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT LeftKnee
  {
    OFFSET 0 -4 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 -3 0
    }
  }
}
MOTION
Frames: 3
Frame Time: 0.0166667
0 10 0 0 0 0 0 0 0
1 10 2 90 0 0 0 0 0
0 10 0 0 90 0 -90 0 0
"""


def walker(frames=20, joints=17, x=100.):
    """A person, 2-D, who moves right by 2 pixels a frame; (T, V, 3) with a score of 0.9."""
    pose = np.random.default_rng(joints).random((joints, 2)) * [40, 100] + [x, 50]
    track = pose + np.stack([2 * np.arange(frames), np.zeros(frames)], -1)[:, None]
    return np.concatenate([track, np.full((frames, joints, 1), 0.9)], -1).round(2)


def write_openpose(folder, people, start=0):
    """One file a frame; `people` is a list of (T, V, 3), NaN where somebody is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for frame in range(len(people[0])):
        there = [dict(person_id=[-1], pose_keypoints_2d=person[frame].ravel().tolist()) for person in people
                 if not np.isnan(person[frame]).any()]
        path = folder / f'walk_{frame + start:012d}_keypoints.json'
        path.write_text(json.dumps(dict(version=1.3, people=there)))
    return folder


def mmpose_frames(person, **fields):
    return [dict(frame_id=index, instances=[dict(keypoints=pose[:, :2].tolist(), keypoint_scores=pose[:, 2].tolist(),
                                                 bbox=[[0, 0, 1, 1]], bbox_score=0.9, **fields)])
            for index, pose in enumerate(person)]


def error(reader, path, **options):
    with pytest.raises(DataError) as caught:
        reader(path, **options)
    assert '\n' not in str(caught.value)
    return str(caught.value)


def test_openpose_folder(tmp_path):
    person = walker(joints=25)
    person[4, 3] = 0  # a lost joint
    folder = write_openpose(tmp_path / 'Gang mit Läufer', [person])
    recording, = read_openpose(folder)
    assert recording.layout == 'body_25' and recording.keypoint.shape == (1, 20, 25, 2) and recording.rate is None
    np.testing.assert_allclose(recording.keypoint[0], person[..., :2], rtol=1e-6)
    assert recording.keypoint_score[0, 4, 3] == 0 and recording.keypoint_score[0, 4, 2] == np.float32(0.9)


def test_openpose_frames_without_anybody_are_lost(tmp_path):
    person = walker(joints=18)
    person[5:7] = np.nan
    folder = write_openpose(tmp_path / 'clip', [person], start=30)
    (folder / 'walk_000000000040_keypoints.json').unlink()
    recording, = read_openpose(folder)
    lost = (recording.keypoint_score[0] == 0).all(-1)
    assert recording.layout == 'openpose' and np.flatnonzero(lost).tolist() == [5, 6, 10]
    assert recording.notes == ['1 of 20 frames have no entry; treated as lost']


def test_the_person_seen_longest_is_kept(tmp_path):
    person, passer_by = walker(joints=25), walker(joints=25, x=600.)
    passer_by[:12] = np.nan
    passer_by = passer_by[:, :, :] * [1, 1.2, 1]
    for order in ([person, passer_by], [passer_by, person]):
        recording, = read_openpose(write_openpose(tmp_path / 'clip', order))
        np.testing.assert_allclose(recording.keypoint[0], person[..., :2], rtol=1e-6)
        assert recording.notes == ['2 persons; kept the one seen longest (20 of 20 frames)']
    both, = read_openpose(tmp_path / 'clip', persons=2)
    assert both.keypoint.shape[0] == 2 and not both.notes
    assert (both.keypoint_score[1] > 0).all(-1).sum() == 8


def test_people_who_cross_keep_their_identity(tmp_path):
    right, left = walker(frames=60, joints=25), walker(frames=60, joints=25, x=240.)
    left[:, :, 0] -= 4 * np.arange(60)[:, None]  # walks left, so that both change places
    left = left[::1, ::-1]
    right[50:] = np.nan
    recording, = read_openpose(write_openpose(tmp_path / 'clip', [right, left]))
    np.testing.assert_allclose(recording.keypoint[0], left[..., :2], rtol=1e-6)


@pytest.mark.parametrize('content, message', [
    ('', 'keypoints.json: not a readable JSON file'),
    ('{"people": [{"pose_keypoints_2d": [1, 2', 'not a readable JSON file'),
    ('\ud800'.encode('utf-8', 'surrogatepass'), 'not a readable JSON file'),
    ('[' * 100_000, 'not a readable JSON file'),
    ('[]', 'people: missing; expected a list'),
    ('{"people": [{"face": []}]}', 'people (KeyError'),
    ('{"people": [{"pose_keypoints_2d": [1, 2, 3, 4]}]}', 'pose_keypoints_2d: shape (4,); expected x, y and score'),
    ('{"people": [{"pose_keypoints_2d": [1, 2, "three"]}]}', 'pose_keypoints_2d: expected a list of numbers'),
    ('{"people": [{"pose_keypoints_2d": [1, 2, NaN]}]}', 'pose_keypoints_2d: NaN or infinite'),
    ('{"people": [{"pose_keypoints_2d": [1, 2, 1]}]}', 'keypoints: 1 joints of 2 coordinates in frame 3; expected 25'),
])
def test_broken_openpose_frame_is_named(tmp_path, content, message):
    folder = write_openpose(tmp_path / 'clip', [walker(joints=25)])
    path = folder / 'walk_000000000003_keypoints.json'
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    line = error(read_openpose, folder)
    assert message in line and str(folder) in line


def test_nobody_in_any_frame_is_an_error(tmp_path):
    folder = write_openpose(tmp_path / 'clip', [np.full((4, 25, 3), np.nan)])
    assert 'clip: keypoints: nobody in any of its 4 frames' in error(read_openpose, folder)
    assert 'no *.json' in error(read_openpose, tmp_path)


def test_alphapose_list(tmp_path):
    person, other = walker(), walker(x=400.)
    entries = [dict(image_id=f'{frame}.jpg', category_id=1, keypoints=pose[frame].ravel().tolist(), score=2.9, idx=idx)
               for frame in range(20) for idx, pose in ((1, other), (2, person))
               if frame != 7 and not (idx == 1 and frame > 11)]
    path = tmp_path / 'clip.json'
    path.write_text(json.dumps(entries))
    recording, = read_alphapose(path)
    np.testing.assert_allclose(np.delete(recording.keypoint[0], 7, 0), np.delete(person[..., :2], 7, 0), rtol=1e-6)
    assert recording.layout == 'coco' and (recording.keypoint_score[0, 7] == 0).all()
    assert '2 persons; kept the one seen longest (19 of 20 frames)' in recording.notes


def test_halpe_joints_have_names(tmp_path):
    path = tmp_path / 'clip.json'
    path.write_text(json.dumps([dict(image_id=f'{frame}.jpg', keypoints=pose.ravel().tolist(), score=1)
                                for frame, pose in enumerate(walker(joints=136))]))
    recording, = read_alphapose(path)
    assert recording.keypoint.shape[2] == 26 and recording.layout == 'halpe_26'
    assert recording.notes == ['the first 26 of 136 joints; hands and face are left out']


@pytest.mark.parametrize('content, message', [
    ('{}', "dict; expected AlphaPose's list"), ('[]', 'nobody in any of its 1 frames'),
    ('[{"keypoints": []}]', 'entry 0'), ('[{"image_id": "a.jpg", "keypoints": [1, 2, 3]}]', "name: 'a'"),
    ('[{"image_id": "1.jpg", "keypoints": []}]', 'entry 0: keypoints: shape (0,)'),
    ('[{"image_id": "1", "keypoints": [1, 1, 1]}, {"image_id": "99999999", "keypoints": [1, 1, 1]}]',
     'frame numbers: 1 is followed by 99999999'),
])
def test_broken_alphapose_is_one_line(tmp_path, content, message):
    path = tmp_path / 'clip.json'
    path.write_text(content)
    assert message in error(read_alphapose, path)


def test_mmpose_both_forms(tmp_path):
    person, path = walker(), tmp_path / 'clip.json'
    names = {str(index): name for index, name in enumerate(LAYOUTS['coco']['joints'])}
    frames = mmpose_frames(person)
    for content in (frames, dict(meta_info=dict(keypoint_id2name=names), instance_info=frames)):
        path.write_text(json.dumps(content))
        recording, = read_mmpose(path)
        np.testing.assert_allclose(recording.keypoint[0], person[..., :2], rtol=1e-6)
        assert recording.layout == 'coco'


@pytest.mark.parametrize('mirrored', [False, True])
@pytest.mark.parametrize('names', [{}, {'0': 'root', '1': 'right_hip', **{str(index): 'x' for index in range(2, 17)}}])
def test_mmpose_in_three_dimensions_is_no_mirror_image(tmp_path, mirrored, names):
    person = np.random.default_rng(0).normal(size=(5, 17, 3))  # z up, walking along -y, as seen by a camera before it
    person[:, 1:7] = [[-1, 0, 9], [-1, -1, 5], [-1, 0, 1], [1, 0, 9], [1, -1, 5], [1, 0, 1]]
    written = person * [-1, 1, 1] if mirrored else person
    frames = [dict(frame_id=frame, instances=[dict(keypoints=place.tolist(), keypoint_scores=[1.] * 17)])
              for frame, place in enumerate(written)]
    path = tmp_path / 'clip.json'
    path.write_text(json.dumps(dict(meta_info=dict(keypoint_id2name=names), instance_info=frames)))
    recording, = read_mmpose(path)
    assert (recording.layout, recording.joints, recording.up) == ('h36m', None, 'z')
    np.testing.assert_allclose(recording.keypoint[0], person, rtol=1e-6)
    assert len(recording.notes) == mirrored


def test_mmpose_keeps_the_tracked_person(tmp_path):
    frames = mmpose_frames(walker(), track_id=3)
    for frame in frames[:15]:  # somebody larger, and more surely seen, but not as long
        frame['instances'].insert(0, dict(mmpose_frames(walker(x=105.) * [1, 3, 1], track_id=0)[0]['instances'][0]))
    path = tmp_path / 'clip.json'
    path.write_text(json.dumps(frames))
    recording, = read_mmpose(path)
    np.testing.assert_allclose(recording.keypoint[0], walker()[..., :2], rtol=1e-6)


@pytest.mark.parametrize('content, message', [
    ('{"meta_info": {}}', 'instance_info: missing'), ('[{"frame_id": 0}]', 'frame 0'),
    ('[{"instances": [{"keypoints": [[1, 2]], "keypoint_scores": [1, 1]}]}]', 'shapes (1, 2) and (2,)'),
    ('[{"frame_id": 1, "instances": []}, {"frame_id": 1, "instances": []}]', 'frame_id: 1'),
])
def test_broken_mmpose_is_one_line(tmp_path, content, message):
    path = tmp_path / 'clip.json'
    path.write_text(content)
    assert message in error(read_mmpose, path)


def test_csv_with_a_line_a_frame(tmp_path):
    path = tmp_path / 'clip.csv'
    path.write_bytes('\ufeffframe;time;left_knee_x;left_knee_y;left_knee_confidence;nose_x;nose_y;nose_confidence\r\n'
                     '3;0,00;1,5;2;1;5;6;0,5\r\n4;0,04;2,5;2;1;;;\r\n6;0,12;-4,5;2;1;5;6;0,5\r\n'.encode())
    recording, = read_csv(path)
    assert recording.joints == ['left_knee', 'nose'] and recording.keypoint.shape == (1, 4, 2, 2)
    assert recording.keypoint[0, :, 0].tolist() == [[1.5, 2], [2.5, 2], [0, 0], [-4.5, 2]]
    assert recording.keypoint_score[0].tolist() == [[1, 0.5], [1, 0], [0, 0], [1, 0.5]]


def test_rate_of_a_csv_file(tmp_path):
    path = tmp_path / 'clip.csv'
    path.write_text('timestamp_ms,x0,y0,z0\n' + ''.join(f'{20 * frame},{frame},1,2\n' for frame in range(5)))
    recording, = read_csv(path)
    assert recording.rate == 50 and recording.joints is None and recording.keypoint.shape == (1, 5, 1, 3)


@pytest.mark.parametrize('rate', [25, 29.97, 30, 60, 120, 240])
@pytest.mark.parametrize('column, unit, digits', [('time', 1, 3), ('timestamp_ms', 1e3, 0), ('timestamp', 1e6, 0),
                                                  ('time_ns', 1e9, 0)])
def test_csv_times_are_rounded_and_the_rate_is_not(tmp_path, rate, column, unit, digits):
    path = tmp_path / 'clip.csv'
    times = [f'{12 * unit + frame * unit / rate:.{digits}f}' for frame in range(400) if not 50 <= frame < 60]
    path.write_text(f'{column},x0,y0\n' + ''.join(f'{time},{row + 1},1\n' for row, time in enumerate(times)))
    recording, = read_csv(path)
    assert recording.rate == pytest.approx(rate, abs=0.011) and recording.keypoint.shape == (1, 400, 1, 2)
    assert recording.rate == rate or rate == 29.97
    assert not recording.keypoint_score[0, 50:60].any() and recording.keypoint_score[0, 60:].all()
    assert recording.notes == ['10 of 400 frames have no line; treated as lost']


def test_csv_lines_in_any_order_with_times_alone(tmp_path):
    lines = [f'{frame / 50:.2f},{joint},{frame},{place}' for frame in range(10) if frame != 4
             for place, joint in enumerate('ab', 1)]
    path = tmp_path / 'clip.csv'
    path.write_text('\n'.join(['time,joint,x,y', *lines[::-1]]))
    recording, = read_csv(path)
    assert recording.rate == 50 and sorted(recording.joints) == ['a', 'b']
    np.testing.assert_array_equal(recording.keypoint[0, :, 0, 0], [0, 1, 2, 3, 0, 5, 6, 7, 8, 9])


def test_an_impossible_time_column_is_not_used(tmp_path):
    path = tmp_path / 'clip.csv'
    for times, note in (((0, 1, 0.5, 2), 'column time goes backwards'), ((0, 1e-6, 2e-6, 3e-6), '1e+06 frames')):
        path.write_text('frame,time,x0,y0\n' + ''.join(f'{row},{time},1,2\n' for row, time in enumerate(times)))
        recording, = read_csv(path)
        assert recording.rate is None and note in recording.notes[0]


def test_csv_missing_numbers_and_decimal_commas_of_any_program(tmp_path):
    path = tmp_path / 'clip.csv'
    path.write_text('frame\tnose_x\tnose_y\n-1\t1,5\t2,25\n0\tNA\tN/A\n1\tNone\t-\n2.0\t-0,5\t1e1\n')
    recording, = read_csv(path)
    assert recording.keypoint[0, :, 0].tolist() == [[1.5, 2.25], [0, 0], [0, 0], [-0.5, 10]]


def test_csv_with_a_line_a_joint_and_two_persons(tmp_path):
    lines = [f'{frame},{person},{joint},{frame + 100 * person},{joint},0.8' for frame in range(4)
             for person in range(2 if frame < 2 else 1) for joint in range(3)]
    path = tmp_path / 'clip.csv'
    path.write_text('\n'.join(['frame,person_id,landmark_id,x,y,visibility', *lines]))
    recording, = read_csv(path)
    assert recording.keypoint[0, :, 1].tolist() == [[0, 1], [1, 1], [2, 1], [3, 1]]
    assert recording.notes == ['2 persons; kept the one seen longest (4 of 4 frames)']


@pytest.mark.parametrize('content, message', [
    ('', 'clip.csv: empty'), ('a_x,a_y\n', 'no lines below its header'), ('a_x,a_y\n1,2\n3\n', 'line 3: 1 cells'),
    ('a_x,a_y\n1,b\n', "line 2, column a_y: 'b'; expected a number"),
    ('a_x,a_y\n1,inf\n', 'NaN or infinite in frame 0'),
    ('a_x,a_y\n1,\n', 'NaN or infinite in frame 0, joint 0'), ('a_x,b_y\n1,2\n', 'joint a has no y'),
    ('speed,height\n1,2\n', 'expected columns such as left_knee_x'),
    ('a_x,a_x\n1,2\n', "header: column 'a_x'"),
    ('frame,a_x,a_y\n1,2,3\n1,2,3\n', 'frame 1 is duplicated'),
    ('frame,a_x,a_y\nq,2,3\n', "column frame: 'q'"), ('frame,a_x,a_y\n2.5,2,3\n', "column frame: '2.5'"),
    ('time,a_x,a_y\n0,2,3\n,2,3\n', 'line 3: time'), ('frame,a_x,a_y\n1e99,2,3\n', "column frame: '1e99'"),
    ('frame,a_x,a_y\n1,2,3\n2,2,3\n900000000,2,3\n', 'frame 2 is followed by 900000000'),
    ('joint,x,y\na,2,3\n', 'no column frame'),
    ('frame,joint,x,y\n1,a,2,3\n1,a,2,3\n', 'a joint of frame 1'),
    ('frame,joint,x,y\n1,99999999999999999999,1,1\n99999999999999999999,1,1,1\n', "column frame: '9999"),
    ('a_x,a_y\nnan,nan\n', 'nobody in any'), ('\0\0\0', 'clip.csv'),
])
def test_broken_csv_is_one_line(tmp_path, content, message):
    path = tmp_path / 'clip.csv'
    path.write_text(content)
    assert message in error(read_csv, path)


def test_npz_of_two_and_three_dimensions(tmp_path):
    path, person = tmp_path / 'clip.npz', walker(joints=5)
    np.savez(path, keypoints=person, fps=30, joint_names=list('abcde'), img_shape=[480, 640])
    recording, = read_npz(path, dims=2)
    assert (recording.rate, recording.joints, recording.img_shape) == (30, list('abcde'), (480, 640))
    np.testing.assert_allclose(recording.keypoint_score, 0.9, rtol=1e-6)
    assert read_npz(path, dims=3)[0].keypoint.shape == (1, 20, 5, 3)
    np.testing.assert_array_equal(read_npz(path)[0].keypoint, recording.keypoint)  # pixels, and scores from 0 to 1
    person[0, 0, 2] = 1.05  # as OpenPose has them
    np.savez(path, keypoints=person)
    np.testing.assert_array_equal(read_npz(path)[0].keypoint, recording.keypoint)
    np.savez(path, keypoints=0 * person)
    with pytest.raises(EmptyRecording, match='nobody'):
        read_npz(path)
    person[0, 0, 2] = 1.2
    np.savez(path, keypoints=person)
    assert 'say which with --dims' in error(read_npz, path)
    two = np.stack([person, person + 1])[..., :2]
    two[0, :3] = np.nan
    np.savez(path, keypoint=two, keypoint_score=np.ones((2, 20, 5)))
    recording, = read_npz(path)
    assert recording.notes and np.array_equal(recording.keypoint[0], two[1].astype(np.float32))


@pytest.mark.parametrize('arrays, message', [
    (dict(other=np.ones(3)), 'keypoints: missing; it has other'),
    (dict(keypoints=np.ones((3, 4))), 'of shape (3, 4); expected numbers'),
    (dict(keypoints=np.ones(3)), 'of shape (3,); expected numbers'),
    (dict(keypoints=np.zeros((0, 17, 2))), 'no frames'),
    (dict(keypoints=np.array([{}])), 'not a readable .npz'),
    (dict(keypoints=np.ones((2, 3, 2)), fps=0), 'fps: 0; expected'),
    (dict(keypoints=np.ones((2, 3, 2)), scores=np.ones((2, 4))), 'scores: shape (2, 4); expected (1, 2, 3)'),
    (dict(keypoints=np.ones((2, 3, 2)), joints=['a']), 'joint_names: 1 names; keypoints has 3'),
    (dict(keypoints=np.ones((2, 3, 2)) * [1, np.nan]), 'NaN or infinite in frame 0'),
    (dict(keypoints=np.zeros((2, 3, 2))), 'nobody in any of its 2 frames'),
])
def test_broken_npz_is_one_line(tmp_path, arrays, message):
    path = tmp_path / 'clip.npz'
    np.savez(path, **arrays)
    assert message in error(read_npz, path)


def test_truncated_npz_is_one_line(tmp_path):
    path = tmp_path / 'clip.npz'
    np.savez(path, keypoints=walker()[..., :2])
    whole = path.read_bytes()
    for length in (0, 10, 100, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:length])
        assert 'clip.npz: not a readable .npz file' in error(read_npz, path)
    path.write_text('text')
    assert 'unsafe' not in error(read_npz, path)
    np.save(path.with_suffix('.npy'), np.ones(3))
    assert 'one array without a name' in error(read_npz, path.with_suffix('.npy'))


def landmarks(kind):
    """MediaPipe's landmarks (T, 33, 4) of each kind: pixels, shares of the image, metres from between the hips."""
    place = np.random.default_rng(0).random((6, 33, 4)) * 0.5 + 0.2
    if kind == 'world':
        place[..., :3] -= place[:, 23:25, :3].mean(1, keepdims=True)
    return place * [640, 480, 640, 1] if kind == 'pixel' else place


@pytest.mark.parametrize('kind', ['pixel', 'normalized', 'world'])
@pytest.mark.parametrize('suffix', ['.csv', '.npz'])
def test_mediapipe_landmarks(tmp_path, kind, suffix):
    place, path = landmarks(kind), tmp_path / f'clip{suffix}'
    if suffix == '.npz':
        np.savez(path, landmarks=place, fps=30)
    else:
        header = [f'{axis}{joint}' for joint in range(1, 34) for axis in 'xyzv']
        np.savetxt(path, place.reshape(6, -1), delimiter=',', header=','.join(header), comments='')
    recording, = read_mediapipe(path, img_shape=(480, 640))
    expected = place[..., :3] if kind == 'world' else place[..., :2] * ([640, 480] if kind == 'normalized' else 1)
    np.testing.assert_allclose(recording.keypoint[0], expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(recording.keypoint_score[0], place[..., 3], rtol=1e-6)
    assert recording.layout == 'mediapipe' and recording.up == '-y' and f'read as {kind} landmarks' in recording.notes
    if kind == 'normalized':
        assert 'img_shape: missing' in error(read_mediapipe, path)


def test_mediapipe_names_are_put_in_order(tmp_path):
    path, place = tmp_path / 'clip.csv', landmarks('pixel')
    names = [re.sub('^(left|right)_mouth', r'mouth_\1', name).upper() for name in LAYOUTS['mediapipe']['joints']]
    header = [f'{name}_{axis}' for name in reversed(names) for axis in 'xyzv']
    np.savetxt(path, place[:, ::-1].reshape(6, -1), delimiter=',', header=','.join(header), comments='')
    recording = arrange(read_mediapipe(path)[0])
    np.testing.assert_allclose(recording.keypoint[0], place[..., :2], rtol=1e-4)


def test_mediapipe_errors(tmp_path):
    path = tmp_path / 'clip.npz'
    np.savez(path, landmarks=np.ones((3, 17, 3)))
    assert "17 joints; expected MediaPipe's 33" in error(read_mediapipe, path)
    np.savez(path, landmarks=np.ones((3, 33, 3)), world_landmarks=np.ones((3, 33, 3)))
    assert 'say which with --coords' in error(read_mediapipe, path)
    assert read_mediapipe(path, coords='world')[0].keypoint.shape == (1, 3, 33, 3)


def test_bvh_positions_are_those_of_the_drawing(tmp_path):
    path = tmp_path / 'walk.bvh'
    path.write_text(BVH + '\n\n')
    recording, = read_bvh(path)
    assert recording.joints == ['Hips', 'LeftKnee', 'LeftKnee_end'] and recording.rate == 60
    assert recording.layout['inward'] == [(1, 0), (2, 1)]
    expected = [[(0, 10, 0), (0, 6, 0), (0, 3, 0)],
                [(1, 10, 2), (5, 10, 2), (8, 10, 2)],  # 90 degrees about z turn down into right
                [(0, 10, 0), (0, 10, -4), (-3, 10, -4)]]  # about x: down into -z; then about the new z: into -x
    np.testing.assert_allclose(recording.keypoint[0], expected, atol=1e-5)


def test_bvh_names_of_animators_become_ours(tmp_path):
    path = tmp_path / 'walk.bvh'
    path.write_text(BVH.replace('Hips', 'LeftForeArm').replace('LeftKnee', 'LeftUpLeg'))
    assert read_bvh(path)[0].joints == ['left_elbow', 'left_hip', 'LeftUpLeg_end']


@pytest.mark.parametrize('change, message', [
    (lambda text: '', 'motion: no line "Frame Time"'), (lambda text: text[:200], 'no line "Frame Time"'),
    (lambda text: text.replace('0 10 0 0 90 0 -90 0 0\n', ''), '2 lines; expected 3 frames'),
    (lambda text: text[:-9], 'motion: 6 numbers in frame 2; expected 9'),
    (lambda text: text.replace('1 10 2', '1 ten 2'), 'not a readable BVH file'),
    (lambda text: text.replace('1 10 2', '1 nan 2'), 'NaN or infinite in frame 1'),
    (lambda text: text.replace('CHANNELS 3 Z', 'CHANNELS 2 Z'), 'hierarchy: CHANNELS 2'),
    (lambda text: text.replace('Frame Time: 0.0166667', 'Frame Time: 0'), 'not a readable BVH file'),
    (lambda text: text.replace('LeftKnee', 'Hips'), 'hierarchy: Hips is duplicated'),
    (lambda text: text.replace('ROOT Hips', ''), 'hierarchy: '),
    (lambda text: text.replace('Zrotation', 'Wrotation'), 'hierarchy: CHANNELS'),
])
def test_broken_bvh_is_one_line(tmp_path, change, message):
    path = tmp_path / 'walk.bvh'
    path.write_text(change(BVH))
    line = error(read_bvh, path)
    assert message in line and str(path) in line


def write_c3d(path, markers=('LASI', 'RASI', 'LKNE'), frames=8):
    """Three markers in mm, the second lost in frame 3."""
    import c3d
    place = np.random.default_rng(0).random((frames, 3, 3)) * 1000
    writer = c3d.Writer(point_rate=100.)
    writer.set_point_labels(list(markers))
    for frame, points in enumerate(place):
        rest = np.zeros((3, 2))
        rest[1, 0] = -1 if frame == 3 else 0
        writer.add_frames([(np.concatenate([points, rest], 1), np.zeros((0, 1)))])
    with open(path, 'wb') as file:
        writer.write(file)
    return place


def test_c3d_markers(tmp_path):
    path = tmp_path / 'walk.c3d'
    place = write_c3d(path)
    recording, = read_c3d(path)
    assert (recording.joints, recording.rate, recording.up) == (['LASI', 'RASI', 'LKNE'], 100, 'z')
    seen = recording.keypoint_score[0] > 0
    assert np.argwhere(~seen).tolist() == [[3, 1]]
    np.testing.assert_allclose(recording.keypoint[0][seen], place[seen], atol=0.01)


@pytest.mark.parametrize('labels, joints', [
    (('LASI', 'RASI', 'LKNE', 'SPARE', 'SPARE'), ['LASI', 'RASI', 'LKNE']), (('LASI', 'RASI', ''),
                                                                            ['LASI', 'RASI', 'marker_2'])])
def test_c3d_with_other_labels_than_points(tmp_path, labels, joints):
    path = tmp_path / 'walk.c3d'
    write_c3d(path, labels)
    assert read_c3d(path)[0].joints == joints


def test_broken_c3d_is_one_line(tmp_path):
    path = tmp_path / 'walk.c3d'
    write_c3d(path, ('LASI', 'LASI', 'LKNE'))
    assert 'POINT:LABELS: LASI' in error(read_c3d, path)
    write_c3d(path, frames=60)
    whole = path.read_bytes()
    for length in (0, 1, 300, 600, len(whole) - 1024):
        path.write_bytes(whole[:length])
        assert str(path) in error(read_c3d, path)
    path.write_bytes(b'no such format' * 1000)
    assert 'not a readable C3D file' in error(read_c3d, path)


def test_annotation_file_of_mmaction(tmp_path):
    path = tmp_path / 'ntu.pkl'
    second = np.zeros((1, 9, 17, 2))
    clip = dict(frame_dir='S001', label=1, img_shape=(1080, 1920), total_frames=9,
                keypoint=np.concatenate([second, walker(9)[None, ..., :2]]).astype(np.float16))
    dump_pickle(dict(split=dict(xsub_train=['S001']), annotations=[clip]), path)
    recording, = read_mmaction(path, persons=2)
    assert recording.name == 'S001' and recording.fields['label'] == 1 and recording.img_shape == (1080, 1920)
    assert recording.keypoint.shape == (1, 9, 17, 2)  # the second person is never there
    assert recording.notes == ['its own splits (xsub_train) are not kept']


@pytest.mark.parametrize('change, message', [
    (dict(keypoint=np.ones((9, 17, 2))), 'clip S001: keypoint: an array of float64 of shape (9, 17, 2)'),
    (dict(frame_dir=None), 'frame_dir: missing'),
    (dict(keypoint_score=np.ones((1, 9, 2))), 'clip S001: keypoint_score: an array of float64 of shape (1, 9, 2)'),
    (dict(keypoint=np.full((1, 9, 17, 2), np.nan)), 'clip S001: keypoints: nobody'),
    (dict(keypoint=np.full((1, 0, 17, 2), np.nan)), 'clip S001: keypoint: no frames'), (dict(keypoint=None), 'missing'),
])
def test_broken_annotation_is_named(tmp_path, change, message):
    path = tmp_path / 'ntu.pkl'
    dump_pickle([dict(dict(frame_dir='S001', keypoint=walker(9)[None, ..., :2]), **change)], path)
    assert message in error(read_mmaction, path)


def test_the_person_with_most_joints_is_kept_over_a_fragment_that_is_seen_longer(tmp_path):
    whole, legs = walker(joints=25), walker(joints=25, x=600.)
    whole[15:] = np.nan
    legs[:, :20] = 0  # a fifth of the joints in all frames
    for order in ([whole, legs], [legs, whole]):
        recording, = read_openpose(write_openpose(tmp_path / 'clip', order))
        np.testing.assert_allclose(recording.keypoint[0, :15], whole[:15, :, :2], rtol=1e-6)
        both = np.stack([np.nan_to_num(person) for person in order])
        kept = most_seen(both[..., :2], both[..., 2], 1)[0]
        np.testing.assert_array_equal(kept[0, :15], whole[:15, :, :2])


@pytest.mark.parametrize('channels', [2, 3])
def test_zeros_are_a_lost_joint(channels):
    keypoint = np.ones((1, 4, 3, channels))
    keypoint[0, 1, 2] = 0
    place, score = with_lost(keypoint, None, 'clip')
    assert np.argwhere(score == 0).tolist() == [[0, 1, 2]] and (place == keypoint).all()

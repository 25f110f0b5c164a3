import numpy as np
import pytest
from PIL import Image

from dynstg_mm.errors import ConfigError, DataError
from dynstg_mm.inference.skeleton_video import ON_VIDEO, PLAIN, write_skeleton_video
from dynstg_mm.skeletons import LAYOUTS

from ..test_video import HEIGHT, WIDTH, write_video

av = pytest.importorskip('av')
ANKLES = (LAYOUTS['body_25']['joints'].index('left_ankle'), LAYOUTS['body_25']['joints'].index('right_ankle'))


@pytest.fixture
def walk(sample):
    """Keypoints (1, 30, 25, 2), scores and rate of a synthetic walk."""
    clip = sample['annotations'][0]
    return clip['keypoint'][:, :30].copy(), clip['keypoint_score'][:, :30].copy(), clip['rate']


def frames_of(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)], (
            container.streams.video[0].average_rate)


def near(image, colour, tolerance=40):
    """Places (n, 2) of pixels of about a colour, as x, y, above the line of text."""
    image = image[:int(image.shape[0] * 0.9)].astype(int)
    return np.argwhere(np.abs(image - colour).max(-1) < tolerance)[:, ::-1]


@pytest.mark.parametrize('height', [201, 240])
def test_a_walk_on_plain_ground(tmp_path, walk, height):
    keypoint, score, rate = walk
    write_skeleton_video(tmp_path / 'new' / 'a.mp4', keypoint, score, 'body_25', rate, height=height)
    images, written = frames_of(tmp_path / 'new' / 'a.mp4')
    assert len(images) == 30 and float(written) == pytest.approx(rate)
    for image in images:
        left, right = near(image, PLAIN.left), near(image, PLAIN.right)
        assert len(left) > 20 and len(right) > 20
        both = np.concatenate([left, right])
        assert np.abs(both[:, 0].mean() / image.shape[1] - 0.5) < 0.15  # the picture follows the walker
    assert [path.name for path in (tmp_path / 'new').iterdir()] == ['a.mp4']


def test_a_lost_joint_is_marked_and_a_lost_person_too(tmp_path, walk):
    keypoint, score, rate = walk
    score[:, 10:15, ANKLES[0]] = 0
    keypoint[:, 20:25], score[:, 20:25] = 0, 0
    write_skeleton_video(tmp_path / 'a.gif', keypoint, score, 'body_25', 15, height=300)
    gif = Image.open(tmp_path / 'a.gif')
    marked = []
    for frame in range(gif.n_frames):
        gif.seek(frame)
        marked.append(len(near(np.asarray(gif.convert('RGB')), PLAIN.lost)))
    seen = score[0].min(1) > 0.05
    assert all(marked[10:15]) and all(count > 100 for count in marked[20:25])
    assert not any(count for count, whole in zip(marked, seen) if whole)


def test_a_walk_over_its_source(tmp_path):
    source = write_video(tmp_path / 'source.mp4', frames=20)
    place = np.zeros((1, 20, 13, 2), np.float32)
    place[..., 0], place[..., 1] = 8, 8
    place[:, :, 6:] += (40, 30)
    write_skeleton_video(tmp_path / 'a.mp4', place, None, 'gait_13', 25, source)
    images, _ = frames_of(tmp_path / 'a.mp4')
    assert len(images) == 20 and images[0].shape == (HEIGHT + 24, WIDTH, 3)
    assert len(near(images[5], ON_VIDEO.left, 80)) or len(near(images[5], ON_VIDEO.right, 80))
    write_skeleton_video(tmp_path / 'b.mp4', place * 10, None, 'gait_13', 25, source,
                         img_shape=(10 * HEIGHT, 10 * WIDTH))
    assert np.abs(frames_of(tmp_path / 'b.mp4')[0][5].astype(int) - images[5]).max() < 60


def test_captions_change_the_line_of_text(tmp_path, walk):
    keypoint, score, rate = walk
    options = dict(keypoint=keypoint, score=score, layout='body_25', rate=rate, height=240)
    write_skeleton_video(tmp_path / 'a.mp4', captions=lambda frame: 'ataxia ' * (frame > 15), **options)
    write_skeleton_video(tmp_path / 'b.mp4', captions=[''] * 15 + ['a very long line ' * 20] * 15, **options)
    for name in 'ab':
        bars = [image[240:, :120].min() for image in frames_of(tmp_path / f'{name}.mp4')[0]]
        assert min(bars[:14]) > 150 and max(bars[17:]) < 120


def test_a_3d_walk_is_seen_from_its_side(tmp_path, walk):
    keypoint, score, rate = walk
    flat = np.stack([0 * keypoint[..., 0], -keypoint[..., 1], keypoint[..., 0]], -1) / 100  # y up, walking along z
    write_skeleton_video(tmp_path / 'a.gif', flat, score, 'body_25', 10, height=240)
    write_skeleton_video(tmp_path / 'b.gif', keypoint, score, 'body_25', 10, height=240)
    first, second = (np.asarray(Image.open(tmp_path / f'{name}.gif').convert('RGB'))[:200].astype(int) for name in 'ab')
    ahead = keypoint[0, -1, 8, 0] > keypoint[0, 0, 8, 0]
    skeletons = [(image != 255).any(-1) for image in (first, second if ahead else second[:, ::-1])]
    assert (skeletons[0] & skeletons[1]).sum() > 0.8 * skeletons[0].sum()


def test_several_persons_and_wild_places(tmp_path, walk):
    keypoint, score, rate = walk
    keypoint = np.concatenate([keypoint, keypoint + (80, 0), 0 * keypoint])
    score = np.concatenate([score, score, 0 * score])
    keypoint[1, 5, 4] = 1e8
    write_skeleton_video(tmp_path / 'a.mp4', keypoint, score, 'body_25', rate, height=240)
    write_skeleton_video(tmp_path / 'b.mp4', keypoint[0], score[0], 'body_25', rate, height=240)
    two, one = (len(near(frames_of(tmp_path / f'{name}.mp4')[0][20], PLAIN.left)) for name in 'ab')
    assert two > 1.5 * one


@pytest.mark.parametrize('change, error', [
    (dict(path='a.avi'), ConfigError), (dict(layout='coco'), ConfigError), (dict(captions=['a']), ConfigError),
    (dict(source='nowhere.mp4'), FileNotFoundError), (dict(score=np.zeros((1, 30, 25))), DataError)])
def test_wrong_input_leaves_the_old_file(tmp_path, walk, monkeypatch, change, error):
    monkeypatch.chdir(tmp_path)
    keypoint, score, rate = walk
    (tmp_path / 'a.mp4').write_bytes(b'old')
    with pytest.raises(error):
        write_skeleton_video(**dict(dict(path='a.mp4', keypoint=keypoint, score=score, layout='body_25', rate=rate),
                                    **change))
    assert (tmp_path / 'a.mp4').read_bytes() == b'old' and len(list(tmp_path.iterdir())) == 1


def test_a_source_that_is_cut_short_leaves_the_old_file(tmp_path, walk):
    source = write_video(tmp_path / 'a.mkv', frames=50, image=np.random.default_rng(0).integers(
        0, 255, (HEIGHT, WIDTH, 3), np.uint8))
    source.write_bytes(source.read_bytes()[:-source.stat().st_size // 2])
    keypoint, score, rate = walk
    with pytest.raises(DataError, match='cut short'):
        write_skeleton_video(tmp_path / 'b.mp4', np.tile(keypoint, (1, 2, 1, 1)), np.tile(score, (1, 2, 1)), 'body_25',
                             25, source)
    assert [path.name for path in tmp_path.iterdir()] == ['a.mkv']

import numpy as np
import pytest

from dynstg_mm.commands.keypoints import main
from dynstg_mm.importers import read_npz
from dynstg_mm.skeletons import LAYOUTS

from ..conftest import ROOT
from ..test_video import HEIGHT, WIDTH, write_video


@pytest.fixture
def walk(sample, tmp_path):
    """A recording as NPZ, with names of joints and an estimator."""
    clip = sample['annotations'][0]
    path = tmp_path / 'in' / 'walk.npz'
    path.parent.mkdir()
    np.savez(path, keypoints=clip['keypoint'][0, :20], keypoint_score=clip['keypoint_score'][0, :20], rate=30,
             joint_names=LAYOUTS['body_25']['joints'], estimator='openpose 1.7', img_shape=(1080, 1920))
    return path


def test_a_recording_becomes_keypoints_and_a_video(walk, tmp_path, capsys):
    av = pytest.importorskip('av')
    (tmp_path / 'in' / 'empty.npz').write_bytes(b'')
    arguments = ['--out', str(tmp_path / 'out'), '--draw', 'mp4', '--height', '120']
    assert main([str(walk.parent), str(tmp_path / 'nowhere.mp4'), *arguments]) == 1  # two cannot be read
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2 and all(line.startswith('error: ') for line in errors)
    assert 'empty.npz' in errors[0] and 'nowhere.mp4' in errors[1]
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['walk.mp4', 'walk.npz']
    old, new = read_npz(walk)[0], read_npz(tmp_path / 'out' / 'walk.npz')[0]
    assert (new.keypoint == old.keypoint).all() and (new.keypoint_score == old.keypoint_score).all()
    assert (new.rate, new.img_shape, new.estimator) == (30, (1080, 1920), 'openpose 1.7')
    with av.open(str(tmp_path / 'out' / 'walk.mp4')) as video:
        assert video.streams.video[0].frames == 20
    assert main([str(walk), *arguments]) == 0


def test_the_input_is_not_overwritten(walk, capsys):
    content = walk.read_bytes()
    assert main([str(walk), '--out', str(walk.parent)]) == 1
    assert '--out' in capsys.readouterr().err and walk.read_bytes() == content


def test_a_walk_is_drawn_over_the_video_that_is_named(walk, tmp_path):
    av = pytest.importorskip('av')
    video = write_video(tmp_path / 'video.mp4', frames=20)
    assert main([str(walk), '--out', str(tmp_path / 'out'), '--draw', 'mp4', '--source', str(video)]) == 0
    with av.open(str(tmp_path / 'out' / 'walk.mp4')) as drawn:
        stream = drawn.streams.video[0]
        assert (stream.height, stream.width) == (HEIGHT + 24, WIDTH)


def test_what_is_missing_is_one_line(walk, tmp_path, error_of, capsys):
    tool, out = ROOT / 'tools/keypoints.py', str(tmp_path / 'out')
    assert '--out: ' in error_of(tool, walk, '--out', walk)
    assert '--source: ' in error_of(tool, walk, walk, '--out', out, '--source', 'a.mp4')
    np.savez(walk, keypoints=100 * np.random.default_rng(0).random((20, 13, 2)))
    for options, field in (([], 'layout: missing'), (['--source-layout', 'gait_13'], 'rate: missing')):
        assert main([str(walk), '--out', out, '--draw', 'gif', *options]) == 1
        assert field in capsys.readouterr().err
    assert main([str(walk), '--out', out, '--draw', 'gif', '--source-layout', 'gait_13', '--rate', '25']) == 0

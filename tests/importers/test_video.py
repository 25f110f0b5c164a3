import sys

import numpy as np
import pytest

from dynstg_mm.errors import ConfigError, DataError
from dynstg_mm.estimators import Person
from dynstg_mm.importers import EmptyRecording, read_video
from dynstg_mm.importers.convert import convert
from dynstg_mm.importers.video import at_even_times
from dynstg_mm.safe_pickle import load_pickle

from ..test_video import HEIGHT, WIDTH, write_video

pytest.importorskip('av')


class Corner:
    """A pose estimator whose person is the white corner of `write_video`, moving down a pixel a frame."""

    name, layout, many = 'corner 1.0', 'mediapipe', False

    def __init__(self, lost=()):
        self.lost, self.frames = lost, 0

    def find(self, image):
        self.frames += 1
        if self.frames - 1 in self.lost:
            return []
        place = np.argwhere(image.min(-1) > 128).mean(0)[::-1] + (0, self.frames - 1)
        return [Person(np.tile(place, (33, 1)), np.full(33, 0.9))]

    def close(self):
        raise AssertionError('closed, although it is the caller\'s')


def test_a_video_becomes_a_recording_with_its_lost_frames(tmp_path):
    recording, = read_video(write_video(tmp_path / 'a.mp4'), estimator=Corner(lost=(0, 4, 9)))
    assert recording.keypoint.shape == (1, 10, 33, 2) and recording.rate == 25
    assert (recording.img_shape, recording.layout, recording.estimator) == ((HEIGHT, WIDTH), 'mediapipe', 'corner 1.0')
    assert np.flatnonzero(recording.keypoint_score[0, :, 0] == 0).tolist() == [0, 4, 9]
    assert not recording.keypoint[recording.keypoint_score == 0].any()
    assert np.diff(recording.keypoint[0, 1:4, 7, 1]).tolist() == [1, 1]
    assert any('3 of 10 frames' in note for note in recording.notes)


def test_nobody_in_a_video_is_an_empty_recording(tmp_path):
    with pytest.raises(EmptyRecording, match='nobody'):
        read_video(write_video(tmp_path / 'a.mp4'), estimator=Corner(lost=range(10)))


def test_a_single_frame_is_refused(tmp_path):
    with pytest.raises(DataError, match='one frame'):
        read_video(write_video(tmp_path / 'a.mkv', frames=1), estimator=Corner())


def test_an_estimator_of_one_person_says_so(tmp_path):
    recording, = read_video(write_video(tmp_path / 'a.mkv'), estimator=Corner(), persons=2)
    assert recording.notes == ['corner 1.0 finds one person; others are not seen']


@pytest.mark.parametrize('crop', [(0, 0, 0, 1), (0.5, 0, 0.2, 1), (0, -1, 1, 1), (0, 0, 1, 2), (0, 0, 1)])
def test_a_wrong_crop_is_refused(tmp_path, crop):
    with pytest.raises(ConfigError, match='--crop'):
        read_video(write_video(tmp_path / 'a.mkv'), estimator=Corner(), crop=crop)


def test_people_are_looked_for_in_the_crop(tmp_path):
    path = write_video(tmp_path / 'a.mp4')
    whole, part = (read_video(path, estimator=Corner(), crop=crop)[0] for crop in ((0, 0, 1, 1), (0, 0, 0.5, 0.4)))
    assert np.allclose(whole.keypoint, part.keypoint, atol=1) and part.img_shape == (HEIGHT, WIDTH)
    right, = read_video(path, estimator=Corner(), crop=(0.125, 0, 1, 1))  # half of the corner
    assert np.allclose(right.keypoint[..., 0], whole.keypoint[..., 0] + 4, atol=1)


def line(times, speed=100.):
    """A person who moves by `speed` pixels a second, at these times."""
    keypoint = np.zeros((1, len(times), 3, 2), np.float32)
    keypoint[..., 0] = 1 + speed * times[:, None]
    return keypoint, np.full((1, len(times), 3), 0.5, np.float32)


@pytest.mark.parametrize('rate, times', [
    (30, np.arange(90) / 30), (30, np.round(np.arange(90) / 30, 3)), (29.97, np.arange(90) / 30 * 1.001),
    (120, 5 + np.arange(90) / 120)])
def test_even_times_leave_keypoints_as_they_are(rate, times):
    keypoint, score = line(times)
    new, new_score, new_rate, notes = at_even_times(times, keypoint, score, 'a.mp4')
    assert new_rate == rate and notes == [] and (new == keypoint).all() and (new_score == score).all()


def test_uneven_times_are_interpolated():
    times = np.cumsum(np.random.default_rng(0).uniform(0.025, 0.042, 200))
    keypoint, score = line(times)
    score[:, 100, 1] = 0
    new, new_score, rate, notes = at_even_times(times, keypoint, score, 'a.mp4')
    expected = 1 + 100 * (times[0] + np.arange(new.shape[1]) / rate)
    assert rate == pytest.approx(1 / np.diff(times).mean(), rel=1e-3) and len(notes) == 1
    assert np.abs(new[0, :, 0, 0] - expected).max() < 100 * 0.11 / rate  # a tenth of a frame
    lost = np.flatnonzero(new_score[0, :, 1] == 0)
    assert 1 <= len(lost) <= 2 and (new_score[0, :, 0] > 0).all() and not new[0, lost, 1].any()


def test_missing_frames_are_lost():
    times = np.delete(np.arange(60) / 30, [20, 21, 40])
    keypoint, score = line(times)
    new, new_score, rate, notes = at_even_times(times, keypoint, score, 'a.mp4')
    assert rate == 30 and new.shape[1] == 60 and '3 frames are missing' in notes[0]
    assert np.flatnonzero(new_score[0, :, 0] == 0).tolist() == [20, 21, 40]


def test_a_jump_in_the_times_is_refused():
    times = np.append(np.arange(30) / 30, 3600)
    with pytest.raises(DataError, match='3600.00 s'):
        at_even_times(times, *line(times), 'a.mp4')


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    write_video(tmp_path / 'a.mp4')
    (tmp_path / 'labels.csv').write_text('clip,subject,label\na,a,x\n')
    for module, extra in (('mediapipe', 'video'), ('av', 'video')):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(DataError, match=rf'{module} is not installed.*dynstg_mm\[{extra}\]'):
            convert('video', tmp_path, tmp_path / 'a.pkl', labels=tmp_path / 'labels.csv', skip_bad=True)


def test_mediapipe_reads_a_folder_of_videos_without_people(tmp_path, capfd):
    pytest.importorskip('mediapipe')
    write_video(tmp_path / 'a.mp4')
    (tmp_path / 'labels.csv').write_text('clip,subject,label\na,a,x\n')
    with pytest.raises(DataError, match='a.mp4: keypoints: nobody in any of its 10 frames'):
        convert('video', tmp_path, tmp_path / 'a.pkl', labels=tmp_path / 'labels.csv', folds=[])
    assert capfd.readouterr().err == ''


def test_the_estimator_is_stored(tmp_path):
    places = np.random.default_rng(0).uniform(1, 100, (30, 17, 2))
    np.savez(tmp_path / 'a.npz', keypoints=places, keypoint_score=np.ones((30, 17)), rate=30, estimator='corner 1.0')
    (tmp_path / 'labels.csv').write_text('clip,subject,label\na,a,x\n')
    convert('npz', tmp_path, tmp_path / 'a.pkl', labels=tmp_path / 'labels.csv', layout='coco',
            source_layout='coco', folds=[])
    clip, = load_pickle(tmp_path / 'a.pkl')['annotations']
    assert clip['estimator'] == 'corner 1.0'

import json

import numpy as np
import pytest

from dynstg_mm.errors import DataError
from dynstg_mm.importers import find_files
from dynstg_mm.importers.convert import read_recordings
from dynstg_mm.importers.unlabelled import recognise

from .written import HEIGHT, WIDTH, person, pixels, scores, write_myogait

PLACE = pixels(person('mediapipe', 12))
SHARES = PLACE / (WIDTH, HEIGHT)
SCORE = scores(PLACE.shape[:2])


def read(path, **options):
    recording, = read_recordings('walk', path, format_name='myogait', options={}, **options)
    return recording


@pytest.mark.parametrize('flipped', [False, True])
def test_the_person_is_read_in_pixels_and_a_mirrored_one_is_turned_back(tmp_path, flipped):
    path = write_myogait(tmp_path / 'walk.myogait.json', SHARES, SCORE, flipped)
    recording = read(path)
    seen = SCORE > 0
    np.testing.assert_allclose(recording.keypoint[0][seen], PLACE[seen], atol=1e-2)
    np.testing.assert_allclose(recording.keypoint_score[0], SCORE, atol=1e-6)
    assert (recording.rate, recording.img_shape, recording.layout) == (25., (HEIGHT, WIDTH), 'mediapipe')
    assert recording.estimator == 'mediapipe by myogait 0.5' and recognise(path) == 'myogait'
    assert any('mirrored' in note for note in recording.notes) == flipped
    assert list(find_files('myogait', tmp_path)) == ['walk']


def test_joints_that_an_estimator_lacks_and_frames_without_anybody_are_lost(tmp_path):
    path = write_myogait(tmp_path / 'walk.json', SHARES, np.ones_like(SCORE))
    content = json.loads(path.read_text())
    for frame in content['frames']:
        frame['landmarks']['LEFT_HEEL'] = dict(x=float('nan'), y=float('nan'), visibility=0.)
        del frame['landmarks']['LEFT_PINKY']
    content['frames'][3]['landmarks'] = {}
    del content['frames'][5]  # trimmed
    path.write_text(json.dumps(content))
    score = read(path).keypoint_score[0]
    assert not score[:, [29, 17]].any() and not score[[3, 5]].any() and score[[0, 4, 6]][:, 11:17].all()


def test_without_the_size_of_the_image_it_is_asked_for(tmp_path):
    path = write_myogait(tmp_path / 'walk.json', SHARES, SCORE, meta=dict(fps=25.0, width=0, height=0))
    with pytest.raises(DataError, match='img_shape'):
        read(path)
    place = read(path, img_shape=(HEIGHT, WIDTH)).keypoint[0]
    np.testing.assert_allclose(place[SCORE > 0], PLACE[SCORE > 0], atol=1e-2)


@pytest.mark.parametrize('changes, field', [
    (dict(frames=None), 'frames'), (dict(frames=[3]), 'frame 0'), (dict(frames=[]), 'nobody'),
    (dict(frames=[dict(frame_idx=0, landmarks=dict(NOSE=dict(x='a', y=0)))]), 'frame 0'),
    (dict(frames=[dict(frame_idx=0, landmarks={}), dict(frame_idx=0, landmarks={})]), 'frame_idx'),
    (dict(frames=[dict(frame_idx=0, landmarks={})]), 'nobody')])
def test_a_wrong_file_is_named(tmp_path, changes, field):
    path = write_myogait(tmp_path / 'walk.json', SHARES, SCORE, **changes)
    with pytest.raises(DataError) as error:
        read(path)
    assert str(path) in str(error.value) and field in str(error.value)

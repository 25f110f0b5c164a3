import numpy as np
import pytest

from dynstg_mm.errors import DataError
from dynstg_mm.importers import read_h36m
from dynstg_mm.importers.convert import convert, read_recordings
from dynstg_mm.importers.unlabelled import recognise
from dynstg_mm.safe_pickle import load_pickle

from .written import person, pixels, scores

WALK = person('h36m', 40)


def save(path, array, **others):
    np.save(path, array) if path.suffix == '.npy' else np.savez(path, **(others or dict(poses3d=array)))
    return path


def upright(path):
    """The recording as it enters an annotation file."""
    recording, = read_recordings('walk', path, format_name=recognise(path), options={})
    return recording


@pytest.mark.parametrize('suffix', ['.npy', '.npz'])
@pytest.mark.parametrize('axes', [((1, 0, 0), (0, 1, 0), (0, 0, 1)), ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
                                  ((1, 0, 0), (0, 0, -1), (0, 1, 0))], ids=['y up', 'y down', 'z up'])
def test_the_body_says_what_is_up_and_left_stays_left(tmp_path, suffix, axes):
    path = save(tmp_path / f'walk{suffix}', WALK @ np.array(axes).T)
    recording = upright(path)
    np.testing.assert_allclose(recording.keypoint[0], WALK, atol=1e-6)
    assert recording.layout == 'h36m' and recording.unit is None and recording.name == 'walk'
    assert not any('mirror' in note for note in recording.notes)


def test_a_mirror_image_is_noted(tmp_path):
    recording, = read_h36m(save(tmp_path / 'walk.npy', WALK * (-1, 1, 1)))
    assert any('mirror' in note for note in recording.notes)


def test_several_arrays_are_clips_named_after_them(tmp_path):
    others = {f'walk{index}': person('h36m', 40, index).astype(np.float32) for index in range(6)}
    save(tmp_path / 'lab.npz', None, **others, fps=np.array(50))
    labels = tmp_path / 'labels.csv'
    labels.write_text('clip,subject,label\n' + ''.join(
        f'lab/{name},p{index},{"ab"[index % 2]}\n' for index, name in enumerate(others)))
    convert('h36m', tmp_path, tmp_path / 'out.pkl', labels=labels, folds=[3])
    clips = load_pickle(tmp_path / 'out.pkl')['annotations']
    assert {clip['frame_dir']: clip['rate'] for clip in clips} == {f'lab/{name}': 50. for name in others}


def test_two_numbers_are_pixels_and_a_third_from_0_to_1_is_a_score(tmp_path):
    place, score = pixels(WALK), scores(WALK.shape[:2])
    flat, = read_h36m(save(tmp_path / 'flat.npy', place))
    scored, = read_h36m(save(tmp_path / 'scored.npy', np.concatenate([place, score[..., None]], -1)))
    np.testing.assert_allclose(flat.keypoint[0], place, atol=1e-4)
    np.testing.assert_allclose(scored.keypoint_score[0], score, atol=1e-6)


@pytest.mark.parametrize('path, array, field', [
    ('a.npy', WALK[:, :13], '13 joints'), ('a.npz', WALK[:, :13], 'poses3d: keypoints: 13 joints'),
    ('a.npy', np.zeros(5), 'keypoints'), ('a.npy', np.where(np.arange(17)[:, None] == 3, np.inf, WALK), 'keypoints'),
    ('a.npy', np.array([{}]), 'not a readable .npy'), ('a.npy', WALK[:0], 'no frames')])
def test_a_wrong_array_is_named(tmp_path, path, array, field):
    path = save(tmp_path / path, array)
    with pytest.raises(DataError) as error:
        read_h36m(path)
    assert str(path) in str(error.value) and field in str(error.value)

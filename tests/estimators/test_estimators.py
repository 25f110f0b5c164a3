"""The adapters with their libraries, where these are installed."""
import numpy as np
import pytest

from dynstg_mm.errors import ConfigError, DataError
from dynstg_mm.estimators import ESTIMATORS, get_estimator

IMAGE = np.full((96, 128, 3), 50, np.uint8)


def write_onnx(path, size, **outputs):
    """A model that gives the same arrays for every image of `size` (height, width)."""
    onnx = pytest.importorskip('onnx')
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [helper.make_node('Constant', [], [name], value=helper.make_tensor(name, kind, value.shape, value.ravel()))
             for name, value in outputs.items()]
    graph = helper.make_graph(
        nodes, 'constant', [helper.make_tensor_value_info('image', kind, [1, 3, *size])],
        [helper.make_tensor_value_info(name, kind, value.shape) for name, value in outputs.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid('', 13)], ir_version=8), path)
    return path


def peaks(places, length):
    """RTMPose's output for one axis: half pixels of its input."""
    values = np.zeros((1, len(places), 2 * length), np.float32)
    values[0, np.arange(len(places)), 2 * np.asarray(places)] = 0.8
    return values


@pytest.fixture
def detector(tmp_path):
    pytest.importorskip('rtmlib')
    return write_onnx(tmp_path / 'yolox.onnx', (64, 64), dets=np.array([[[8, 8, 40, 40, 0.9]]], np.float32))


def test_rtmpose_behind_a_detector(tmp_path, detector, capfd):
    across, down = np.arange(17), np.arange(17) + 20
    model = write_onnx(tmp_path / 'pose.onnx', (64, 48), x=peaks(across, 48), y=peaks(down, 64))
    estimator = get_estimator('rtmlib', model, detector)
    person, = estimator.find(IMAGE)
    assert person.keypoint.shape == (17, 2) and np.allclose(person.score, 0.8)
    # the box is 16 to 80 pixels, 1.25 times as large in the model, which is as high as 4/3 of its width
    scale = 64 * 1.25 * np.array([1, 4 / 3])
    expected = 48 + (np.stack([across / 48, down / 64], -1) - 0.5) * scale
    assert np.allclose(person.keypoint, expected, atol=0.01)
    assert estimator.name.startswith('rtmlib ') and estimator.name.endswith('(pose)') and estimator.many
    assert capfd.readouterr() == ('', '')


def test_nobody_is_detected(tmp_path, detector):
    nobody = write_onnx(tmp_path / 'nobody.onnx', (64, 64), dets=np.array([[[8, 8, 40, 40, 0.1]]], np.float32))
    model = write_onnx(tmp_path / 'pose.onnx', (64, 48), x=peaks(range(17), 48), y=peaks(range(17), 64))
    assert get_estimator('rtmlib', model, nobody).find(IMAGE) == []


def test_rtmo_needs_no_detector(tmp_path, detector):
    people = np.zeros((1, 2, 17, 3), np.float32)
    people[0, 0], people[0, 1] = (10, 20, 0.9), (40, 30, 0.7)
    boxes = np.array([[[5, 15, 15, 25, 0.9], [35, 25, 45, 35, 0.8]]], np.float32)
    found = get_estimator('rtmlib', write_onnx(tmp_path / 'rtmo.onnx', (64, 64), dets=boxes, poses=people)).find(IMAGE)
    assert sorted(person.keypoint[3].tolist() for person in found) == [[20, 40], [80, 60]]  # the image is twice as wide
    boxes[..., 4] = 0
    assert get_estimator('rtmlib', write_onnx(tmp_path / 'rtmo.onnx', (64, 64), dets=boxes, poses=people)).find(
        IMAGE) == []


def test_a_file_that_is_no_such_model_is_refused(tmp_path, detector):
    (tmp_path / 'text.onnx').write_text('no model')
    with pytest.raises(DataError, match='text.onnx'):
        get_estimator('rtmlib', tmp_path / 'text.onnx')
    with pytest.raises(DataError, match='yolox.onnx'):
        get_estimator('rtmlib', detector).find(IMAGE)  # taken for RTMO
    with pytest.raises(FileNotFoundError, match='nowhere.onnx'):
        get_estimator('rtmlib', tmp_path / 'nowhere.onnx')
    with pytest.raises(ConfigError, match='--pose-model'):
        get_estimator('rtmlib')


def test_mediapipe_finds_nobody_in_an_empty_picture_and_is_quiet(capfd):
    mediapipe = pytest.importorskip('mediapipe')
    estimator = get_estimator('mediapipe')
    assert estimator.find(IMAGE) == [] and not estimator.many
    estimator.close()
    assert estimator.name == f'mediapipe {mediapipe.__version__}'
    assert capfd.readouterr() == ('', '')


def test_wrong_options_are_refused():
    with pytest.raises(ConfigError, match='openpose'):
        get_estimator('openpose')
    with pytest.raises(ConfigError, match='--pose-model'):
        get_estimator('mediapipe', 'a.onnx')
    assert set(ESTIMATORS) == {'mediapipe', 'rtmlib'}

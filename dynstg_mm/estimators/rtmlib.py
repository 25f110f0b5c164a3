"""rtmlib: RTMPose and RTMO models as ONNX files of the user's."""
import contextlib
import importlib.metadata
import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from dynstg_mm.errors import ConfigError, DataError
from dynstg_mm.estimators.base import Person
from dynstg_mm.extras import need
from dynstg_mm.files import existing_file


class RTMLib:
    """RTMPose behind a YOLOX detector, or RTMO, which needs no detector; nothing is downloaded.

    Args:
        pose_model: ONNX file of RTMPose or RTMO.
        detector: ONNX file of YOLOX; without it the pose model is RTMO.

    Raises:
        ConfigError: No pose model is given.
        DataError: rtmlib is not installed, or a file is not such a model.
        FileNotFoundError: There is no such file.
    """

    layout = None  # COCO, Halpe or whole body by the number of joints
    many = True

    def __init__(self, pose_model: str | os.PathLike | None = None, detector: str | os.PathLike | None = None) -> None:
        rtmlib = need('rtmlib', 'rtmlib')
        need('onnxruntime', 'rtmlib')
        if pose_model is None:
            raise ConfigError('--pose-model: missing; rtmlib needs the ONNX file of RTMPose (with --detector) or RTMO.')
        self._detector = None if detector is None else _load(rtmlib.YOLOX, detector)
        self._pose = _load(rtmlib.RTMO if detector is None else rtmlib.RTMPose, pose_model)
        self.name = f'rtmlib {importlib.metadata.version("rtmlib")} ({Path(pose_model).stem})'

    def find(self, image: np.ndarray) -> list[Person]:
        """The people in a frame."""
        image = np.ascontiguousarray(image[..., ::-1])  # rtmlib takes BGR
        try:
            if self._detector is None:
                keypoints, scores = self._pose(image)
            else:
                boxes = self._detector(image)
                if not len(boxes):  # RTMPose would take the whole image for a person
                    return []
                keypoints, scores = self._pose(image, boxes)
        except (ValueError, IndexError, TypeError) as error:  # another output than that of such a model
            raise DataError(f'{self._pose.onnx_model}: not a model of the expected kind ({error}); with --detector a '
                            'RTMPose, else a RTMO.') from None
        # a score can exceed 1: it is the height of a peak
        return [Person(keypoint, np.clip(score, 0, 1)) for keypoint, score in zip(keypoints, scores) if score.any()]

    def close(self) -> None:
        """Nothing to free."""


def _load(model: Any, path: str | os.PathLike) -> Any:
    """A model of rtmlib for the size of image that its file says."""
    path = os.fspath(existing_file(path, 'ONNX file'))
    import onnxruntime
    try:
        shape = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider']).get_inputs()[0].shape
    except Exception as error:  # onnxruntime raises anything
        raise DataError(f'{path}: not a readable ONNX file ({str(error).strip().splitlines()[0]}).') from None
    if len(shape) != 4 or not all(isinstance(size, int) for size in shape[2:]):
        raise DataError(f'{path}: an input of shape {shape}; expected (images, 3, height, width).')
    size = tuple(shape[2:]) if model.__name__ != 'RTMPose' else (shape[3], shape[2])
    with contextlib.redirect_stdout(io.StringIO()):  # it prints the path
        return model(path, model_input_size=size, backend='onnxruntime', device='cpu')

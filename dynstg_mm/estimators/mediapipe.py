"""MediaPipe Pose (BlazePose): one person, 33 joints, with the model in its wheel."""
import contextlib
import os
import sys
import warnings
from collections.abc import Iterator

import numpy as np

from dynstg_mm.errors import ConfigError, DataError
from dynstg_mm.estimators.base import Person
from dynstg_mm.extras import need

_OTHERS = ('MediaPipe comes with its pose model only up to 0.10.21, for Python 3.10 to 3.12: run pip install '
           '"dynstg_mm[video]" there, or use --estimator rtmlib.')


class MediaPipe:
    """MediaPipe's full pose model, without its smoothing, which takes every video for one of 30 frames per second.

    Args:
        pose_model, detector: None; the model is part of the package.

    Raises:
        ConfigError: A file is given.
        DataError: MediaPipe is not installed, or comes without a model.
    """

    layout = 'mediapipe'
    many = False

    def __init__(self, pose_model: str | os.PathLike | None = None, detector: str | os.PathLike | None = None) -> None:
        if pose_model is not None or detector is not None:
            raise ConfigError('--pose-model, --detector: not for mediapipe, which has its own; use --estimator rtmlib.')
        mediapipe = need('mediapipe', 'video', _OTHERS if sys.version_info >= (3, 13) else None)
        if not hasattr(mediapipe, 'solutions'):
            raise DataError(f'mediapipe {mediapipe.__version__} has no pose model. {_OTHERS}')
        self.name = f'mediapipe {mediapipe.__version__}'
        with _quiet():
            self._pose = mediapipe.solutions.pose.Pose(model_complexity=1, smooth_landmarks=False)
            self._pose.process(np.zeros((64, 64, 3), np.uint8))  # waits until the graph's threads have started

    def find(self, image: np.ndarray) -> list[Person]:
        """The person in the next frame; a joint's score is its visibility."""
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # about protobuf's future
            landmarks = self._pose.process(image).pose_landmarks
        if landmarks is None:
            return []
        values = np.array([(joint.x, joint.y, joint.visibility) for joint in landmarks.landmark], np.float32)
        return [Person(values[:, :2] * (image.shape[1], image.shape[0]), values[:, 2])]

    def close(self) -> None:
        """End MediaPipe's threads."""
        self._pose.close()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Send away what MediaPipe's C++ code prints while it starts; errors are exceptions."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)

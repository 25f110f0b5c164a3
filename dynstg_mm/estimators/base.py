"""The interface of a pose estimator, and the choice of one by name."""
import importlib
import os
from typing import NamedTuple, Protocol

import numpy as np

from dynstg_mm.errors import ConfigError

ESTIMATORS = dict(mediapipe='MediaPipe', rtmlib='RTMLib')  # name -> class in the module of that name


class Person(NamedTuple):
    """One person in one frame: places (V, 2) in pixels, and scores (V,) in [0, 1]."""

    keypoint: np.ndarray
    score: np.ndarray


class Estimator(Protocol):
    """A pose estimator; a new one follows each video, since it may use the frames before.

    Attributes:
        name: Program and version, such as 'mediapipe 0.10.14'.
        layout: Layout of its joints, or None if their number decides.
        many: Whether it finds several people.
    """

    name: str
    layout: str | None
    many: bool

    def find(self, image: np.ndarray) -> list[Person]:
        """The people in the next frame, an RGB image of shape (height, width, 3), uint8."""

    def close(self) -> None:
        """Free what it holds."""


def get_estimator(name: str, pose_model: str | os.PathLike | None = None,
                  detector: str | os.PathLike | None = None) -> Estimator:
    """A pose estimator by its name.

    Args:
        name: A key of `ESTIMATORS`.
        pose_model: File of the pose model; rtmlib needs one, and MediaPipe has its own.
        detector: File of the detector of people, if the pose model needs one.

    Raises:
        ConfigError: The name is unknown, or does not go with the files.
        DataError: Its library is not installed, or a file is damaged.
        FileNotFoundError: A file is missing.
    """
    if name not in ESTIMATORS:
        raise ConfigError(f'--estimator: {name}; expected one of {", ".join(ESTIMATORS)}.')
    module = importlib.import_module(f'dynstg_mm.estimators.{name}')
    return getattr(module, ESTIMATORS[name])(pose_model, detector)

"""What every reader returns, and how it says that a file cannot be used."""
import contextlib
import importlib
from dataclasses import dataclass, field

import numpy as np

from dynstg_mm.datasets.annotation_file import LARGEST
from dynstg_mm.errors import DataError


class EmptyRecording(DataError):
    """A file is sound and shows nobody."""


@dataclass
class Recording:
    """One recording as a file has it, in the file's own axes and order of joints.

    Args:
        name (str): Name of the clip, or None where the file's name is it.
        keypoint (ndarray): (M, T, V, 2) in pixels with y down, or (M, T, V, 3) in any unit of length. A lost joint is
            zeros.
        keypoint_score (ndarray): (M, T, V), 0 for a lost joint.
        joints (Sequence[str]): Names of the V joints, where the file has them.
        layout (str | dict): The layout that the format implies.
        rate (float): Frames per second, where the file has it.
        img_shape (tuple[int, int]): Height and width in pixels, where the file has it.
        up (str): Vertical axis of 3-D coordinates, such as 'y' or '-z'.
        fields (dict): What else the file says of the clip, such as its label.
        notes (list[str]): What the reader had to decide.
    """

    name: str | None
    keypoint: np.ndarray
    keypoint_score: np.ndarray
    joints: list | tuple | None = None
    layout: str | dict | None = None
    rate: float | None = None
    img_shape: tuple | None = None
    up: str = 'y'
    fields: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)


@contextlib.contextmanager
def readable(path, kind):
    """Turn whatever a library raises over a damaged file into one line: they raise anything."""
    try:
        yield
    except (DataError, MemoryError, FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except Exception as error:
        reason = str(error).strip().split('\n')[0]
        raise DataError(f'{path}: not a readable {kind} ({type(error).__name__}: {reason}).') from None


def need(module, extra):
    """Import an optional library, or say in one line how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise DataError(f'{module.split(".")[0]} is missing, which reads this format; '
                        f'pip install "dynstg_mm[{extra}]" brings it.') from None


def with_lost(keypoint, score, path):
    """Put zeros and score 0 where a joint is lost: no number in any coordinate, or a score that is no number or 0.

    Args:
        keypoint (ndarray): (M, T, V, C), NaN in every coordinate where a joint was not found.
        score (ndarray, optional): (M, T, V); without it, everything that was found has score 1.
        path (str | Path): Names the file in errors.

    Returns:
        tuple[ndarray, ndarray]: The same as float32, without NaN.

    Raises:
        DataError: A joint has a number in one coordinate and none in another, or an infinite one.
        EmptyRecording: No joint was found in any frame.
    """
    keypoint = np.asarray(keypoint, np.result_type(keypoint, np.float32))
    if not keypoint.size:
        raise EmptyRecording(f'{path}: keypoints: no frames.')
    nothing = np.isnan(keypoint).all(-1)
    wrong = np.argwhere(~((np.abs(keypoint) < LARGEST).all(-1) | nothing))
    if len(wrong):
        _, frame, joint = wrong[0]
        raise DataError(f'{path}: keypoints: NaN or infinite in frame {frame}, joint {joint}; expected numbers in all '
                        'of its coordinates, or in none where it was not found.')
    score = np.ones(keypoint.shape[:3]) if score is None else np.asarray(
        score, np.result_type(score, np.float32))
    wild = np.argwhere(np.abs(score) >= LARGEST)
    if len(wild):
        raise DataError(f'{path}: scores: {score[tuple(wild[0])]:g} in frame {wild[0][1]}; expected 0 to 1.')
    lost = nothing | ~(score > 0)
    if keypoint.shape[-1] == 2:  # detectors write (0, 0) for a joint they did not find
        lost |= (keypoint == 0).all(-1)
    if lost.all():
        raise EmptyRecording(f'{path}: keypoints: nobody in any of its {keypoint.shape[1]} frames.')
    return np.where(lost[..., None], 0, keypoint).astype(np.float32), np.where(lost, 0, score).astype(np.float32)

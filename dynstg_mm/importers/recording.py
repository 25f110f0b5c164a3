"""What every reader returns, and how it reports a file that cannot be used."""
import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dynstg_mm.datasets.annotation_file import LARGEST, describe
from dynstg_mm.errors import DataError
from dynstg_mm.gait.events import FootEvent
from dynstg_mm.gait.signal import is_rate
from dynstg_mm.gait.visibility import SCORE_THR, seen_joints
from dynstg_mm.skeletons import Layout

# Rotations (never mirror images, which would swap left and right) that turn an axis into y, as rows of a matrix.
UPRIGHT = {
    'y': ((1, 0, 0), (0, 1, 0), (0, 0, 1)), '-y': ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    'z': ((1, 0, 0), (0, 0, 1), (0, -1, 0)), '-z': ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    'x': ((0, -1, 0), (1, 0, 0), (0, 0, 1)), '-x': ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
}


class EmptyRecording(DataError):
    """A file is sound but shows nobody."""

    @classmethod
    def of(cls, where: str | os.PathLike, field: str, frames: int = 0) -> 'EmptyRecording':
        """The error for a file, or a clip of it, whose field shows nobody in this number of frames."""
        what = f'nobody in any of its {frames} frames' if frames else 'no frames'
        return cls(f'{where}: {field}: {what}; leave the recording out, or find the keypoints again.')


@dataclass
class Recording:
    """One recording as it is in a file, with the file's axes and order of joints.

    Attributes:
        name: Name of the clip, or None if the file's name is the clip's. keypoint: Shape (M, T, V, 2) in pixels with y
        down, or (M, T, V, 3) in any unit of length. A lost joint is zeros. keypoint_score: Shape (M, T, V), 0 for a
        lost joint. joints: Names of the V joints, if the file has them. layout: The layout that the format implies.
        rate: Frames per second, if the file has it. img_shape: Height and width in pixels, if the file has them.
        estimator: Program that found the keypoints, with its version if that is known. up: Vertical axis of 3-D
        coordinates, such as 'y' or '-z'. unit: Unit of length of 3-D coordinates, 'm', 'cm' or 'mm', if the file has
        it. events: Foot contacts that somebody marked in the file. fields: What else the file says about the clip, such
        as its label. notes: What the reader had to decide. wrong_layout: Why the joints cannot be those of the layout,
        if it is one of ours. persons: How many the file shows. coords: What 2-D coordinates were in the file, one of
        `gait.coordinates.KINDS`. facts: What was understood: skeleton, coordinates, and the vertical axis.
    """

    name: str | None
    keypoint: np.ndarray
    keypoint_score: np.ndarray
    joints: Sequence[str] | None = None
    layout: str | Layout | None = None
    rate: float | None = None
    img_shape: tuple[int, int] | None = None
    estimator: str | None = None
    up: str = 'y'
    unit: str | None = None
    events: list[FootEvent] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    wrong_layout: str | None = None
    persons: int = 1
    coords: str = 'pixel'
    facts: tuple[str, ...] = ()


def rate_notes(given: float, own: Any) -> list[str]:
    """A note if the frames per second that are given differ from those of the file."""
    if own is None or is_rate(own) and abs(given / own - 1) <= 0.01:
        return []
    shown = f'{own:g}' if isinstance(own, (int, float)) else describe(own)
    return [f'{given:g} frames per second as given; the file has {shown}']


@contextlib.contextmanager
def readable(path: str | os.PathLike, description: str) -> Iterator[None]:
    """Turn whatever a library raises for a damaged file into a DataError of one line."""
    try:
        yield
    except (DataError, MemoryError, FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except Exception as error:  # libraries raise anything
        reason = str(error).strip().split('\n')[0]
        raise DataError(f'{path}: not a readable {description} ({type(error).__name__}: {reason}). If it is damaged or '
                        'incomplete, copy or export it again.') from None


def checked_img_shape(path: str | os.PathLike, value: object) -> tuple[int, int]:
    """Height and width of the image in pixels, from a field of a file; DataError if it is something else."""
    shape = np.ravel(value) if isinstance(value, (list, tuple, np.ndarray)) else np.zeros(0)
    if len(shape) < 2 or shape.dtype.kind not in 'fiu' or not ((shape[:2] >= 1) & (shape[:2] < LARGEST)).all():
        raise DataError(f'{path}: img_shape: {describe(value)}; expected height and width in pixels.')
    return int(shape[0]), int(shape[1])


def without_prefix(names: Sequence[str]) -> list[str]:
    """Names without what all of them begin with up to a separator, as in `P01:LKNE`, `mixamorig:Hips`, `body_nose`.

    `*12`, a marker without a name, does not count. A side is no prefix, and a number no name.
    """
    named = [name for name in names if not name.startswith('*')]
    shared = os.path.commonprefix(named) if len(named) > 1 else ''
    shared = shared[:max(map(shared.rfind, ':_ ')) + 1]
    sound = all(name[len(shared):][:1].isalpha() for name in named)
    if not shared or not sound or re.fullmatch('(left|right|l|r)[:_ ]', shared, re.IGNORECASE):
        return list(names)
    return [name if name.startswith('*') else name[len(shared):] for name in names]


def informative(score: np.ndarray, placed: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Scores as they are meant, and a note if they are not what they should be.

    Logits become probabilities. A column that is the same low number for every joint that has a place says nothing, so
    that all of these count as found.

    Args:
        score: Scores of all joints, in any shape.
        placed: Which of them have a place, of the same shape.
    """
    given = score[placed & np.isfinite(score)]
    if not given.size:
        return score, []
    lowest, highest = float(given.min()), float(given.max())
    if lowest == highest < SCORE_THR:
        return np.where(placed, 1., 0.), [f'all scores are {lowest:g}, which says nothing; not used']
    if lowest < -1 or lowest < 0 and highest > 1.1:
        with np.errstate(over='ignore'):
            return 1 / (1 + np.exp(-score)), [f'scores from {lowest:.3g} to {highest:.3g} are logits; '
                                              'turned into probabilities']
    return score, []


_UNIT_NAMES = dict(m='m meter meters metre metres', cm='cm centimeter centimeters centimetre centimetres',
                   mm='mm millimeter millimeters millimetre millimetres')


def unit_of(text: str) -> tuple[str | None, list[str]]:
    """The unit of length that a file names, 'm', 'cm' or 'mm', or None; and a note if it is another one."""
    unit = next((unit for unit, names in _UNIT_NAMES.items() if text.strip().lower() in names.split()), None)
    unknown = unit is None and bool(text.strip())
    return unit, [f'unit {text.strip()!r} is not known; the coordinates are as in the file'] * unknown


def has_place(keypoint: np.ndarray) -> np.ndarray:
    """Which joints have a place: any coordinate that is a number and not 0."""
    placed: np.ndarray = (np.isfinite(keypoint) & (keypoint != 0)).any(-1)
    return placed


def with_lost(keypoint: np.ndarray, score: np.ndarray | None,
              path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray]:
    """Put zeros and score 0 for a joint that is lost: NaN or 0 in all coordinates, or a score that is NaN or 0.

    Args:
        keypoint: Shape (M, T, V, C), NaN in all coordinates of a joint that was not found.
        score: Shape (M, T, V); without it, every joint that was found has score 1.
        path: Names the file in errors.

    Returns:
        The same as float32, without NaN.

    Raises:
        DataError: A joint has a number in only some coordinates, or an infinite one.
        EmptyRecording: No joint was found in any frame.
    """
    keypoint = np.asarray(keypoint, np.result_type(keypoint, np.float32))
    if not keypoint.size:
        raise EmptyRecording.of(path, 'keypoints')
    nothing = np.isnan(keypoint).all(-1)
    wrong = np.argwhere(~((np.abs(keypoint) < LARGEST).all(-1) | nothing))
    if len(wrong):
        _, frame, joint = wrong[0]
        raise DataError(f'{path}: keypoints: NaN or infinite in frame {frame}, joint {joint}; expected numbers in all '
                        'coordinates, or in none if the joint was not found.')
    score = np.ones(keypoint.shape[:3]) if score is None else np.asarray(score, np.result_type(score, np.float32))
    wild = np.argwhere(np.abs(score) >= LARGEST)
    if len(wild):
        raise DataError(f'{path}: scores: {score[tuple(wild[0])]:g} in frame {wild[0][1]}; expected 0 to 1.')
    seen = seen_joints(keypoint, score, 0)
    if not seen.any():
        raise EmptyRecording.of(path, 'keypoints', keypoint.shape[1])
    return np.where(seen[..., None], keypoint, 0).astype(np.float32), np.where(seen, score, 0).astype(np.float32)

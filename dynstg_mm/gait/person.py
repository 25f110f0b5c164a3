"""Whom to keep when a recording shows several people."""
from collections.abc import Sequence

import numpy as np

from dynstg_mm.gait.visibility import present_frames, seen_joints

Rank = tuple[int, float, float]


def person_rank(keypoint: np.ndarray, score: np.ndarray | None = None) -> Rank:
    """Sort key of one person; the clip is about the person with the largest one.

    It is the number of frames that show at least half of the joints, then the mean score of the seen joints, then the
    person's size: the median diagonal of the box around the seen joints.

    Args:
        keypoint: Shape (T, V, C).
        score: Shape (T, V), 0 for a lost joint.
    """
    seen = seen_joints(keypoint, score)
    frames = seen.any(1)
    if not frames.any():
        return 0, 0., 0.
    confidence = 0. if score is None else float(np.mean(np.asarray(score)[seen], dtype=np.float64))
    points, visible = keypoint[frames].astype(np.float64), seen[frames][..., None]
    box = np.where(visible, points, -np.inf).max(1) - np.where(visible, points, np.inf).min(1)
    return int(present_frames(seen).sum()), confidence, float(np.median(np.linalg.norm(box, axis=-1)))


def best_persons(ranks: Sequence[Rank], count: int = 1) -> list[int]:
    """Indices of the `count` persons with the largest ranks, the largest first; the earlier one if two are equal."""
    return sorted(range(len(ranks)), key=lambda person: ranks[person], reverse=True)[:count]


def tracked_person(keypoint: np.ndarray, score: np.ndarray | None = None) -> tuple[int, int]:
    """The person whom a clip is about, by `person_rank`, and how many persons are seen in it.

    Args:
        keypoint: Shape (M, T, V, C). Persons of zeros, which only fill the array, do not count.
        score: Shape (M, T, V), 0 for a lost joint.
    """
    if len(keypoint) < 2:
        return 0, int(seen_joints(keypoint, score).any())
    scores = [None] * len(keypoint) if score is None else np.asarray(score)
    persons = [index for index in range(len(keypoint)) if seen_joints(keypoint[index], scores[index]).any()]
    ranks = [person_rank(keypoint[index], scores[index]) for index in persons]
    return persons[best_persons(ranks)[0]] if persons else 0, len(persons)

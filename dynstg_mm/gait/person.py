"""Whom to keep when a recording shows several people."""
from collections.abc import Sequence

import numpy as np

from dynstg_mm.gait.visibility import present_frames, seen_joints

Rank = tuple[int, float, float]
ALIKE_SCORE = 0.05  # persons whose mean scores differ by less are equally well seen
ALIKE_SIZE = 0.8  # persons are of the same size if the smaller one is at least this share of the larger


def person_rank(keypoint: np.ndarray, score: np.ndarray | None = None) -> Rank:
    """What decides whether a clip is about a person, by `best_persons`.

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
    """Indices of the `count` persons whom a clip is about, the first one first.

    It is about the person seen in most frames; of several, the one with clearly higher scores; of several, the one that
    is clearly larger; else the earliest.
    """
    left = list(range(len(ranks)))
    chosen: list[int] = []
    while left and len(chosen) < count:
        chosen.append(_narrowed(ranks, left)[-1][0])
        left.remove(chosen[-1])
    return chosen


def deciding(ranks: Sequence[Rank]) -> str:
    """What makes the first of `best_persons` so: being seen 'longest', 'best', or being the 'largest' or 'first'."""
    steps = _narrowed(ranks, list(range(len(ranks))))
    return next((word for word, left in zip(('longest', 'best', 'largest'), steps) if len(left) == 1), 'first')


def _narrowed(ranks: Sequence[Rank], among: list[int]) -> list[list[int]]:
    """Those of the persons who are left by the number of frames, then by the score, then by the size."""
    most = max(ranks[person][0] for person in among)
    longest = [person for person in among if ranks[person][0] == most]
    score = max(ranks[person][1] for person in longest)
    clearest = [person for person in longest if ranks[person][1] >= score - ALIKE_SCORE]
    size = max(ranks[person][2] for person in clearest)
    return [longest, clearest, [person for person in clearest if ranks[person][2] >= ALIKE_SIZE * size]]


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

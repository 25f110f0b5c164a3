"""The one person whom a clip is about."""
import numpy as np


def tracked_person(keypoint, score=None):
    """The person that a clip is about: seen in most frames, then with the higher score, then larger.

    Args:
        keypoint (ndarray): (M, T, V, C).
        score (ndarray, optional): (M, T, V), 0 for a lost joint.

    Returns:
        tuple[int, int]: The person, and how many there are.
    """
    seen = (keypoint != 0).any(-1)
    if score is not None:
        seen &= np.asarray(score) > 0
    found = seen.any((1, 2)).nonzero()[0]

    def rank(person):
        there = seen[person]
        confidence = 0. if score is None else float(np.mean(score[person][there], dtype=np.float64))
        return int((there.mean(1) >= 0.5).sum()), confidence, _size(keypoint[person], there)

    return int(max(found, key=rank, default=0)), len(found)


def _size(keypoint, seen):
    """Median over the frames of the diagonal of the box around the seen joints; keypoint (T, V, C), seen (T, V)."""
    frames = seen.any(1)
    points, there = keypoint[frames].astype(np.float64), seen[frames][..., None]
    box = np.where(there, points, -np.inf).max(1) - np.where(there, points, np.inf).min(1)
    return float(np.median(np.linalg.norm(box, axis=-1)))

"""When a joint is seen, and when a person is present in a frame."""
import numpy as np

SCORE_THR = 0.05  # lowest score of a joint that counts as seen
MIN_JOINTS = 0.5  # share of the joints that must be seen for the person to count as present


def seen_joints(keypoint: np.ndarray, score: np.ndarray | None = None, score_thr: float = SCORE_THR) -> np.ndarray:
    """Mask of the joints that are seen.

    A joint is lost if a coordinate is not finite, if all coordinates are 0, or if its score is 0, NaN or below
    `score_thr`. With `score_thr=0`, every joint that the pose estimator has placed counts.

    Args:
        keypoint: Shape (..., C).
        score: Shape (...), in [0, 1].
        score_thr: Lowest score of a joint that counts as seen.

    Returns:
        Boolean array of shape (...).
    """
    seen: np.ndarray = np.isfinite(keypoint).all(-1) & (keypoint != 0).any(-1)
    if score is not None:
        score = np.asarray(score, np.float32)
        seen &= (score > 0) & (score >= score_thr)
    return seen


def present_frames(seen: np.ndarray, min_joints: float = MIN_JOINTS) -> np.ndarray:
    """Mask of the frames that show the person: at least this share of the joints is seen.

    Args:
        seen: Shape (..., V), from `seen_joints`.
        min_joints: Share of the joints, in [0, 1].

    Returns:
        Boolean array of shape (...).
    """
    return seen.mean(-1) >= min_joints


def lost_shares(seen: np.ndarray) -> tuple[float, np.ndarray]:
    """Share of the frames without the person, and share of the other frames in which each joint is lost.

    Args:
        seen: Shape (T, V), from `seen_joints`.

    Returns:
        Lost frames, in [0, 1]; lost joints, shape (V,), 1 if no frame shows the person.
    """
    present = present_frames(seen)
    return 1 - float(present.mean()), 1 - seen[present].sum(0) / max(present.sum(), 1)

"""Keypoints of one layout turned into those of another."""
from collections.abc import Sequence
from typing import Any

import numpy as np

from dynstg_mm.gait.visibility import seen_joints
from dynstg_mm.skeletons import Layout, get_layout, map_joints


def apply_joint_map(keypoint: np.ndarray, score: np.ndarray | None,
                    mapping: Sequence[tuple[int, ...]]) -> tuple[np.ndarray, np.ndarray | None]:
    """Keypoints of another layout.

    A joint that is the mean of several has the lowest of their scores. If one of them is lost, so is the joint: zeros
    with score 0.

    Args:
        keypoint: Shape (M, T, V, C).
        score: Shape (M, T, V), 0 for a lost joint.
        mapping: From `map_joints`.

    Returns:
        Shapes (M, T, V', C) and (M, T, V').
    """
    seen = seen_joints(keypoint, score, 0)
    keypoint = keypoint.astype(np.result_type(keypoint, np.float32))  # whose means are not rounded
    mapped = np.stack([keypoint[:, :, list(sources)].mean(2) for sources in mapping], 2)
    whole = np.stack([seen[:, :, list(sources)].all(2) for sources in mapping], 2)
    mapped[~whole] = 0
    if score is not None:
        lowest = np.stack([score[:, :, list(sources)].min(2) for sources in mapping], 2)
        score = np.where(whole, lowest, 0).astype(score.dtype)
    return mapped, score


def in_skeleton(clip: dict[str, Any], layout: str | Layout, target: str | Layout) -> dict[str, Any]:
    """A clip with the joints of another skeleton, found by name; the clip itself if it has them.

    Args:
        clip: Annotation with `keypoint` (M, T, V, C), perhaps `keypoint_score` (M, T, V).
        layout: Its skeleton.
        target: The other.

    Raises:
        ConfigError: A joint is missing.
    """
    names, goal = get_layout(layout)['joints'], get_layout(target)
    if list(names) == list(goal['joints']):
        return clip
    keypoint, score = apply_joint_map(clip['keypoint'], clip.get('keypoint_score'), map_joints(names, goal))
    return dict(clip, keypoint=keypoint, **{} if score is None else dict(keypoint_score=score))

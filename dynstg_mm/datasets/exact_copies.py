"""Recordings that are the same to the last digit."""
import hashlib
from collections.abc import Mapping

import numpy as np


def exact_copies(clips: Mapping[str, np.ndarray]) -> list[list[str]]:
    """Groups of clips whose keypoints are the same numbers.

    Args:
        clips: Name -> keypoints (M, T, V, C).

    Returns:
        The names of all clips by group, in the order of the file.
    """
    groups: dict[bytes, list[str]] = {}
    digests: dict[int, bytes] = {}
    for name, keypoint in clips.items():
        if id(keypoint) not in digests:  # clips of several tasks may share one array
            plain = np.ascontiguousarray(keypoint, dtype=np.float64)
            digests[id(keypoint)] = hashlib.sha256(repr(plain.shape).encode() + plain.tobytes()).digest()
        groups.setdefault(digests[id(keypoint)], []).append(name)
    return list(groups.values())

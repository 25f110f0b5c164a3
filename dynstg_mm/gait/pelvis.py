"""The pelvis: the origin of a pose, and what its direction and its lost joints are measured by, in every layout.

It is the joint of that name or the mean of the hips (`skeletons.pelvis_joints`), wherever the graph has its root.
"""
import numpy as np

from dynstg_mm.skeletons import Layout, pelvis_joints


def pelvis(keypoint: np.ndarray, layout: Layout) -> np.ndarray:
    """Place of the pelvis.

    Args:
        keypoint: Shape (..., V, C).
        layout: Skeleton layout.

    Returns:
        Shape (..., C).
    """
    joints = list(pelvis_joints(layout))
    return keypoint[..., joints[0], :] if len(joints) == 1 else keypoint[..., joints, :].mean(-2)


def pelvis_path(keypoint: np.ndarray, seen: np.ndarray, layout: Layout) -> np.ndarray:
    """Place of the pelvis in every frame, interpolated linearly where it is lost; at the ends the last one is held.

    It is seen in a frame that shows all of its joints: the pelvis itself, or else both hips. If no frame does, both
    hips replace it, then one hip, then the mean of all joints that are seen.

    Args:
        keypoint: Shape (T, V, C).
        seen: Shape (T, V).
        layout: Skeleton layout.

    Returns:
        Shape (T, C), of the same type as the keypoints.
    """
    hips = [hip for hip, _, _ in layout.get('legs', [])]
    for joints, enough in ((list(pelvis_joints(layout)), np.all), (hips, np.all), (hips, np.any),
                           (list(range(layout['num_node'])), np.any)):
        shown = seen[:, joints]
        known = enough(shown, axis=1)
        if joints and known.any():
            break
    total = np.where(shown[..., None], keypoint[:, joints], 0).sum(1)
    path: np.ndarray = (total / np.maximum(shown.sum(1), 1)[:, None]).astype(keypoint.dtype)
    interpolate(path, known)
    return path


def interpolate(track: np.ndarray, seen: np.ndarray) -> None:
    """Fill the unseen frames of one joint's track (T, C) in place."""
    known = np.flatnonzero(seen)
    if 0 < len(known) < len(track):
        for axis in range(track.shape[1]):
            track[:, axis] = np.interp(np.arange(len(track)), known, track[known, axis])

"""Joints of the SMPL body from the rotations of its parts."""
import os

import numpy as np
from scipy.spatial.transform import Rotation

from dynstg_mm.errors import DataError
from dynstg_mm.importers.npz import read_arrays
from dynstg_mm.skeletons import LAYOUTS

JOINTS = LAYOUTS['smpl']['num_node']
_PARENTS = dict(LAYOUTS['smpl']['inward'])  # of each joint but the pelvis; a parent has the lower number


def read_rest_joints(path: str | os.PathLike) -> np.ndarray:
    """Places of the joints of the body at rest, in metres, from the field `J` of an NPZ file.

    SMPL's licence does not let us ship them: whoever has the body model computes them as its `J_regressor` times its
    `v_template`.

    Args:
        path: The file.

    Returns:
        Shape (24, 3).

    Raises:
        DataError: The field is missing or wrong.
    """
    arrays = read_arrays(path)
    joints = arrays.get('J')
    if joints is None or joints.shape != (JOINTS, 3) or joints.dtype.kind != 'f' or not np.isfinite(joints).all():
        raise DataError(f'{path}: J: {"missing" if joints is None else f"shape {joints.shape}"}; expected the places '
                        f'of the {JOINTS} joints at rest, in metres (docs/datasets.md shows how to write them).')
    return joints.astype(np.float64)


def posed_joints(pose: np.ndarray, translation: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Places of SMPL's joints by forward kinematics.

    R_j = R_parent exp(pose_j) and x_j = x_parent + R_parent (rest_j - rest_parent), with x_0 = rest_0 + translation
    (Loper et al., ACM Trans Graph 34 (2015) 248, eq. 3 and 4, doi 10.1145/2816795.2818013).

    Args:
        pose: Rotations of the joints against their parents as rotation vectors in radians, (T, 24, 3).
        translation: Of the body, (T, 3), in metres.
        rest: Places at rest, (24, 3), in metres.

    Returns:
        Shape (T, 24, 3), in metres.
    """
    places = np.empty((len(pose), JOINTS, 3))
    turns: list[Rotation] = []
    for joint in range(JOINTS):
        turn = Rotation.from_rotvec(pose[:, joint])
        if joint in _PARENTS:
            parent = _PARENTS[joint]
            places[:, joint] = places[:, parent] + turns[parent].apply(rest[joint] - rest[parent])
            turn = turns[parent] * turn
        else:
            places[:, joint] = rest[joint] + translation
        turns.append(turn)
    return places

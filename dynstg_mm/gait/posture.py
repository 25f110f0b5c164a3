"""Mean pose, and distances between joints."""
from itertools import combinations

import numpy as np

from dynstg_mm.gait.windows import AXES, SIDES, Tracks


def mean_pose(body: Tracks) -> dict[str, float]:
    """Mean place of every joint relative to the pelvis; `side` is outwards."""
    outwards = {name: np.array([1, 1, -1 if name.startswith('right') else 1]) for name in body}
    return {f'{name}_{axis}': value for name, track in body.items()
            for axis, value in zip(AXES, np.median(track.mean(1), 0) * outwards[name][:track.shape[-1]])}


def joint_distances(body: Tracks) -> dict[str, float]:
    """Mean and standard deviation of the distances between neck, head, knees, ankles, elbows and wrists.

    These are the relative joint displacements of Rueangsirarak et al. 2018, IEEE TNSRE.
    """
    joints = [name for name in ('knee', 'ankle', 'elbow', 'wrist') if all(f'{side}_{name}' in body for side in SIDES)]
    pairs = {f'{name}_apart': (f'left_{name}', f'right_{name}') for name in joints}
    for side, other in (SIDES, SIDES[::-1]):
        for one, two in combinations(joints, 2):
            pairs[f'{side}_{one}_to_same_{two}'] = f'{side}_{one}', f'{side}_{two}'
            pairs[f'{side}_{one}_to_other_{two}'] = f'{side}_{one}', f'{other}_{two}'
        pairs.update((f'{side}_{one}_to_{name}', (f'{side}_{one}', name))
                     for one in joints for name in ('neck', 'head') if name in body)
    parameters = {}
    for name, (one, two) in pairs.items():
        distance = np.linalg.norm(body[one] - body[two], axis=-1)
        parameters[f'{name}_mean'], parameters[f'{name}_sd'] = np.median(distance.mean(1)), np.median(distance.std(1))
    return parameters

"""Joint and segment angles over time, and their range and speed."""
import numpy as np

from dynstg_mm.gait.windows import RATE, SIDES, Tracks


def joint_angles(body: Tracks) -> Tracks:
    """Angles in the sagittal plane and, in 3-D, in the two others: name -> (windows, frames), in radians.

    Flexion, dorsiflexion, forward lean and forward swing are positive (Winter 2009, Biomechanics and Motor Control of
    Human Movement). Segments are measured from the vertical, the foot from the floor.

    Args:
        body: From `body_tracks`.
    """
    angles = {}
    if 'neck' in body:
        angles['trunk'] = np.arctan2(body['neck'][..., 0], body['neck'][..., 1])
        if 'head' in body:
            angles['head'] = _from_vertical(body['neck'] - body['head'])
    for side in SIDES:
        joint = {name.removeprefix(f'{side}_'): track for name, track in body.items() if name.startswith(side)}
        thigh, shank = _from_vertical(joint['knee'] - joint['hip']), _from_vertical(joint['ankle'] - joint['knee'])
        of_side = dict(thigh=thigh, shank=shank, knee=_wrap(thigh - shank))
        if 'trunk' in angles:
            of_side['hip'] = _wrap(thigh + angles['trunk'])
        if 'toe' in joint:
            sole = joint['toe'] - joint['heel']
            of_side['foot'] = np.arctan2(sole[..., 1], sole[..., 0])
            of_side['ankle'] = _wrap(of_side['foot'] - shank)
        if 'shoulder' in joint and 'elbow' in joint:
            of_side['arm'] = _from_vertical(joint['elbow'] - joint['shoulder'])
            if 'wrist' in joint:
                of_side['elbow'] = _wrap(_from_vertical(joint['wrist'] - joint['elbow']) - of_side['arm'])
        angles.update((f'{side}_{name}', angle) for name, angle in of_side.items())
    return angles | (_angles_out_of_plane(body) if body['left_hip'].shape[-1] == 3 else {})


def _angles_out_of_plane(body: Tracks) -> Tracks:
    """Angles in the frontal and the horizontal plane; abduction and toes out are positive."""
    angles = {}
    for side, sign in zip(SIDES, (1, -1)):
        for name, upper, lower in (('thigh', 'hip', 'knee'), ('shank', 'knee', 'ankle')):
            angles[f'{side}_{name}_out'] = sign * _from_vertical(body[f'{side}_{lower}'] - body[f'{side}_{upper}'], 2)
        if f'{side}_toe' in body:
            sole = body[f'{side}_toe'] - body[f'{side}_heel']
            angles[f'{side}_toe_out'] = sign * np.arctan2(sole[..., 2], sole[..., 0])
    for name, joint in (('pelvis', 'hip'), ('shoulders', 'shoulder')):
        if f'left_{joint}' in body and f'right_{joint}' in body:
            across = body[f'left_{joint}'] - body[f'right_{joint}']
            angles[f'{name}_turn'] = np.arctan2(across[..., 0], across[..., 2])
            angles[f'{name}_tilt'] = np.arctan2(across[..., 1], across[..., 2])
    if 'neck' in body:
        angles['trunk_side'] = np.arctan2(body['neck'][..., 2], body['neck'][..., 1])
    return angles


def _from_vertical(segment: np.ndarray, axis: int = 0) -> np.ndarray:
    """Angle of a segment (..., C) that hangs down, positive if it points towards the axis."""
    return np.arctan2(segment[..., axis], -segment[..., 1])


def _wrap(angle: np.ndarray) -> np.ndarray:
    """The angle, in radians, brought into [-pi, pi)."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


def angle_ranges(angles: Tracks) -> dict[str, float]:
    """Low, median, high (5th, 50th, 95th percentile) and range of every angle, and its speed (95th, radians per s).

    Each is the median over the windows.
    """
    signal = np.stack(list(angles.values()), -1)
    low, middle, high = np.median(np.percentile(signal, (5, 50, 95), axis=1), 1)
    speed = np.median(np.percentile(np.abs(np.gradient(signal, 1 / RATE, axis=1)), 95, axis=1), 0)
    return {f'{name}_{what}': value for what, values in (('low', low), ('median', middle), ('high', high),
                                                         ('range', high - low), ('speed', speed))
            for name, value in zip(angles, values)}

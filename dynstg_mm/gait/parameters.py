"""Gait parameters of a clip, which the classical baseline of the results' tables learns from.

All is measured in windows that are made as the models' are (`PIPELINE`), and the median over a clip's windows counts,
so that its length, rate, image and lost frames are not to be seen in it. Times are seconds, lengths leg lengths, angles
radians. Axes are forward (the walking direction), up and, in 3-D, side (to the walker's left), and the origin is the
middle of the hips. In a side view the right leg is the one nearer to the camera, since `MirrorDirection` swaps them.
"""
import functools
from itertools import combinations

import numpy as np
from mmaction.registry import TRANSFORMS
from rich import progress
from scipy.signal import find_peaks

from dynstg_mm.skeletons import get_layout, map_joints

RATE, DURATION, WINDOWS = 25., 2.56, 10  # frames per second, seconds of a window, windows of a clip
STRIDES = (0.6, 2.)  # seconds that a stride can take
SEEN = 0.05  # lowest score of a joint that counts as seen; FillMissingJoints' default
HARMONICS = 4  # of the stride that a periodic walk is made of
SIDES = ('left', 'right')
AXES = ('forward', 'up', 'side')
# Without eyes, ears and nose: whether those are found tells of the camera, and of masked faces.
UPPER_BODY = ('neck', 'head', *(f'{side}_{joint}' for joint in ('shoulder', 'elbow', 'wrist') for side in SIDES))
PIPELINE = [
    dict(type='KeepTrackedPerson'),
    dict(type='FillMissingJoints'),
    dict(type='ResampleRate', rate=RATE, lowpass=6),
    dict(type='SampleWindows', duration=DURATION, rate=RATE, num_clips=WINDOWS, test_mode=True),
    dict(type='PoseDecode'),
]


def gait_features(clip, layout, *, up='y'):
    """Gait parameters of one clip.

    Args:
        clip (dict): Annotation with `keypoint` (M, T, V, C), C = 2 (side view) or 3, `rate`, `total_frames` and where
            there is one `keypoint_score` (M, T, V).
        layout (str | dict): With `legs`, `left` and `right`; what other joints it has is known by their names, and what
            it lacks is left out.
        up (str): Vertical axis of 3-D clips: 'y', '-y', 'z' or '-z'.

    Returns:
        dict[str, float]: Name -> value, the same names for all clips of a layout; NaN where a joint was never seen, or
        no step was found. What there is of both legs or arms stands there for `left_`, `right_`, and as their mean.

    Raises:
        ValueError: The layout lacks a leg, or the clip cannot be used: one line with its name and field.
    """
    layout = get_layout(layout)
    _check(clip, layout)
    body, pelvis = _body(_windows(clip, layout, up), layout)
    angles = _joint_angles(body)
    spread = body['left_ankle'][..., 0] - body['right_ankle'][..., 0]
    stride, periodicity = _stride_time(spread, angles['left_knee'] - angles['right_knee'])
    usual = stride if np.isfinite(stride) else DURATION / 2  # a walk without strides is measured against any
    cycle = slice(round(DURATION // usual * usual * RATE))  # whole strides, for what is not the same all along them
    cycle_body = {name: track[:, cycle] for name, track in body.items()}
    features = dict(
        periodicity=periodicity, **_spatiotemporal(cycle_body, pelvis, stride), **_steps(spread, usual),
        **_ranges({name: angle[:, cycle] for name, angle in angles.items()}), **_irregularity(angles, usual),
        **_regularity(pelvis, usual), **_oscillation(body, pelvis), **_smoothness(body, pelvis),
        **_mean_pose(cycle_body), **_distances(cycle_body))
    return {name: float(value) for name, value in _with_both_sides(features).items()}


def gait_feature_table(annotations, layout, *, up='y'):
    """Gait parameters of many clips.

    Args:
        annotations (list[dict]), layout (str | dict), up (str): As of `gait_features`.

    Returns:
        tuple[list[str], ndarray]: Names, and values (clips, features) with NaN where there is none.

    Raises:
        ValueError: A clip cannot be used, or has other features than the first: 2-D among 3-D.
    """
    shown = progress.track(annotations, 'gait features', disable=len(annotations) < 1000)  # of fewer it is a few seconds
    rows = [gait_features(clip, layout, up=up) for clip in shown]
    for clip, row in zip(annotations, rows):
        if row.keys() != rows[0].keys():
            raise ValueError(f'clip {clip.get("frame_dir", "?")}: keypoint: {clip["keypoint"].shape[-1]} coordinates; '
                             f'the first clip has {annotations[0]["keypoint"].shape[-1]}.')
    names = list(rows[0]) if rows else []
    return names, np.array([list(row.values()) for row in rows]).reshape(len(rows), len(names))


def add_gait_parameters(annotations, layout, *, up='y'):
    """Give every clip its `gait_parameters` (P,), float32, for a `GaitParameterHead` to learn.

    They are the gait features that at least nine clips of ten have. What is missing becomes the median, what lies
    outside 98 % of the clips is drawn to their edge, and over the clips each has mean 0 and variance 1.

    Args:
        annotations (list[dict]), layout (str | dict), up (str): As of `gait_features`.

    Returns:
        list[str]: Names of the P parameters.
    """
    names, table = gait_feature_table(annotations, layout, up=up)
    common = np.isfinite(table).mean(0) > 0.9
    table = table[:, common]
    table = np.where(np.isfinite(table), table, np.nanmedian(table, 0))
    table = np.clip(table, *np.percentile(table, [1, 99], axis=0))
    table = (table - table.mean(0)) / np.maximum(table.std(0), 1e-6)
    for clip, row in zip(annotations, table.astype(np.float32)):
        clip['gait_parameters'] = row
    return [name for name, kept in zip(names, common) if kept]


def _check(clip, layout):
    sides = sorted(_side(leg, layout) for leg in layout.get('legs', ()))
    if sides != ['left', 'right']:
        raise ValueError(f'layout: legs: {", ".join(sides) or "missing"}; gait features need (hip, knee, ankle) of a '
                         'left and a right leg.')
    shape = getattr(clip.get('keypoint'), 'shape', ())
    if len(shape) != 4 or shape[-1] not in (2, 3):
        raise ValueError(f'clip {clip.get("frame_dir", "?")}: keypoint: shape {shape}; expected (persons, frames, '
                         'joints, 2 or 3).')


def _side(joints, layout):
    """Side of a leg or a foot, from its last joint."""
    return next((side for side in SIDES if joints[-1] in layout.get(side, ())), 'on no side')


@functools.cache
def _pipeline(three, up):
    """Transforms that a 2-D or 3-D clip goes through."""
    heading = dict(type='AlignHeading', up=up) if three else dict(type='MirrorDirection')
    return [TRANSFORMS.build(step) for step in (*PIPELINE, heading, dict(type='ScaleByLegLength'))]


def _windows(clip, layout, up):
    """Windows of the clip as the models see them, but for the origin: (windows, frames, V, C) in leg lengths.

    A joint that was never seen is NaN, not on its parent, where `FillMissingJoints` puts it, but for hips, without
    which there is nothing to measure from.
    """
    three = clip['keypoint'].shape[-1] == 3
    first, *others = _pipeline(three, up)
    results = first(dict(clip, layout=layout))
    lost = ~_seen(results).any((0, 1))
    lost[[leg[0] for leg in layout['legs']]] = False
    for step in others:
        results = step(results)
    place = results['keypoint'][0].astype(np.float64)
    place = place.reshape(WINDOWS, -1, *place.shape[1:])
    place[:, :, lost] = np.nan
    if not three:
        return place * (1, -1)
    order, sign = ((0, 2, 1) if up[-1] == 'z' else (0, 1, 2)), (-1 if up[0] == '-' else 1)
    return place[..., order] * (1, sign, 1)


def _seen(results):
    """Which joints are seen in which frames, (M, T, V), as `FillMissingJoints` takes it."""
    keypoint, score = results['keypoint'], results.get('keypoint_score')
    there = np.isfinite(keypoint).all(-1) & (keypoint != 0).any(-1)
    return there if score is None else there & (np.asarray(score) >= SEEN)


def _body(place, layout):
    """Joints by name, name -> (windows, frames, C) from the middle of the hips, and the way of that itself.

    CenterSkeleton would take the layout's centre, which is the nose in COCO.
    """
    where = {f'{_side(leg, layout)}_{name}': (joint, ) for leg in layout['legs']
             for name, joint in zip(('hip', 'knee', 'ankle'), leg)}
    where.update((f'{_side(foot, layout)}_{name}', (joint, )) for foot in layout.get('feet', ())
                 for name, joint in zip(('heel', 'toe'), foot) if _side(foot, layout) in SIDES)
    for name in UPPER_BODY:
        try:
            where[name] = map_joints(layout['joints'], dict(joints=[name]))[0]
        except ValueError:
            continue  # the layout lacks it
    if 'head' not in layout['joints']:
        where.pop('head', None)  # ears stood in for it
    body = {name: place[:, :, list(joints)].mean(2) for name, joints in where.items()}
    pelvis = (body['left_hip'] + body['right_hip']) / 2
    body = {name: track - pelvis for name, track in body.items()}
    if pelvis.shape[-1] == 3:
        left = np.sign(body['left_hip'][..., 2].mean(1))[:, None]
        for track in (pelvis, *body.values()):
            track[..., 2] *= left
    return body, pelvis


def _joint_angles(body):
    """Angles in the sagittal plane, and in 3-D in the two others, name -> (windows, frames).

    Flexion, dorsiflexion, forward lean and forward swing are positive (Winter 2009, Biomechanics and Motor Control of
    Human Movement); segments are measured from the vertical, the foot from the floor.
    """
    angles = {}
    if 'neck' in body:
        angles['trunk'] = np.arctan2(body['neck'][..., 0], body['neck'][..., 1])
        if 'head' in body:
            angles['head'] = _from_vertical(body['neck'] - body['head'])
    for side in SIDES:
        joint = {name.removeprefix(f'{side}_'): track for name, track in body.items() if name.startswith(side)}
        thigh, shank = _from_vertical(joint['knee'] - joint['hip']), _from_vertical(joint['ankle'] - joint['knee'])
        found = dict(thigh=thigh, shank=shank, knee=_wrap(thigh - shank))
        if 'trunk' in angles:
            found['hip'] = _wrap(thigh + angles['trunk'])
        if 'toe' in joint:
            sole = joint['toe'] - joint['heel']
            found['foot'] = np.arctan2(sole[..., 1], sole[..., 0])
            found['ankle'] = _wrap(found['foot'] - shank)
        if 'shoulder' in joint and 'elbow' in joint:
            found['arm'] = _from_vertical(joint['elbow'] - joint['shoulder'])
            if 'wrist' in joint:
                found['elbow'] = _wrap(_from_vertical(joint['wrist'] - joint['elbow']) - found['arm'])
        angles.update((f'{side}_{name}', angle) for name, angle in found.items())
    return angles | (_angles_out_of_plane(body) if body['left_hip'].shape[-1] == 3 else {})


def _angles_out_of_plane(body):
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


def _from_vertical(segment, axis=0):
    """Angle of a segment (..., C) that hangs down, positive where it points towards the axis."""
    return np.arctan2(segment[..., axis], -segment[..., 1])


def _wrap(angle):
    return (angle + np.pi) % (2 * np.pi) - np.pi


def _stride_time(*signals):
    """Stride time in s, and the autocorrelation there: its first high peak (Moe-Nilssen & Helbostad 2004, J Biomech).

    Args:
        *signals (ndarray): (windows, frames), of one leg minus the other, which come back after a whole stride only.

    Returns:
        tuple[float, float]: NaN for the time where there is no peak.
    """
    correlation = np.mean([_autocorrelation(signal) for signal in signals], 0)
    low, high = (round(seconds * RATE) for seconds in STRIDES)
    peaks = find_peaks(correlation[:high + 2])[0]
    peaks = peaks[peaks >= low]
    if not len(peaks):
        return np.nan, correlation[low:high + 1].max()
    peak = peaks[correlation[peaks] >= 0.85 * correlation[peaks].max()]
    peak = peak[0] if len(peak) else peaks[0]  # of negative peaks none is high
    return (peak + _summit(correlation, peak)) / RATE, correlation[peak]


def _autocorrelation(signal):
    """Unbiased autocorrelation of (windows, frames), without a trend, mean over the windows, by lag in frames."""
    signal = _without_trend(signal)
    frames = signal.shape[1]
    lags = np.stack([(signal[:, :frames - lag] * signal[:, lag:]).mean(1) for lag in range(frames - 8)], 1)
    return (lags / np.maximum(lags[:, :1], 1e-12)).mean(0)


def _without_trend(signal):
    """(windows, frames) minus the straight line through it."""
    time = np.linspace(-1, 1, signal.shape[1])
    slope = signal @ time / (time @ time)
    return signal - signal.mean(1, keepdims=True) - slope[:, None] * time


def _summit(values, peak):
    """Place of the maximum between the samples, from -0.5 to 0.5: that of the parabola through three of them."""
    before, top, after = values[peak - 1], values[peak], values[peak + 1]
    return 0.5 * (before - after) / np.minimum(before - 2 * top + after, -1e-12)


def _spatiotemporal(body, pelvis, stride):
    """Cadence (steps per s), speed (leg lengths per s), stride length, and the shares of stance and double support.

    A foot stands as long as it moves backwards from the pelvis (Zeni et al. 2008, Gait Posture).
    """
    velocity = {side: np.gradient(body[f'{side}_ankle'][..., 0], axis=1) for side in SIDES}
    stands = {side: np.where(np.isnan(v), np.nan, v < 0) for side, v in velocity.items()}
    speed = np.median(pelvis[:, -1, 0] - pelvis[:, 0, 0]) / (pelvis.shape[1] - 1) * RATE
    found = dict(stride_time=stride, cadence=2 / stride, speed=speed, stride_length=speed * stride,
                 double_support=np.median((stands['left'] * stands['right']).mean(1)),
                 **{f'{side}_stance': np.median(stands[side].mean(1)) for side in SIDES})
    if pelvis.shape[-1] == 3:
        width = body['left_ankle'][..., 2] - body['right_ankle'][..., 2]
        found.update(base_width=np.median(width), base_width_sd=np.median(width.std(1)))
    return found


def _steps(spread, stride):
    """Time and length of steps, and their variation (CV) inside a window.

    Args:
        spread (ndarray): (windows, frames), left ankle minus right ankle, forward.
        stride (float): Seconds.
    """
    rows = [_steps_of_window(window, stride) for window in spread]
    found = {}
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        there = values[~np.isnan(values)]
        found[name] = np.median(there) if len(there) else np.nan
    return found


def _steps_of_window(ahead, stride):
    """A foot strikes where it is furthest before the other (after Zeni et al. 2008, Gait Posture); `ahead` (frames,) is
    how far the left one is before the right."""
    strikes = sorted((*_strikes(ahead, 'left', stride), *_strikes(-ahead, 'right', stride)))
    times = {side: [later[0] - earlier[0] for earlier, later in zip(strikes, strikes[1:])
                    if later[1] == side != earlier[1]] for side in SIDES}
    lengths = {side: [length for _, foot, length in strikes if foot == side] for side in SIDES}
    found = {}
    for what, values in (('time', times), ('length', lengths)):
        both = values['left'] + values['right']
        found.update((f'{side}_step_{what}', np.mean(values[side]) if values[side] else np.nan) for side in SIDES)
        found[f'step_{what}_cv'] = np.std(both) / abs(np.mean(both)) if len(both) > 1 else np.nan
    return found


def _strikes(ahead, side, stride):
    """Strikes of the foot that is `ahead` (frames,) of the other: (second, side, leg lengths)."""
    peaks = find_peaks(ahead, distance=max(1, round(0.6 * stride * RATE)), prominence=0.3 * np.ptp(ahead))[0]
    return zip((peaks + _summit(ahead, peaks)) / RATE, [side] * len(peaks), ahead[peaks])


def _ranges(angles):
    """Low, median, high (5th, 50th, 95th percentile) and range of every angle, and its speed (95th, radians per s)."""
    signal = np.stack(list(angles.values()), -1)
    low, middle, high = np.median(np.percentile(signal, (5, 50, 95), axis=1), 1)
    speed = np.median(np.percentile(np.abs(np.gradient(signal, 1 / RATE, axis=1)), 95, axis=1), 0)
    return {f'{name}_{what}': value for what, values in (('low', low), ('median', middle), ('high', high),
                                                         ('range', high - low), ('speed', speed))
            for name, value in zip(angles, values)}


def _irregularity(angles, stride):
    """Share of every angle's variance that does not come back each stride: what a Fourier series and a line leave."""
    signal = np.stack(list(angles.values()), -1)
    signal -= signal.mean(1, keepdims=True)
    time = np.arange(signal.shape[1]) / RATE
    phase = 2 * np.pi * time / stride * np.arange(1, HARMONICS + 1)[:, None]
    series = np.concatenate([[np.ones_like(time), time - time.mean()], np.cos(phase), np.sin(phase)]).T
    rest = signal - series @ (np.linalg.pinv(series) @ signal)
    share = (rest**2).mean(1) / np.maximum((signal**2).mean(1), 1e-6)  # below a milliradian nothing moves
    return {f'{name}_irregularity': value for name, value in zip(angles, np.median(share, 0))}


def _regularity(pelvis, stride):
    """Regularity of steps, of strides and their difference: the autocorrelation of the pelvis' acceleration after half
    a stride and a whole one (Moe-Nilssen & Helbostad 2004, J Biomech)."""
    found, acceleration = {}, _derivative(pelvis, 2)[:, 2:-2]  # the ends are differences to one side
    for axis, name in enumerate(AXES[:pelvis.shape[-1]]):
        correlation = _autocorrelation(acceleration[..., axis])
        step, whole = np.interp([stride / 2, stride], np.arange(len(correlation)) / RATE, correlation)
        step = -step if name == 'side' else step  # to the side, every other step is the mirror image
        found.update({f'step_regularity_{name}': step, f'stride_regularity_{name}': whole,
                      f'regularity_difference_{name}': whole - step})
    return found


def _derivative(track, order=1):
    """(windows, frames, ...) per s, as often as `order`."""
    for _ in range(order):
        track = np.gradient(track, 1 / RATE, axis=1)
    return track


def _oscillation(body, pelvis):
    """Standard deviation of pelvis, neck and head about the straight line that they walk along."""
    tracks = dict(pelvis=pelvis, **{name: body[name] + pelvis for name in ('neck', 'head') if name in body})
    return {f'{name}_oscillation_{axis}': np.median(_without_trend(track[..., index]).std(1))
            for name, track in tracks.items() for index, axis in enumerate(AXES[:track.shape[-1]])}


def _smoothness(body, pelvis):
    """Log dimensionless jerk, higher for smoother (Balasubramanian et al. 2015, J NeuroEng Rehabil), of the ends of the
    limbs, the knees and the trunk."""
    found = {}
    for name, path in dict(body, pelvis=pelvis).items():
        if name.endswith(('pelvis', 'neck', 'head', 'knee', 'ankle', 'wrist')):
            peak = np.linalg.norm(_derivative(path), axis=-1).max(1)
            jerk = (_derivative(path, 3)**2).sum(-1).mean(1) * DURATION**4 / np.maximum(peak**2, 1e-12)
            found[f'{name}_smoothness'] = -np.median(np.log(np.maximum(jerk, 1e-12)))
    return found


def _mean_pose(body):
    """Mean place of every joint, `side` outwards."""
    outwards = {name: np.array([1, 1, -1 if name.startswith('right') else 1]) for name in body}
    return {f'{name}_{axis}': value for name, track in body.items()
            for axis, value in zip(AXES, np.median(track.mean(1), 0) * outwards[name][:track.shape[-1]])}


def _distances(body):
    """Relative joint displacements (Rueangsirarak et al. 2018, IEEE TNSRE): mean and standard deviation of the distance
    between any two of neck, head, and both knees, ankles, elbows and wrists."""
    joints = [name for name in ('knee', 'ankle', 'elbow', 'wrist') if all(f'{side}_{name}' in body for side in SIDES)]
    pairs = {f'{name}_apart': (f'left_{name}', f'right_{name}') for name in joints}
    for side, other in (SIDES, SIDES[::-1]):
        for one, two in combinations(joints, 2):
            pairs[f'{side}_{one}_to_same_{two}'] = f'{side}_{one}', f'{side}_{two}'
            pairs[f'{side}_{one}_to_other_{two}'] = f'{side}_{one}', f'{other}_{two}'
        pairs.update((f'{side}_{one}_to_{name}', (f'{side}_{one}', name))
                     for one in joints for name in ('neck', 'head') if name in body)
    found = {}
    for name, (one, two) in pairs.items():
        distance = np.linalg.norm(body[one] - body[two], axis=-1)
        found[f'{name}_mean'], found[f'{name}_sd'] = np.median(distance.mean(1)), np.median(distance.std(1))
    return found


def _with_both_sides(features):
    """Add to what is there of left and right the mean, and to ranges, stance and steps the asymmetry |left - right|."""
    found = dict(features)
    for name in features:
        if name.startswith('left_') and (other := name.replace('left', 'right', 1)) in features:
            plain, left, right = name.removeprefix('left_'), features[name], features[other]
            found[plain] = (left + right) / 2
            if plain in ('step_time', 'step_length', 'stance') or plain.endswith('_range'):
                found[f'{plain}_asymmetry'] = abs(left - right)
    return found

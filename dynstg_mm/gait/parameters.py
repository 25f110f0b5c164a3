"""Gait parameters of a clip, the input of the classical baseline; for people to read, see `gait.spatiotemporal`.

Everything is measured in windows that are prepared as for the models (`walking_windows`), and each parameter is the
median over a clip's windows, so that a clip's length, rate, image and lost frames do not show. Times are in seconds,
lengths in leg lengths, angles in radians. In a side view the right leg is the one nearer to the camera, since the
direction is mirrored.
"""
from collections.abc import Sequence

import numpy as np

from dynstg_mm.gait.angles import angle_ranges, joint_angles
from dynstg_mm.gait.cleaning import Clip, clip_error
from dynstg_mm.gait.posture import joint_distances, mean_pose
from dynstg_mm.gait.regularity import irregularity, oscillation, regularity, smoothness
from dynstg_mm.gait.strides import spatiotemporal, step_parameters, stride_time
from dynstg_mm.gait.windows import DURATION, RATE, body_tracks, check_measurable, walking_windows
from dynstg_mm.progress import with_bar
from dynstg_mm.skeletons import Layout, get_layout


def gait_features(clip: Clip, layout: str | Layout, *, up: str = 'y', pad: bool = True) -> dict[str, float]:
    """Gait parameters of one clip.

    Args:
        clip: Annotation with `keypoint` (M, T, V, C), C = 2 (side view) or 3, `rate`, and perhaps `keypoint_score`
            (M, T, V).
        layout: With `legs`, `left` and `right`. Other joints are recognised by name; parameters of missing ones are
            left out.
        up: Vertical axis of 3-D clips: 'y', '-y', 'z' or '-z'.
        pad: As for `walking_windows`.

    Returns:
        Name -> value, the same names for all clips of a layout. NaN if a joint is never seen or no step is found.
        Parameters of legs and arms exist as `left_...`, as `right_...` and as their mean.

    Raises:
        ConfigError: The layout lacks a leg.
        ClipError: The clip cannot be used.
    """
    layout = get_layout(layout)
    check_measurable(clip, layout)
    body, pelvis = body_tracks(walking_windows(clip, layout, up, pad=pad), layout)
    angles = joint_angles(body)
    spread = body['left_ankle'][..., 0] - body['right_ankle'][..., 0]
    stride, periodicity = stride_time(spread, angles['left_knee'] - angles['right_knee'])
    period = stride if np.isfinite(stride) else DURATION / 2  # any period will do for a walk without strides
    cycle = slice(round(DURATION // period * period * RATE))  # whole strides, for what changes within one
    cycle_body = {name: track[:, cycle] for name, track in body.items()}
    features = dict(
        periodicity=periodicity, **spatiotemporal(cycle_body, pelvis, stride), **step_parameters(spread, period),
        **angle_ranges({name: angle[:, cycle] for name, angle in angles.items()}), **irregularity(angles, period),
        **regularity(pelvis, period), **oscillation(body, pelvis), **smoothness(body, pelvis), **mean_pose(cycle_body),
        **joint_distances(cycle_body))
    return {name: float(value) for name, value in _with_both_sides(features).items()}


def gait_feature_table(annotations: Sequence[Clip], layout: str | Layout, *,
                       up: str = 'y') -> tuple[list[str], np.ndarray]:
    """Gait parameters of many clips.

    Args:
        annotations, layout, up: As for `gait_features`.

    Returns:
        Names, and values of shape (clips, parameters), NaN where there is none.

    Raises:
        ConfigError, ClipError: As for `gait_features`, or a 2-D clip among 3-D ones.
    """
    shown = with_bar(annotations, 'gait parameters', len(annotations) >= 1000)  # fewer take seconds
    rows = [gait_features(clip, layout, up=up) for clip in shown]
    for clip, row in zip(annotations, rows):
        if row.keys() != rows[0].keys():
            raise clip_error(clip, 'keypoint', f'{clip["keypoint"].shape[-1]} coordinates; the first clip has '
                             f'{annotations[0]["keypoint"].shape[-1]}.')
    names = list(rows[0]) if rows else []
    return names, np.array([list(row.values()) for row in rows]).reshape(len(rows), len(names))


def add_gait_parameters(annotations: Sequence[Clip], layout: str | Layout, *, up: str = 'y') -> list[str]:
    """Give every clip its `gait_parameters` (P,), float32, as targets of a `GaitParameterHead`.

    Only parameters that more than nine of ten clips have are used. A missing value becomes the median, a value outside
    of the 1st to 99th percentile is clipped to it, and each parameter is standardised over the clips.

    Args:
        annotations, layout, up: As for `gait_features`.

    Returns:
        Names of the P parameters.
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


def _with_both_sides(features: dict[str, float]) -> dict[str, float]:
    """Add the mean of left and right, and for ranges, stance and steps the asymmetry |left - right|."""
    both = dict(features)
    for name in features:
        if name.startswith('left_') and (other := name.replace('left', 'right', 1)) in features:
            plain, left, right = name.removeprefix('left_'), features[name], features[other]
            both[plain] = (left + right) / 2
            if plain in ('step_time', 'step_length', 'stance') or plain.endswith('_range'):
                both[f'{plain}_asymmetry'] = abs(left - right)
    return both

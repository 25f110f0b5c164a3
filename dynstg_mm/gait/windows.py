"""The windows that gait parameters are measured in, and the tracks of the joints by name.

Axes are forward (the walking direction), up and, in 3-D, side (to the walker's left). Lengths are leg lengths.
"""
import numpy as np

from dynstg_mm.errors import ConfigError
from dynstg_mm.gait.cleaning import (
    Clip,
    check_joints,
    check_length,
    clip_error,
    fill_missing_joints,
    keep_tracked_person,
    resample_clip,
)
from dynstg_mm.gait.geometry import align_heading, leg_length, mirror_direction
from dynstg_mm.gait.signal import window_frames, window_starts
from dynstg_mm.gait.visibility import seen_joints
from dynstg_mm.skeletons import Layout, map_joints, side_of

RATE, DURATION, WINDOWS = 25., 2.56, 10  # frames per second, seconds of a window, windows of a clip
LOWPASS = 6.  # Hz
SIDES = ('left', 'right')
AXES = ('forward', 'up', 'side')
# Without eyes, ears and nose: whether these are seen depends on the camera and on masked faces.
UPPER_BODY = ('neck', 'head', *(f'{side}_{joint}' for joint in ('shoulder', 'elbow', 'wrist') for side in SIDES))

Tracks = dict[str, np.ndarray]  # name -> (windows, frames, C), or (windows, frames) for angles


def check_measurable(clip: Clip, layout: Layout) -> None:
    """Raise an error that names the field if gait parameters cannot be computed."""
    sides = sorted(side_of(layout, leg[-1]) or 'on no side' for leg in layout.get('legs', ()))
    if sides != ['left', 'right']:
        raise ConfigError(f'layout: legs: {", ".join(sides) or "missing"}; gait parameters need (hip, knee, ankle) of '
                          'a left and a right leg.')
    shape: tuple[int, ...] = getattr(clip.get('keypoint'), 'shape', ())
    if len(shape) != 4 or shape[-1] not in (2, 3):
        raise clip_error(clip, 'keypoint', f'shape {shape}; expected (persons, frames, joints, 2 or 3).')
    check_joints(clip, layout, 'the gait parameters')


def never_seen(clip: Clip, layout: Layout) -> np.ndarray:
    """Mask (V,) of the joints that no frame shows, except for the hips, without which nothing can be measured."""
    lost = np.logical_not(np.any(seen_joints(clip['keypoint'], clip.get('keypoint_score')), axis=(0, 1)))
    lost[[leg[0] for leg in layout['legs']]] = False
    return lost


def walking_windows(clip: Clip, layout: Layout, up: str = 'y', *, pad: bool = True) -> np.ndarray:
    """Windows of a clip, prepared as for the models except for the origin.

    A joint that is never seen is NaN, except for a hip, without which nothing can be measured.

    Args:
        clip: Annotation with `keypoint` (M, T, V, C) and `rate`.
        layout: Skeleton layout.
        up: Vertical axis of 3-D clips.
        pad: Hold the last pose of a clip that is shorter than a window, as `SampleWindows(short_clips='pad')` does;
            without it, such a clip is an error.

    Returns:
        Shape (windows, frames, V, C), in leg lengths.

    Raises:
        ClipError: No frame shows a person, or the clip has no rate, or is too short.
    """
    three = clip['keypoint'].shape[-1] == 3
    clip = keep_tracked_person(clip)
    lost = never_seen(clip, layout)
    clip = resample_clip(fill_missing_joints(clip, layout), RATE, LOWPASS)
    if not pad:
        check_length(clip, DURATION, RATE)
    shown, length = clip['total_frames'], round(DURATION * RATE)
    frames = window_frames(window_starts(shown, length, WINDOWS), length, shown)
    windows = clip['keypoint'][0][frames].astype(np.float32)
    for window in windows:
        if three:
            align_heading(window, layout, up)
        else:
            mirror_direction(window, layout)
        size = leg_length(window, layout)
        if not size > 0:
            raise clip_error(clip, 'keypoint', 'the legs have length 0: hips, knees and ankles are in one place.')
        window /= size
    place = windows.astype(np.float64)
    place[:, :, lost] = np.nan
    if not three:
        return place * (1, -1)
    order, sign = ((0, 2, 1) if up[-1] == 'z' else (0, 1, 2)), (-1 if up[0] == '-' else 1)
    return place[..., order] * (1, sign, 1)


def foot_joints(layout: Layout) -> dict[str, int]:
    """Heel and toe of each side, such as `left_heel`, among the joints of a layout; none if it has no feet."""
    return {f'{side_of(layout, foot[-1])}_{name}': joint for foot in layout.get('feet', ())
            for name, joint in zip(('heel', 'toe'), foot) if side_of(layout, foot[-1])}


def body_tracks(place: np.ndarray, layout: Layout) -> tuple[Tracks, np.ndarray]:
    """Tracks of the named joints relative to the middle of the hips, and the track of the latter.

    They are relative to the hips even in a layout with a pelvis joint, so that parameters of all layouts compare.

    Args:
        place: Shape (windows, frames, V, C), from `walking_windows`.
        layout: Skeleton layout.
    """
    joints_of: dict[str, tuple[int, ...]] = {f'{side_of(layout, leg[-1])}_{name}': (joint, ) for leg in layout['legs']
                 for name, joint in zip(('hip', 'knee', 'ankle'), leg)}
    joints_of.update((name, (joint, )) for name, joint in foot_joints(layout).items())
    for name in UPPER_BODY:
        try:
            joints_of[name] = map_joints(layout['joints'], dict(joints=[name]))[0]
        except ConfigError:
            continue  # the layout lacks it
    if 'head' not in layout['joints']:
        joints_of.pop('head', None)  # the ears replaced it
    body = {name: place[:, :, list(joints)].mean(2) for name, joints in joints_of.items()}
    pelvis = (body['left_hip'] + body['right_hip']) / 2
    body = {name: track - pelvis for name, track in body.items()}
    if pelvis.shape[-1] == 3:
        left = np.sign(body['left_hip'][..., 2].mean(1))[:, None]
        for track in (pelvis, *body.values()):
            track[..., 2] *= left
    return body, pelvis

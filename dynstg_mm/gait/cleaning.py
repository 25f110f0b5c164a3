"""Cleaning of a clip before anything is measured in it: one person, no gaps, one frame rate, windows.

A clip is a dict with `keypoint` (M, T, V, C), perhaps `keypoint_score` (M, T, V), `rate` and `frame_dir`, its name.
The functions return a new dict and leave the arrays of the one they got as they were.
"""
from typing import Any

import numpy as np

from dynstg_mm.errors import ClipError, ConfigError
from dynstg_mm.gait.person import tracked_person
from dynstg_mm.gait.signal import RATES, fill_missing, is_rate, resample
from dynstg_mm.gait.visibility import MIN_JOINTS, SCORE_THR, present_frames, seen_joints
from dynstg_mm.skeletons import Layout, get_layout

Clip = dict[str, Any]
# For who passes a clip to MMAction2's inference functions, which know neither rate nor layout.
ONE_CLIP = 'To ask a model about a recording, use dynstg_mm.inference.GaitInferencer or python -m dynstg_mm predict.'


def clip_error(clip: Clip, field: str, message: str) -> ClipError:
    """Error that names the clip and the field."""
    return ClipError(f'clip {clip.get("frame_dir", "?")}: {field}: {message}')


def keep_tracked_person(clip: Clip) -> Clip:
    """The clip with only the person whom it is about, by `person_rank`."""
    keypoint, score = np.asarray(clip['keypoint']), clip.get('keypoint_score')
    if len(keypoint) < 2:
        return clip
    best, _ = tracked_person(keypoint, score)
    clip = dict(clip, keypoint=keypoint[best:best + 1])
    if score is not None:
        clip['keypoint_score'] = np.asarray(score)[best:best + 1]
    return clip


def fill_missing_joints(clip: Clip, layout: Layout, *, score_thr: float = SCORE_THR,
                        min_joints: float = MIN_JOINTS, keep_score: bool = False) -> Clip:
    """Cut the frames before the first and after the last that shows a person, and fill lost joints in between.

    Args:
        clip: With C = 2 or 3.
        layout: Skeleton layout.
        score_thr: Lowest score of a joint that counts as seen.
        min_joints: Share of the joints that must be seen for the person to count as present.
        keep_score: Keep the scores.

    Raises:
        ClipError: No frame shows a person.
    """
    keypoint, score = np.asarray(clip['keypoint'], dtype=np.float32), clip.get('keypoint_score')
    seen = seen_joints(keypoint, score, score_thr)
    part = _present_part(seen, min_joints)
    if part.start == part.stop:
        raise clip_error(clip, 'keypoint', f'no frame shows at least {min_joints:.0%} of the joints; expected a '
                         'recording of a person.')
    keypoint = np.stack([fill_missing(*person, layout) for person in zip(keypoint[:, part], seen[:, part])])
    clip = {key: value for key, value in clip.items() if key != 'keypoint_score'}
    clip.update(keypoint=keypoint, total_frames=keypoint.shape[1])
    if is_rate(clip.get('rate')):
        clip['first_second'] = float(part.start / clip['rate'])  # of the recording
    if keep_score and score is not None:
        clip['keypoint_score'] = np.asarray(score, dtype=np.float32)[:, part]
    return clip


def _present_part(seen: np.ndarray, min_joints: float = MIN_JOINTS) -> slice:
    """The frames from the first to the last that shows a person, given the joints that are seen (M, T, V)."""
    present = np.flatnonzero(present_frames(seen, min_joints).any(0))
    return slice(present[0], present[-1] + 1) if len(present) else slice(0, 0)


def seconds_shown(clip: Clip) -> float:
    """Seconds from the first to the last frame that shows a person; infinite without a rate."""
    part = _present_part(seen_joints(np.asarray(clip['keypoint']), clip.get('keypoint_score')))
    return (part.stop - part.start) / clip['rate'] if is_rate(clip.get('rate')) else np.inf


def resample_clip(clip: Clip, rate: float, lowpass: float | None = None) -> Clip:
    """The clip at another frame rate, after a low-pass filter.

    Args:
        clip: With `rate`, in frames per second.
        rate: Frames per second of the result.
        lowpass: Cut-off in Hz.

    Raises:
        ClipError: The clip has no rate, or an impossible one.
    """
    if not is_rate(clip.get('rate')):
        raise clip_error(clip, 'rate', f'{clip.get("rate")!r}; expected the frames per second of the recording, '
                         f'{RATES[0]} to {RATES[1]}.{f" {ONE_CLIP}" if clip.get("rate") is None else ""}')
    old_rate = float(clip['rate'])
    keypoint = resample(clip['keypoint'], old_rate, rate, lowpass=lowpass)
    clip = dict(clip, keypoint=keypoint, rate=rate, total_frames=keypoint.shape[1])
    if clip.get('keypoint_score') is not None:
        clip['keypoint_score'] = resample(clip['keypoint_score'], old_rate, rate, nearest=True)
    return clip


def check_length(clip: Clip, duration: float, rate: float) -> int:
    """Frames of a window of `duration` seconds, if the clip has as many.

    Raises:
        ClipError: The clip is shorter than one window.
    """
    frames, length = clip['total_frames'], round(duration * rate)
    if frames < length:
        raise clip_error(clip, 'keypoint', f'{frames} frames at {rate:g} per second show a person; a window of '
                         f'{duration:g} s needs {length}.')
    return length


def check_joints(clip: Clip, layout: Layout, owner: str) -> None:
    """Raise a ClipError if the clip has another number of joints than the layout of `owner`."""
    joints = np.shape(clip['keypoint'])[-2]
    if joints != layout['num_node']:
        raise clip_error(clip, 'keypoint', f'{joints} joints; the layout of {owner} has {layout["num_node"]}.')


def require_layout(layout: str | Layout | None, owner: str) -> Layout:
    """The layout, completed if it is a name or not a whole dict, or a ConfigError if there is none."""
    if layout is None:
        raise ConfigError(f'layout: missing; {owner} needs the skeleton layout: set it in the data set. {ONE_CLIP}')
    return layout if isinstance(layout, dict) and 'limbs' in layout else get_layout(layout)


def require_keypoint(clip: Clip) -> np.ndarray:
    """The keypoints (M, T, V, C), or a ClipError if there are none."""
    if not isinstance(clip.get('keypoint'), np.ndarray):
        raise clip_error(clip, 'keypoint', f'missing; expected an array (persons, frames, joints, 2 or 3). {ONE_CLIP}')
    return clip['keypoint']

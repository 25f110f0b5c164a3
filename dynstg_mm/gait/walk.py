"""A whole recording of a walk in the walker's own frame: forward, up and, in 3-D, to the left.

Unlike `walking_windows`, which prepares windows of one length for the classical baseline, this keeps the recording
whole, follows a change of direction, and never swaps the sides.
"""
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, uniform_filter1d

from dynstg_mm.gait.cleaning import Clip, clip_error, fill_missing_joints, keep_tracked_person
from dynstg_mm.gait.geometry import MIN_TRAVEL, leg_length, vertical, walks_backwards
from dynstg_mm.gait.signal import RATES, is_rate, resample
from dynstg_mm.gait.visibility import MIN_JOINTS, present_frames, seen_joints
from dynstg_mm.gait.windows import LOWPASS, SIDES, Tracks, body_tracks, check_measurable, foot_joints, never_seen
from dynstg_mm.skeletons import Layout, get_layout

FEET_LOWPASS = 10.  # Hz; feet stop and start faster than the rest of the body moves
FINE = 100.  # frames per second to which slower recordings are interpolated, for times between their frames
SPAN = 1.2  # seconds over which the walking direction is measured, about a stride
TURN = 30.  # degrees that the direction may change within a second of straight walking
UPRIGHT = 0.3  # leg lengths between hips and ankles
SIDE_VIEW = 0.3  # leg lengths between the shoulders in the image, above which a 2-D view is not from the side


@dataclass
class Walk:
    """Tracks of one person's joints.

    Attributes:
        body: Name -> (T, C), place relative to the middle of the hips along forward, up and, in 3-D, left, in leg
        lengths; NaN if the joint is never seen. seen: Name -> (T,), whether the joint was seen in the frame. travel:
        Shape (T,), distance walked by the pelvis in leg lengths. straight: Shape (T,), False while the person turns.
        upright: Shape (T,), False where the hips are not above the ankles and below the shoulders. leg: Leg length in
        the unit of the recording. rate: Frames per second of the recording. finer: Frames of the tracks for one of the
        recording. first: Frame of the recording at which the tracks start. shoulders: Leg lengths between the shoulders
        along a 2-D picture; NaN in 3-D or if they are never seen. legs_lost: Shape (T,), share of the legs' joints that
        are not seen. foot_speed: In 3-D, name of a heel or toe -> (T, 2), its speed over the ground, forward and up, in
        leg lengths a frame.
    """

    body: Tracks
    seen: dict[str, np.ndarray]
    travel: np.ndarray
    straight: np.ndarray
    upright: np.ndarray
    leg: float
    rate: float
    finer: int
    first: int
    shoulders: float
    legs_lost: np.ndarray
    foot_speed: Tracks

    @property
    def side_view(self) -> bool:
        """False for a 2-D recording that is not from the side."""
        return not self.shoulders > SIDE_VIEW

    def frame(self, time: float) -> float:
        """Place in the tracks of a moment in seconds from the recording's first frame."""
        return (time * self.rate - self.first) * self.finer

    def time(self, frame: float) -> float:
        """Seconds from the recording's first frame of a place in the tracks."""
        return (self.first + frame / self.finer) / self.rate


def walk_of(clip: Clip, layout: str | Layout, *, up: str = 'y') -> Walk:
    """The walk of the person whom a clip is about.

    Args:
        clip: Annotation with `keypoint` (M, T, V, C), C = 2 or 3, `rate`, and perhaps `keypoint_score` (M, T, V).
        layout: With `legs`, `left` and `right`.
        up: Vertical axis of 3-D clips; images have y down.

    Raises:
        ConfigError: The layout lacks a leg.
        ClipError: The clip has no rate, fewer than two frames show a person, or all joints of the legs are in one
            place.
    """
    layout = get_layout(layout)
    check_measurable(clip, layout)
    if not is_rate(clip.get('rate')):
        raise clip_error(clip, 'rate', f'{clip.get("rate")!r}; expected the frames per second of the recording, '
                         f'{RATES[0]} to {RATES[1]}.')
    clip, rate = keep_tracked_person(clip), float(clip['rate'])
    seen = seen_joints(clip['keypoint'], clip.get('keypoint_score'))[0]
    lost = never_seen(clip, layout)
    filled = fill_missing_joints(clip, layout)
    if filled['total_frames'] < 2:
        raise clip_error(clip, 'keypoint', 'a single frame shows a person; a walk needs more.')
    first = int(np.flatnonzero(present_frames(seen, MIN_JOINTS))[0])
    finer = max(1, int(np.ceil(FINE / rate))) if filled['total_frames'] > 3 else 1
    place = resample(filled['keypoint'], rate, rate * finer, lowpass=LOWPASS)[0].astype(np.float64)
    seen = seen[first:first + filled['total_frames']].repeat(finer, 0)[finer // 2:][:len(place)]
    size = leg_length(place, layout)
    if not size > 0:
        raise clip_error(clip, 'keypoint', 'the legs have length 0: hips, knees and ankles are in one place.')
    place /= size
    pelvis = place[:, [leg[0] for leg in layout['legs']]].mean(1)
    floor, upwards = vertical(up) if place.shape[-1] == 3 else ((0, ), (0, -1))
    direction, straight = _direction(place, pelvis[:, floor], layout, floor, upwards, rate * finer)
    travel = (np.gradient(pelvis[:, floor], axis=0) * direction).sum(1)
    place -= pelvis[:, None]
    place = _turned(place, direction, floor, upwards)
    place[:, lost] = np.nan
    foot_speed, feet = {}, foot_joints(layout)
    if place.shape[-1] == 3 and not {leg[-1] for leg in layout['legs']} & set(feet.values()):
        for name, joint in feet.items():
            foot = resample(filled['keypoint'][:, :, [joint]], rate, rate * finer, lowpass=FEET_LOWPASS)[0] / size
            foot_speed[name] = _turned(np.gradient(foot, axis=0), direction, floor, upwards)[:, 0, :2]
    body, _ = body_tracks(place[None], layout)
    parts, _ = body_tracks(np.where(seen, 0., np.nan)[None, ..., None].repeat(3, -1), layout)
    tracks = {name: track[0] for name, track in body.items()}
    apart = np.abs(np.subtract(*(tracks.get(f'{side}_shoulder', np.full((1, 2), np.nan))[:, 0] for side in SIDES)))
    shoulders = float(np.median(apart)) if place.shape[-1] == 2 else np.nan
    return Walk(body=tracks,
                seen={name: np.isfinite(track[0, :, 0]) for name, track in parts.items()},
                travel=np.cumsum(travel), straight=straight, upright=_upright(tracks), leg=float(size), rate=rate,
                finer=finer, first=first, shoulders=shoulders,
                legs_lost=1 - seen[:, [joint for leg in layout['legs'] for joint in leg]].mean(1),
                foot_speed=foot_speed)


def _upright(body: Tracks) -> np.ndarray:
    """Frames (T,) in which the hips are above the ankles, and below neck or shoulders where these are seen."""
    below = np.mean([body[f'{side}_ankle'][:, 1] for side in SIDES], 0) < -UPRIGHT
    above = [body[name][:, 1] for name in ('neck', *(f'{side}_shoulder' for side in SIDES)) if name in body]
    known = [track for track in above if np.isfinite(track).all()]
    return below & (np.mean(known, 0) > 0 if known else True)


def _direction(place: np.ndarray, path: np.ndarray, layout: Layout, floor: tuple[int, ...],
               upwards: tuple[int, ...], rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (T, 1 or 2) along the walk on the floor, and whether the person goes straight on (T,).

    The direction is that of the pelvis' displacement within `SPAN` seconds. Where that is small, as on a treadmill, it
    is the direction of the feet; without feet, in 3-D the one across the hips, and in a picture that of the nearest
    moment of walking, or of the knees if the person never moves on.
    """
    frames = np.arange(len(path))
    half = max(1, round(SPAN / 2 * rate))
    ends = np.minimum(frames + half, len(path) - 1), np.maximum(frames - half, 0)
    ahead = path[ends[0]] - path[ends[1]]
    moves = np.linalg.norm(ahead, axis=1) > MIN_TRAVEL * (ends[0] - ends[1]) / (2 * half)
    if not moves.all():
        if len(floor) == 1 and not layout.get('feet') and moves.any():
            facing = ahead[distance_transform_edt(~moves, return_distances=False, return_indices=True)[0]]
        else:
            facing = uniform_filter1d(_facing(place, layout, floor, upwards), min(2 * half + 1, len(path)), axis=0,
                                      mode='nearest')
        known = np.linalg.norm(facing, axis=1) > 0
        ahead = np.where((moves | ~known)[:, None], ahead, facing)
    length = np.linalg.norm(ahead, axis=1, keepdims=True)
    ahead = np.where(length > 0, ahead / np.maximum(length, 1e-12), np.eye(len(floor))[0])
    quarter = max(1, round(rate / 2))
    before, after = ahead[np.maximum(frames - quarter, 0)], ahead[np.minimum(frames + quarter, len(path) - 1)]
    return ahead, (before * after).sum(1) > np.cos(np.radians(TURN))


def _facing(place: np.ndarray, layout: Layout, floor: tuple[int, ...], upwards: tuple[int, ...]) -> np.ndarray:
    """Where the feet point (T, 1 or 2); without feet, where the hips do in 3-D, and where the knees do in a picture."""
    if layout.get('feet'):
        return np.sum([place[:, toe] - place[:, heel] for heel, toe in layout['feet']], axis=0)[:, floor]
    if len(floor) == 1:
        return np.full((len(place), 1), -1. if walks_backwards(place, layout, np.inf) else 1.)
    left, right = ([place[:, hip] for hip, _, _ in layout['legs'] if hip in layout.get(side, [])][0] for side in SIDES)
    return np.cross(left - right, upwards)[:, floor]


def _turned(place: np.ndarray, direction: np.ndarray, floor: tuple[int, ...],
            upwards: tuple[int, ...]) -> np.ndarray:
    """Places (T, V, C) along forward, up and, in 3-D, to one side."""
    height = place @ np.asarray(upwards, float)
    if len(floor) == 1:
        return np.stack([place[..., 0] * direction, height], -1)
    across = np.stack([-direction[:, 1], direction[:, 0]], 1)
    ahead, aside = (np.einsum('tvc,tc->tv', place[..., floor], axis) for axis in (direction, across))
    return np.stack([ahead, height, aside], -1)

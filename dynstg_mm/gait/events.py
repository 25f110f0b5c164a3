"""Foot strikes and foot offs (initial and final contacts) of a walk, and the phase of the gait cycle."""
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.signal import find_peaks

from dynstg_mm.gait.strides import STRIDES, _summit, stride_time
from dynstg_mm.gait.walk import Walk, walk_of
from dynstg_mm.gait.windows import RATE, SIDES
from dynstg_mm.skeletons import Layout

MIN_STEP = 0.08  # leg lengths that a foot must swing relative to the pelvis
PROMINENCE = 0.3  # of a foot's range relative to the pelvis, by which a strike or an off must stand out
CONTACT = 0.5  # share of the walking speed below which heel or toe is on the ground
SEARCH = 0.15  # seconds around the extreme in which the speed is searched
FAST = 50.  # frames per second from which on contacts in 3-D are found by the foot's speed over the floor
LANDED = 0.4  # share of the walking speed below which the first of heel and toe has landed, in 3-D
PUSH = 0.06  # seconds around the extreme in which the toe accelerates most, in 3-D
LATE = 0.02  # seconds from the off to that, the mean of walks on force plates
MIN_RATE = 15.  # frames per second
PIECE = 6.  # seconds of the pieces in which the stride time is searched
MIN_PERIODICITY = 0.3  # autocorrelation from which on a stride time is believed
FIRST_PEAK = 0.7  # share of the highest autocorrelation from which on the first peak is the stride
APART = 0.6  # of the stride time between two strikes of a foot, at least


class FootEvent(NamedTuple):
    """A foot strike or a foot off.

    `time` is in seconds from the recording's first frame, between frames too; `side` is 'left' or 'right', `kind`
    'strike' or 'off'.
    """

    time: float
    side: str
    kind: str


def feet_of(walk: Walk) -> tuple[str, str]:
    """The joints of a foot that strike first and leave last: heel and toe if both feet have them, or the ankle."""
    both = all(np.isfinite(walk.body.get(f'{side}_{joint}', np.nan)).all() for side in SIDES
               for joint in ('heel', 'toe'))
    return ('heel', 'toe') if both else ('ankle', 'ankle')


def foot_events(walk: Walk) -> list[FootEvent]:
    """Foot strikes and foot offs in the order of time.

    A foot strikes about when its heel is furthest in front of the pelvis, and leaves the ground about when its toe is
    furthest behind (Zeni et al. 2008, Gait Posture). Both then still move at the walking speed. The strike is therefore
    the moment at which the heel becomes slower than half of that, and the off the last one before the toe is faster
    (a threshold tuned to the walking speed, after Bruening & Ridge 2014, Gait Posture). An ankle, where heel or toe is
    missing, never comes to rest; Zeni's moments are kept for it.

    3-D recordings of at least `FAST` frames per second show more. The strike is when the first of heel and toe, whose
    vertical speed counts too, is slower than `LANDED` of the walking speed. The off is when the toe accelerates most
    (Hreljac & Marshall 2000, J Biomech), minus `LATE`, the mean delay against force plates.

    Args:
        walk: From `walk_of`.
    """
    if walk.rate < MIN_RATE:
        return []
    heel, toe = feet_of(walk)
    stride = local_stride(walk)
    shortest = STRIDES[0] if stride is None or np.isnan(stride).all() else float(np.nanmin(stride))
    apart = APART * shortest * walk.rate * walk.finer
    events = []
    for side in SIDES:
        contacts = _extremes(walk.body[f'{side}_{heel}'][:, 0], walk.body[f'{side}_{toe}'][:, 0], apart)
        for frame, kind in _contacts(walk, side, heel, toe, contacts):
            events.append(FootEvent(walk.time(frame), side, kind))
    return sorted(events)


def local_stride(walk: Walk) -> np.ndarray | None:
    """Stride time in seconds about every frame (T,), by the autocorrelation of the legs' movement in pieces of it.

    NaN where the movement does not repeat, or repeats in more than `STRIDES`; None if the walk is too short to tell.
    """
    frames = np.arange(0, len(walk.travel), walk.rate * walk.finer / RATE)
    count = max(1, int(len(frames) / (PIECE * RATE)))
    length = len(frames) // count
    if length < 2 * STRIDES[0] * RATE:
        return None
    apart = [np.interp(frames[:count * length], np.arange(len(walk.travel)),
                       walk.body[f'left_{joint}'][:, 0] - walk.body[f'right_{joint}'][:, 0]).reshape(count, 1, length)
             for joint in ('ankle', 'knee')]
    found = [stride_time(*signals, high_peak=FIRST_PEAK) for signals in zip(*apart)]
    strides = [stride if periodicity >= MIN_PERIODICITY else np.nan for stride, periodicity in found]
    return np.array(strides)[np.minimum(np.arange(len(walk.travel)) * count // len(walk.travel), count - 1)]


def _extremes(heel: np.ndarray, toe: np.ndarray, apart: float) -> list[tuple[int, str]]:
    """Frames in which the heel is furthest in front and the toe furthest behind, by turns, two of a kind `apart`."""
    found = []
    for track, kind in ((heel, 'strike'), (-toe, 'off')):
        swing = np.subtract(*np.percentile(track, (95, 5)))
        peaks = find_peaks(track, distance=max(1, apart), prominence=max(PROMINENCE * swing, MIN_STEP))[0]
        found += [(int(peak), kind, float(track[peak])) for peak in peaks]
    kept: list[tuple[int, str, float]] = []
    for event in sorted(found):
        if not kept or kept[-1][1] != event[1]:
            kept.append(event)
        elif event[2] > kept[-1][2]:
            kept[-1] = event
    return [(frame, kind) for frame, kind, _ in kept]


def _contacts(walk: Walk, side: str, heel: str, toe: str, extremes: list[tuple[int, str]]) -> list[tuple[float, str]]:
    """The extremes, moved to where the foot touches or leaves the ground, in frames with fractions."""
    tracks = {'strike': walk.body[f'{side}_{heel}'][:, 0], 'off': -walk.body[f'{side}_{toe}'][:, 0]}
    rests = {start: slice(start + (stop - start) // 5, stop - (stop - start) // 4 + 1)
             for (start, kind), (stop, _) in zip(extremes, extremes[1:]) if kind == 'strike'}
    if heel != 'ankle' and walk.foot_speed and walk.rate >= FAST:
        return _contacts_over_floor(walk, side, extremes, list(rests.values()))
    speed = {kind: np.gradient(track) * (1 if kind == 'strike' else -1) for kind, track in tracks.items()}
    backwards = {start: -float(np.median(speed['off'][rest])) for start, rest in rests.items()}
    usual = float(np.median(list(backwards.values()))) if backwards else 0.
    of_stop = {stop: backwards[start] for (start, _), (stop, _) in zip(extremes, extremes[1:]) if start in backwards}
    contacts = []
    for frame, kind in extremes:
        exact = frame + float(_summit(tracks[kind], frame))
        ground = (backwards if kind == 'strike' else of_stop).get(frame, usual)
        if heel != 'ankle' and ground > 0:
            exact = _crossing(speed[kind], (CONTACT - 1) * ground, exact, kind, round(SEARCH * walk.rate * walk.finer))
        contacts.append((exact, kind))
    return contacts


def _contacts_over_floor(walk: Walk, side: str, extremes: list[tuple[int, str]],
                         rests: list[slice]) -> list[tuple[float, str]]:
    """The same by the speed of heel and toe over the floor; `rests` are the frames in which the foot is flat on it."""
    heel, toe = (walk.foot_speed[f'{side}_{name}'] for name in ('heel', 'toe'))
    belt = np.array([np.median([np.median(toe[rest, 0]) for rest in rests]) if rests else 0., 0.])
    slower = np.minimum(*(np.linalg.norm(speed - belt, axis=1) for speed in (heel, toe)))
    walking = float(np.median(np.gradient(walk.travel)) - belt[0])
    push = np.gradient(toe[:, 0])
    peaks, rate = find_peaks(push)[0], walk.rate * walk.finer
    contacts = []
    for frame, kind in extremes:
        exact = float(frame)
        near = peaks[np.abs(peaks - frame) <= PUSH * rate]
        if kind == 'strike':
            exact = _crossing(slower, LANDED * walking, exact, kind, round(SEARCH * rate))
        elif len(near):
            peak = int(near[push[near].argmax()])
            exact = peak + float(_summit(push, peak)) - LATE * rate
        contacts.append((exact, kind))
    return contacts


def _crossing(speed: np.ndarray, level: float, start: float, kind: str, most: int) -> float:
    """Where the speed falls below the level after `start`, or last rose above it before; `start` if nowhere."""
    step = 1 if kind == 'strike' else -1
    frame = int(np.ceil(start)) if kind == 'strike' else int(np.floor(start))
    for _ in range(most):
        following = frame + step
        if not 0 <= following < len(speed):
            break
        if speed[following] < level <= speed[frame]:
            return frame + step * float((speed[frame] - level) / (speed[frame] - speed[following]))
        frame = following
    return start


def phase_at(seconds: np.ndarray, strikes: Sequence[float]) -> np.ndarray:
    """Phase of the gait cycle: 0 at a strike of a foot, 1 at its next one.

    Args:
        seconds: Times.
        strikes: Seconds of the strikes of one foot, ascending.

    Returns:
        In [0, 1), of the shape of `seconds`; NaN before the first strike, after the last one, and in a cycle that is
        too short or too long to be one.
    """
    phase = np.full(np.shape(seconds), np.nan)
    for start, stop in zip(strikes, strikes[1:]):
        if STRIDES[0] <= stop - start <= STRIDES[1]:
            inside = (seconds >= start) & (seconds < stop)
            phase[inside] = (seconds[inside] - start) / (stop - start)
    return phase


def gait_phase(keypoint: np.ndarray, layout: str | Layout, rate: float, *, score: np.ndarray | None = None,
               up: str = 'y', side: str = 'left') -> np.ndarray:
    """Phase of the gait cycle in every frame: 0 at a foot strike of the side, 1 at its next one.

    Args:
        keypoint: Shape (T, V, C), C = 2 or 3.
        layout: With `legs`, `left` and `right`.
        rate: Frames per second.
        score: Shape (T, V).
        up: Vertical axis of 3-D keypoints.
        side: 'left' or 'right'.

    Returns:
        Shape (T,), in [0, 1), NaN where no gait cycle is found.

    Raises:
        ConfigError, ClipError: As for `walk_of`.
    """
    clip = dict(keypoint=np.asarray(keypoint)[None], rate=rate,
                keypoint_score=None if score is None else np.asarray(score)[None])
    strikes = [event.time for event in foot_events(walk_of(clip, layout, up=up))
               if event.side == side and event.kind == 'strike']
    return phase_at(np.arange(len(keypoint)) / rate, strikes)

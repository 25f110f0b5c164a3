"""What is wrong with a recording of a walk: measures, and the limits that predict and audit judge them by.

The limits are measured on real walks and on recordings that are none: `python -m dynstg_mm check-doubts`.
"""
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dynstg_mm.gait.events import MIN_RATE, FootEvent
from dynstg_mm.gait.spatiotemporal import STEPS
from dynstg_mm.gait.walk import SIDE_VIEW, Walk
from dynstg_mm.gait.windows import DURATION, SIDES

MIN_SWING = 0.3  # leg lengths by which one ankle passes the other, forwards and backwards together
MIN_STEPS = 1  # from a foot strike to the other foot's
MIN_UPRIGHT = 0.7  # share of the frames
MAX_LEAN = 60.  # degrees of the trunk
MIN_WALKING = 0.5  # share of the pieces of a recording
MIN_STRAIGHT = 0.85  # share of the frames
MAX_LEGS_LOST, MAX_LEGS_GONE = 0.25, 0.6  # share of the joints of the legs: doubtful, grave
MAX_GAP = 1.  # seconds in which fewer than half of the legs' joints are seen
MIN_KNEES, MIN_FEET = -0.02, 0.  # leg lengths by which knees or toes are in front, in the direction of travel
MIN_LEG = 40.  # pixels of a leg
FRONT_VIEW = 0.4  # leg lengths between the shoulders in a picture from ahead or behind


class Flaw(NamedTuple):
    """Something that is wrong with a recording.

    Attributes:
        code: Short name. grave: There is no walk that a model could judge. text: What is measured, and what is
        expected. advice: What to do. value, limit: The numbers.
    """

    code: str
    grave: bool
    text: str
    advice: str
    value: float | None = None
    limit: float | None = None


def flaws_of(walk: Walk, events: Sequence[FootEvent], up: str | None = None, *,
             from_the_side: bool = True) -> list[Flaw]:
    """What is wrong with the recording of a walk; after a grave flaw nothing else is looked for.

    Args:
        walk: From `walk_of`.
        events: From `foot_events`.
        up: From `gait.upright.up_axis`.
        from_the_side: The model needs a 2-D view from the side.
    """
    grave = grave_flaw(walk, up, from_the_side=from_the_side)
    if grave:
        return [grave]
    flat = walk.body['left_ankle'].shape[-1] == 2
    found = (_view(walk) if flat and from_the_side else None, _legs(walk), _straight(walk), _backwards(walk),
             _some_walking(walk, events), _size(walk) if flat else None)
    return [flaw for flaw in found if flaw]


def grave_flaw(walk: Walk, up: str | None = None, *, from_the_side: bool = True) -> Flaw | None:
    """Why nobody walks in the recording, or not so that a model could judge it; arguments as for `flaws_of`."""
    flat = walk.body['left_ankle'].shape[-1] == 2
    view = _view(walk) if flat and from_the_side else None
    flaws = (_posture(walk, up, '-y' if flat else 'y'), view, _walking(walk, from_the_side), _legs(walk))
    return next((flaw for flaw in flaws if flaw and flaw.grave), None)


def window_flaws(walk: Walk, start: float, end: float) -> list[str]:
    """Codes of what is wrong between two seconds of a recording: `not_walking`, `turning` or `joints_lost`."""
    first, last = (int(np.clip(round(walk.frame(time)), 0, len(walk.travel))) for time in (start, end))
    part = slice(first, max(last, first + 1)) if first < len(walk.travel) else slice(-1, None)
    found = [] if _walks(walk, part) or not walk.side_view else ['not_walking']
    if not found and walk.side_view and walk.straight[part].mean() < MIN_STRAIGHT:
        found.append('turning')
    return found + ['joints_lost'] * bool(walk.legs_lost[part].mean() > MAX_LEGS_LOST)


def upright_frames(walk: Walk) -> np.ndarray:
    """Frames (T,) in which the hips are above the ankles and the trunk leans less than `MAX_LEAN`."""
    tops = [walk.body[name] for name in ('neck', *(f'{side}_shoulder' for side in SIDES))
            if name in walk.body and np.isfinite(walk.body[name]).all()]
    if not tops:
        return walk.upright
    top = np.mean(tops, 0)
    lean = np.degrees(np.arctan2(np.linalg.norm(np.delete(top, 1, axis=1), axis=1), top[:, 1]))
    return walk.upright & (lean < MAX_LEAN)


def swing(walk: Walk, part: slice = slice(None)) -> float:
    """How far the left ankle moves forwards and backwards relative to the right one, 5th to 95th percentile."""
    ahead = walk.body['left_ankle'][part, 0] - walk.body['right_ankle'][part, 0]
    return float(np.subtract(*np.percentile(ahead, (95, 5)))) if np.isfinite(ahead).all() else 0.


def count_steps(events: Sequence[FootEvent]) -> int:
    """Foot strikes that follow one of the other foot within the time of a step."""
    strikes = [event for event in events if event.kind == 'strike']
    return sum(one.side != other.side and STEPS[0] <= other.time - one.time <= STEPS[1]
               for one, other in zip(strikes, strikes[1:]))


def longest_gap(walk: Walk) -> float:
    """Longest time in seconds in which fewer than half of the legs' joints are seen."""
    ends = np.flatnonzero(np.diff(walk.legs_lost > 0.5, prepend=False, append=False))
    return float((ends[1::2] - ends[::2]).max(initial=0) / walk.finer / walk.rate)


def facing(walk: Walk) -> tuple[float, float]:
    """How far the toes, or in a skeleton without feet the knees, are in front while the person goes straight on.

    Returns:
        The mean in leg lengths, and the limit below which the person goes backwards.
    """
    frames = walk.straight if walk.straight.any() else slice(None)
    if all(f'{side}_{joint}' in walk.body for side in SIDES for joint in ('heel', 'toe')):
        ahead = [walk.body[f'{side}_toe'] - walk.body[f'{side}_heel'] for side in SIDES]
        if np.isfinite(ahead).all():
            return float(np.mean([part[frames, 0].mean() for part in ahead])), MIN_FEET
    ahead = [walk.body[f'{side}_knee'] - (walk.body[f'{side}_hip'] + walk.body[f'{side}_ankle']) / 2 for side in SIDES]
    return float(np.mean([part[frames, 0].mean() for part in ahead])), MIN_KNEES


def _pieces(walk: Walk) -> list[slice]:
    """Parts of a recording of at least `DURATION` seconds, if it is that long."""
    count = max(1, int(len(walk.travel) / (DURATION * walk.rate * walk.finer)))
    ends = np.linspace(0, len(walk.travel), count + 1).round().astype(int)
    return [slice(*pair) for pair in zip(ends, ends[1:])]


def _walks(walk: Walk, part: slice) -> bool:
    """Whether somebody walks in this part of a recording; from ahead or behind that cannot be measured."""
    return swing(walk, part) >= MIN_SWING and bool(upright_frames(walk)[part].mean() >= MIN_UPRIGHT)


def _posture(walk: Walk, up: str | None, expected: str) -> Flaw | None:
    share = float(upright_frames(walk).mean())
    if up is not None and up != expected:
        other = 'upside down' if up.strip('-') == expected.strip('-') else 'turned, such as by swapped x and y'
        return Flaw('not_upright', True, f'The head is towards {up} of the ankles; expected {expected}',
                    f'The coordinates are {other}: convert them.', share, MIN_UPRIGHT)
    if share < MIN_UPRIGHT:
        return Flaw('not_upright', True, f'A person stands upright in {share:.0%} of the frames; at least '
                    f'{MIN_UPRIGHT:.0%} are needed', 'Look at the skeleton: the pose was not recognised, or this is no '
                    'walking person.', share, MIN_UPRIGHT)
    return None


def _walking(walk: Walk, from_the_side: bool) -> Flaw | None:
    best = max(swing(walk, part) for part in _pieces(walk))
    return None if best >= MIN_SWING or not (walk.side_view or from_the_side) else Flaw(
        'not_walking', True, f'The feet pass each other by {best:.2f} leg lengths at most; a walk has at least '
        f'{MIN_SWING:g}', 'Use a recording of a person who walks.', best, MIN_SWING)


def _some_walking(walk: Walk, events: Sequence[FootEvent]) -> Flaw | None:
    seconds, steps = len(walk.travel) / walk.finer / walk.rate, count_steps(events)
    if steps < MIN_STEPS and walk.rate >= MIN_RATE and seconds >= DURATION and walk.side_view:
        return Flaw('not_walking', False, f'No step is seen in {seconds:.1f} s', 'Look whether the person walks.',
                    steps, MIN_STEPS)
    share = float(np.mean([_walks(walk, part) for part in _pieces(walk)]))
    return None if share >= MIN_WALKING or not walk.side_view else Flaw(
        'not_walking', False, f'Somebody walks in {share:.0%} of the recording; at least {MIN_WALKING:.0%} is expected',
        'Cut out the walk.', share, MIN_WALKING)


def _legs(walk: Walk) -> Flaw | None:
    share, gap = float(walk.legs_lost.mean()), longest_gap(walk)
    advice = 'Film so that the whole body is seen, in good light.'
    if share > MAX_LEGS_LOST:
        return Flaw('joints_lost', share > MAX_LEGS_GONE, f'{share:.0%} of the joints of the legs were not found; at '
                    f'most {MAX_LEGS_LOST:.0%} is usual', advice, share, MAX_LEGS_LOST)
    return None if gap <= MAX_GAP else Flaw('joints_lost', False, f'The legs were not found for {gap:.1f} s; at most '
                                            f'{MAX_GAP:g} s is usual', advice, gap, MAX_GAP)


def _straight(walk: Walk) -> Flaw | None:
    share = float(1 - walk.straight.mean())
    return None if share <= 1 - MIN_STRAIGHT or not walk.side_view else Flaw(
        'turning', False, f'The person turns in {share:.0%} of the recording; at most {1 - MIN_STRAIGHT:.0%} is '
        'expected', 'Cut out a straight part of the walk.', share, 1 - MIN_STRAIGHT)


def _backwards(walk: Walk) -> Flaw | None:
    ahead, limit = facing(walk)
    return None if ahead >= limit or not walk.side_view else Flaw(
        'backwards', False, f'The feet or knees point against the direction of travel ({ahead:.2f} leg lengths)',
        'The person walks backwards, or the recording is played backwards.', ahead, limit)


def _size(walk: Walk) -> Flaw | None:
    return None if walk.leg >= MIN_LEG or walk.leg < 2 else Flaw(  # below 2 the unit is not the pixel
        'small_body', False, f'A leg is {walk.leg:.0f} pixels long; at least {MIN_LEG:.0f} are needed', 'Film from '
        'nearer, or with more pixels.', walk.leg, MIN_LEG)


def _view(walk: Walk) -> Flaw | None:
    if walk.side_view:
        return None
    return Flaw('view', walk.shoulders > FRONT_VIEW, f'The shoulders are {walk.shoulders:.2f} leg lengths apart in the '
                f'picture; seen from the side they are at most {SIDE_VIEW:g}', 'Film the walk from the side.',
                walk.shoulders, SIDE_VIEW)

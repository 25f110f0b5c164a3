"""Gait parameters for people to read, measured step by step between foot contacts.

`gait_features` is another thing: a fixed vector of many numbers from short windows, the input of the classical
baseline. These are few, in the units of the clinic, and say why one is missing.
"""
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from dynstg_mm.gait.angles import joint_angles
from dynstg_mm.gait.cleaning import Clip
from dynstg_mm.gait.events import MIN_RATE, FootEvent, feet_of, foot_events, local_stride
from dynstg_mm.gait.strides import STRIDES
from dynstg_mm.gait.walk import Walk, walk_of
from dynstg_mm.gait.windows import SIDES
from dynstg_mm.skeletons import Layout

STEPS = (0.2, 1.4)  # shortest and longest step time in seconds
STEP_SHARES, STRIDE_SHARES = (0.2, 0.8), (0.7, 1.4)  # the same as a share of the usual stride time, and of strides
MIN_SEEN = 0.7  # share of a stride's frames that must show the joints that are measured
OUTLIER = 3.  # standard deviations from the median, by the median absolute deviation (Hampel identifier)
MIN_OWN_TRAVEL = 0.5  # share of the walking speed below which the pelvis stands still: a treadmill or a moving camera
DOUBLE_SUPPORT = 0.12  # seconds, where the end of the double support is not seen
CONFUSED = 0.5, 0.3  # share and leg lengths by which a step may differ from the pelvis' way; else sides were confused
WIDEST = 150.  # degrees; a joint with a larger range within a stride was not followed
SMALLEST = 0.01  # mean that an asymmetry is a share of, at least
MIN_STRIDES = 3  # strides of which a variability is given
UNITS = {'m': 1., 'cm': 0.01, 'mm': 0.001}

Record = dict[str, Any]


class Parameter(NamedTuple):
    """A gait parameter: column in tables, label for people, unit, meaningful digits, and whether each side has one."""

    name: str
    label: str
    unit: str
    digits: int
    sides: bool = False


PARAMETERS = (
    Parameter('cadence_spm', 'Cadence', 'steps/min', 1),
    Parameter('walking_speed_mps', 'Walking speed', 'm/s', 2),
    Parameter('walking_speed_legs', 'Walking speed', 'leg lengths/s', 2),
    Parameter('stride_duration_s', 'Stride time', 's', 3),
    Parameter('step_duration_s', 'Step time', 's', 3, True),
    Parameter('stride_length_m', 'Stride length', 'm', 2),
    Parameter('stride_length_legs', 'Stride length', 'leg lengths', 2),
    Parameter('step_length_m', 'Step length', 'm', 2, True),
    Parameter('step_length_legs', 'Step length', 'leg lengths', 2, True),
    Parameter('step_width_m', 'Step width', 'm', 3),
    Parameter('step_width_legs', 'Step width', 'leg lengths', 3),
    Parameter('stance_percent', 'Stance', '% of the stride', 1, True),
    Parameter('double_support_percent', 'Double support', '% of the stride', 1),
    Parameter('stride_duration_cv', 'Stride time variability', '% (CV)', 1),
    Parameter('step_length_cv', 'Step length variability', '% (CV)', 1),
    Parameter('knee_range_deg', 'Knee range of motion', 'degrees', 0, True),
    Parameter('hip_range_deg', 'Hip range of motion', 'degrees', 0, True),
    Parameter('ankle_range_deg', 'Ankle range of motion', 'degrees', 0, True),
    Parameter('arm_swing_deg', 'Arm swing', 'degrees', 0, True),
    Parameter('trunk_lean_deg', 'Trunk lean', 'degrees, forward', 0),
    Parameter('step_duration_asymmetry', 'Step time asymmetry', '%', 1),
    Parameter('step_length_asymmetry', 'Step length asymmetry', '%', 1),
    Parameter('stance_asymmetry', 'Stance asymmetry', '%', 1),
    Parameter('knee_range_asymmetry', 'Knee range asymmetry', '%', 1),
    Parameter('arm_swing_asymmetry', 'Arm swing asymmetry', '%', 1),
)
# Angles of `joint_angles` whose range within a stride is given.
RANGES = dict(knee_range_deg='knee', hip_range_deg='hip', ankle_range_deg='ankle', arm_swing_deg='arm')
ASYMMETRIES = dict(step_duration_asymmetry='step_duration_s', step_length_asymmetry='step_length_legs',
                   stance_asymmetry='stance_percent', knee_range_asymmetry='knee_range_deg',
                   arm_swing_asymmetry='arm_swing_deg')
METRES = dict(walking_speed_mps='walking_speed_legs', stride_length_m='stride_length_legs',
              step_length_m='step_length_legs', step_width_m='step_width_legs')

Values = dict[str, dict[str, list[float]]]  # parameter -> side -> one value a step or stride


def gait_report(clip: Clip, layout: str | Layout, *, up: str = 'y', unit: str | None = None) -> list[Record]:
    """Gait parameters of one clip, for people to read.

    Args:
        clip: Annotation with `keypoint` (M, T, V, C), C = 2 (side view) or 3, `rate`, and perhaps `keypoint_score`
            (M, T, V).
        layout: With `legs`, `left` and `right`, and perhaps `feet`. Other joints are recognised by name.
        up: Vertical axis of 3-D clips: 'y', '-y', 'z' or '-z'.
        unit: Unit of 3-D coordinates, a key of `UNITS`. Without it, lengths are in leg lengths only.

    Returns:
        One record for each of `PARAMETERS`: its `name`, `label`, `unit`, `digits` and `sides`; `value`, `left` and
        `right`, NaN if missing or, for the last two, if the parameter has no sides; and `reason`, which says why the
        value is missing, or is empty.

    Raises:
        ConfigError, ClipError: As for `walk_of`.
    """
    walk = walk_of(clip, layout, up=up)
    return report_of(walk, foot_events(walk), metres=walk.leg * UNITS[unit] if unit is not None else None)


def report_of(walk: Walk, events: list[FootEvent], metres: float | None = None) -> list[Record]:
    """Gait parameters of a walk, as for `gait_report`.

    Args:
        walk: From `walk_of`.
        events: From `foot_events`.
        metres: Metres of a leg length, if known.
    """
    reason = _no_walk(walk, events)
    values = {} if reason else _values(walk, events)
    found = {name: _summary(of_side) for name, of_side in values.items()}
    if found:
        _add_speed(found)
        _add_derived(found, values, metres)
    missing = dict.fromkeys(('value', *SIDES), np.nan)
    records = []
    for parameter in PARAMETERS:
        numbers = found.get(parameter.name, missing)
        if not parameter.sides:
            numbers = dict(missing, value=numbers['value'])
        known = bool(np.isfinite(numbers['value']))
        records.append(dict(parameter._asdict(), **numbers, reason='' if known else reason or _reason(
            parameter.name, walk, metres, values)))
    return records


def _no_walk(walk: Walk, events: list[FootEvent]) -> str:
    """Why nothing can be measured, or ''."""
    strikes = [event for event in events if event.kind == 'strike']
    if walk.rate < MIN_RATE:
        return f'{walk.rate:g} frames per second; foot contacts need {MIN_RATE:g}'
    if walk.upright.mean() < MIN_SEEN:
        return 'the body is not upright, or its pose was not recognised'
    if not walk.side_view:
        return 'the view is not from the side'
    if len(strikes) < 2:
        seconds = len(walk.travel) / walk.finer / walk.rate
        return f'{len(strikes)} foot strikes in {seconds:.1f} s; a step needs two'
    return ''


def _reason(name: str, walk: Walk, metres: float | None, values: Values) -> str:
    """Why one parameter is missing though there are steps."""
    if name in METRES and metres is None:
        return 'the unit of length is unknown'
    if name.startswith('step_width') and walk.body['left_ankle'].shape[-1] == 2:
        return 'a view from the side does not show it'
    if name == 'ankle_range_deg' and feet_of(walk)[0] == 'ankle':
        return 'heel and toe are not seen'
    if not values.get('stride_duration_s'):
        return 'no whole stride of a steady, straight walk is seen'
    if name.endswith('_cv'):
        return f'fewer than {MIN_STRIDES} steps or strides'
    return 'the joints or the events that it needs are not seen, or not of both sides'


def _values(walk: Walk, events: list[FootEvent]) -> Values:
    """Each parameter of every step and every stride."""
    values: Values = {}

    def add(name: str, side: str, value: float) -> None:
        if np.isfinite(value):
            values.setdefault(name, {foot: [] for foot in SIDES})[side].append(float(value))

    heel, _ = feet_of(walk)
    stride = local_stride(walk)
    prints = {side: _footprint(walk, events, side) for side in SIDES}
    strikes = [event for event in events if event.kind == 'strike']
    for before, strike in zip(strikes, strikes[1:]):
        if before.side != strike.side and _plausible(before, strike, STEPS, STEP_SHARES, stride, walk) and (
                _usable(walk, before, strike)):
            duration, moment = strike.time - before.time, _both_down(strike, events)
            ahead = _at(walk, walk.body[f'{strike.side}_{heel}'], moment) - _at(walk, prints[before.side], moment)
            travel = float(_at(walk, walk.travel, strike.time) - _at(walk, walk.travel, before.time))
            if travel > MIN_OWN_TRAVEL * ahead[0] and abs(travel - ahead[0]) > max(CONFUSED[0] * travel, CONFUSED[1]):
                continue
            add('step_duration_s', strike.side, duration)
            add('step_length_legs', strike.side, ahead[0])
            add('travel', strike.side, travel)
            if len(ahead) == 3:
                add('step_width_legs', strike.side, ahead[2] * (1 if strike.side == 'left' else -1))
    angles = {name: np.degrees(angle[0]) for name, angle in
              joint_angles({name: track[None] for name, track in walk.body.items()}).items()}
    for side in SIDES:
        own = [event for event in strikes if event.side == side]
        for start, stop in zip(own, own[1:]):
            if _plausible(start, stop, STRIDES, STRIDE_SHARES, stride, walk) and _usable(walk, start, stop):
                _add_stride(add, walk, events, angles, start, stop)
    return values


def _plausible(start: FootEvent, stop: FootEvent, limits: tuple[float, float], shares: tuple[float, float],
               stride: np.ndarray | None, walk: Walk) -> bool:
    """Whether the time between two strikes is within the limits, and these shares of the usual stride time."""
    duration = stop.time - start.time
    share = np.mean(shares) if stride is None else duration / _at(walk, stride, (start.time + stop.time) / 2)
    return bool(limits[0] <= duration <= limits[1] and shares[0] <= share <= shares[1])


def _add_stride(add: Callable[[str, str, float], None], walk: Walk, events: list[FootEvent],
                angles: Mapping[str, np.ndarray], start: FootEvent, stop: FootEvent) -> None:
    """Parameters of one stride, from a foot strike to the next one of the same foot."""
    side, duration = start.side, stop.time - start.time
    inside = [event for event in events if start.time < event.time < stop.time]
    order = [(event.side == side, event.kind) for event in inside]
    if order.count((False, 'strike')) > 1:  # a strike of this foot was missed
        return
    add('stride_duration_s', side, duration)
    if order.count((True, 'off')) == 1:
        off = inside[order.index((True, 'off'))].time
        add('stance_percent', side, 100 * (off - start.time) / duration)
        if order == [(False, 'off'), (False, 'strike'), (True, 'off')]:
            add('double_support_percent', side, 100 * (inside[0].time - start.time + off - inside[1].time) / duration)
    frames = slice(*(round(walk.frame(event.time)) for event in (start, stop)))
    for name, joint in RANGES.items():
        if f'{side}_{joint}' in angles:
            extent = np.ptp(np.unwrap(angles[f'{side}_{joint}'][frames], period=360))
            add(name, side, extent if extent < WIDEST else np.nan)
    if 'trunk' in angles:
        add('trunk_lean_deg', side, np.median(angles['trunk'][frames]))


def _usable(walk: Walk, start: FootEvent, stop: FootEvent) -> bool:
    """Whether the person walks upright and straight on and the feet are seen between two events."""
    first, last = (round(walk.frame(event.time)) for event in (start, stop))
    seen = [walk.seen[f'{side}_{joint}'][first:last + 1].mean() for side in SIDES for joint in feet_of(walk)]
    return bool((walk.straight & walk.upright)[first:last + 1].all() and min(seen) >= MIN_SEEN)


def _both_down(strike: FootEvent, events: list[FootEvent]) -> float:
    """The moment at which both feet rest on the ground: half-way from a strike to the other foot's off."""
    offs = [event.time for event in events if event.kind == 'off' and event.side != strike.side
            and strike.time < event.time < strike.time + STEPS[0] * 2]
    return (strike.time + offs[0]) / 2 if offs else strike.time + DOUBLE_SUPPORT / 2


def _footprint(walk: Walk, events: list[FootEvent], side: str) -> np.ndarray:
    """Place of a foot's heel on the ground (T, C), relative to the pelvis.

    When the other foot strikes, this heel has left the ground and the toes have not. The toe minus the length of the
    flat foot therefore stands for the heel. Without heel and toe it is the ankle.
    """
    heel, toe = feet_of(walk)
    if heel == 'ankle':
        return walk.body[f'{side}_ankle']
    sole = walk.body[f'{side}_toe'] - walk.body[f'{side}_heel']
    own = [event for event in events if event.side == side]
    flat = [sole[frame] for start, stop in zip(own, own[1:]) if (start.kind, stop.kind) == ('strike', 'off')
            for frame in [round(walk.frame(0.6 * start.time + 0.4 * stop.time))]]
    return walk.body[f'{side}_toe'] - np.median(flat if flat else sole, axis=0)


def _at(walk: Walk, track: np.ndarray, time: float) -> np.ndarray:
    """A track (T, ...) at a moment between frames."""
    frame = min(max(walk.frame(time), 0.), len(track) - 1.)
    before = int(frame)
    after = min(before + 1, len(track) - 1)
    return np.asarray(track[before] + (frame - before) * (track[after] - track[before]))


def _summary(of_side: Mapping[str, list[float]]) -> dict[str, float]:
    """Medians of left and right, and the mean of both."""
    medians = {side: float(np.median(values)) if values else np.nan for side, values in of_side.items()}
    known = [median for median in medians.values() if np.isfinite(median)]
    return dict(value=float(np.mean(known)) if known else np.nan, **medians)


def _without_outliers(values: list[float]) -> np.ndarray:
    """The values within `OUTLIER` standard deviations of the median."""
    array = np.asarray(values)
    away = np.abs(array - np.median(array))
    spread = 1.4826 * np.median(away)
    return array[away <= max(OUTLIER * spread, 0.1 * abs(np.median(array)))] if len(array) > 4 else array


def _add_speed(found: dict[str, dict[str, float]]) -> None:
    """Walking speed in leg lengths per second.

    It is the way of the pelvis by the time of the steps. If the pelvis hardly moves, as on a treadmill or in the image
    of a camera that moves along, it is step length by step time.
    """
    if 'step_duration_s' in found:
        travel, length, time = (found[name]['value'] for name in ('travel', 'step_length_legs', 'step_duration_s'))
        speed = (travel if travel >= MIN_OWN_TRAVEL * length else length) / time
        found['walking_speed_legs'] = dict(value=speed, left=np.nan, right=np.nan)


def _add_derived(found: dict[str, dict[str, float]], values: Values, metres: float | None) -> None:
    """What follows from other parameters: cadence, stride length, variability, asymmetry, and metres."""
    def alone(value: float) -> dict[str, float]:
        return dict(value=float(value), left=np.nan, right=np.nan)

    if 'step_duration_s' in found:
        found['cadence_spm'] = alone(60 / found['step_duration_s']['value'])
    if 'stride_duration_s' in found:
        found['cadence_spm'] = alone(120 / found['stride_duration_s']['value'])
    if {'stride_duration_s', 'walking_speed_legs'} <= set(found):
        found['stride_length_legs'] = alone(found['walking_speed_legs']['value'] * found['stride_duration_s']['value'])
    for name, base in (('stride_duration_cv', 'stride_duration_s'), ('step_length_cv', 'step_length_legs')):
        parts = [_without_outliers(of_side) for of_side in values.get(base, {}).values() if of_side]
        if sum(map(len, parts)) >= MIN_STRIDES:  # about each side's own mean, so that a limp is not variability
            rest = np.concatenate([part - part.mean() for part in parts])
            freedom = max(len(rest) - len(parts), 1)
            found[name] = alone(100 * np.sqrt((rest**2).sum() / freedom) / abs(found[base]['value']))
    for name, base in ASYMMETRIES.items():
        left, right = (found.get(base, {}).get(side, np.nan) for side in SIDES)
        found[name] = alone(100 * abs(left - right) / max(abs(left + right) / 2, SMALLEST))
    for name, base in METRES.items():
        if metres is not None and base in found:
            found[name] = {key: value * metres for key, value in found[base].items()}

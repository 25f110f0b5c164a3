"""Foot strikes of a recording, and the place of its moments in the stride."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dynstg_mm.errors import UserError
from dynstg_mm.gait.cleaning import Clip
from dynstg_mm.gait.events import foot_events, phase_at
from dynstg_mm.gait.strides import STRIDES
from dynstg_mm.gait.walk import walk_of
from dynstg_mm.gait.windows import SIDES
from dynstg_mm.skeletons import Layout

STRIDE = 1.2  # seconds of a usual stride, where none is found
CURVE = 20  # points of the stride at which a mean over strides is known

Strikes = dict[str, list[float]]  # side -> seconds


def find_strikes(clip: Clip, layout: str | Layout, up: str = 'y') -> tuple[Strikes, float]:
    """Seconds at which each foot strikes, and the stride time in seconds.

    Args:
        clip: The recording.
        layout: Its layout.
        up: Vertical axis of a 3-D clip.

    Returns:
        Strikes of 'left' and 'right'; empty, with a usual stride time, if a foot has no whole stride.
    """
    try:
        events = foot_events(walk_of(clip, layout, up=up))
    except UserError:  # such as a layout without legs
        return {}, STRIDE
    strikes = {side: [event.time for event in events if event.side == side and event.kind == 'strike']
               for side in SIDES}
    strides = [stride for seconds in strikes.values() if (stride := _stride(seconds))]
    return (strikes, float(np.mean(strides))) if len(strides) == 2 else ({}, STRIDE)


def marked_strikes(clip: Clip) -> Strikes:
    """Foot strikes that an annotation lists in `events`; empty without."""
    events = clip.get('events') or ()
    return {side: sorted(float(time) for time, of, kind in events if of == side and kind == 'strike')
            for side in SIDES} if events else {}


def phase_beyond(seconds: np.ndarray, strikes: Sequence[float]) -> np.ndarray:
    """Phase of the stride, which continues before the first and after the last strike for a stride of median length."""
    stride = _stride(strikes) or STRIDE
    return phase_at(seconds, [strikes[0] - stride, *strikes, strikes[-1] + stride])


def over_stride(place: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mean of values (n, p) around `CURVE` points of the stride.

    Args:
        place: Shape (n,), in [0, 1), NaN where it is unknown.
        values: Shape (n, p).

    Returns:
        Shape (CURVE, p); NaN if no place is known.
    """
    known = np.isfinite(place)
    if not known.any():
        return np.full((CURVE, values.shape[1]), np.nan)
    points = (np.arange(CURVE) + 0.5) / CURVE
    distance = (points[:, None] - place[known] + 0.5) % 1 - 0.5
    weight = np.exp(-(distance / 0.04)**2) + 1e-9
    return weight @ values[known] / weight.sum(1, keepdims=True)


def _stride(strikes: Sequence[float]) -> float | None:
    """Median stride time of one foot, if it has a stride."""
    strides = [gap for gap in np.diff(strikes) if STRIDES[0] <= gap <= STRIDES[1]]
    return float(np.median(strides)) if strides else None

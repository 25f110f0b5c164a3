"""How well foot contacts and gait parameters agree with a reference."""
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dynstg_mm.gait.events import FootEvent

NEAR = 0.15  # seconds within which two contacts are the same


class Agreement(NamedTuple):
    """Agreement of measured values with their reference.

    `n` pairs; Pearson's correlation `r`; mean difference `bias`, measured minus reference; standard deviation `sd` of
    the differences; `relative`, the median of the absolute differences in per cent of the reference; and `spread`, the
    standard deviation of the reference: `r` is low, however small `sd`, where people hardly differ.
    """

    n: int
    r: float
    bias: float
    sd: float
    relative: float
    spread: float

    @property
    def limits(self) -> tuple[float, float]:
        """Limits of agreement, between which 95 % of the differences lie (Bland & Altman 1986, Lancet)."""
        return self.bias - 1.96 * self.sd, self.bias + 1.96 * self.sd


def agreement(measured: np.ndarray, reference: np.ndarray) -> Agreement:
    """Agreement of the pairs in which both are numbers; NaN with fewer than three.

    Args:
        measured: Shape (N,).
        reference: Shape (N,).
    """
    both = np.isfinite(measured) & np.isfinite(reference)
    one, other = measured[both], reference[both]
    if len(one) < 3:
        return Agreement(len(one), *[np.nan] * 5)
    apart = one - other
    varies = min(np.std(one), np.std(other)) > 0
    return Agreement(len(one), float(np.corrcoef(one, other)[0, 1]) if varies else np.nan, float(apart.mean()),
                     float(apart.std(ddof=1)), float(100 * np.median(np.abs(apart / np.where(other, other, np.nan)))),
                     float(other.std(ddof=1)))


def contact_errors(found: Sequence[FootEvent], marked: Sequence[FootEvent], kind: str) -> tuple[list[float], int, int]:
    """Errors of foot contacts of one kind.

    Args:
        found: What was found.
        marked: What somebody marked; contacts outside of their span do not count.
        kind: 'strike' or 'off'.

    Returns:
        Seconds by which each marked contact was found late, how many were not found, and how many were found that
        nobody marked.
    """
    span = min(event.time for event in marked) - NEAR, max(event.time for event in marked) + NEAR
    errors, used = [], set()
    wanted = [event for event in marked if event.kind == kind]
    for event in wanted:
        near = min((other for other in found if other[1:] == event[1:]), key=lambda other: abs(other.time - event.time),
                   default=None)
        if near is not None and abs(near.time - event.time) <= NEAR:
            errors.append(near.time - event.time)
            used.add(near)
    extra = [event for event in found if event.kind == kind and span[0] <= event.time <= span[1] and event not in used]
    return errors, len(wanted) - len(errors), len(extra)

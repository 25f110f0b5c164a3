"""Reasons not to believe an answer."""
from typing import Any

from dynstg_mm.inference.answer import Answer

Clip = dict[str, Any]
LOST = 0.2  # share of lost joints that is doubtful
LOW_RATE = 20.  # frames per second


def add_doubts(answer: Answer, clip: Clip, window: float | None) -> None:
    """Add the doubts about an answer to it.

    Args:
        answer: The answer, which is changed.
        clip: The annotation that it is about.
        window: Seconds of the model's window, or None if it is not a fixed time.
    """
    duration, rate = answer.duration, answer.rate
    if window and duration and duration < window:
        answer.add_doubt('too_short', 'doubt', f'The recording is {duration:.2f} s long; the model looks at windows of '
                         f'{window:.2f} s.', duration, window)
    others = clip.get('persons', 1) - 1
    if others > 0:
        answer.add_doubt('several_persons', 'doubt', f'The recording shows {others + 1} persons; the answer is for the '
                         'one who is seen longest.' if answer.person == 0 else
                         f'The recording shows {others + 1} persons; the answer is for number {answer.person + 1} by '
                         'the time for which they are seen.', others + 1, 1)
    if answer.lost is not None and answer.lost > LOST:
        answer.add_doubt('joints_lost', 'doubt', f'{answer.lost:.0%} of the joints were not found.', answer.lost, LOST)
    if rate and rate < LOW_RATE:
        answer.add_doubt('low_rate', 'doubt', f'The recording has {rate:g} frames per second; expected at least '
                         f'{LOW_RATE:g}.', rate, LOW_RATE)

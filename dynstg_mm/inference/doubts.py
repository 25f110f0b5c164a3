"""Reasons not to believe an answer."""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from dynstg_mm.errors import ClipError, ConfigError
from dynstg_mm.gait.anatomy import wrong_layout
from dynstg_mm.gait.cleaning import keep_tracked_person
from dynstg_mm.gait.coordinates import coordinate_kind
from dynstg_mm.gait.events import MIN_RATE, FootEvent, foot_events
from dynstg_mm.gait.quality import flaws_of, window_flaws
from dynstg_mm.gait.spatiotemporal import report_of
from dynstg_mm.gait.upright import up_axis
from dynstg_mm.gait.visibility import seen_joints
from dynstg_mm.gait.walk import Walk, walk_of
from dynstg_mm.inference.answer import Answer
from dynstg_mm.inference.pipeline import SHORTEST
from dynstg_mm.inference.training_record import TrainingRecord
from dynstg_mm.skeletons import Layout, get_layout

Clip = dict[str, Any]
MAX_JUMP = 2.  # leg lengths of the hips within half a second, within which a walker covers about 1
MIN_AGREEMENT = 0.75  # share of the windows that name the class of the answer
# Formats that tell who found the joints.
ESTIMATORS = dict(openpose='OpenPose', alphapose='AlphaPose', mmpose='MMPose', mediapipe='MediaPipe',
                  deeplabcut='DeepLabCut', kinect='Kinect', bvh='motion capture', c3d='motion capture',
                  trc='motion capture')


class Expected(NamedTuple):
    """What a model expects of a recording.

    Attributes:
        window: Seconds of a window, or None if it is not a fixed time. from_the_side: 2-D recordings must be filmed
        from the side. layout: Its skeleton, if known. record: What its checkpoint records about the training.
    """

    window: float | None = None
    from_the_side: bool = False
    layout: Layout | None = None
    record: TrainingRecord | None = None


def describe(answer: Answer, clip: Clip) -> tuple[Walk | None, list[FootEvent]]:
    """Describe a recording in its answer, and measure its walk; if that is impossible, the answer is refused.

    Args:
        answer: The answer, which is changed.
        clip: The annotation that it is about.

    Returns:
        The walk, None if it cannot be measured, and its foot contacts.
    """
    keypoint, score = np.asarray(clip['keypoint']), clip.get('keypoint_score')
    answer.frames, answer.rate = keypoint.shape[1], clip.get('rate')
    answer.duration = answer.frames / answer.rate if answer.rate else None
    answer.lost = float(1 - seen_joints(keypoint, score).mean())
    answer.notes = list(clip.get('notes') or ())
    layout = clip.get('layout')
    answer.layout = layout if isinstance(layout, str) else None
    if layout is not None and answer.rate:
        try:
            walk = walk_of(clip, layout)
            events = foot_events(walk)
            answer.gait = report_of(walk, events)
            return walk, events
        except ClipError as error:
            answer.add_doubt('not_walking', 'refusal', f'No walk can be measured: {str(error).split(": ", 2)[-1]}')
        except ConfigError:
            pass  # a skeleton without legs
    return None, []


def add_doubts(answer: Answer, clip: Clip, model: Expected, walk: Walk | None = None,
               events: Sequence[FootEvent] = ()) -> None:
    """Add the doubts about an answer to it, and those about single windows to these.

    Args:
        answer: The answer, which is changed.
        clip: The annotation that it is about.
        model: What the model expects.
        walk: From `walk_of`; None if the walk cannot be measured.
        events: From `foot_events`.
    """
    _length(answer, model.window)
    _persons(answer, clip)
    if answer.rate and answer.rate < MIN_RATE:
        answer.add_doubt('low_rate', 'doubt', f'The recording has {answer.rate:g} frames per second; at least '
                         f'{MIN_RATE:g} are expected. Film with more.', answer.rate, MIN_RATE)
    _coordinates(answer, clip)
    _skeleton(answer, clip, model.layout)
    if model.record is not None:
        _estimator(answer, clip, model.record)
    if walk is not None:
        _walk(answer, clip, model, walk, events)
    elif answer.predicted is not None:
        answer.add_doubt('not_checked', 'note', 'Nobody has checked whether this is a walk: that needs the frame rate, '
                         'the name of the skeleton, and two legs in it.')
    _unlike(answer)
    _outside_set(answer)
    _changes(answer)
    if clip.get('format') == 'video' and any(doubt.severity != 'note' for doubt in answer.doubts):
        answer.add_doubt('look', 'note', 'Look whether the skeleton is that of the walker (--video mp4). If it is that '
                         'of somebody else, say in which part of the picture to look (--crop).')


def _length(answer: Answer, window: float | None) -> None:
    duration = answer.duration
    if duration and duration < SHORTEST:
        answer.add_doubt('too_short', 'refusal', f'The recording is {duration:.2f} s long; a stride takes about '
                         f'{SHORTEST:g} s. Use a longer one.', duration, SHORTEST)
    elif window and duration and duration < window:
        answer.add_doubt('too_short', 'doubt', f'The recording is {duration:.2f} s long; the model was trained on '
                         f'windows of {window:.2f} s. Use a longer one.', duration, window)
    elif window and any(part.short for part in answer.windows):
        seen = max(part.end - part.start for part in answer.windows)
        answer.add_doubt('too_short', 'doubt', f'A person is seen for {seen:.2f} s; the model was trained on windows '
                         f'of {window:.2f} s. Use a longer recording.', seen, window)


def _persons(answer: Answer, clip: Clip) -> None:
    persons = clip.get('persons', 1)
    if persons > 1:
        who = 'person 0, who is seen longest' if answer.person == 0 else (
            f'person {answer.person}, in the order of the time for which they are seen, from 0')
        answer.add_doubt('several_persons', 'doubt', f'The recording shows {persons} persons; the answer is for {who}. '
                         'Look whether it is the right one.', persons, 1)


def _coordinates(answer: Answer, clip: Clip) -> None:
    keypoint = np.asarray(clip['keypoint'])
    seen = seen_joints(keypoint)
    if keypoint.shape[-1] == 2 and coordinate_kind(keypoint, seen) != 'pixel':
        largest = float(np.abs(keypoint[seen]).max(initial=0))
        answer.add_doubt('aspect', 'doubt', f'The coordinates are at most {largest:.2g}, so they seem to be shares of '
                         'the picture; unless it is square, that stretches the body. Convert them to pixels.', largest)


def _skeleton(answer: Answer, clip: Clip, layout: Layout | None) -> None:
    if layout is None or clip.get('layout') is None:
        return
    if clip.get('assumed'):
        body, seen = _body(clip)
        wrong, better = wrong_layout(body, seen, get_layout(clip['layout']))
        text = ('The recording does not name its skeleton; it is taken for that of the model, since it has as many '
                'joints.')
        if wrong:
            other = f', and near to those in {better}' if better else ''
            answer.add_doubt('other_skeleton', 'doubt', f'{text} But the joints are far from their neighbours in it'
                             f'{other}. Name the skeleton (--source-layout).')
        else:
            answer.add_doubt('other_skeleton', 'note', text)
        return
    own = get_layout(clip['layout'])['joints']
    made = [name for name in layout['joints'] if name not in own]
    if made:
        few = ', '.join(made[:4]) + (f' and {len(made) - 4} more' if len(made) > 4 else '')
        answer.add_doubt('other_skeleton', 'note', f'The recording has another skeleton than the model: {few} '
                         f'{"is" if len(made) == 1 else "are"} made from other joints.', len(made), 0)


def _estimator(answer: Answer, clip: Clip, record: TrainingRecord) -> None:
    given = clip.get('estimator') or ESTIMATORS.get(str(clip.get('format')))
    if not given or not record.estimator or _program(given) == _program(record.estimator):
        return
    text = f'The keypoints are by {given}; the model was trained on those by {record.estimator}.'
    for name, figures in record.figures.get('others', {}).items():
        if _program(name) == _program(given):
            here, own = figures['macro_f1'][0], figures['own']['macro_f1'][0]
            answer.add_doubt('other_estimator', 'note', f'{text} On the same people, left out of the training, it '
                             f'scores {here:.2f} on the former and {own:.2f} on the latter (macro-F1).', here, own)
            return
    answer.add_doubt('other_estimator', 'doubt', f'{text} Nobody has measured what that costs.')


def _program(name: str) -> str:
    """`MediaPipe Pose 0.10` -> `mediapipe`."""
    return name.split()[0].lower() if name.split() else ''


def _walk(answer: Answer, clip: Clip, model: Expected, walk: Walk, events: Sequence[FootEvent]) -> None:
    layout = clip.get('layout')
    body, seen = _body(clip)
    up = None if layout is None else up_axis(body, seen, get_layout(layout))
    if layout is not None:
        _jump(answer, body, seen, get_layout(layout), walk)
    for flaw in flaws_of(walk, events, up, from_the_side=model.from_the_side):
        answer.add_doubt(flaw.code, 'refusal' if flaw.grave else 'doubt', f'{flaw.text}. {flaw.advice}', flaw.value,
                         flaw.limit)
    for window in answer.windows:
        window.doubts = window_flaws(walk, window.start, window.end)


def _body(clip: Clip) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints (T, V, C) of the person, and which joints are seen (T, V)."""
    kept = keep_tracked_person(clip)
    body, score = np.asarray(kept['keypoint'], np.float64)[0], kept.get('keypoint_score')  # float16 would overflow
    return body, seen_joints(body, None if score is None else np.asarray(score)[0])


def _jump(answer: Answer, body: np.ndarray, seen: np.ndarray, layout: Layout, walk: Walk) -> None:
    """From one frame that shows the hips to the next, if both are within half a second."""
    hips = [leg[0] for leg in layout['legs']]
    shown = np.flatnonzero(seen[:, hips].all(1))
    way = np.linalg.norm(np.diff(body[shown][:, hips].mean(1), axis=0), axis=1) / walk.leg
    way[np.diff(shown) > walk.rate / 2] = 0
    if way.max(initial=0) > MAX_JUMP:
        answer.add_doubt('jump', 'doubt', f'At {shown[way.argmax() + 1] / walk.rate:.1f} s the skeleton jumps by '
                         f'{way.max():.1f} leg lengths, more than {MAX_JUMP:g}: it may be that of another person then. '
                         'Cut the recording there.', float(way.max()), MAX_JUMP)


def _unlike(answer: Answer) -> None:
    for name, what in (('features', 'what the network sees'), ('gait', 'gait parameters')):
        known = answer.unlike.get(name)
        if known and known['distance'] > known['limit']:
            answer.add_doubt('unlike_training', 'doubt', f'By {what}, this walk is unlike those of the training: its '
                             f'distance is {known["distance"]:.1f} times the usual one, and 95 % of the people whom '
                             f'the model did not see are below {known["limit"]:.1f}. Do not rely on the answer.',
                             known['distance'], known['limit'])


def _outside_set(answer: Answer) -> None:
    """The most probable class may be no likely one: people of that class usually get a higher probability."""
    kept, name = answer.prediction_set, answer.predicted
    if kept is None or name is None or name in kept:
        return
    answer.add_doubt('not_in_set', 'doubt', f'{name} is the most probable class, but people of that class usually get '
                     f'a higher probability, so that the set of likely classes ({", ".join(kept) or "none"}) lacks it. '
                     'Take the walk for undecided.', answer.probabilities[answer.classes.index(name)])


def _changes(answer: Answer) -> None:
    """Windows that disagree, apart from those in which nobody walks or joints are lost."""
    best = [int(np.argmax(window.probabilities)) for window in answer.windows if not window.doubts]
    if answer.predicted is None or len(best) < 2:
        return
    share = best.count(answer.classes.index(answer.predicted)) / len(best)
    if share < MIN_AGREEMENT:
        named = ', '.join(answer.classes[index] for index, _ in Counter(best).most_common())
        answer.add_doubt('changes', 'doubt', f'Only {share:.0%} of the windows name {answer.predicted}; at least '
                         f'{MIN_AGREEMENT:.0%} are expected. The answer changes over the recording ({named}): look at '
                         'the windows.', share, MIN_AGREEMENT)

"""What an annotation file may hold: the checks that the data set and the audit share.

An annotation is a dict with MMAction2's fields `frame_dir`, `label`, `total_frames`, `img_shape`, `keypoint`
(M, T, V, C), `keypoint_score` (M, T, V), and `subject` (who walks) and `rate` (frames per second).
"""
import reprlib
from collections.abc import Sized

import numpy as np

from dynstg_mm.gait.signal import RATES, is_rate
from dynstg_mm.skeletons import get_layout

LARGEST = 1e9  # the largest coordinate, in any unit of length


def clip_faults(clip, *, joints=None, classes=None):
    """What is wrong with the fields of an annotation, the clip's name aside.

    Args:
        clip (dict): The annotation.
        joints (int, optional): How many joints it must have.
        classes (Sequence[str], optional): Names of the classes.

    Yields:
        tuple[str, str, str]: Kind of the fault (`keypoint`, `joint_count`, `nan`, `score`, `total_frames`, `rate`,
        `subject` or `label`), the field, and what it has and what was expected.
    """
    keypoint, score = clip.get('keypoint'), clip.get('keypoint_score')
    fault = _wrong_keypoint(keypoint)
    if fault is not None:
        yield 'keypoint', 'keypoint', fault
    else:
        persons_frames_joints = keypoint.shape[:3]
        if joints is not None and keypoint.shape[2] != joints:
            yield 'joint_count', 'keypoint', f'{keypoint.shape[2]} joints; expected {joints}.'
        fault = _wrong_numbers(keypoint, '; a lost joint is zeros with score 0.')
        if fault is not None:
            yield 'nan', 'keypoint', fault
        if score is not None:
            if not isinstance(score, np.ndarray) or score.shape != persons_frames_joints or (
                    score.dtype.kind not in 'fiub'):
                yield 'score', 'keypoint_score', (f'{describe(score)}; expected an array of numbers of shape '
                                                  f'{persons_frames_joints}.')
            elif (fault := _wrong_numbers(score)) is not None:
                yield 'score', 'keypoint_score', fault
        total = clip.get('total_frames')
        if not isinstance(total, (int, np.integer)) or total != keypoint.shape[1]:
            yield 'total_frames', 'total_frames', f'{describe(total)}; keypoint has {keypoint.shape[1]} frames.'
    rate, subject, label = clip.get('rate'), clip.get('subject'), clip.get('label')
    if not is_rate(rate):
        yield 'rate', 'rate', (f'{describe(rate)}; expected the frames per second of the recording, {RATES[0]} to '
                               f'{RATES[1]}.')
    if not is_subject(subject):
        yield 'subject', 'subject', f'{describe(subject)}; expected who walks, a name or a number.'
    if isinstance(label, bool) or not isinstance(label, (int, np.integer)) or not 0 <= label < 10**6:
        yield 'label', 'label', f'{describe(label)}; expected a class number from 0.'
    elif classes is not None and label >= len(classes):
        yield 'label', 'label', (f'{label}; there are {len(classes)} classes ({", ".join(map(str, classes))}), '
                                 'numbered from 0.')


def _wrong_keypoint(keypoint):
    """What keeps keypoints from being looked at any closer, or None."""
    if not isinstance(keypoint, np.ndarray) or keypoint.ndim != 4 or keypoint.dtype.kind not in 'fiu':
        return f'{describe(keypoint)}; expected an array of numbers (persons, frames, joints, 2 or 3).'
    persons, frames, joints, channels = keypoint.shape
    if not persons or not frames or not joints:
        return f'{persons} persons in {frames} frames with {joints} joints; expected at least one of each.'
    if channels not in (2, 3):
        return f'{channels} coordinates; expected 2 or 3 (scores belong into keypoint_score).'
    return None


def _wrong_numbers(array, hint='.'):
    """No NaN, and nothing that is no place in any unit of length and overflows once it is squared."""
    if array.dtype.kind == 'f' and not np.isfinite(array).all():
        place = np.argwhere(~np.isfinite(array))[0]
        return f'NaN or infinite in frame {place[1]}, joint {place[2]}{hint}'
    lowest, highest = float(array.min()), float(array.max())
    if highest > LARGEST or lowest < -LARGEST:
        return f'{lowest:g} to {highest:g}; expected numbers up to {LARGEST:g}.'
    return None


def wrong_classes(classes):
    """What is wrong with the names of a file's classes, or None."""
    if isinstance(classes, (list, tuple)) and classes and all(map(is_name, classes)) and (
            len(set(classes)) == len(classes)):
        return None
    return f'classes: {describe(classes)}; expected different names, in the order of the labels.'


def file_layout(layout):
    """The layout that a file has, checked; a ValueError of one line says what is wrong with it."""
    try:
        return get_layout(layout)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OSError) as error:
        reason = str(error) if str(error).startswith('layout: ') else f'layout: {type(error).__name__}: {error}'
        raise ValueError(' '.join(reason.split())) from None


def split_members(members):
    """Names of a split's clips, in an order that does not change from run to run; None where it is no list of names."""
    if not isinstance(members, (list, tuple, set, frozenset, np.ndarray)) or not all(map(is_name, members)):
        return None
    return sorted(members) if isinstance(members, (set, frozenset)) else [str(name) for name in members]


def is_name(value):
    """Whether that names a clip or a class: text of one line."""
    return isinstance(value, str) and value != '' and value.isprintable()


def is_subject(value):
    """Whether that can stand for a person."""
    return is_name(value) or isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def describe(value):
    """What a value is, in a few words of a line, however large it is."""
    if value is None:
        return 'missing'
    if isinstance(value, np.ndarray):
        return f'an array of {value.dtype} of shape {value.shape}'
    if isinstance(value, (str, bytes, int, float, np.generic)):
        try:
            return reprlib.repr(value)
        except ValueError:  # Python prints no number of more than 4300 digits
            return 'a huge number'
    return f'a {type(value).__name__}' + (f' of {len(value)}' if isinstance(value, Sized) else '')

"""Annotation files: reading one safely, and everything that can be wrong with it.

A file is a pickle of `dict(split=dict(name=[frame_dir, ...]), annotations=[...])`, perhaps with `classes`, `layout` and
`targets`. An annotation is a dict with MMAction2's fields `frame_dir`, `label`, `total_frames`, `img_shape`, `keypoint`
(M, T, V, C), `keypoint_score` (M, T, V), and with `subject` (who walks), `rate` (frames per second) and perhaps
`targets`, scores beside the class (see `targets.py`). The fields `ORIGINS` may say where it is from.
"""
import os
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from itertools import combinations
from typing import Any, NamedTuple, TypeGuard

import numpy as np

from dynstg_mm.datasets.folds import split_family
from dynstg_mm.datasets.targets import Target, read_targets, target_faults
from dynstg_mm.errors import ClipError, ConfigError, DataError
from dynstg_mm.gait.signal import RATES, is_rate
from dynstg_mm.safe_pickle import load_pickle
from dynstg_mm.skeletons import Layout, get_layout
from dynstg_mm.text import few

# Where a clip is from, as far as the file says it: the hospital or laboratory, the camera, the program that found the
# keypoints, the visit, and the data set.
ORIGINS = ('site', 'camera', 'estimator', 'session', 'dataset')
LARGEST = 1e9  # the largest coordinate, in any unit of length

Clip = dict[str, Any]


class Fault(NamedTuple):
    """One thing that is wrong with an annotation file."""

    kind: str  # such as 'nan'; the kinds of errors of the audit
    clip: str | None  # name of the clip, if it is about one
    field: str  # such as 'keypoint', or 'split a_fold0_train'
    message: str  # what the field is, and what was expected

    def __str__(self) -> str:
        return f'{f"clip {self.clip}: " if self.clip is not None else ""}{self.field}: {self.message}'

    def error(self, path: str | os.PathLike) -> DataError:
        """The error that names the file and this fault."""
        return (DataError if self.clip is None else ClipError)(f'{path}: {self}')


class AnnotationFile:
    """The content of an annotation file, of which anything may be wrong.

    Args:
        content: What the pickle holds.
        path: The file, for messages.

    Attributes:
        content: As it was read.
        clips: Annotations by name; those without a name, and all but the first of one name, are left out.
        split_names: Names of all splits, in the order of the file.
        splits: Split -> names of its clips, as far as they are lists of names.
        classes: Names of the classes, or None if there are none that can be used.
        layout: The completed skeleton layout, or None if there is none that can be used.
        targets: Scores beside the class, by name, as far as they are described and can be used.

    Raises:
        DataError: The content is not a dict with a list of annotations.
    """

    def __init__(self, content: object, path: str | os.PathLike = 'annotation file') -> None:
        self.path = path
        if not isinstance(content, dict) or not isinstance(content.get('annotations'), list):
            raise DataError(f'{path}: annotations: missing; expected a dict with split and a list of annotations.')
        if not content['annotations']:
            raise DataError(f'{path}: annotations: empty; expected at least one clip.')
        self.content: dict[str, Any] = content
        self._faults: list[Fault] = []  # of what is not a clip
        self.classes = self._read_classes()
        self.layout = self._read_layout()
        self.targets = self._read_targets()
        self.clips = self._read_clips()
        self.split_names: list[str] = []
        self.splits: dict[str, list[str]] = {}
        self._broken_splits: dict[str, Fault] = {}
        self._read_splits()

    @classmethod
    def read(cls, path: str | os.PathLike) -> 'AnnotationFile':
        """Read a file without running anything in it.

        Raises:
            FileNotFoundError: There is no such file.
            DataError: The file is damaged, names anything that could run code, or has no annotations.
        """
        return cls(load_pickle(path), path)

    def _read_classes(self) -> tuple[str, ...] | None:
        classes = self.content.get('classes')
        if classes is None:
            return None
        if isinstance(classes, (list, tuple)) and classes and all(map(is_name, classes)) and (
                len(set(classes)) == len(classes)):
            return tuple(classes)
        self._add('classes', 'classes', f'{describe(classes)}; expected different names, in the order of the labels.')
        return None

    def _read_layout(self) -> Layout | None:
        layout = self.content.get('layout')
        if layout is None:
            return None
        try:
            return get_layout(layout)
        except (ConfigError, OSError, TypeError, KeyError, AttributeError, IndexError) as error:
            reason = str(error).removeprefix('layout: ')
            self._add('wrong_layout', 'layout', ' '.join(reason.split()))
            return None

    def _read_targets(self) -> dict[str, Target]:
        if self.content.get('targets') is None:
            return {}
        try:
            return read_targets(self.content['targets'])
        except ConfigError as error:
            field, _, message = str(error).partition(': ')
            self._add('target', field, message)
            return {}

    def _read_clips(self) -> dict[str, Clip]:
        clips: dict[str, Clip] = {}
        for index, clip in enumerate(self.content['annotations']):
            if not isinstance(clip, dict):
                self._add('annotation', f'annotation {index}', f'{describe(clip)}; expected a dict.')
            elif not is_name(name := clip.get('frame_dir')):
                self._add('annotation', f'annotation {index}: frame_dir',
                          f'{describe(name)}; expected the name of the clip, one line of text.')
            elif name in clips:
                self._add('name', f'annotation {index}: frame_dir',
                          f'{name} is duplicated; expected one annotation for each clip.')
            else:
                clips[name] = clip
        return clips

    def _read_splits(self) -> None:
        splits = self.content.get('split')
        if splits is not None and not isinstance(splits, dict):
            self._add('split', 'split', f'{describe(splits)}; expected a dict of lists of clip names.')
        for name, members in splits.items() if isinstance(splits, dict) else ():
            if not is_name(name):
                self._add('split', 'split', f'the name {describe(name)}; expected one line of text.')
                continue
            self.split_names.append(name)
            if not isinstance(members, (list, tuple, set, frozenset, np.ndarray)) or not all(map(is_name, members)):
                self._broken_splits[name] = Fault('split', None, f'split {name}',
                                                  f'{describe(members)}; expected a list of clip names.')
            else:  # a set has no order that is the same in every run
                self.splits[name] = [str(member) for member in (
                    sorted(members) if isinstance(members, (set, frozenset)) else members)]

    def _add(self, kind: str, field: str, message: str) -> None:
        self._faults.append(Fault(kind, None, field, message))

    def family(self, split: str) -> list[str]:
        """The splits that must not share a subject with this one, which comes first, as it does itself."""
        family = split_family(split)
        return [split, *(name for name in self.split_names
                         if name != split and family is not None and split_family(name) == family)]

    def faults(self) -> Iterator[Fault]:
        """Everything that is wrong with the file, its clips and its splits."""
        yield from self.file_faults()
        for name in self.clips:
            yield from self.clip_faults(name)
        yield from self.split_faults()

    def file_faults(self) -> Iterator[Fault]:
        """What is wrong with classes, layout, the names of clips, and the container of the splits."""
        yield from self._faults

    def clip_faults(self, name: str, *, joints: int | None = None, classes: Sequence[str] | None = None,
                    targets: Iterable[Target] | None = None) -> Iterator[Fault]:
        """What is wrong with a clip.

        Args:
            name: Name of the clip.
            joints: Number of joints that it must have; by default that of the layout.
            classes: Names of the classes; by default the file's.
            targets: Targets whose values are checked; by default the file's.
        """
        if joints is None and self.layout is not None:
            joints = self.layout['num_node']
        labelled = True
        for kind, field, message in _field_faults(self.clips[name], joints, classes or self.classes):
            labelled &= kind != 'label'
            yield Fault(kind, name, field, message)
        chosen = self.targets.values() if targets is None else targets
        for field, message in target_faults(self.clips[name], [one for one in chosen if labelled or not one.from_label],
                                            complete=targets is None and bool(self.targets)):
            yield Fault('target', name, field, message)

    def subject_faults(self, names: Iterable[str]) -> Iterator[Fault]:
        """The clips of these names that have no subject, or one that cannot identify a person."""
        for name in names:
            for kind, field, message in _subject_faults(self.clips[name]):
                yield Fault(kind, name, field, message)

    def split_faults(self, splits: Iterable[str] | None = None, *, shared_subjects: bool = False) -> Iterator[Fault]:
        """What is wrong with splits: clips without annotation, duplicates, and subjects on both sides.

        A missing subject is a fault of the clip.

        Args:
            splits: The splits to check; all by default.
            shared_subjects: Accept subjects on both sides.
        """
        splits = self.split_names if splits is None else list(splits)
        for split in splits:
            yield from self._member_faults(split)
        if shared_subjects:
            return
        families: dict[str, list[str]] = {}
        for split in splits:
            if split in self.splits and (family := split_family(split)) is not None:
                families.setdefault(family, []).append(split)
        for members in families.values():
            sides = {split: [self.clips[name] for name in self.splits[split] if name in self.clips]
                     for split in members}
            yield from shared_faults(sides)

    def _member_faults(self, split: str) -> Iterator[Fault]:
        field = f'split {split}'
        if split in self._broken_splits:
            yield self._broken_splits[split]
        elif split not in self.splits:
            yield Fault('split', None, field, f'missing; splits of the file: {few(self.split_names, like=split)}.')
        elif not self.splits[split]:
            yield Fault('split', None, field, 'empty; expected at least one clip.')
        known_members: set[str] = set()
        for member in self.splits.get(split, ()):
            if member not in self.clips:
                yield Fault('split', None, field, f'names clip {member}, which has no annotation.')
            elif member in known_members:
                yield Fault('split', None, field, f'names clip {member} twice.')
            known_members.add(member)


def shared_faults(sides: Mapping[str, Sequence[Clip]]) -> Iterator[Fault]:
    """Clips and subjects on more than one side.

    Args:
        sides: Name of the side, such as a split -> its annotations.
    """
    for one, other in combinations(sides, 2):
        first = {clip['frame_dir'] for clip in sides[one]}
        for clip in sides[other]:
            if clip['frame_dir'] in first:
                yield Fault('recording_leak', clip['frame_dir'], 'split',
                            f'in both {one} and {other}; a clip belongs to one side only.')
        people = {str(clip['subject']) for clip in sides[one] if is_subject(clip.get('subject'))}
        for clip in sides[other]:
            subject = str(clip['subject']) if is_subject(clip.get('subject')) else None
            if subject in people:
                people.remove(subject)  # each subject once
                yield Fault('subject_leak', clip['frame_dir'], 'subject',
                            f'{subject} is in both {one} and {other}; a person belongs to one side only.')


def _field_faults(clip: Clip, joints: int | None, classes: Sequence[str] | None) -> Iterator[tuple[str, str, str]]:
    """Kind, field and message of what is wrong with the fields of an annotation, its name aside."""
    keypoint: Any = clip.get('keypoint')
    score = clip.get('keypoint_score')
    broken = {field: (kind, field, message) for kind, field, message in shape_faults(keypoint, score)}
    if 'keypoint' in broken:
        yield broken['keypoint']
    else:
        if joints is not None and keypoint.shape[2] != joints:
            yield 'joint_count', 'keypoint', f'{keypoint.shape[2]} joints; expected {joints}.'
        fault = _wrong_numbers(keypoint, '; a lost joint is zeros with score 0.')
        if fault is not None:
            yield 'nan', 'keypoint', fault
        if 'keypoint_score' in broken:
            yield broken['keypoint_score']
        elif score is not None and (fault := _wrong_numbers(score)) is not None:
            yield 'score', 'keypoint_score', fault
        total = clip.get('total_frames')
        if not isinstance(total, (int, np.integer)) or total != keypoint.shape[1]:
            yield 'total_frames', 'total_frames', (f'{describe(total)}; expected {keypoint.shape[1]}, the number of '
                                                   'frames in keypoint.')
    rate, label = clip.get('rate'), clip.get('label')
    if not is_rate(rate):
        yield 'rate', 'rate', (f'{describe(rate)}; expected the frames per second of the recording, {RATES[0]} to '
                               f'{RATES[1]}.')
    yield from _subject_faults(clip)
    for field in ORIGINS:
        if clip.get(field) is not None and not is_subject(clip[field]):
            yield 'origin', field, f'{describe(clip[field])}; expected a name or a number, or nothing.'
    if isinstance(label, bool) or not isinstance(label, (int, np.integer)) or not 0 <= label < 10**6:
        yield 'label', 'label', f'{describe(label)}; expected a class number from 0.'
    elif classes is not None and label >= len(classes):
        yield 'label', 'label', (f'{label}; expected a class number from 0 to {len(classes) - 1} '
                                 f'({", ".join(map(str, classes))}).')


def _subject_faults(clip: Clip) -> Iterator[tuple[str, str, str]]:
    subject = clip.get('subject')
    if not is_subject(subject):
        yield 'subject', 'subject', f'{describe(subject)}; expected who walks, a name or a number.'


def shape_faults(keypoint: object, score: object) -> Iterator[tuple[str, str, str]]:
    """Kind, field and message of what is wrong with the types and shapes of keypoints and their scores, if any."""
    fault = _wrong_keypoint(keypoint)
    if fault is not None:
        yield 'keypoint', 'keypoint', fault
    elif isinstance(keypoint, np.ndarray) and score is not None:
        shape = keypoint.shape[:3]
        if not isinstance(score, np.ndarray) or score.shape != shape or score.dtype.kind not in 'fiub':
            yield 'score', 'keypoint_score', f'{describe(score)}; expected an array of numbers of shape {shape}.'


def _wrong_keypoint(keypoint: object) -> str | None:
    """Why keypoints cannot be checked any further, or None."""
    if not isinstance(keypoint, np.ndarray) or keypoint.ndim != 4 or keypoint.dtype.kind not in 'fiu':
        return f'{describe(keypoint)}; expected an array of numbers (persons, frames, joints, 2 or 3).'
    persons, frames, joints, channels = keypoint.shape
    if not persons or not frames or not joints:
        return (f'{persons} persons in {frames} frames with {joints} joints; expected at least one of each. '
                'Leave the clip out, or convert its recording again.')
    if channels not in (2, 3):
        return f'{channels} coordinates; expected 2 or 3 (scores belong in keypoint_score).'
    return None


def _wrong_numbers(array: np.ndarray, hint: str = '.') -> str | None:
    """A number that is NaN, infinite, or so large that it overflows when squared."""
    if array.dtype.kind == 'f' and not np.isfinite(array).all():
        place = np.argwhere(~np.isfinite(array))[0]
        return f'NaN or infinite in frame {place[1]}, joint {place[2]}{hint}'
    lowest, highest = float(array.min()), float(array.max())
    if highest > LARGEST or lowest < -LARGEST:
        return f'{lowest:g} to {highest:g}; expected numbers up to {LARGEST:g}.'
    return None


def is_name(value: object) -> TypeGuard[str]:
    """Whether a value can name a clip, a split or a class: one line of text."""
    return isinstance(value, str) and value != '' and value.isprintable()


def is_subject(value: object) -> bool:
    """Whether a value can identify a person."""
    return is_name(value) or isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def describe(value: object) -> str:
    """What a value is, in a few words on one line, however large it is."""
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

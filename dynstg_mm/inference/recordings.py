"""The clips in whatever a user asks about: files, folders, arrays and annotations, one person or several."""
from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from dynstg_mm.errors import ConfigError, UserError
from dynstg_mm.gait.person import best_persons, person_rank
from dynstg_mm.importers.unlabelled import (
    Source,
    check_rate,
    find_recordings,
    read_annotation,
    read_unlabelled,
    with_rate,
)
from dynstg_mm.skeletons import Layout

Clip = dict[str, Any]
MIN_SHARE = 0.1  # of the frames of the person seen longest; someone seen for less only passes by


class Fault(Exception):
    """A recording that cannot be read: its file and the reason."""

    def __init__(self, file: str, error: Exception) -> None:
        super().__init__(str(error))
        self.file, self.error = file, error


Input = str | os.PathLike | np.ndarray | Mapping[str, Any] | Source | Fault


def find(inputs: Input | Sequence[Input], format_name: str | None = None,
         without: Sequence[str | os.PathLike] = ()) -> list[Source | Clip | Fault]:
    """What the inputs hold, before it is read.

    Args:
        inputs: Files, folders, annotations, or arrays (T, V, C) or (M, T, V, C), or what this function has found; one
            or many.
        format_name: Format of the files; by default it is recognised.
        without: Files and folders that are not recordings.

    Raises:
        ConfigError: An input is something else.
    """
    many: Iterable[Any] = [inputs] if isinstance(inputs, Source) or not isinstance(inputs, (list, tuple)) else inputs
    found: list[Source | Clip | Fault] = []

    def keep(file: str, error: Exception) -> None:
        found.append(Fault(file, error))

    for index, one in enumerate(many):
        if isinstance(one, (Source, Fault)):
            found.append(one)
        elif isinstance(one, (str, os.PathLike)):
            found += find_recordings([one], format_name, keep, without)
        elif isinstance(one, Mapping):
            found.append(dict(dict(frame_dir=f'annotation_{index}'), **one))
        elif isinstance(one, np.ndarray):
            found.append(dict(frame_dir=f'array_{index}', keypoint=one if one.ndim != 3 else one[None]))
        else:
            raise ConfigError(f'inputs: a {type(one).__name__}; expected a file, a folder, an array (frames, joints, '
                              'coordinates) or an annotation.')
    return found


def read(found: Iterable[Source | Clip | Fault], **options: Any) -> Iterator[Clip | Fault]:
    """The clips, one after the other, and what cannot be read.

    Args:
        found: From `find`.
        **options: Options of `read_unlabelled`.
    """
    check_rate(options.get('rate'))
    faults: list[Fault] = []

    def keep(file: str, error: Exception) -> None:
        faults.append(Fault(file, error))

    for one in found:
        if isinstance(one, Fault):
            yield one
        elif isinstance(one, Source):
            for clip in read_unlabelled([one], failed=keep, **options):
                yield from faults
                faults.clear()
                yield clip
            yield from faults
            faults.clear()
        else:
            yield _annotation(one, **options)


def _annotation(clip: Clip, *, rate: float | None = None, layout: Any = None, prefer: Layout | None = None,
                reader: Mapping[str, Any] | None = None, **_: Any) -> Clip | Fault:
    """An annotation or array of the caller, checked."""
    try:
        read = read_annotation('inputs', 0, clip, {}, clip.get('layout') if layout is None else layout,
                               (reader or {}).get('axes'), prefer)
    except UserError as error:
        return Fault(str(clip.get('frame_dir')), error)
    return {**{name: value for name, value in clip.items() if name != 'joint_names'}, **with_rate(read, rate)}


def split_persons(clip: Clip, count: int | None = None) -> list[Clip]:
    """A clip for each person, with `person`, their place, and `persons`, how many are seen for some time.

    Args:
        clip: Annotation of all persons.
        count: Most persons, those first by `person_rank`; None for all.
    """
    keypoint, score = np.asarray(clip['keypoint']), clip.get('keypoint_score')
    ranks = [person_rank(body, None if score is None else np.asarray(score)[index])
             for index, body in enumerate(keypoint)]
    order = best_persons(ranks, len(ranks))
    seen = [index for index in order if ranks[index][0] > MIN_SHARE * ranks[order[0]][0]] or order[:1]
    parts = []
    for place, index in enumerate(seen[:count]):
        part = dict(clip, keypoint=keypoint[index:index + 1], person=place, persons=len(seen))
        if score is not None:
            part['keypoint_score'] = np.asarray(score)[index:index + 1]
        parts.append(part)
    return parts

"""Annotation files of MMAction2 and PYSKL."""
import os
from typing import Any

import numpy as np

from dynstg_mm.datasets.annotation_file import ORIGINS, shape_faults
from dynstg_mm.errors import DataError
from dynstg_mm.gait.spatiotemporal import UNITS
from dynstg_mm.importers.axes import in_order, scores_in_order, third_is_score
from dynstg_mm.importers.persons import most_seen
from dynstg_mm.importers.recording import (
    EmptyRecording,
    Recording,
    checked_img_shape,
    has_place,
    informative,
    with_lost,
)
from dynstg_mm.safe_pickle import load_pickle


def read_mmaction(path: str | os.PathLike, *, persons: int = 1, axes: str | None = None) -> list[Recording]:
    """Clips of an annotation pickle of MMAction2 or PYSKL: `dict(split, annotations)`, or a bare list of annotations.

    Args:
        path: The file. Only arrays and plain containers are read; nothing in it is executed.
        persons: How many persons to keep.
        axes: Letters of the axes of `keypoint` in the file's order, such as 'TMVC'; MTVC is MMAction2's.

    Returns:
        One recording per clip, with its label, subject, rate and classes if the file has them.

    Raises:
        DataError: The file is damaged or names anything that could run code, or a clip cannot be used.
    """
    clips, file = load_clips(path)
    splits = ', '.join(map(str, list(file.get('split') or [])[:4]))
    notes = [f'its own splits ({splits}) are not kept'] if splits else []
    recordings = [checked_clip(path, index, clip, file, persons, axes) for index, clip in enumerate(clips)]
    recordings[0].notes += notes
    return recordings


def load_clips(path: str | os.PathLike) -> tuple[list[Any], dict[str, Any]]:
    """The annotations of a file, unchecked, and the file's other content.

    Raises:
        DataError: The file is damaged or names anything that could run code, or has no annotations.
    """
    data = load_pickle(path)
    clips = data.get('annotations') if isinstance(data, dict) else data
    if isinstance(data, dict) and clips is None and 'keypoint' in data:
        clips = [data]
    if not isinstance(clips, list) or not clips:
        raise DataError(f'{path}: annotations: missing or empty; expected a dict with split and annotations.')
    return clips, data if isinstance(data, dict) else {}


def checked_clip(path: str | os.PathLike, index: int, clip: Any, file: dict[str, Any], persons: int,
                 axes: str | None = None) -> Recording:
    """The recording of one annotation; DataError if it cannot be used."""
    name = clip.get('frame_dir', clip.get('filename')) if isinstance(clip, dict) else None
    if not isinstance(name, str):
        raise DataError(f'{path}: annotation {index}: frame_dir: missing; expected a dict with the clip\'s name.')
    where = f'{path}: clip {name}'
    keypoint, score = clip.get('keypoint'), clip.get('keypoint_score')
    if isinstance(keypoint, np.ndarray) and not keypoint.size:
        raise EmptyRecording.of(where, 'keypoint')
    notes: list[str] = []
    order = 'mtvc'
    if isinstance(keypoint, np.ndarray) and keypoint.ndim > 3:
        frames = clip.get('total_frames')
        keypoint, order, notes = in_order(where, 'keypoint', keypoint, axes,
                                          int(frames) if isinstance(frames, (int, np.integer)) else None)
        if isinstance(score, np.ndarray) and notes:
            score = scores_in_order(where, 'keypoint_score', score, order, keypoint.shape[:3])
        if score is None and third_is_score(keypoint):
            keypoint, score = keypoint[..., :2], keypoint[..., 2]
            notes.append('the third number of each joint taken for its score')
    for _, field, message in shape_faults(keypoint, score):
        raise DataError(f'{where}: {field}: {message}')
    if score is not None:
        score, more = informative(score, has_place(keypoint))
        notes += more
    keypoint, score, more, count = most_seen(*with_lost(keypoint, score, where), persons)
    notes += more
    rate, shape = clip.get('rate', clip.get('fps')), clip.get('img_shape', clip.get('original_shape'))
    estimator, unit = clip.get('estimator'), clip.get('unit')
    if unit is not None and not (isinstance(unit, str) and unit in UNITS):
        raise DataError(f'{where}: unit: {unit!r}; expected {", ".join(UNITS)}, or nothing.')
    fields = {key: clip[key] for key in ('label', 'subject', *ORIGINS) if clip.get(key) is not None}
    return Recording(name, keypoint, score, layout=file.get('layout'), rate=rate, notes=notes, persons=count,
                     unit=unit if keypoint.shape[-1] == 3 else None,
                     estimator=estimator if isinstance(estimator, str) else None,
                     img_shape=None if shape is None else checked_img_shape(where, shape),
                     fields=dict(fields, classes=file.get('classes'), order=order))

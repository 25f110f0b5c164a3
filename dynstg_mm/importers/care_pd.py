"""CARE-PD (Adeli 2025): the files of its cohorts as they are published, and its folds."""
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dynstg_mm.datasets.annotation_file import describe
from dynstg_mm.errors import DataError
from dynstg_mm.importers.arrange import arrange
from dynstg_mm.importers.npz import read_arrays
from dynstg_mm.importers.recording import Recording, with_lost
from dynstg_mm.importers.smpl import JOINTS, posed_joints
from dynstg_mm.safe_pickle import load_pickle

# Cohort -> frames per second of its SMPL file. That of the joints is lower where every 2nd to 5th frame was taken.
COHORTS = {'3DGait': 30, 'BMCLab': 150, 'DNE': 60, 'E-LC': 120, 'KUL-DT-T': 100, 'PD-GaM': 25, 'T-LTC': 30, 'T-SDU': 30,
           'T-SDU-PD': 30}
SCORED = ('3DGait', 'BMCLab', 'PD-GaM', 'T-SDU-PD')  # cohorts with UPDRS gait scores
SITES = {'T-SDU-PD': 'T-SDU'}  # nine cohorts of eight sites; by their names, these two share one
SCORES = ('0', '1', '2', '3')
VIEWS = {'world': 'h36m_3d_world_floor*.npz', **{view: f'h36m_3d_world2cam2img_{view}_*.npz'
                                                 for view in ('sideright', 'backright')}}
IMAGE = (1000, 1000)  # height and width of the computed views, in pixels
LABELS = ('UPDRS_GAIT', 'medication', 'other')

Clip = dict[str, Any]
Walks = dict[tuple[str, str], dict[str, Any]]  # person and walk -> what the SMPL file says about it
Folds = list[tuple[set[str], set[str]]]  # persons of the training and of the test


class Name(NamedTuple):
    """What the name of a walk in a joint file says; copy k has every nth frame from frame k, None is the whole walk."""

    person: str
    walk: str
    copy: int | None = None


def parse_name(where: str | os.PathLike, name: str) -> Name:
    """Person, walk and copy in `<person>__<walk>`, or `<person>__<walk>_down<copy>`; DataError for any other name."""
    match = re.fullmatch(r'(?P<person>.+?)__(?P<walk>.+?)(?:_down(?P<copy>\d+))?', name)
    if match is None:
        raise DataError(f'{where}: {name!r}: not the name of a walk; expected <person>__<walk>, or '
                        '<person>__<walk>_down<number>.')
    return Name(match['person'], match['walk'], None if match['copy'] is None else int(match['copy']))


def read_walks(path: str | os.PathLike, *, poses: bool = False) -> Walks:
    """The walks of a cohort's SMPL file; what is read runs no code of the file.

    Args:
        path: The file `<cohort>.pkl`.
        poses: Keep the poses; by default only their number of frames, as `frames`.

    Raises:
        DataError: The file is damaged, or its form is another one.
    """
    content = load_pickle(path)
    if not isinstance(content, dict) or not all(isinstance(walks, dict) for walks in content.values()):
        raise DataError(f'{path}: {describe(content)}; expected a dict person -> walk -> pose, fps, UPDRS_GAIT.')
    result: Walks = {}
    for person, walks in content.items():
        for walk, about in walks.items():
            pose = about.get('pose') if isinstance(about, dict) else None
            if not isinstance(pose, np.ndarray) or pose.dtype.kind != 'f' or pose.size % (3 * JOINTS) or not pose.ndim:
                raise DataError(f'{path}: {person}: {walk}: pose: {describe(pose)}; expected numbers '
                                f'(frames, {3 * JOINTS}).')
            kept = about if poses else {key: value for key, value in about.items() if not isinstance(value, np.ndarray)}
            result[str(person), str(walk)] = dict(kept, frames=len(pose))
    return result


def label_of(where: str, walk: Mapping[str, Any], field: str = 'UPDRS_GAIT') -> str | None:
    """A label of a walk as text, None if it has none; DataError if a score is not one of 0 to 3."""
    value = walk.get(field)
    if value is None or isinstance(value, float) and math.isnan(value) or not str(value).strip():
        return None
    if field != 'UPDRS_GAIT':
        return str(value).strip()
    try:
        score = float(value)
    except (TypeError, ValueError):
        score = math.nan
    text = f'{score:g}'
    if text not in SCORES:
        raise DataError(f'{where}: UPDRS_GAIT: {value!r}; expected {", ".join(SCORES)}, or None.')
    return text


def cohort_file(folder: Path, cohort: str) -> Path:
    """The SMPL file of a cohort, which also has the labels; DataError if it is not there."""
    path = folder / f'{cohort}.pkl'
    if not path.is_file():
        there = [name for name in COHORTS if (folder / f'{name}.pkl').is_file()]
        raise DataError(f'{path}: no such file; expected the folder with <cohort>.pkl and h36m/'
                        f'{f", or --cohort {chr(32).join(there)}" if there else ""}.')
    return path


def joint_file(folder: Path, cohort: str, view: str = 'world') -> Path:
    """The file of Human3.6M's joints of a cohort; DataError if there is not exactly one."""
    found = sorted(folder.glob(f'*/{cohort}/{VIEWS[view]}'))
    if len(found) != 1:
        raise DataError(f'{folder}: {len(found)} files h36m/{cohort}/{VIEWS[view]}; expected one, from the archive of '
                        'preprocessed H36M formats.')
    return found[0]


def read_joints(path: Path, cohort: str, walks: Walks, *, all_copies: bool = False) -> Iterator[tuple[Name, Recording]]:
    """The walks of a joint file: 17 joints of Human3.6M in metres with y up, or in pixels of a computed view.

    A cohort that was recorded at a multiple of 30 frames per second has every walk several times: copy k begins with
    frame k and takes every nth. By default only the first is read. Walks named `Trimmed` are parts of others.

    Args:
        path: The file.
        cohort: A key of `COHORTS`.
        walks: From `read_walks`.
        all_copies: Read all copies of a walk.

    Raises:
        DataError: An array has another form, or a walk has no entry in the SMPL file or another rate in it.
    """

    def wanted(key: str) -> bool:
        part = key.endswith('_frame_ids') or 'trimmed' in key.lower()
        return not part and (all_copies or not parse_name(path, key).copy)

    for key, places in read_arrays(path, wanted).items():
        where, name = f'{path}: {key}', parse_name(path, key)
        step = 1 if name.copy is None else max(1, COHORTS[cohort] // 30)
        if (name.person, name.walk) not in walks:
            raise DataError(f'{where}: no such walk in {cohort}.pkl; expected files of the same release.')
        if places.ndim != 3 or places.shape[1] != 17 or places.shape[2] not in (2, 3) or places.dtype.kind != 'f':
            raise DataError(f'{where}: {places.dtype} of shape {places.shape}; expected numbers (frames, 17, 2 or 3).')
        walk = walks[name.person, name.walk]
        rate = _rate(where, cohort, walk, step)
        frames = len(range(name.copy or 0, walk['frames'], step))
        flat = places.shape[2] == 2
        notes = [] if flat or len(places) == frames else [
            f'{len(places)} frames; {cohort}.pkl has {frames} at this rate']
        keypoint, score = with_lost(places[None], None, where)
        yield name, arrange(Recording(key, keypoint, score, layout='h36m', rate=rate, unit=None if flat else 'm',
                                      img_shape=IMAGE if flat else None, notes=notes), path=path)


def read_bodies(path: Path, cohort: str, walks: Walks, rest: np.ndarray) -> Iterator[tuple[Name, Recording]]:
    """The walks of a cohort's SMPL file as places of the body model's 24 joints, in metres with y up.

    Args:
        path: The file.
        cohort: A key of `COHORTS`.
        walks: From `read_walks`, with poses.
        rest: From `smpl.read_rest_joints`.

    Raises:
        DataError: A field is wrong, or a body has a shape of its own, which the joints at rest do not have.
    """
    for (person, walk), about in walks.items():
        where = f'{path}: {person}: {walk}'
        pose, trans, beta = (np.asarray(about.get(field), float) for field in ('pose', 'trans', 'beta'))
        if trans.shape != (len(pose), 3):
            raise DataError(f'{where}: trans: shape {trans.shape}; expected {(len(pose), 3)}.')
        if np.nan_to_num(beta).any():
            raise DataError(f'{where}: beta: a body of its own shape; expected zeros, as published. Use the joints of '
                            'h36m/ instead of --smpl.')
        keypoint, score = with_lost(posed_joints(pose.reshape(len(pose), JOINTS, 3), trans, rest)[None], None, where)
        if 'trimmed' not in walk.lower():
            yield Name(person, walk), arrange(Recording(
                f'{person}__{walk}', keypoint, score, layout='smpl', rate=_rate(where, cohort, about, 1), unit='m'),
                path=path)


def _rate(where: str, cohort: str, walk: Mapping[str, Any], step: int) -> float:
    """Frames per second of every nth frame; DataError if the file's `fps` is neither this nor the cohort's."""
    rate, fps = COHORTS[cohort] / step, walk.get('fps')
    if fps is not None and not any(math.isclose(float(fps), known, rel_tol=0.01) for known in (rate, rate * step, 30)):
        raise DataError(f'{where}: fps: {fps}; expected {COHORTS[cohort]}, at which {cohort} was recorded, or '
                        f'{rate:g}.')
    return rate


def published_folds(folder: Path, cohort: str) -> dict[str, Folds]:
    """The published folds of a cohort: '' has six, `_loso` leaves one person out, `_fixed` is one training and test.

    Args:
        folder: The folder of the data set, with `folds/`.
        cohort: A key of `COHORTS`.

    Raises:
        DataError: A file is damaged, or has another form.
    """
    divisions: dict[str, Folds] = {}
    for path in sorted(folder.rglob(f'{cohort}_*.pkl')):
        match = re.fullmatch(rf'{re.escape(cohort)}_(?:(\d+)fold_participants|(?:\w+_)?fixed)', path.stem)
        if match is None:
            continue
        content = load_pickle(path)
        sound = isinstance(content, dict) and content and all(
            isinstance(fold, dict) and all(isinstance(fold.get(side), (list, tuple, set, np.ndarray))
                                           for side in ('train', 'eval')) for fold in content.values())
        if not sound:
            raise DataError(f'{path}: {describe(content)}; expected a dict fold -> train, eval with lists of persons.')
        folds = [(set(map(str, fold['train'])), set(map(str, fold['eval'])))
                 for _, fold in sorted(content.items(), key=lambda item: int(item[0]))]
        if match[1] is None:
            name = '_fixed'
        elif len(folds) == len(set.union(*(train | test for train, test in folds))):
            name = '_loso'
        else:
            name = '' if len(folds) == 6 else f'_{len(folds)}fold'
        divisions[name] = folds
    return divisions


def in_cohort(clips: Sequence[Clip], folds: Folds) -> Iterator[tuple[int, list[str], list[str]]]:
    """Number, training and test clips of each fold that has both."""
    for number, sides in enumerate(folds):
        train, test = ([clip['frame_dir'] for clip in clips if clip['person'] in persons] for persons in sides)
        if train and test:
            yield number, train, test

"""How splits are named, and folds by subject: no model may be tested on a person whom it was trained on."""
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from dynstg_mm.errors import DataError

PARTS = ('train', 'val', 'test')
EVERYBODY = 'all'  # instead of the number of a fold: train on all people, and test on nobody
_FOLD = re.compile(rf'(?:(?P<name>.+)_)?fold(?P<fold>[0-9]+)_(?P<part>{"|".join(PARTS)})')


class Fold(NamedTuple):
    """What the name of a split says: the task, the number of the fold and the part."""

    name: str
    fold: int
    part: str


def fold_split(name: str, fold: int | str, part: str) -> str:
    """Name of the split that holds one part of a fold, such as `koa_nm_fold0_train`.

    Args:
        name: Name of the task; may be empty.
        fold: Number of the fold, from 0, or `EVERYBODY`.
        part: 'train', 'val' or 'test'.
    """
    return f'{name}_fold{fold}_{part}' if name else f'fold{fold}_{part}'


def parse_fold(split: object) -> Fold | None:
    """Task, fold and part in a split's name, or None if it is not named as `fold_split` does it."""
    match = _FOLD.fullmatch(split) if isinstance(split, str) else None
    return None if match is None else Fold(match['name'] or '', int(match['fold']), match['part'])


def folds_of(splits: Iterable[object], name: str, part: str = 'test') -> list[int]:
    """Numbers of the folds of a task, in order.

    Args:
        splits: Names of the splits of a file.
        name: Name of the task.
        part: The part that a fold must have to count.
    """
    parsed = map(parse_fold, splits)
    return sorted({fold.fold for fold in parsed if fold is not None and (fold.name, fold.part) == (name, part)})


def everybody(splits: Mapping[str, Sequence[str]], name: str) -> list[str]:
    """All clips that a cross-validation tests: those of the test parts of all folds of a task.

    Args:
        splits: Name of each split -> names of its clips.
        name: Name of the task.

    Returns:
        Names of the clips, in the order of the folds; empty if the task has no folds.
    """
    return [clip for fold in folds_of(splits, name) for clip in splits[fold_split(name, fold, 'test')]]


def split_family(split: str) -> str | None:
    """Name that the splits of one division share: `a_fold0_train` and `a_fold0_test` both give `a_fold0_*`.

    Splits of one family must not share a subject. None if the name contains neither train, val nor test.
    """
    words = list(re.finditer('|'.join(PARTS), split, re.IGNORECASE))
    return split[:words[-1].start()] + '*' + split[words[-1].end():] if words else None


def split_task(split: str) -> str:
    """Name of the task of a split: `a` for `a_fold0_train`, `a_foldall_train` and `a_test`, `all` for `train`."""
    fold = parse_fold(split)
    name = fold.name if fold is not None else (split_family(split) or split).replace('*', '').strip('_')
    name = name.removesuffix(f'fold{EVERYBODY}').rstrip('_')
    return name or 'all'


def subject_folds(clips: Sequence[dict[str, Any]], name: str, *, label: str = 'label', folds: int = 5, seed: int = 0,
                  fewer: bool = False) -> dict[str, list[str]]:
    """Folds by subject, stratified by class.

    Args:
        clips: Annotations with `frame_dir`, `subject` and the field `label`.
        name: Name of the task.
        label: Field to stratify by; it must be the same for all clips of a subject.
        folds: Number of folds.
        seed: Seed of the shuffle.
        fewer: Accept a class with fewer subjects than folds, which some test parts then lack.

    Returns:
        Name of each split (`fold_split`) -> names of its clips.

    Raises:
        DataError: A subject has clips of two classes, or a class has fewer subjects than there are folds.
    """
    classes = subject_classes(clips, label)
    subjects = sorted(classes)
    labels = [classes[subject] for subject in subjects]
    fewest = min(sorted(set(labels)), key=labels.count, default=None)
    if labels.count(fewest) < folds and not fewer:
        raise DataError(f'{name}: {labels.count(fewest)} subjects of {label} {fewest!r}; {folds} folds need at least '
                        f'{folds} of every class.')
    from sklearn.model_selection import StratifiedKFold
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # about a class with fewer subjects than folds, which was asked for
        chosen = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(subjects, labels))
    return folds_by(clips, name, [{subjects[index] for index in test} for _, test in chosen])


def leave_one_subject_out(clips: Sequence[dict[str, Any]], name: str, *, label: str = 'label') -> dict[str, list[str]]:
    """One fold for each subject, in the order of their names.

    Args:
        clips: Annotations with `frame_dir`, `subject` and the field `label`.
        name: Name of the task.
        label: Field that must be the same for all clips of a subject.

    Returns:
        Name of each split (`fold_split`) -> names of its clips.

    Raises:
        DataError: A subject has clips of two classes, or there is only one subject.
    """
    subjects = sorted(subject_classes(clips, label))
    if len(subjects) < 2:
        raise DataError(f'{name}: {len(subjects)} subjects; leaving one out needs at least 2.')
    return folds_by(clips, name, [{subject} for subject in subjects])


def leaking_folds(clips: Sequence[dict[str, Any]], name: str, *, label: str = 'label', folds: int = 5,
                  seed: int = 0) -> dict[str, list[str]]:
    """Folds by clip, stratified by class, as many papers have them.

    Clips of one subject are on both sides, so a model partly recognises the person. These folds show how much that
    adds; `GaitDataset` refuses them unless `shared_subjects=True`.

    Args:
        clips: Annotations with `frame_dir` and the field `label`.
        name: Name of the task.
        label: Field to stratify by.
        folds: Number of folds.
        seed: Seed of the shuffle.

    Returns:
        Name of each split (`fold_split`) -> names of its clips.
    """
    from sklearn.model_selection import StratifiedKFold
    names = [clip['frame_dir'] for clip in clips]
    chosen = StratifiedKFold(folds, shuffle=True, random_state=seed).split(names, [clip[label] for clip in clips])
    return {fold_split(name, fold, part): [names[index] for index in members]
            for fold, sides in enumerate(chosen) for part, members in zip(('train', 'test'), sides)}


def subject_classes(clips: Iterable[dict[str, Any]], label: str = 'label') -> dict[Any, Any]:
    """Class of every subject.

    Raises:
        DataError: A subject has clips of two classes.
    """
    classes: dict[Any, Any] = {}
    for clip in clips:
        if classes.setdefault(clip['subject'], clip[label]) != clip[label]:
            raise DataError(f'clip {clip["frame_dir"]}: {label}: {clip[label]!r}, but other clips of subject '
                            f'{clip["subject"]} are {classes[clip["subject"]]!r}; expected one class per subject.')
    return classes


def folds_by(clips: Sequence[dict[str, Any]], name: str, tested: Sequence[set[Any]],
             by: str = 'subject') -> dict[str, list[str]]:
    """Folds that test the clips with given values of a field, and train on all others.

    Args:
        clips: Annotations with `frame_dir` and the field `by`.
        name: Name of the task.
        tested: The values of each fold.
        by: The field.

    Returns:
        Name of each split (`fold_split`) -> names of its clips.
    """
    return {fold_split(name, fold, part): [
        clip['frame_dir'] for clip in clips if (clip[by] in values) == (part == 'test')]
        for fold, values in enumerate(tested) for part in ('train', 'test')}

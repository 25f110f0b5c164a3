"""Splits of a conversion: those of the label table, or folds."""
from collections import Counter
from collections.abc import Sequence
from typing import Any

from dynstg_mm.datasets.annotation_file import shared_faults
from dynstg_mm.datasets.folds import (
    leaking_folds,
    leave_one_subject_out,
    split_family,
    subject_classes,
    subject_folds,
)
from dynstg_mm.errors import DataError

FOLDS = 5  # by default

Clip = dict[str, Any]
Splits = dict[str, list[str]]


def split_clips(clips: Sequence[Clip], name: str, folds: Sequence[int | str] | None, seed: int,
                fewer: bool) -> tuple[Splits, list[str]]:
    """Splits of the clips' field `split` if there are any, else folds that are stratified by `class`; and notes.

    Without `folds`, there are 5, or as many as people in the smallest class.
    """
    splits = _column_splits(clips)
    if not splits:
        try:
            chosen, notes = _possible_folds(clips) if folds is None else (folds, [])
            return make_splits(clips, name, chosen, label='class', seed=seed, fewer=fewer), notes
        except DataError as error:
            raise DataError(f'{error} Use --folds for other folds, or --folds 0 for none.') from None
    without = sum(not clip.get('split') for clip in clips)
    notes = [f'note: {without} of {len(clips)} clips have no split, and are in none'] * bool(without)
    notes += [f'note: split {split}: expected train, val or test in its name; without it, subjects on both sides '
              'cannot be found' for split in splits if split_family(split) is None]
    return splits, notes


def _possible_folds(clips: Sequence[Clip]) -> tuple[list[int], list[str]]:
    """The usual number of folds, or as many as people in the smallest class, with a note."""
    people = Counter(subject_classes(clips, 'class').values())
    smallest, count = min(people.items(), key=lambda item: item[1])
    if count >= FOLDS:
        return [FOLDS], []
    made = f'{count} folds' if count > 1 else 'no folds'
    return [count] * (count > 1), [f'note: {made} instead of {FOLDS}, since class {smallest} has only {count} '
                                   f'{"people" if count > 1 else "person"}']


def _column_splits(clips: Sequence[Clip]) -> Splits:
    """Splits of the clips' field `split`; DataError if a subject is in two of them."""
    sides: dict[str, list[Clip]] = {}
    for clip in clips:
        if clip.get('split'):
            sides.setdefault(clip['split'], []).append(clip)
    for fault in shared_faults(sides):
        raise fault.error('column split')
    return {split: [clip['frame_dir'] for clip in members] for split, members in sides.items()}


def make_splits(clips: Sequence[Clip], name: str, folds: Sequence[int | str], *, label: str = 'label', seed: int = 0,
                fewer: bool = False) -> Splits:
    """Folds by subject, leaving one subject out (`<name>_loso`), and by clip, which leaks (`<name>_by_clip`).

    Args:
        clips: Annotations.
        name: Name of the task.
        folds: A number of folds, 'loso', and 'by-clip' for 5 folds by clip.
        label: Field to stratify by.
        seed: Seed of the folds.
        fewer: As for `subject_folds`.

    Returns:
        Name of each split -> names of its clips.

    Raises:
        DataError: As for `subject_folds`, or there are two numbers of folds, which would have the same names.
    """
    numbers = [count for count in folds if isinstance(count, int)]
    if len(numbers) > 1:
        raise DataError(f'folds: {" and ".join(map(str, numbers))}; expected one number, since both would be called '
                        f'{name}_fold<k>.')
    splits: Splits = {}
    for count in folds:
        if count == 'loso':
            splits.update(leave_one_subject_out(clips, f'{name}_loso', label=label))
        elif count == 'by-clip':
            splits.update(leaking_folds(clips, f'{name}_by_clip', label=label, seed=seed))
        else:
            splits.update(subject_folds(clips, name, label=label, folds=int(count), seed=seed, fewer=fewer))
    return splits

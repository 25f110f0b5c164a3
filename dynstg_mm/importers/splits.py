"""Splits of a conversion: those of the label table, or folds."""
from collections.abc import Sequence
from typing import Any

from dynstg_mm.datasets.folds import leaking_folds, leave_one_subject_out, split_family, subject_folds
from dynstg_mm.errors import DataError

Clip = dict[str, Any]
Splits = dict[str, list[str]]


def split_clips(clips: Sequence[Clip], name: str, folds: Sequence[int | str], seed: int,
                fewer: bool) -> tuple[Splits, list[str]]:
    """Splits of the clips' field `split` if there are any, else folds that are stratified by `class`; and notes."""
    splits = _column_splits(clips)
    if not splits:
        try:
            return make_splits(clips, name, folds, label='class', seed=seed, fewer=fewer), []
        except DataError as error:
            raise DataError(f'{error} Use --folds for other folds, or --folds 0 for none.') from None
    without = sum(not clip.get('split') for clip in clips)
    notes = [f'note: {without} of {len(clips)} clips have no split, and are in none'] * bool(without)
    notes += [f'note: split {split}: expected train, val or test in its name; without it, subjects on both sides '
              'cannot be found' for split in splits if split_family(split) is None]
    return splits, notes


def _column_splits(clips: Sequence[Clip]) -> Splits:
    """Splits of the clips' field `split`; DataError if a subject is in two of them."""
    splits: Splits = {}
    split_of: dict[str, str] = {}
    for clip in clips:
        if clip.get('split'):
            splits.setdefault(clip['split'], []).append(clip['frame_dir'])
            other = split_of.setdefault(clip['subject'], clip['split'])
            if other != clip['split']:
                raise DataError(f'clip {clip["frame_dir"]}: split: {clip["split"]}, but subject {clip["subject"]} has '
                                f'clips in {other}; a person belongs to one side only.')
    return splits


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

"""Folds by subject: the person, not the clip, is what a model must not have seen."""
import warnings

from sklearn.model_selection import StratifiedKFold


def subject_folds(clips, name, *, label='label', folds=5, seed=0, fewer=False):
    """Splits `<name>_fold<k>_train` and `<name>_fold<k>_test`, by subject and stratified by class.

    Args:
        clips (list[dict]): Annotations with `frame_dir`, `subject` and the field `label`.
        name (str): Name of the task.
        label (str): Field to stratify by; it must be the same for all clips of a subject.
        folds (int): Number of folds.
        seed (int): Seed of the shuffle.
        fewer (bool): Take a class of fewer subjects than folds, which some test parts then lack.

    Returns:
        dict[str, list[str]]: Split name -> names of its clips.

    Raises:
        ValueError: A subject has clips of two classes, or a class has fewer subjects than there are folds.
    """
    classes = subject_classes(clips, label)
    subjects = sorted(classes)
    labels = [classes[subject] for subject in subjects]
    fewest = min(sorted(set(labels)), key=labels.count, default=None)
    if labels.count(fewest) < folds and not fewer:
        raise ValueError(f'{name}: {labels.count(fewest)} subjects of {label} {fewest!r}; {folds} folds need at least '
                         f'{folds} of every class.')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of a class with fewer subjects than folds, which was asked for
        chosen = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(subjects, labels))
    return _splits(clips, name, [{subjects[index] for index in test} for _, test in chosen])


def leave_one_subject_out(clips, name, *, label='label'):
    """Splits `<name>_fold<k>_train` and `<name>_fold<k>_test`, one fold a subject, in the order of their names.

    Args:
        clips (list[dict]): Annotations with `frame_dir`, `subject` and the field `label`.
        name (str): Name of the task.
        label (str): Field that must be the same for all clips of a subject.

    Returns:
        dict[str, list[str]]: Split name -> names of its clips.

    Raises:
        ValueError: A subject has clips of two classes, or there is only one subject.
    """
    subjects = sorted(subject_classes(clips, label))
    if len(subjects) < 2:
        raise ValueError(f'{name}: {len(subjects)} subjects; leaving one out needs at least 2.')
    return _splits(clips, name, [{subject} for subject in subjects])


def leaking_folds(clips, name, *, label='label', folds=5, seed=0):
    """Splits `<name>_fold<k>_train` and `<name>_fold<k>_test` by clip, stratified by class, as many papers have them.

    Clips of one subject stand on both sides, so that what is measured is in part that a person is known again. They are
    there to show by how much; `GaitDataset` refuses them unless told `shared_subjects=True`.

    Args:
        clips (list[dict]): Annotations with `frame_dir` and the field `label`.
        name (str): Name of the task.
        label (str): Field to stratify by.
        folds (int): Number of folds.
        seed (int): Seed of the shuffle.

    Returns:
        dict[str, list[str]]: Split name -> names of its clips.
    """
    names = [clip['frame_dir'] for clip in clips]
    chosen = StratifiedKFold(folds, shuffle=True, random_state=seed).split(names, [clip[label] for clip in clips])
    return {f'{name}_fold{fold}_{part}': [names[index] for index in members]
            for fold, sides in enumerate(chosen) for part, members in zip(('train', 'test'), sides)}


def subject_classes(clips, label='label'):
    """Class of every subject; ValueError where one has clips of two classes."""
    classes = {}
    for clip in clips:
        if classes.setdefault(clip['subject'], clip[label]) != clip[label]:
            raise ValueError(f'clip {clip["frame_dir"]}: {label}: {clip[label]!r}, and subject {clip["subject"]} has '
                             f'clips of {classes[clip["subject"]]!r}; expected one class a subject.')
    return classes


def _splits(clips, name, held_out):
    """Splits of every fold, given the subjects that it tests."""
    return {f'{name}_fold{fold}_{part}': [clip['frame_dir'] for clip in clips if (clip['subject'] in tested) == inside]
            for fold, tested in enumerate(held_out) for part, inside in (('train', False), ('test', True))}

"""Folds by subject: the person, not the clip, is what a model must not have seen."""
from sklearn.model_selection import StratifiedKFold


def subject_folds(clips, name, *, label='label', folds=5, seed=0):
    """Splits `<name>_fold<k>_train` and `<name>_fold<k>_test`, by subject and stratified by class.

    Args:
        clips (list[dict]): Annotations with `frame_dir`, `subject` and the field `label`.
        name (str): Name of the task.
        label (str): Field to stratify by; it must be the same for all clips of a subject.
        folds (int): Number of folds.
        seed (int): Seed of the shuffle.

    Returns:
        dict[str, list[str]]: Split name -> names of its clips.

    Raises:
        ValueError: A subject has clips of two classes, or a class has fewer subjects than there are folds.
    """
    classes = {}
    for clip in clips:
        if classes.setdefault(clip['subject'], clip[label]) != clip[label]:
            raise ValueError(f'clip {clip["frame_dir"]}: {label}: {clip[label]!r}, and subject {clip["subject"]} has '
                             f'clips of {classes[clip["subject"]]!r}; expected one class a subject.')
    subjects = sorted(classes)
    labels = [classes[subject] for subject in subjects]
    fewest = min(set(labels), key=labels.count, default=None)
    if labels.count(fewest) < folds:
        raise ValueError(f'{name}: {labels.count(fewest)} subjects of {label} {fewest!r}; {folds} folds need at least '
                         f'{folds} of every class.')
    splits = {}
    chosen = StratifiedKFold(folds, shuffle=True, random_state=seed).split(subjects, labels)
    for fold, (_, test) in enumerate(chosen):
        held_out = {subjects[index] for index in test}
        for part, inside in (('train', False), ('test', True)):
            splits[f'{name}_fold{fold}_{part}'] = [clip['frame_dir'] for clip in clips
                                                   if (clip['subject'] in held_out) == inside]
    return splits

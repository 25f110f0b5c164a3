"""Scores of a classification and their intervals, with the person as the unit."""
import numpy as np
from scipy.stats import bootstrap
from sklearn.metrics import confusion_matrix

SCORES = ('accuracy', 'macro_f1', 'macro_recall', 'macro_precision')


def confusion_of(clips, num_classes):
    """Confusion matrix of clips.

    Args:
        clips (list[dict]): With `label` and `score` (C,).
        num_classes (int): C.

    Returns:
        ndarray: (C, C), rows are the truth.
    """
    labels, predicted = [clip['label'] for clip in clips], [int(np.argmax(clip['score'])) for clip in clips]
    return confusion_matrix(labels, predicted, labels=np.arange(num_classes))


def class_scores(confusion):
    """Precision, recall and F1 of every class, each (C,); 0 where a class was never predicted or never there."""
    hits, actual, guessed = np.diag(confusion), confusion.sum(1), confusion.sum(0)
    return dict(precision=hits / np.maximum(guessed, 1), recall=hits / np.maximum(actual, 1),
                f1=2 * hits / np.maximum(actual + guessed, 1))


def classification_scores(confusion):
    """Accuracy, and precision, recall and F1 averaged over the classes that have clips.

    Args:
        confusion (ndarray): (C, C), rows are the truth.

    Returns:
        dict[str, float]: The keys of `SCORES`, in [0, 1].
    """
    there = confusion.sum(1) > 0
    scores = dict(accuracy=np.trace(confusion) / confusion.sum())
    scores.update((f'macro_{name}', values[there].mean()) for name, values in class_scores(confusion).items())
    return {name: float(scores[name]) for name in SCORES}


def by_subject(clips):
    """Average the clips of each subject: a subject's score is the mean over the clips.

    Args:
        clips (list[dict]): With `subject`, `label`, `score` (C,).

    Returns:
        list[dict]: One entry a subject, with the same keys.
    """
    return [dict(subject=subject, label=members[0]['label'],
                 score=np.mean([clip['score'] for clip in members], axis=0).tolist())
            for subject, members in _members(clips).items()]


def subject_interval(clips, num_classes, *, resamples=2000, level=0.95, seed=0):
    """Bootstrap interval of every score, drawing subjects, not clips, with replacement (percentile method).

    Args:
        clips (list[dict]): With `subject`, `label`, `score` (C,).
        num_classes (int): C.

    Returns:
        dict[str, tuple[float, float]]: Score name -> lower and upper end.
    """
    confusions = np.array([confusion_of(members, num_classes) for members in _members(clips).values()])

    def statistic(drawn):
        return list(classification_scores(confusions[drawn].sum(0)).values())

    result = bootstrap((np.arange(len(confusions)),), statistic, n_resamples=resamples, vectorized=False,
                       confidence_level=level, method='percentile', rng=np.random.default_rng(seed))
    low, high = result.confidence_interval
    return {name: (float(low[index]), float(high[index])) for index, name in enumerate(SCORES)}


def paired_difference(clips, baseline, num_classes, *, resamples=2000, level=0.95, seed=0):
    """What one model's scores differ from another's, with the interval of the difference, drawing subjects as above.

    Each draw takes the same subjects for both, so that what is hard for both does not widen the interval.

    Args:
        clips, baseline (list[dict]): Of the two models, with `clip`, `subject`, `label`, `score` (C,), of the same
            clips.
        num_classes (int): C.

    Returns:
        dict[str, tuple[float, float, float]]: Difference, lower and upper end, for every score and for `log_loss`, the
        mean of -log of the score of the true class, which also hears how sure a model is.

    Raises:
        ValueError: The clips are not the same.
    """
    pairs = [_members(part) for part in (clips, baseline)]
    known = [{(clip['clip'], clip['label']) for clip in part} for part in (clips, baseline)]
    if known[0] != known[1]:
        missing = len(known[0] ^ known[1])
        raise ValueError(f'{missing} clips are not in both results; a difference needs the same clips.')
    subjects = sorted(pairs[0])
    confusions = np.array([[confusion_of(members[subject], num_classes) for subject in subjects] for members in pairs])
    losses = np.array([[sum(-np.log(max(clip['score'][clip['label']], 1e-12)) for clip in members[subject])
                        for subject in subjects] for members in pairs])

    def statistic(drawn):
        totals, sums = confusions[:, drawn].sum(1), losses[:, drawn].sum(1)
        rows = [[*classification_scores(total).values(), loss / total.sum()] for total, loss in zip(totals, sums)]
        return np.subtract(*rows)

    result = bootstrap((np.arange(len(subjects)),), statistic, n_resamples=resamples, vectorized=False,
                       confidence_level=level, method='percentile', rng=np.random.default_rng(seed))
    ends = result.confidence_interval
    found = zip((*SCORES, 'log_loss'), statistic(np.arange(len(subjects))), ends.low, ends.high)
    return {name: (float(value), float(low), float(high)) for name, value, low, high in found}


def _members(clips):
    subjects = {}
    for clip in clips:
        subjects.setdefault(clip['subject'], []).append(clip)
    return subjects

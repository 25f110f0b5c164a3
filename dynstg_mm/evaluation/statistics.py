"""Scores of a classification and their intervals, with the person as the unit."""
import numpy as np
from scipy.stats import bootstrap
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

SCORES = ('accuracy', 'macro_f1', 'macro_recall', 'macro_precision')


def classification_scores(labels, predicted, num_classes):
    """Accuracy, and F1, recall and precision averaged over the classes.

    A class without any clip in `labels` does not count into the averages.

    Args:
        labels (array): True classes, shape (N,).
        predicted (array): Predicted classes, shape (N,).
        num_classes (int): Number of classes.

    Returns:
        dict[str, float]: The keys of `SCORES`, in [0, 1].
    """
    present = np.intersect1d(np.arange(num_classes), labels)
    precision, recall, f1, _ = precision_recall_fscore_support(labels, predicted, labels=present, average='macro',
                                                               zero_division=0)
    return dict(accuracy=float(accuracy_score(labels, predicted)), macro_f1=float(f1), macro_recall=float(recall),
                macro_precision=float(precision))


def class_scores(labels, predicted, num_classes):
    """Precision, recall, F1 and number of clips of every class, and the confusion matrix (rows are the truth)."""
    classes = np.arange(num_classes)
    columns = precision_recall_fscore_support(labels, predicted, labels=classes, zero_division=0)
    return columns, confusion_matrix(labels, predicted, labels=classes)


def truth_and_guess(clips):
    """True and predicted classes of clips with `label` and `score` (C,), as arrays (N,)."""
    return np.array([clip['label'] for clip in clips]), np.array([np.argmax(clip['score']) for clip in clips])


def by_subject(clips):
    """Average the clips of each subject: a subject's score is the mean over the clips.

    Args:
        clips (list[dict]): With `subject`, `label`, `score` (C,).

    Returns:
        list[dict]: One entry a subject, with the same keys.
    """
    subjects = {}
    for clip in clips:
        subjects.setdefault(clip['subject'], []).append(clip)
    return [dict(subject=subject, label=members[0]['label'],
                 score=np.mean([clip['score'] for clip in members], axis=0).tolist())
            for subject, members in subjects.items()]


def subject_interval(clips, num_classes, *, resamples=2000, level=0.95, seed=0):
    """Bootstrap interval of every score, drawing subjects, not clips, with replacement (percentile method).

    Args:
        clips (list[dict]): With `subject`, `label`, `score` (C,).
        num_classes (int): Number of classes.

    Returns:
        dict[str, tuple[float, float]]: Score name -> lower and upper end.
    """
    subjects = sorted({clip['subject'] for clip in clips})
    number = {subject: index for index, subject in enumerate(subjects)}
    owner = np.array([number[clip['subject']] for clip in clips])
    labels, predicted = truth_and_guess(clips)

    def statistic(drawn):
        times = np.bincount(drawn.astype(int), minlength=len(subjects))[owner]
        members = np.repeat(np.arange(len(labels)), times)
        scores = classification_scores(labels[members], predicted[members], num_classes)
        return np.array([scores[name] for name in SCORES])

    result = bootstrap((np.arange(len(subjects)),), statistic, n_resamples=resamples, vectorized=False,
                       confidence_level=level, method='percentile', rng=np.random.default_rng(seed))
    low, high = result.confidence_interval
    return {name: (float(low[index]), float(high[index])) for index, name in enumerate(SCORES)}

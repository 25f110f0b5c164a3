"""Scores of a classification and their intervals, with the person as the unit."""
import numpy as np

SCORES = ('accuracy', 'macro_f1', 'macro_recall', 'macro_precision')
ALL_SCORES = (*SCORES, 'log_loss')


def confusion_of(clips, num_classes):
    """Confusion matrix of clips.

    Args:
        clips (list[dict]): With `label` and `score` (C,).
        num_classes (int): C.

    Returns:
        ndarray: (C, C), rows are the truth.
    """
    confusion = np.zeros((num_classes, num_classes), int)
    for clip in clips:
        confusion[clip['label'], np.argmax(clip['score'])] += 1
    return confusion


def class_scores(confusion):
    """Precision, recall and F1 of every class, each (..., C); 0 where a class was never predicted or never there."""
    hits, actual, guessed = np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(-1), confusion.sum(-2)
    return dict(precision=hits / np.maximum(guessed, 1), recall=hits / np.maximum(actual, 1),
                f1=2 * hits / np.maximum(actual + guessed, 1))


def classification_scores(confusion):
    """Accuracy, and precision, recall and F1 averaged over the classes that have clips.

    Args:
        confusion (ndarray): (..., C, C), rows are the truth.

    Returns:
        dict[str, float | ndarray]: The keys of `SCORES`, in [0, 1], each (...).
    """
    there = confusion.sum(-1) > 0
    scores = dict(accuracy=np.trace(confusion, axis1=-2, axis2=-1) / confusion.sum((-2, -1)))
    scores.update((f'macro_{name}', (values * there).sum(-1) / there.sum(-1))
                  for name, values in class_scores(confusion).items())
    return {name: scores[name] if confusion.ndim > 2 else float(scores[name]) for name in SCORES}


def mean_scores(seeds, num_classes):
    """Scores of every seed's clips, averaged over the seeds.

    Args:
        seeds (list[list[dict]]): Clips of each seed, with `label` and `score` (C,).
        num_classes (int): C.

    Returns:
        dict[str, float]: The keys of `SCORES`, and `log_loss`, the mean of -log of the score of the true class, which
        also hears how sure a model is.
    """
    found = [dict(classification_scores(confusion_of(clips, num_classes)), log_loss=np.mean(_log_losses(clips)))
             for clips in seeds]
    return {name: float(np.mean([scores[name] for scores in found])) for name in ALL_SCORES}


def by_subject(clips):
    """Average the clips of each subject: a subject's score is the mean over the clips.

    Args:
        clips (list[dict]): With `subject`, `label`, `score` (C,).

    Returns:
        list[dict]: One entry a subject, with the same keys; of someone with clips of several classes, such as before
        and after a treatment, one a class.
    """
    parts = {}
    for subject, members in _members(clips).items():
        for clip in members:
            parts.setdefault((subject, clip['label']), []).append(clip['score'])
    return [dict(subject=subject, label=label, score=np.mean(scores, axis=0).tolist())
            for (subject, label), scores in parts.items()]


def subject_interval(seeds, num_classes, *, resamples=2000, level=0.95, seed=0):
    """Bootstrap interval of every score, drawing subjects, not clips, with replacement (percentile method).

    With several seeds the score is the mean over them, and a draw takes the same subjects for all: more seeds say more
    about a model, but they are not more people.

    Args:
        seeds (list[list[dict]]): Clips of each training seed, with `subject`, `label`, `score` (C,).
        num_classes (int): C.
        resamples (int): Number of draws.
        level (float): Share of the draws inside the interval.
        seed (int): Of the draws.

    Returns:
        dict[str, tuple[float, float]]: Of the keys of `mean_scores`, lower and upper end.
    """
    subjects = list(_members(seeds[0]))
    draws = _draws(len(subjects), resamples, seed)
    drawn = _scores(*(_sum(draws, part) for part in _subject_tables(seeds, subjects, num_classes)))
    return {name: _ends(values, level) for name, values in zip(ALL_SCORES, drawn.T)}


def paired_difference(seeds, baseline, num_classes, *, resamples=2000, level=0.95, seed=0):
    """What one model's scores differ from another's: the interval, drawing subjects as above, and a p-value.

    Each draw takes the same subjects for both, so that what is hard for both does not widen the interval. The two-sided
    p-value is that of a paired permutation test by subject (approximate randomisation: Noreen 1989; Yeh 2000, arXiv
    cs/0008005): if the models were alike, a subject's results could as well be the other model's. So for every subject,
    both models' results of all clips and seeds are exchanged or not, the difference is computed anew, and p is the
    share of these differences that are at least as large in size as the observed one. Up to 13 subjects all ways are
    counted; with more, 9999 random ones, and the observed one as another (Phipson 2010). For the accuracy that is the
    sign-flip test of the subjects' differences.

    Args:
        seeds, baseline (list[list[dict]]): Of the two models, the clips of each training seed, with `clip`, `subject`,
            `label`, `score` (C,); the same clips and as many seeds.
        num_classes (int): C.
        resamples, level, seed: As in `subject_interval`.

    Returns:
        dict[str, tuple[float, float, float, float]]: Of the keys of `mean_scores`: difference of the means over seeds,
        lower and upper end, p-value.

    Raises:
        ValueError: The clips or the numbers of seeds are not the same.
    """
    known = [{(clip['clip'], clip['label']) for clip in part[0]} for part in (seeds, baseline)]
    if known[0] != known[1]:
        missing = len(known[0] ^ known[1])
        raise ValueError(f'{missing} clips are not in both results; a difference needs the same clips.')
    if len(seeds) != len(baseline):
        raise ValueError(f'{len(seeds)} and {len(baseline)} seeds; a difference needs as many of both.')
    subjects = sorted(_members(seeds[0]))
    ours, theirs = (_subject_tables(part, subjects, num_classes) for part in (seeds, baseline))

    def differences(weights):
        return _scores(*(_sum(weights, part) for part in ours)) - _scores(*(_sum(weights, part) for part in theirs))

    observed = differences(np.ones((1, len(subjects))))[0]
    drawn = differences(_draws(len(subjects), resamples, seed))
    exchanged, exact = _exchanges(len(subjects), seed)
    gained = [_sum(exchanged, other - own) for own, other in zip(ours, theirs)]
    chance = (_scores(*(own.sum(0) + gain for own, gain in zip(ours, gained)))
              - _scores(*(other.sum(0) - gain for other, gain in zip(theirs, gained))))
    larger = (np.abs(chance) >= np.abs(observed) - 1e-12).sum(0)
    p_values = larger / len(chance) if exact else (larger + 1) / (len(chance) + 1)
    return {name: (float(observed[index]), *_ends(drawn[:, index], level), float(p_values[index]))
            for index, name in enumerate(ALL_SCORES)}


def share_of_loss(seeds, baseline, num_classes, *, score='macro_f1', resamples=2000, level=0.95, seed=0):
    """What share of a baseline's loss a model loses, where recordings get worse; each draw takes the same subjects for all.

    Args:
        seeds, baseline (tuple[list[list[dict]], list[list[dict]]]): Of the two models, the clips of each training seed as
            `paired_difference` has them, of the recordings as they are and of the worse ones.
        num_classes (int): C.
        score (str): What is lost, of the keys of `mean_scores`.
        resamples, level, seed: As in `subject_interval`.

    Returns:
        tuple[float, float, float] | None: The share, lower and upper end of its interval; None where the interval of the
        baseline's loss reaches 0, of which nothing is a share.
    """
    subjects, index = sorted(_members(baseline[0][0])), ALL_SCORES.index(score)
    weights = np.concatenate([np.ones((1, len(subjects)), int), _draws(len(subjects), resamples, seed)])

    def losses(parts):
        before, after = (_scores(*(_sum(weights, table) for table in _subject_tables(part, subjects, num_classes)))
                         for part in parts)
        return (before - after)[:, index]

    ours, theirs = losses(seeds), losses(baseline)
    if _ends(theirs[1:], level)[0] <= 0:
        return None
    with np.errstate(divide='ignore', invalid='ignore'):  # a few draws in which the baseline loses nothing
        shares = np.nan_to_num(ours / theirs, nan=1.)
    return (float(shares[0]), *_ends(shares[1:], level))


def mean_roc(seeds, num_classes, rates):
    """One-vs-rest ROC, averaged over classes and seeds.

    Args:
        seeds (list[list[dict]]): Clips of each seed, with `label` and `score` (C,).
        num_classes (int): C.
        rates (ndarray): False positive rates (G,), rising from 0 to 1.

    Returns:
        tuple[ndarray, float]: True positive rates (G,) at those, and the macro-averaged area under the curves. Classes
        without clips, or with all of them, have no curve.
    """
    from sklearn.metrics import roc_auc_score, roc_curve
    curves, areas = [], []
    for clips in seeds:
        labels, scores = np.array([clip['label'] for clip in clips]), np.array([clip['score'] for clip in clips])
        for index in range(num_classes):
            if 0 < (labels == index).sum() < len(labels):
                wrong, right, _ = roc_curve(labels == index, scores[:, index])
                curves.append(np.interp(rates, wrong, right))
                areas.append(roc_auc_score(labels == index, scores[:, index]))
    return np.mean(curves, axis=0), float(np.mean(areas))


def calibration(clips, bins=10):
    """Whether a score means what it says: how often the predicted class is right, by how sure the model is.

    Args:
        clips (list[dict]): With `label` and `score` (C,).
        bins (int): Bins of equal width over [0, 1].

    Returns:
        tuple[ndarray, ndarray, ndarray, float]: Of the bins that have clips: mean score of the predicted class, share
        of right predictions, number of clips; and the expected calibration error, the mean distance of the two weighted
        by the clips (Guo 2017, arXiv 1706.04599).
    """
    scores = np.array([clip['score'] for clip in clips])
    sure, right = scores.max(1), scores.argmax(1) == [clip['label'] for clip in clips]
    place = np.minimum((sure * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    there = count > 0
    confidence, accuracy = (np.bincount(place, values, bins)[there] / count[there] for values in (sure, right))
    return confidence, accuracy, count[there], float(np.abs(confidence - accuracy) @ count[there] / count.sum())


def _members(clips):
    subjects = {}
    for clip in clips:
        subjects.setdefault(clip['subject'], []).append(clip)
    return subjects


def _subject_tables(seeds, subjects, num_classes):
    """Confusion matrices (N, S, C, C) and summed log-losses (N, S) of every subject and seed."""
    members = [_members(clips) for clips in seeds]
    return (np.array([[confusion_of(part[subject], num_classes) for part in members] for subject in subjects]),
            np.array([[sum(_log_losses(part[subject])) for part in members] for subject in subjects]))


def _log_losses(clips):
    return [-np.log(max(clip['score'][clip['label']], 1e-12)) for clip in clips]


def _sum(weights, tables):
    """Sum of the subjects' tables (N, ...) by each row of weights (R, N): (R, ...)."""
    return np.tensordot(weights, tables, 1)


def _scores(confusions, losses):
    """(..., S, C, C) and (..., S) -> `SCORES` and the log-loss, averaged over the seeds: (..., K)."""
    scores = [*classification_scores(confusions).values(), losses / confusions.sum((-2, -1))]
    return np.stack(scores, -1).mean(-2)


def _draws(count, resamples, seed):
    """How often each of `count` subjects is drawn, with replacement: (R, N)."""
    drawn = np.random.default_rng(seed).integers(0, count, (resamples, count))
    return np.stack([np.bincount(row, minlength=count) for row in drawn])


def _exchanges(count, seed, resamples=9999):
    """Which subjects are exchanged, (R, N) of 0 and 1, and whether these are all the ways there are."""
    if 2**count <= resamples:
        return np.arange(2**count)[:, None] >> np.arange(count) & 1, True
    return np.random.default_rng(seed).integers(0, 2, (resamples, count)), False


def _ends(values, level):
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)

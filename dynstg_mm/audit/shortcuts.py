"""How well the class can be predicted without the gait."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dynstg_mm.audit.clips import AuditedClip
from dynstg_mm.audit.findings import Findings
from dynstg_mm.datasets.annotation_file import ORIGINS
from dynstg_mm.datasets.folds import fold_split, subject_folds
from dynstg_mm.datasets.metadata_control import metadata_forest, metadata_of, scores_by_fold
from dynstg_mm.errors import DataError
from dynstg_mm.progress import with_bar
from dynstg_mm.statistics import classification_scores, confusion_of, subject_interval

FAR = 0.5  # share of the way from chance level to 1 above which metadata give the class away
TRACE = 0.1  # below this share, nothing is reported
FOLDS, FEWEST = 5, 3  # folds; fewer if the smallest class has fewer people, but at least 3
METADATA = 'all metadata'
FIELDS = {'rate': [0], 'length': [1, 2], 'missing joints and frames': [3, 4], 'image size': [5, 6]}  # of `metadata_of`
APPEARANCE = ('place', 'body size', 'walking direction')  # what is visible in a clip except for the gait


@dataclass
class Shortcut:
    """How well one source predicts the class of a task, over folds by subject."""

    source: str
    macro_recall: float
    low: float
    high: float  # ends of the 95 % interval by subject
    accuracy: float
    chance: float  # macro-recall at chance level

    @property
    def gain(self) -> float:
        """Share of the way from chance level to 1; 0 if the interval includes chance level."""
        return (self.macro_recall - self.chance) / (1 - self.chance) if self.low > self.chance else 0.


def shortcuts(task: str, clips: Sequence[AuditedClip], *, progress: bool = True, seed: int = 0) -> list[Shortcut]:
    """How well metadata, place, size, direction and site predict the class: trees, tested on held-out people.

    Args:
        task: Its name.
        clips: The clips of the task, all measured, with rate, label and subject.
        progress: Show a bar.
        seed: Seed of folds, trees and intervals.

    Returns:
        All metadata first, then each source alone.

    Raises:
        DataError: There are fewer than two classes, or a class has too few people.
    """
    classes = sorted({clip.data['label'] for clip in clips})
    columns = dict(with_bar(list(_columns(clips).items()), f'metadata of {task}', progress)) if len(classes) > 1 else {}
    learners = {source: _learner(source, seed) for source in columns}
    return predicted(clips, [classes.index(clip.data['label']) for clip in clips], columns, learners, 'class {}',
                     classes, seed=seed)


def predicted(clips: Sequence[AuditedClip], labels: Sequence[int], columns: Mapping[str, np.ndarray],
              learners: Mapping[str, Any], wording: str, names: Sequence[Any], *, seed: int = 0) -> list[Shortcut]:
    """How well a number of each clip is predicted from each source, over folds by person.

    Args:
        clips: The clips, with subject.
        labels: The number of each clip.
        columns: Source -> its inputs, shape (clips, columns).
        learners: Source -> a classifier of scikit-learn.
        wording: What a number means, such as 'class {}', for errors.
        names: Names of the numbers.
        seed: Seed of folds and intervals.

    Raises:
        DataError: There are fewer than two numbers, or one has too few people.
    """
    if len(names) < 2:
        raise DataError(f'{len(names)} classes; the control needs two.')
    people = [{clip.data['subject'] for clip, own in zip(clips, labels) if own == label} for label in range(len(names))]
    fewest = min(range(len(names)), key=lambda label: len(people[label]))
    count = min(FOLDS, len(people[fewest]))
    if count < FEWEST:
        raise DataError(f'{count} people of {wording.format(names[fewest])}; the control needs {FEWEST}.')
    rows = [dict(frame_dir=clip.name, subject=clip.data['subject'], label=label) for clip, label in zip(clips, labels)]
    folds = _folds(rows, count, seed)
    return [_shortcut(source, learners[source], values, rows, folds, len(names), seed)
            for source, values in columns.items()]


def _folds(rows: Sequence[dict[str, Any]], count: int, seed: int) -> list[np.ndarray]:
    """The rows that each fold tests, by subject and stratified, also if a subject has rows of several classes."""
    subjects, labels = [row['subject'] for row in rows], [row['label'] for row in rows]
    if len(set(zip(subjects, labels))) > len(set(subjects)):
        from sklearn.model_selection import StratifiedGroupKFold
        chosen = StratifiedGroupKFold(count, shuffle=True, random_state=seed).split(labels, labels, subjects)
        return [test for _, test in chosen if len(test)]
    splits = subject_folds(rows, 'control', folds=count, seed=seed)
    members = [set(splits[fold_split('control', fold, 'test')]) for fold in range(count)]
    return [np.array([index for index, row in enumerate(rows) if row['frame_dir'] in names]) for names in members]


def _columns(clips: Sequence[AuditedClip]) -> dict[str, np.ndarray]:
    """The inputs of the control, source -> (clips, columns); those that are the same for all clips are left out."""
    metadata = np.array([metadata_of(dict(clip.data, total_frames=clip.data['keypoint'].shape[1])) for clip in clips],
                        dtype=float)
    columns = {METADATA: metadata, **{source: metadata[:, where] for source, where in FIELDS.items()}}
    columns['place'] = np.array([clip.measured.place for clip in clips])
    columns['body size'] = np.array([[clip.measured.size] for clip in clips])
    columns['walking direction'] = np.array([clip.measured.direction for clip in clips])
    for field in ORIGINS:
        names = sorted({str(clip.data.get(field)) for clip in clips})
        columns[field] = np.array([[str(clip.data.get(field)) == name for name in names] for clip in clips], float)
    return {source: values for source, values in columns.items() if (values != values[:1]).any()}


def _shortcut(source: str, learner: Any, columns: np.ndarray, rows: Sequence[dict[str, Any]],
              folds: Sequence[np.ndarray], classes: int, seed: int) -> Shortcut:
    """How well these columns (clips, columns) predict the class."""
    labels = np.array([row['label'] for row in rows])
    scores = np.zeros((len(rows), classes))
    inputs, known = ([values[fold] for fold in folds] for values in (columns, labels))
    for fold, part in zip(folds, scores_by_fold(learner, inputs, known, classes)):
        scores[fold] = part
    clips = [dict(row, score=score) for row, score in zip(rows, scores)]
    result = classification_scores(confusion_of(clips, classes))
    low, high = subject_interval([clips], classes, resamples=1000, seed=seed)['macro_recall']
    return Shortcut(source, result['macro_recall'], low, high, result['accuracy'], 1 / classes)


def _learner(source: str, seed: int) -> Any:
    """The forest of the metadata control; a small tree for a single source, since a forest costs 500 times as much."""
    from sklearn.tree import DecisionTreeClassifier
    if source == METADATA:
        return metadata_forest(seed)
    return DecisionTreeClassifier(max_depth=4, min_samples_leaf=3, random_state=seed)


def judge_shortcuts(task: str, results: Sequence[Shortcut], findings: Findings) -> None:
    """Report the sources that predict the class without the gait.

    Args:
        task: Its name.
        results: From `shortcuts`.
        findings: Takes what is wrong.
    """
    def describe(result: Shortcut) -> str:
        return f'{result.source} {result.macro_recall:.2f} [{result.low:.2f}, {result.high:.2f}]'

    for result in results:
        if result.source == METADATA and result.gain >= TRACE:
            single = sorted((part for part in results if part.source in FIELDS and part.gain >= TRACE),
                            key=lambda part: -part.gain)
            alone = '; alone: ' + ', '.join(map(describe, single)) if single else ''
            findings.add('metadata' if result.gain >= FAR else 'metadata_trace',
                         f'task {task}: macro-recall with {describe(result)}, chance level {result.chance:.2f}{alone}')
        elif result.source in ORIGINS and result.gain >= TRACE:
            findings.add('site_class', f'task {task}: macro-recall with {describe(result)}, chance level '
                         f'{result.chance:.2f}')
        elif result.source in APPEARANCE and result.gain >= TRACE:
            findings.add('place', f'task {task}: macro-recall with {describe(result)}, chance level '
                         f'{result.chance:.2f}')

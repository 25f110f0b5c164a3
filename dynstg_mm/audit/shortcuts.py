"""How well the class can be told without looking at the gait."""
from dataclasses import dataclass

import numpy as np

from dynstg_mm.audit.clips import image_shape
from dynstg_mm.audit.progress import with_bar
from dynstg_mm.benchmark.baselines import metadata_of
from dynstg_mm.benchmark.statistics import classification_scores, confusion_of, subject_interval
from dynstg_mm.datasets.folds import fold_split, subject_folds

FAR = 0.5  # share of the way from chance to perfect from which on metadata give the class away
TRACE = 0.1  # below this share, nothing is said
FOLDS, FEWEST = 5, 3  # folds, or as many as there are people of the smallest class, which has to have so many
METADATA = 'all metadata'
FIELDS = {'rate': [0], 'length': [1, 2], 'lost joints and frames': [3, 4], 'image size': [5, 6]}  # of `metadata_of`
SEEN = ('place', 'body size', 'walking direction')  # what can be seen of a clip but the gait


@dataclass
class Shortcut:
    """How well one thing tells the classes of a task apart, over folds by subject."""

    source: str
    macro_recall: float
    low: float
    high: float  # ends of the 95 % interval by subject
    accuracy: float
    chance: float  # macro-recall of a guess

    @property
    def gain(self):
        """Share of the way from chance to perfect; 0 where the interval reaches down to chance."""
        return (self.macro_recall - self.chance) / (1 - self.chance) if self.low > self.chance else 0.


def shortcuts(task, clips, *, progress=True, seed=0):
    """What the metadata, place, size and direction tell of the class: trees, tested on people held out.

    Args:
        task (str): Its name.
        clips (list[Clip]): Of the task, all measured, with rate, label and subject.
        progress (bool): Show a bar.
        seed (int): Of folds, forests and intervals.

    Returns:
        list[Shortcut]: All metadata first.

    Raises:
        ValueError: There are fewer than two classes, or too few people of one, or one person has two classes.
    """
    labels = sorted({clip.data['label'] for clip in clips})
    if len(labels) < 2:
        raise ValueError(f'{len(labels)} classes; a control needs two.')
    people = {label: {clip.data['subject'] for clip in clips if clip.data['label'] == label} for label in labels}
    fewest = min(labels, key=lambda label: len(people[label]))
    count = min(FOLDS, len(people[fewest]))
    if count < FEWEST:
        raise ValueError(f'{count} people of class {fewest}; a control needs {FEWEST}.')
    rows = [dict(frame_dir=clip.name, subject=str(clip.data['subject']), label=labels.index(clip.data['label']))
            for clip in clips]
    splits = subject_folds(rows, 'control', folds=count, seed=seed)
    folds = [set(splits[fold_split('control', fold, 'test')]) for fold in range(count)]
    fold = np.array([next(index for index, names in enumerate(folds) if clip.name in names) for clip in clips])
    return [_shortcut(source, columns, rows, fold, len(labels), seed)
            for source, columns in with_bar(_columns(clips).items(), f'metadata of {task}', progress)]


def _columns(clips):
    """What is learned from, source -> (clips, columns)."""
    metadata = np.array([metadata_of(dict(
        keypoint=clip.data['keypoint'], rate=clip.data['rate'], total_frames=clip.data['keypoint'].shape[1],
        img_shape=image_shape(clip.data))) for clip in clips], dtype=float)
    columns = {METADATA: metadata, **{source: metadata[:, where] for source, where in FIELDS.items()}}
    columns['place'] = np.array([clip.measures.place for clip in clips])
    columns['body size'] = np.array([[clip.measures.size] for clip in clips])
    columns['walking direction'] = np.array([clip.measures.direction for clip in clips])
    return {source: values for source, values in columns.items() if (values != values[:1]).any()}


def _shortcut(source, columns, rows, fold, classes, seed):
    """What these columns (clips, columns) tell, each fold predicted by the clips of the others."""
    scores, labels = np.zeros((len(rows), classes)), np.array([row['label'] for row in rows])
    for index in np.unique(fold):
        test = fold == index
        learner = _learner(source, seed).fit(columns[~test], labels[~test])
        scores[np.ix_(test, learner.classes_)] = learner.predict_proba(columns[test])
    clips = [dict(row, score=score) for row, score in zip(rows, scores)]
    found = classification_scores(confusion_of(clips, classes))
    low, high = subject_interval([clips], classes, resamples=1000, seed=seed)['macro_recall']
    return Shortcut(source, found['macro_recall'], low, high, found['accuracy'], 1 / classes)


def _learner(source, seed):
    """A forest for all metadata together; a small tree for a single thing, since a forest costs 200 times as much."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier
    if source == METADATA:
        return RandomForestClassifier(200, random_state=seed, min_samples_leaf=2)
    return DecisionTreeClassifier(max_depth=4, min_samples_leaf=3, random_state=seed)


def judge_shortcuts(task, found_ways, found):
    """Say whether the class can be told without the gait.

    Args:
        task (str): Its name.
        found_ways (list[Shortcut]): From `shortcuts`.
        found (Findings): Takes what is wrong.
    """
    def describe(way):
        return f'{way.source} {way.macro_recall:.2f} [{way.low:.2f}, {way.high:.2f}]'

    for way in found_ways:
        if way.source == METADATA and way.gain >= TRACE:
            single = sorted((part for part in found_ways if part.source in FIELDS and part.gain >= TRACE),
                            key=lambda part: -part.gain)
            alone = '; alone: ' + ', '.join(map(describe, single)) if single else ''
            found.add('metadata' if way.gain >= FAR else 'metadata_trace',
                      f'task {task}: macro-recall of {describe(way)}, chance {way.chance:.2f}{alone}')
        elif way.source in SEEN and way.gain >= TRACE:
            found.add('place', f'task {task}: macro-recall of {describe(way)}, chance {way.chance:.2f}')

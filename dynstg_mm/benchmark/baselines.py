"""Control rows without a network: classifiers on the metadata of the recordings and on gait parameters."""
from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from dynstg_mm.benchmark.results import Clip, Results
from dynstg_mm.datasets.annotation_file import AnnotationFile
from dynstg_mm.datasets.folds import parse_fold
from dynstg_mm.datasets.metadata_control import learned_numbers, learned_scores, metadata_forest, metadata_of
from dynstg_mm.errors import ResultsError
from dynstg_mm.gait.joint_map import in_skeleton
from dynstg_mm.gait.parameters import gait_feature_table

METADATA = 'metadata only'
TREES = {f'gait features + {model}': model for model in ('extra-trees', 'boosting')}
CONTROLS = (METADATA, *TREES)
Folds = Sequence[Sequence[Clip]]  # clips of each fold
Measure = Callable[[str, Sequence[str]], np.ndarray]  # annotation file and names of clips -> (clips, columns)


def add_controls(results: Results, ann_file: str, *, tests: Mapping[int, Iterable[Clip]] | None = None,
                 layout: str | dict[str, Any] | None = None, training: Mapping[int, Sequence[Clip]] | None = None,
                 test_file: str | None = None) -> None:
    """Add a row for every control, replacing those that the results already have.

    A control that cannot be computed has no scores, and a note that says why.

    Args:
        results: The results.
        ann_file: The annotation file that the models were trained on.
        tests: Test clips of every fold in the file, if the results have only some folds: like the models, a control
            learns from all folds except the one it is tested on.
        layout: Skeleton layout for the gait features, if the file has none.
        training: The clips that a fold learns from, if these are not those that the other folds test.
        test_file: Annotation file of the test clips, if it is another one.

    Raises:
        ResultsError: A control that already has scores cannot be recomputed.
    """
    blank, numeric = [0.] * len(results.classes), results.is_numeric
    tests = tests or results.tests()
    folds = [[dict(clip, score=blank) for clip in clips] for clips in tests.values()]
    learned = None if training is None else [training[fold] for fold in tests]
    trees = {name: functools.partial(_trees, model, numeric=numeric) for name, model in TREES.items()}
    for measure, learners in ((_metadata, {METADATA: functools.partial(metadata_forest, numeric=numeric)}),
                              (functools.partial(_gait_features, layout=layout), trees)):
        try:
            data = _Data.measured(measure, ann_file, folds, learned, test_file)  # once for all learners and seeds
            predictions = {name: [data.predictions(learner(max(seed, 0)), numeric) for seed in results.seeds]
                           for name, learner in learners.items()}
        except (ValueError, OSError) as error:  # the rows of the models must not be lost
            for name in learners:
                if name in results.models and not np.isnan(results.scores(name)).all():
                    raise ResultsError(f'{name}: cannot be recomputed: {error}') from None
                results.add_model(name, [], kind='control', note=str(error))
            continue
        for name, seeds in predictions.items():
            known = set(results.clips.index)
            scores = [[clip for clip in itertools.chain(*parts) if clip['clip'] in known] for parts in seeds]
            results.add_model(name, scores, kind='control')


@dataclasses.dataclass
class _Data:
    """The columns of the clips that each fold learns from, and of those that it tests."""

    folds: Folds
    training: Folds
    learned: dict[str, np.ndarray]  # by clip
    tested: dict[str, np.ndarray]

    @classmethod
    def measured(cls, measure: Measure, ann_file: str, folds: Folds, training: Folds | None = None,
                 test_file: str | None = None) -> _Data:
        """Measure the clips of all folds, each once."""
        if training is None:
            if len(folds) < 2:
                raise ResultsError('a control learns from the other folds; expected at least two folds.')
            training = [[clip for other, part in enumerate(folds) if other != fold for clip in part]
                        for fold in range(len(folds))]
        if test_file is None:
            learned = tested = _by_clip(measure, ann_file, [*folds, *training])
        else:
            learned, tested = _by_clip(measure, ann_file, training), _by_clip(measure, test_file, folds)
        return cls(folds, training, learned, tested)

    def predictions(self, learner: Any, numeric: bool = False) -> list[list[Clip]]:
        """The test clips of every fold with the scores of a learner that was fitted to those it learns from."""
        found = []
        for fold, train in zip(self.folds, self.training):
            known, tested = (np.array([rows[clip['clip']] for clip in clips])
                             for rows, clips in ((self.learned, train), (self.tested, fold)))
            labels, people = (np.array([clip[field] for clip in train]) for field in ('label', 'subject'))
            scores = (learned_numbers(learner, known, labels, people, tested) if numeric else
                      learned_scores(learner, known, labels, tested, len(fold[0]['score'])))
            found.append([dict(clip, score=row.tolist()) for clip, row in zip(fold, scores)])
        return found


def _by_clip(measure: Measure, ann_file: str, parts: Folds) -> dict[str, np.ndarray]:
    """Columns of every clip of these parts, by its name."""
    names = list(dict.fromkeys(clip['clip'] for part in parts for clip in part))
    return dict(zip(names, measure(ann_file, names)))


def control_scores(name: str, ann_file: str, folds: Folds, *, seed: int = 0,
                   layout: str | dict[str, Any] | None = None) -> list[list[Clip]]:
    """How well metadata (rate, length, missing joints, image size) or gait parameters predict the class.

    Args:
        name: One of `CONTROLS`.
        ann_file: The annotation file that the models were trained on.
        folds: Test clips of each fold, with `clip`, `label` and `score` (C,); a fold is predicted from the others.
        seed: Seed of the classifier.
        layout: Skeleton of the gait parameters; by default the file's, whose joints are mapped onto it.

    Returns:
        The predictions, in the form of `folds`.

    Raises:
        ResultsError: The file has no layout, or lacks a clip, or a clip cannot be used, or there is only one fold.
    """
    if name == METADATA:
        return _Data.measured(_metadata, ann_file, folds).predictions(metadata_forest(seed))
    measure = functools.partial(_gait_features, layout=layout)
    return _Data.measured(measure, ann_file, folds).predictions(_trees(TREES[name], seed))


def all_folds(results: Results, ann_file: str) -> dict[int, list[Clip]] | None:
    """Test clips of all folds in an annotation file, given results of some of them, as `add_controls` takes them.

    Returns:
        The folds of the first task whose folds include those of the results; None if there is none.

    Raises:
        DataError: It is no annotation file, or a split or a clip of a fold is wrong.
    """
    file = AnnotationFile.read(ann_file)
    tasks: dict[str, dict[int, list[Clip]]] = {}
    for split in file.split_names:
        parsed = parse_fold(split)
        if parsed is not None and parsed.part == 'test':
            for fault in file.split_faults([split]):
                raise fault.error(ann_file)
            members = _sound_clips(file, file.splits[split])
            tasks.setdefault(parsed.name, {})[parsed.fold] = [
                dict(clip=clip['frame_dir'], subject=str(clip.get('subject')), label=label) for clip in members
                if not math.isnan(label := clip['label'] if results.target is None else results.target.value_of(clip))]
    own = [{clip['clip']: clip['label'] for clip in part} for part in results.tests().values()]
    for folds in tasks.values():
        labels = [{clip['clip']: clip['label'] for clip in part} for part in folds.values()]
        if all(part in labels for part in own):
            return {fold: clips for fold, clips in sorted(folds.items()) if clips}
    return None


def _metadata(ann_file: str, names: Sequence[str]) -> np.ndarray:
    """Metadata of clips, (clips, columns)."""
    return np.array([metadata_of(clip) for clip in _annotations(AnnotationFile.read(ann_file), names)])


def _gait_features(ann_file: str, names: Sequence[str], *, layout: str | dict[str, Any] | None = None) -> np.ndarray:
    """Gait parameters of clips, (clips, columns)."""
    file = AnnotationFile.read(ann_file)
    target = file.layout if layout is None else layout
    if target is None:
        raise ResultsError(f'{ann_file}: layout: missing; gait features need the skeleton, given by --source-layout.')
    clips = _annotations(file, names)
    try:
        return gait_feature_table([in_skeleton(clip, file.layout or target, target) for clip in clips], target)[1]
    except ValueError as error:
        raise ResultsError(f'{ann_file}: {error}') from None


def _annotations(file: AnnotationFile, names: Sequence[str]) -> list[dict[str, Any]]:
    """Annotations of clips."""
    unknown = [name for name in names if name not in file.clips]
    if unknown:
        raise ResultsError(f'{file.path}: no clip {unknown[0]}, which the predictions contain.')
    return _sound_clips(file, names)


def _sound_clips(file: AnnotationFile, names: Iterable[str]) -> list[dict[str, Any]]:
    """These annotations; DataError if one of them cannot be used."""
    names = list(names)
    for name in names:
        for fault in file.clip_faults(name):
            if fault.kind != 'subject':
                raise fault.error(file.path)
    return [file.clips[name] for name in names]


def _trees(model: str, seed: int, numeric: bool = False) -> Any:
    """Classifier of that name, with balanced classes, or regressor; a missing value becomes the median.

    All data use the same settings. They were chosen by the mean macro-F1 and log-loss on inner folds of the training
    part of one fold of each task: KOA-NM, its three classes, the stages and MSND.
    """
    from sklearn.ensemble import (
        ExtraTreesClassifier,
        ExtraTreesRegressor,
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
    )
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    balanced = {} if numeric else dict(class_weight='balanced')
    if model == 'extra-trees':
        kind = ExtraTreesRegressor if numeric else ExtraTreesClassifier
        learner = kind(500, max_features=0.3, random_state=seed, **balanced)
    else:
        kind = HistGradientBoostingRegressor if numeric else HistGradientBoostingClassifier
        learner = kind(max_iter=100, max_leaf_nodes=4, min_samples_leaf=10, max_features=0.03, max_bins=63,
                       early_stopping=False, random_state=seed, **balanced)
    return make_pipeline(SimpleImputer(strategy='median', keep_empty_features=True), learner)

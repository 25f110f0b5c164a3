"""Control rows without a network: classifiers on the metadata of the recordings and on gait parameters."""
from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from dynstg_mm.benchmark.results import Clip, Results
from dynstg_mm.datasets.annotation_file import AnnotationFile
from dynstg_mm.datasets.folds import parse_fold
from dynstg_mm.datasets.metadata_control import metadata_forest, metadata_of, numbers_by_fold, scores_by_fold
from dynstg_mm.errors import ResultsError
from dynstg_mm.gait.joint_map import in_skeleton
from dynstg_mm.gait.parameters import gait_feature_table

METADATA = 'metadata only'
TREES = {f'gait features + {model}': model for model in ('extra-trees', 'boosting')}
CONTROLS = (METADATA, *TREES)
Folds = Sequence[Sequence[Clip]]  # the test clips of each fold


def add_controls(results: Results, ann_file: str, *, tests: Mapping[int, Iterable[Clip]] | None = None,
                 layout: str | dict[str, Any] | None = None) -> None:
    """Add a row for every control, replacing those that the results already have.

    A control that cannot be computed has no scores, and a note that says why.

    Args:
        results: The results.
        ann_file: The annotation file that the models were trained on.
        tests: Test clips of every fold in the file, if the results have only some folds: like the models, a control
            learns from all folds except the one it is tested on.
        layout: Skeleton layout for the gait features, if the file has none.

    Raises:
        ResultsError: A control that already has scores cannot be recomputed.
    """
    blank, numeric = [0.] * len(results.classes), results.is_numeric
    folds = [[dict(clip, score=blank) for clip in clips] for clips in (tests or results.tests()).values()]
    trees = {name: functools.partial(_trees, model, numeric=numeric) for name, model in TREES.items()}
    for measure, learners in ((_metadata, {METADATA: functools.partial(metadata_forest, numeric=numeric)}),
                              (functools.partial(_gait_features, layout=layout), trees)):
        try:
            columns = measure(ann_file, folds)  # once for all learners and seeds
            predictions = {name: [_from_other_folds(folds, columns, learner(max(seed, 0)), numeric)
                                  for seed in results.seeds]
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
        return _from_other_folds(folds, _metadata(ann_file, folds), metadata_forest(seed))
    return _from_other_folds(folds, _gait_features(ann_file, folds, layout=layout), _trees(TREES[name], seed))


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


def _metadata(ann_file: str, folds: Folds) -> list[np.ndarray]:
    """Metadata of every fold's clips, (clips, columns) each."""
    return [np.array([metadata_of(clip) for clip in clips])
            for clips in _annotations(AnnotationFile.read(ann_file), folds)]


def _gait_features(ann_file: str, folds: Folds, *,
                   layout: str | dict[str, Any] | None = None) -> list[np.ndarray]:
    """Gait parameters of every fold's clips, (clips, columns) each."""
    file = AnnotationFile.read(ann_file)
    target = file.layout if layout is None else layout
    if target is None:
        raise ResultsError(f'{ann_file}: layout: missing; gait features need the skeleton, given by --source-layout.')
    chosen = _annotations(file, folds)
    try:
        return [gait_feature_table([in_skeleton(clip, file.layout or target, target) for clip in part], target)[1]
                for part in chosen]
    except ValueError as error:
        raise ResultsError(f'{ann_file}: {error}') from None


def _annotations(file: AnnotationFile, folds: Folds) -> list[list[dict[str, Any]]]:
    """Annotations of every fold's clips."""
    if len(folds) < 2:
        raise ResultsError('a control learns from the other folds; expected at least two folds.')
    unknown = [clip['clip'] for fold in folds for clip in fold if clip['clip'] not in file.clips]
    if unknown:
        raise ResultsError(f'{file.path}: no clip {unknown[0]}, which the predictions contain.')
    return [_sound_clips(file, [clip['clip'] for clip in fold]) for fold in folds]


def _sound_clips(file: AnnotationFile, names: Iterable[str]) -> list[dict[str, Any]]:
    """These annotations; DataError if one of them cannot be used."""
    names = list(names)
    for name in names:
        for fault in file.clip_faults(name):
            if fault.kind != 'subject':
                raise fault.error(file.path)
    return [file.clips[name] for name in names]


def _from_other_folds(folds: Folds, columns: Sequence[np.ndarray], learner: Any,
                      numeric: bool = False) -> list[list[Clip]]:
    """Predictions of every fold's clips by a classifier or regressor that was fitted to all other folds."""
    labels = [np.array([clip['label'] for clip in fold]) for fold in folds]
    if numeric:
        people = [np.array([clip['subject'] for clip in fold]) for fold in folds]
        scores = numbers_by_fold(learner, columns, labels, people)
    else:
        scores = scores_by_fold(learner, columns, labels, len(folds[0][0]['score']))
    return [[dict(clip, score=row.tolist()) for clip, row in zip(fold, part)] for fold, part in zip(folds, scores)]


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

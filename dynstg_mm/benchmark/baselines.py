"""Rows of the results' tables that need no training of ours: what metadata, and what classical gait parameters tell."""
import functools
import itertools

import numpy as np

from dynstg_mm.benchmark.results import add_model, clips_of, read_annotations
from dynstg_mm.errors import ResultsError
from dynstg_mm.gait.parameters import gait_feature_table

METADATA = 'metadata only'
TREES = {f'gait features + {model}': model for model in ('extra-trees', 'boosting')}
CONTROLS = (METADATA, *TREES)


def add_controls(results, ann_file, *, tests=None, layout=None):
    """Add the controls, one row a classifier; those that are there already are made anew.

    A row that cannot be made stays without scores, and tells why; where it had scores before, that is a `ResultsError`.

    Args:
        results (dict): As `read_results` returns them.
        ann_file (str): The annotation file that the models were trained from.
        tests (dict[int, list[dict]], optional): Test clips of every fold in the file, with `clip`, `subject`, `label`,
            where the results have not all of them: a control learns from all folds but the one that it is tested on, as
            the models do.
        layout (str | dict, optional): Skeleton layout, for the gait features, where the file has none.
    """
    blank = [0.] * len(results['classes'])
    folds = [[dict(clip, score=blank) for clip in clips] for clips in (tests or clips_of(results)).values()]
    trees = {name: functools.partial(_trees, model) for name, model in TREES.items()}
    for measure, learners in ((_metadata, {METADATA: _forest}),
                              (functools.partial(_gait_features, layout=layout), trees)):
        try:
            columns = measure(ann_file, folds)  # once for all learners and seeds
            found = {name: [_from_other_folds(folds, columns, learner(seed or 0)) for seed in results['seeds']]
                     for name, learner in learners.items()}
        except (ValueError, KeyError) as error:  # the rows of the models are not to be lost by it
            for name in learners:
                if results['models'].get(name, {}).get('scores'):
                    raise ResultsError(f'{name}: cannot be made anew: {error}') from None
                add_model(results, name, [], kind='control', note=str(error))
            continue
        for name, seeds in found.items():
            add_model(results, name, [list(itertools.chain(*parts)) for parts in seeds], kind='control')


def metadata_control(ann_file, folds, *, seed=0):
    """What the recordings' metadata gives away: a forest on rate, length, missing share and image size alone.

    Args:
        ann_file (str): The annotation file that the models were trained from.
        folds (list[list[dict]]): Test clips of each fold, as from `read_folds`; the forest of a fold learns from the
            clips of the others.
        seed (int): Seed of the forest.

    Returns:
        list[list[dict]]: Its predictions, in the same form.

    Raises:
        ResultsError: The file lacks a clip, or there is one fold only.
    """
    return _from_other_folds(folds, _metadata(ann_file, folds), _forest(seed))


def gait_feature_trees(ann_file, folds, *, seed=0, model='extra-trees', layout=None, up='y'):
    """What gait parameters tell of the class: trees that learn from the clips of the other folds.

    Args:
        ann_file, folds, seed: As of `metadata_control`.
        model (str): 'extra-trees' or 'boosting'.
        layout (str | dict, optional): In place of the file's.
        up (str): Vertical axis of 3-D clips.

    Returns:
        list[list[dict]]: The predictions, in the same form.

    Raises:
        ResultsError: The file has no layout, or lacks a clip, or a clip cannot be used, or there is one fold only.
    """
    return _from_other_folds(folds, _gait_features(ann_file, folds, layout=layout, up=up), _trees(model, seed))


def _metadata(ann_file, folds):
    """Metadata of every fold's clips, (clips, columns) each."""
    return [np.array([metadata_of(clip) for clip in clips]) for clips in _clips(read_annotations(ann_file)[1], ann_file, folds)]


def metadata_of(clip):
    """What is known of a recording without its movement: rate, frames, seconds, share of lost joints, of lost frames,
    height and width of the image."""
    keypoint = clip['keypoint']
    lost = (keypoint == 0).all(-1)
    height, width = clip.get('img_shape', (0, 0))
    return [clip['rate'], clip['total_frames'], clip['total_frames'] / clip['rate'], lost.mean(),
            lost.all((0, 2)).mean(), height, width]


def _gait_features(ann_file, folds, *, layout=None, up='y'):
    """Gait parameters of every fold's clips, (clips, columns) each."""
    data, clips = read_annotations(ann_file)
    layout = data.get('layout') if layout is None else layout
    if layout is None:
        raise ResultsError(f'{ann_file}: layout: missing; gait features need the skeleton, as the argument layout.')
    try:
        return [gait_feature_table(clips, layout, up=up)[1] for clips in _clips(clips, ann_file, folds)]
    except ResultsError:
        raise
    except ValueError as error:
        raise ResultsError(f'{ann_file}: {error}') from None


def _clips(clips, ann_file, folds):
    """Annotations of every fold's clips."""
    if len(folds) < 2:
        raise ResultsError('a control learns from the other folds; it needs the predictions of at least two folds.')
    unknown = [clip['clip'] for fold in folds for clip in fold if clip['clip'] not in clips]
    if unknown:
        raise ResultsError(f'{ann_file}: no clip {unknown[0]}, which the predictions name.')
    return [[clips[clip['clip']] for clip in fold] for fold in folds]


def _from_other_folds(folds, columns, learner):
    """Predictions of every fold's clips by a classifier that has learnt from all other folds."""
    labels, result = [np.array([clip['label'] for clip in fold]) for fold in folds], []
    for index, fold in enumerate(folds):
        others = [other for other in range(len(folds)) if other != index]
        learner.fit(*(np.concatenate([part[other] for other in others]) for part in (columns, labels)))
        scores = np.zeros((len(fold), len(fold[0]['score'])))
        scores[:, learner.classes_] = learner.predict_proba(columns[index])
        result.append([dict(clip, score=score.tolist()) for clip, score in zip(fold, scores)])
    return result


def _forest(seed):
    from sklearn.ensemble import RandomForestClassifier
    return RandomForestClassifier(500, random_state=seed, min_samples_leaf=2)


def _trees(model, seed):
    """Classifier of that name, every class of the same weight; a value that is missing becomes the median.

    The settings, the same for all data, were chosen on inner folds of the training part of one fold of KOA-NM, of its
    three classes, of the stages and of MSND, by the mean macro-F1 and log-loss.
    """
    from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    if model == 'extra-trees':
        learner = ExtraTreesClassifier(500, max_features=0.3, class_weight='balanced', random_state=seed)
    elif model == 'boosting':
        learner = HistGradientBoostingClassifier(max_iter=100, max_leaf_nodes=4, min_samples_leaf=10, max_features=0.03,
                                                 max_bins=63, class_weight='balanced', early_stopping=False,
                                                 random_state=seed)
    else:
        raise ValueError(f"model: {model!r}; expected 'extra-trees' or 'boosting'.")
    return make_pipeline(SimpleImputer(strategy='median', keep_empty_features=True), learner)

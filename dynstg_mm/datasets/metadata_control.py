"""The metadata control: how well the class can be predicted without the movement."""
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dynstg_mm.gait.visibility import seen_joints

TREES = 500  # of the forest
COLUMNS = ('rate', 'frames', 'seconds', 'missing joints', 'missing frames', 'image height', 'image width')


def metadata_of(clip: Mapping[str, Any]) -> list[float]:
    """What is known about a recording without its movement, in the order of `COLUMNS`.

    A joint is missing if the file has no place for it, whatever its score.

    Args:
        clip: Annotation with `keypoint` (M, T, V, C), `rate`, `total_frames` and perhaps `img_shape`.
    """
    lost = ~seen_joints(clip['keypoint'])
    height, width = image_shape(clip)
    return [clip['rate'], clip['total_frames'], clip['total_frames'] / clip['rate'], lost.mean(),
            lost.all((0, 2)).mean(), height, width]


def image_shape(clip: Mapping[str, Any]) -> tuple[float, float]:
    """Height and width of the image, (0, 0) if the clip does not have them."""
    shape = clip.get('img_shape')
    if not isinstance(shape, (tuple, list, np.ndarray)) or len(shape) != 2:
        return 0, 0
    height, width = (float(size) if isinstance(size, (int, float, np.integer, np.floating)) else 0. for size in shape)
    return height, width


def metadata_forest(seed: int = 0, numeric: bool = False) -> Any:
    """The classifier of the control, or the regressor for a number, not yet fitted."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    return (RandomForestRegressor if numeric else RandomForestClassifier)(TREES, random_state=seed, min_samples_leaf=2)


def scores_by_fold(learner: Any, columns: Sequence[np.ndarray], labels: Sequence[np.ndarray],
                   num_classes: int) -> list[np.ndarray]:
    """Scores of every fold's clips, predicted by a classifier that was fitted to all other folds.

    Args:
        learner: A classifier of scikit-learn.
        columns: Of each fold, shape (clips, columns).
        labels: Of each fold, shape (clips,).
        num_classes: Number of classes.

    Returns:
        Of each fold, shape (clips, num_classes).
    """
    scores = []
    for fold in range(len(columns)):
        others = [other for other in range(len(columns)) if other != fold]
        learned, known = (np.concatenate([part[other] for other in others]) for part in (columns, labels))
        scores.append(learned_scores(learner, learned, known, columns[fold], num_classes))
    return scores


def learned_scores(learner: Any, columns: np.ndarray, labels: np.ndarray, tested: np.ndarray,
                   num_classes: int) -> np.ndarray:
    """Scores that a classifier gives to clips after it was fitted to others.

    Args:
        learner: A classifier of scikit-learn.
        columns: Of the clips to learn from, shape (clips, columns).
        labels: Of these, shape (clips,).
        tested: Of the others, shape (tested, columns).
        num_classes: Number of classes.

    Returns:
        Shape (tested, num_classes); 0 for a class that was not learned.
    """
    learner.fit(columns, labels)
    scores = np.zeros((len(tested), num_classes))
    scores[:, learner.classes_] = learner.predict_proba(tested)
    return scores


def learned_numbers(learner: Any, columns: np.ndarray, values: np.ndarray, people: np.ndarray,
                    tested: np.ndarray) -> np.ndarray:
    """Numbers that a regressor predicts for clips after it was fitted to others, with intervals.

    The 90 % interval is the prediction and the 5 % and 95 % quantiles of the errors on the people it learned from, each
    predicted without that person (five groups of people).

    Args:
        learner: A regressor of scikit-learn.
        columns: Of the clips to learn from, shape (clips, columns).
        values: Of these, shape (clips,).
        people: Who walks in these, shape (clips,).
        tested: Of the others, shape (tested, columns).

    Returns:
        Shape (tested, 3): value, low and high.
    """
    from sklearn.model_selection import GroupKFold, cross_val_predict
    count = min(5, len(np.unique(people)))
    inner = cross_val_predict(learner, columns, values, groups=people, cv=GroupKFold(count)) if count > 1 else values
    low, high = np.quantile(values - inner, [0.05, 0.95])
    found = learner.fit(columns, values).predict(tested)
    return np.stack([found, found + min(low, 0), found + max(high, 0)], -1)


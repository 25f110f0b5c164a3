"""Fusion of streams: weighted means of the scores that several models give to the same clips."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmaction.evaluation import mean_class_accuracy, top_k_accuracy

from dynstg_mm.errors import ResultsError
from dynstg_mm.safe_pickle import load_pickle

# Joint, bone, joint motion, bone motion: the weights of MMAction2's and PYSKL's tables of ST-GCN++.
FOUR_STREAMS = (2., 2., 1., 1.)


class Dump(NamedTuple):
    """What a test dumped.

    Attributes:
        scores: (clips, classes).
        labels: (clips, ).
        names: Names of the clips; None if the pipeline does not keep them, as in MMAction2's own configs.
    """

    scores: np.ndarray
    labels: np.ndarray
    names: list[str] | None


def read_dump(path: str | Path) -> Dump:
    """Read what `test --dump`, ours or MMAction2's, has written, without running anything in it.

    Raises:
        FileNotFoundError: There is no such file.
        DataError: It is damaged, or names anything that could run code.
        ResultsError: It is no dump of a classification.
    """
    samples = load_pickle(path, tensors=True)
    if not isinstance(samples, list) or not samples:
        raise ResultsError(f'{path}: expected the list of samples that test --dump writes.')
    try:
        scores = np.array([np.asarray(sample['pred_score'], float) for sample in samples])
        labels = np.array([int(sample['gt_label']) for sample in samples])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ResultsError(f'{path}: {error}; expected samples with pred_score and one gt_label each, as test --dump '
                           'writes them.') from None
    if scores.ndim != 2 or not np.isfinite(scores).all():
        raise ResultsError(f'{path}: pred_score: of shape {scores.shape[1:]}, or not finite; expected a finite number '
                           'for each class.')
    if not 0 <= labels.min() <= labels.max() < scores.shape[1]:
        raise ResultsError(f'{path}: gt_label: {labels.min()} to {labels.max()}; expected 0 to {scores.shape[1] - 1}.')
    names = [sample.get('frame_dir') for sample in samples]
    return Dump(scores, labels, None if None in names else names)


def fuse(dumps: Mapping[str, Dump], weights: Sequence[float]) -> np.ndarray:
    """Weighted mean of scores.

    Args:
        dumps: File -> its content; all of the same clips in the same order.
        weights: One for each.

    Returns:
        (clips, classes).

    Raises:
        ResultsError: The clips, their labels or the classes differ.
    """
    (first, expected), *others = dumps.items()
    for path, dump in others:
        for field, ours, theirs in (('clips', len(dump.labels), len(expected.labels)),
                                    ('classes', dump.scores.shape[1], expected.scores.shape[1])):
            if ours != theirs:
                raise ResultsError(f'{path}: {ours} {field}; {first} has {theirs}; expected tests of one split.')
        differs = dump.labels != expected.labels
        if dump.names is not None and expected.names is not None:
            differs |= np.array(dump.names, object) != np.array(expected.names, object)
        if differs.any():
            raise ResultsError(f'{path}: sample {differs.argmax()}: another clip or label than in {first}; expected '
                               'tests of one split, in the same order.')
    return np.average([dump.scores for dump in dumps.values()], axis=0, weights=weights)


def accuracies(scores: np.ndarray, labels: np.ndarray) -> list[float]:
    """Top-1, top-5 and mean class accuracy, as MMAction2's `AccMetric` computes them."""
    plain: Any = list(labels)
    return [*top_k_accuracy(scores, plain, (1, 5)), float(mean_class_accuracy(scores, plain))]

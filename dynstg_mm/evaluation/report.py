"""Tables and pictures of cross-validated results, beside what the recordings' metadata alone would give."""
import json
from pathlib import Path

import numpy as np

from ..fileio import load_pickle
from .statistics import (SCORES, by_subject, classification_scores, confusion_of, paired_difference,
                         subject_interval)


class ReportError(ValueError):
    """Results cannot be put into one table; the message names the file and what was expected."""


def read_folds(folder):
    """Predictions of every fold below a folder: `predictions.json`, as `GaitMetric` writes them.

    Args:
        folder (str | Path): Holds predictions.json itself, or folders with one each.

    Returns:
        tuple[list[str], list[list[dict]], list[dict]]: Classes; the clips of each fold with `clip`, `subject`, `label`,
        `score`; what training cost, where `train_summary.json` stands beside the predictions.
    """
    paths = sorted(Path(folder).rglob('predictions.json'))
    if not paths:
        raise ReportError(f'{folder}: no predictions.json in or below it; run tools/test.py with this --work-dir.')
    folds, classes, costs = [], None, []
    for path in paths:
        try:
            content = json.loads(path.read_text())
            clips, found = content['clips'], content['classes']
        except (ValueError, KeyError, TypeError) as error:
            raise ReportError(f'{path}: not written by GaitMetric ({type(error).__name__}: {error}).') from None
        if classes not in (None, found):
            raise ReportError(f'{path}: classes {found}; the others have {classes}.')
        nameless = [clip['clip'] for clip in clips if clip.get('subject') is None]
        if nameless:
            raise ReportError(f'{path}: clip {nameless[0]}: no subject; intervals are by subject.')
        classes = found
        folds.append(clips)
        summary = path.with_name('train_summary.json')
        if summary.is_file():
            costs.append(json.loads(summary.read_text()))
    seen = [clip['clip'] for clips in folds for clip in clips]
    if len({clip['subject'] for clips in folds for clip in clips}) < 2:
        raise ReportError(f'{folder}: clips of one subject; an interval by subject needs at least two.')
    if len(seen) != len(set(seen)):
        raise ReportError(f'{folder}: a clip was tested twice; expected folds whose test parts do not overlap.')
    return classes, folds, costs


def metadata_control(ann_file, folds, *, seed=0):
    """What the recordings' metadata gives away: a forest on rate, length, missing share and image size alone.

    Args:
        ann_file (str): The annotation file that the models were trained from.
        folds (list[list[dict]]): Test clips of each fold, as from `read_folds`; the forest of a fold learns from the
            clips of the others.
        seed (int): Seed of the forest.

    Returns:
        list[list[dict]]: Its predictions, in the same form.
    """
    from sklearn.ensemble import RandomForestClassifier
    clips = {clip['frame_dir']: clip for clip in load_pickle(ann_file)['annotations']}
    unknown = [clip['clip'] for fold in folds for clip in fold if clip['clip'] not in clips]
    if unknown:
        raise ReportError(f'{ann_file}: no clip {unknown[0]}, which the predictions name.')
    if len(folds) < 2:
        raise ReportError('the metadata control needs the predictions of at least two folds.')
    columns = [np.array([metadata_of(clips[clip['clip']]) for clip in fold]) for fold in folds]
    labels = [np.array([clip['label'] for clip in fold]) for fold in folds]
    result = []
    for index, fold in enumerate(folds):
        others = [other for other in range(len(folds)) if other != index]
        forest = RandomForestClassifier(500, random_state=seed, min_samples_leaf=2)
        forest.fit(np.concatenate([columns[other] for other in others]),
                   np.concatenate([labels[other] for other in others]))
        scores = np.zeros((len(fold), len(fold[0]['score'])))
        scores[:, forest.classes_] = forest.predict_proba(columns[index])
        result.append([dict(clip, score=score.tolist()) for clip, score in zip(fold, scores)])
    return result


def metadata_of(clip):
    """What is known of a recording without its movement: rate, frames, seconds, share of lost joints, of lost frames,
    height and width of the image."""
    keypoint = clip['keypoint']
    lost = (keypoint == 0).all(-1)
    height, width = clip.get('img_shape', (0, 0))
    return [clip['rate'], clip['total_frames'], clip['total_frames'] / clip['rate'], lost.mean(),
            lost.all((0, 2)).mean(), height, width]


def difference_rows(results, baseline):
    """Every model's difference to one of them, by clip, with intervals that draw subjects.

    Args:
        results (dict[str, tuple]): Name -> what `read_folds` returned.
        baseline (str): The name of one.

    Returns:
        list[list[str]]: Cells, the header first.
    """
    rows = [['model', *(f'{score} - {baseline} [95 %]' for score in ('accuracy', 'macro-F1', 'log-loss'))]]
    pooled = {name: [clip for fold in folds for clip in fold] for name, (_, folds, _) in results.items()}
    for name in results:
        if name != baseline:
            found = paired_difference(pooled[name], pooled[baseline], len(results[baseline][0]))
            rows.append([name] + ['{:+.3f} [{:+.3f}, {:+.3f}]'.format(*found[score])
                                  for score in ('accuracy', 'macro_f1', 'log_loss')])
    return rows


def result_rows(name, classes, folds, costs=()):
    """One model's rows of the table, per clip and per subject.

    Returns:
        list[list[str]]: Cells.
    """
    rows = []
    for unit in ('clip', 'subject'):
        parts = folds if unit == 'clip' else [by_subject(fold) for fold in folds]
        pooled = [clip for part in parts for clip in part]
        scores = classification_scores(confusion_of(pooled, len(classes)))
        spreads = [classification_scores(confusion_of(part, len(classes))) for part in parts]
        interval = subject_interval(pooled, len(classes))
        cells = [name, unit, str(len(pooled))]
        for score in SCORES[:3]:
            low, high = interval[score]
            spread = [part[score] for part in spreads]
            cells.append(f'{scores[score]:.3f} [{low:.3f}, {high:.3f}]')
            if score != 'macro_recall':
                cells.append(f'{np.mean(spread):.3f} ± {np.std(spread):.3f}' if len(spread) > 1 else '')
        if costs and unit == 'clip':
            minutes = np.mean([cost['cpu_seconds'] for cost in costs]) / 60
            cells += [f'{costs[0]["parameters"]:,}', f'{minutes:.1f}']
        else:
            cells += ['', '']
        rows.append(cells)
    return rows


HEADER = ['model', 'per', 'n', 'accuracy [95 %]', 'over folds', 'macro-F1 [95 %]', 'over folds', 'macro-recall [95 %]',
          'parameters', 'CPU min a fold']


def markdown(rows):
    """A Markdown table of rows of cells, the first of which is the header."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ['| ' + ' | '.join(cell.ljust(width) for cell, width in zip(row, widths)) + ' |' for row in rows]
    lines.insert(1, '|' + '|'.join('-' * (width + 2) for width in widths) + '|')
    return '\n'.join(lines)


def confusion_picture(path, name, classes, folds):
    """Save the confusion matrix, pooled over the folds, as a picture."""
    import matplotlib
    matplotlib.use('Agg')
    from sklearn.metrics import ConfusionMatrixDisplay
    confusion = confusion_of([clip for fold in folds for clip in fold], len(classes))
    display = ConfusionMatrixDisplay(confusion, display_labels=classes).plot(cmap='Blues', xticks_rotation=30)
    display.ax_.set_title(f'{name}: {np.trace(confusion) / confusion.sum():.1%} of {confusion.sum()} clips')
    display.figure_.tight_layout()
    display.figure_.savefig(path, dpi=120)
    matplotlib.pyplot.close(display.figure_)

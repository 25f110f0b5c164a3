"""The metrics that gait papers report, per clip and per person."""
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmaction.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from dynstg_mm.datasets.targets import Target, is_separate, read_targets
from dynstg_mm.errors import ConfigError, ResultsError
from dynstg_mm.files import write_json
from dynstg_mm.scale_statistics import by_person, distances, scale_interval, scale_scores
from dynstg_mm.statistics import by_subject, class_scores, classification_scores, confusion_of


@METRICS.register_module()
class GaitMetric(BaseMetric):
    """Accuracy, macro-F1, macro-recall and macro-precision, per clip, per class and per subject; errors of scores.

    A clip's score is the mean over its windows (the head's `average_clips`), a subject's the mean over the clips. The
    scores per subject need `PackActionInputs` with `meta_keys=('frame_dir', 'subject')`, and are left out without it.
    The keys are `gait/accuracy`, `gait/macro_f1`, ..., `gait/subject_accuracy`, ..., `gait/f1_<class>`,
    `gait/recall_<class>`, `gait/precision_<class>`. `save_best='gait/macro_f1'` needs `rule='greater'`.

    Of the data set's targets, ordinal ones also have the measures of `scale_statistics` (`gait/mae`, `gait/kappa`, ...,
    `gait/subject_mae`, ...), and numbers have only these. With several targets, their names come first, such as
    `gait/updrs_gait_mae`. A clip without a value of a target does not count for it.

    Args:
        out_file: JSON file for the scores of every clip, written whole or not at all.
        collect_device: Device for collecting results from several processes.
        prefix: Prefix of the keys, instead of `gait`.
    """

    default_prefix = 'gait'

    def __init__(self, out_file: str | None = None, collect_device: str = 'cpu', prefix: str | None = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.out_file = out_file

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep the scores of a batch."""
        targets = self._targets()
        for sample in data_samples:
            row = dict(clip=sample.get('frame_dir'), subject=sample.get('subject'))
            if is_separate(targets):
                row['targets'] = scored_targets(sample, targets)
            else:
                row.update(label=int(sample['gt_label']), score=sample['pred_score'].float().cpu().tolist())
            self.results.append(dict(row, padded=True) if sample.get('padded') else row)

    def _targets(self) -> dict[str, Target]:
        described = (self.dataset_meta or {}).get('targets')
        return read_targets(described) if described else {}

    def compute_metrics(self, results: list[dict[str, Any]]) -> dict[str, float]:
        """Scores over all clips."""
        targets = self._targets()
        if not is_separate(targets):
            classes = (self.dataset_meta or {}).get('classes') or [str(index) for index, _ in
                                                                   enumerate(results[0]['score'])]
            content: dict[str, Any] = dict(classes=list(classes), clips=results)
            metrics = class_metrics(results, classes)
            for target in targets.values():
                metrics.update(scale_metrics(results, target) if target.type == 'ordinal' else {})
        else:
            content, metrics = dict(targets={name: one.to_dict() for name, one in targets.items()}, clips=results), {}
            for name, target in targets.items():
                prefix = f'{name}_' if len(targets) > 1 else ''
                own = target_metrics(with_value(results, name), target)
                metrics.update({prefix + key: value for key, value in own.items()})
        if self.out_file is not None:
            write_json(self.out_file, content)
        return metrics


def scored_targets(sample: Mapping[str, Any], targets: Mapping[str, Target]) -> dict[str, dict[str, Any]]:
    """Of each target, `label`, the true value or None, and `score` of a data sample.

    Raises:
        ConfigError: The head predicts other targets.
    """
    found = sample.get('pred_targets') or {}
    if list(found) != list(targets):
        raise ConfigError(f'model.cls_head: predicts {", ".join(found) or "classes"}; the data set has the targets '
                          f'{", ".join(targets)}; expected a TargetHead with an output for each, in this order.')
    values = [None if math.isnan(value) else float(value) for value in sample['targets']]
    return {name: dict(label=value if value is None or targets[name].is_numeric else int(value),
                       score=found[name].float().cpu().tolist()) for name, value in zip(targets, values)}


def with_value(clips: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The clips that have a value of a target, with its `label` and `score`."""
    return [{**{key: value for key, value in clip.items() if key != 'targets'}, **clip['targets'][name]}
            for clip in clips if clip['targets'][name]['label'] is not None]


def target_metrics(clips: Sequence[dict[str, Any]], target: Target) -> dict[str, float]:
    """Metrics of the clips that have a value of a target."""
    if not clips:
        MMLogger.get_current_instance().warning(f'targets.{target.name}: missing in all clips, so not measured.')
        return {}
    classes = {} if target.is_numeric else class_metrics(clips, target.classes)
    return classes if target.type == 'nominal' else {**classes, **scale_metrics(clips, target)}


def class_metrics(clips: Sequence[dict[str, Any]], classes: Sequence[str]) -> dict[str, float]:
    """Scores of a classification, which are also logged by class.

    Raises:
        ConfigError: The head scores another number of classes.
        ResultsError: A score is not finite.
    """
    num_classes = len(clips[0]['score'])
    if len(classes) != num_classes:
        raise ConfigError(f'the head has {num_classes} outputs; the data set has {len(classes)} classes '
                          f'({", ".join(classes)}); set model.cls_head.num_classes.')
    check_finite(clips)
    confusion = confusion_of(clips, num_classes)
    metrics = classification_scores(confusion)
    if all(clip['subject'] is not None for clip in clips):
        scores = classification_scores(confusion_of(by_subject(clips), num_classes))
        metrics.update({f'subject_{name}': value for name, value in scores.items()})
    for name, values in class_scores(confusion).items():
        metrics.update({f'{name}_{label}': float(value) for label, value in zip(classes, values)})
    MMLogger.get_current_instance().info('\n' + class_table(classes, confusion))
    return metrics


def scale_metrics(clips: Sequence[dict[str, Any]], target: Target) -> dict[str, float]:
    """Errors on a scale, which are also logged, per person with their intervals.

    Raises:
        ResultsError: A score is not finite.
    """
    check_finite(clips)
    metrics, lines = scale_scores(clips, target.is_numeric), []
    if not target.is_numeric:
        lines.append('grades from the true one: ' + ', '.join(
            f'{distance} {count}' for distance, count in enumerate(distances(clips))))
    if all(clip['subject'] is not None for clip in clips):
        people = by_person(clips, target.is_numeric)
        own = scale_scores(people, target.is_numeric)
        ends = scale_interval([people], target.is_numeric)
        metrics.update({f'subject_{name}': value for name, value in own.items()})
        lines.append('per person: ' + ', '.join('{} {:.3f} [{:.3f}, {:.3f}]'.format(name, own[name], *ends[name])
                                                for name in own))
    MMLogger.get_current_instance().info('\n'.join([f'{target.name}, {len(clips)} clips', *lines]))
    return metrics


def check_finite(clips: Sequence[dict[str, Any]]) -> None:
    """Raise a ResultsError for a score that is not finite."""
    for clip in clips:
        if not all(map(math.isfinite, clip['score'])):
            raise ResultsError(f'clip {clip["clip"]}: score: {clip["score"]}; expected finite numbers. The '
                               'training has diverged; try a lower learning rate or clip_grad.')


def class_table(classes: Sequence[str], confusion: np.ndarray) -> str:
    """Scores and confusions of every class, as text."""
    width = max(5, *map(len, classes)) + 2
    lines = ['class'.ljust(width) + 'clips  precision  recall     f1   predicted as ' + ', '.join(classes)]
    scores = class_scores(confusion)
    for index, name in enumerate(classes):
        precision, recall, f1 = (scores[key][index] for key in ('precision', 'recall', 'f1'))
        lines.append(f'{name:{width}}{confusion[index].sum():5d}  {precision:9.3f}  {recall:6.3f}  {f1:5.3f}   '
                     + ' '.join(f'{count:4d}' for count in confusion[index]))
    return '\n'.join(lines)

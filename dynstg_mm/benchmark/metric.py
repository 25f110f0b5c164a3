"""The metrics that gait papers report, per clip and per person."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmaction.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from dynstg_mm.errors import ConfigError, ResultsError
from dynstg_mm.files import write_json
from dynstg_mm.statistics import by_subject, class_scores, classification_scores, confusion_of


@METRICS.register_module()
class GaitMetric(BaseMetric):
    """Accuracy, macro-F1, macro-recall and macro-precision, per clip, per class and per subject.

    A clip's score is the mean over its windows (the head's `average_clips`), a subject's the mean over the clips. The
    scores per subject need `PackActionInputs` with `meta_keys=('frame_dir', 'subject')`, and are left out without it.
    The keys are `gait/accuracy`, `gait/macro_f1`, ..., `gait/subject_accuracy`, ..., `gait/f1_<class>`,
    `gait/recall_<class>`, `gait/precision_<class>`. `save_best='gait/macro_f1'` needs `rule='greater'`.

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
        for sample in data_samples:
            self.results.append(dict(
                clip=sample.get('frame_dir'), subject=sample.get('subject'), label=int(sample['gt_label']),
                score=sample['pred_score'].float().cpu().tolist(), **dict(padded=True) if sample.get('padded') else {}))

    def compute_metrics(self, results: list[dict[str, Any]]) -> dict[str, float]:
        """Scores over all clips."""
        num_classes = len(results[0]['score'])
        classes = (self.dataset_meta or {}).get('classes') or [str(index) for index in range(num_classes)]
        if len(classes) != num_classes:
            raise ConfigError(f'the head has {num_classes} outputs; the data set has {len(classes)} classes '
                              f'({", ".join(classes)}); set model.cls_head.num_classes.')
        for clip in results:
            if not all(map(math.isfinite, clip['score'])):
                raise ResultsError(f'clip {clip["clip"]}: score: {clip["score"]}; expected finite numbers. The '
                                   'training has diverged; try a lower learning rate or clip_grad.')
        confusion = confusion_of(results, num_classes)
        metrics = classification_scores(confusion)
        if all(clip['subject'] is not None for clip in results):
            scores = classification_scores(confusion_of(by_subject(results), num_classes))
            metrics.update({f'subject_{name}': value for name, value in scores.items()})
        for name, values in class_scores(confusion).items():
            metrics.update({f'{name}_{label}': float(value) for label, value in zip(classes, values)})
        MMLogger.get_current_instance().info('\n' + class_table(classes, confusion))
        if self.out_file is not None:
            write_json(self.out_file, dict(classes=list(classes), clips=results))
        return metrics


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

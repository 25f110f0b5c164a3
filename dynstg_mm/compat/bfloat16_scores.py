"""MMAction2's heads hand their scores to NumPy, which has no bfloat16, so a training with bfloat16 stops.

No issue upstream. Does nothing for scores of any other type.
"""
import functools
from typing import Any

from dynstg_mm.import_hooks import when_imported


def apply() -> None:
    when_imported('mmaction.models.heads.base', _compare_in_single_precision)


def _compare_in_single_precision(base: Any) -> None:
    loss_by_feat = base.BaseHead.loss_by_feat

    @functools.wraps(loss_by_feat)
    def in_single_precision(self: Any, cls_scores: Any, data_samples: Any) -> Any:
        if str(cls_scores.dtype) == 'torch.bfloat16':
            cls_scores = cls_scores.float()
        return loss_by_feat(self, cls_scores, data_samples)

    base.BaseHead.loss_by_feat = in_single_precision

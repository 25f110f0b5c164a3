"""How well walks of other data sets are told from those of people left out of the training."""
from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from dynstg_mm.benchmark.runs import Run
from dynstg_mm.datasets.annotation_file import AnnotationFile
from dynstg_mm.errors import ClipError, DataError
from dynstg_mm.files import dump_pickle
from dynstg_mm.gait.joint_map import in_skeleton
from dynstg_mm.inference.figures import mean_auc
from dynstg_mm.inference.gait_values import from_the_side, gait_values
from dynstg_mm.inference.out_of_fold import OutOfFold, distances_of
from dynstg_mm.inference.training_gait import TrainingGait


def stranger_figures(path: str | os.PathLike, runs: Sequence[Run], found: OutOfFold,
                     gait: TrainingGait) -> dict[str, Any]:
    """How well the distances from the training walks tell other walks from those of people left out.

    Args:
        path: Annotation file of the other walks, which needs no folds; 3-D ones with y up.
        runs: The runs of one model and one seed, one for each fold.
        found: Their `out_of_fold`.
        gait: Their gait parameters.

    Returns:
        `recordings`, their number; the area under the ROC curve by `features` and by `gait` parameters, the mean over
        the folds.

    Raises:
        DataError: No walk can be measured.
    """
    clips, rows = _walks(path, gait)
    with tempfile.NamedTemporaryFile(suffix='.pkl') as copy:
        dump_pickle(dict(annotations=clips, layout=gait.target), copy.name)
        far = distances_of(runs, found.spaces, dict(type='GaitDataset', ann_file=copy.name))
    return dict(recordings=len(clips), features=mean_auc(found, found.distances, far),
                gait=mean_auc(found, gait.distances, [space.distance(rows) for space in gait.spaces]))


def _walks(path: str | os.PathLike, gait: TrainingGait) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Walks from the side in the model's skeleton, and their gait parameters.

    Those that cannot be measured are left out, such as one that is shorter than a window.
    """
    file = AnnotationFile.read(path)
    layout = file.layout or gait.layout
    clips, rows = [], []
    for clip in file.clips.values():
        seen = in_skeleton(from_the_side(dict(clip, label=0), layout), layout, gait.target)
        with contextlib.suppress(ClipError):
            rows.append(list(gait_values(seen, gait.target, gait.target).values()))
            clips.append(seen)
    if not clips:
        raise DataError(f'{path}: no walk can be measured; expected walks of at least a window.')
    return clips, np.array(rows)

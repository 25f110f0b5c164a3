"""Gait parameters of the people whom a model was trained on."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.config import Config

from dynstg_mm.benchmark.runs import Run
from dynstg_mm.datasets.annotation_file import AnnotationFile
from dynstg_mm.errors import ConfigError
from dynstg_mm.gait.joint_map import in_skeleton
from dynstg_mm.gait.spatiotemporal import gait_report
from dynstg_mm.inference.gait_values import gait_values, reference
from dynstg_mm.inference.out_of_fold import OutOfFold
from dynstg_mm.inference.unlike import Space, Unlike
from dynstg_mm.inputs import ModelInputs
from dynstg_mm.skeletons import Layout


class TrainingGait:
    """Gait parameters of the training recordings in the model's skeleton.

    Args:
        runs: The runs of one model and one seed, one for each fold.
        found: Their `out_of_fold`.

    Attributes:
        layout, target: Skeletons of the recordings and of the model. distances: How far the recordings (N) are from the
        training walks of the fold that tests them. spaces: Those walks, in the order of the runs.
    """

    def __init__(self, runs: Sequence[Run], found: OutOfFold) -> None:
        cfg = Config(runs[0].record['config'])
        inputs = ModelInputs.from_config(cfg)
        file = AnnotationFile.read(cfg.test_dataloader.dataset.ann_file)
        layout, target = file.layout or cfg.test_dataloader.dataset.layout, inputs.layout
        if layout is None or target is None:
            raise ConfigError(f'{file.path}: layout: missing; gait parameters need the skeleton.')
        self.layout: str | Layout = layout
        self.target: str | Layout = target
        self.found = found
        self.clips = [file.clips[name] for name in found.names]
        rows = [gait_values(clip, layout, target, pad=True) for clip in self.clips]
        self.names = list(rows[0])
        self.table = np.array([[row[name] for name in self.names] for row in rows])
        self.distances = np.empty(len(rows))
        self.spaces: list[Space] = []
        for fold in np.unique(found.folds):
            tested = found.folds == fold
            self.spaces.append(Space.fit(self.table[~tested]))
            self.distances[tested] = self.spaces[-1].distance(self.table[tested])

    def unlike(self) -> Unlike:
        """Distances from all training recordings."""
        return Unlike.fit(self.table, self.distances, self.found.people, names=self.names)

    def reference(self, classes: Sequence[str]) -> dict[str, dict[str, dict[str, Any]]]:
        """Percentiles of the parameters that people read, of each class."""
        groups: dict[str, dict[str, list[dict[str, Any]]]] = {name: {} for name in classes}
        for clip, person, label in zip(self.clips, self.found.people, self.found.labels):
            records = gait_report(in_skeleton(clip, self.layout, self.target), self.target)
            groups[classes[label]].setdefault(person, []).extend(records)
        return {name: reference(people) for name, people in groups.items()}

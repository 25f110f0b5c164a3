"""Transforms for distillation: inputs for a teacher, and windows without labels."""
from __future__ import annotations

import numpy as np
from mmaction.registry import DATASETS, TRANSFORMS
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose

from dynstg_mm.errors import ConfigError


@TRANSFORMS.register_module()
class TeacherInput(BaseTransform):
    """Keep the sample as the teacher needs it, if the student has another skeleton or other features.

    Put it after the transforms that both networks share, such as `SampleWindows`, and before the student's own, such as
    `MapLayout`. `PackActionInputs(algorithm_keys=('teacher_inputs', ))` then passes the result to the distiller.

    Args:
        transforms: The remaining transforms of the teacher, such as `FormatGCNInput` and `GaitFeatures`.

    Adds `teacher_inputs`, (windows, M, T, V, C).
    """

    def __init__(self, transforms: list[dict]) -> None:
        self.transforms = Compose(transforms)

    def transform(self, results: dict) -> dict:
        """Apply the teacher's transforms to a copy of the sample."""
        copied = {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in results.items()}
        results['teacher_inputs'] = self.transforms(copied)['keypoint']
        return results


@TRANSFORMS.register_module()
class UnlabelledWindows(BaseTransform):
    """Add windows of unlabelled walks, from which a student learns the teacher's outputs.

    Put it right before `PackActionInputs(algorithm_keys=('unlabelled_inputs', ))`. If the pipeline of the other data
    set has a `TeacherInput`, add the key `unlabelled_teacher_inputs` as well.

    Args:
        dataset: Data set of the walks. Its pipeline gives one window a sample, with the shape of the labelled windows,
            and ends with `PackActionInputs`. Its labels, if any, are ignored.
        num_windows: Windows added to each sample, each from a walk drawn at random; 0 adds none.

    Adds `unlabelled_inputs`, (num_windows, M, T, V, C), and `unlabelled_teacher_inputs` if the walks have
    `teacher_inputs`.

    Raises:
        ConfigError: `num_windows` is not a whole number of at least 0.
    """

    def __init__(self, dataset: dict, num_windows: int = 1) -> None:
        if isinstance(num_windows, bool) or not isinstance(num_windows, int) or num_windows < 0:
            raise ConfigError(f'UnlabelledWindows: num_windows: {num_windows!r}; expected a whole number >= 0.')
        self.dataset, self.num_windows = DATASETS.build(dataset), num_windows

    def transform(self, results: dict) -> dict:
        """Draw walks, and add their windows."""
        if not self.num_windows:
            return results
        drawn = [self.dataset[index] for index in np.random.randint(len(self.dataset), size=self.num_windows)]
        results['unlabelled_inputs'] = np.concatenate([walk['inputs'].numpy() for walk in drawn])
        if 'teacher_inputs' in drawn[0]['data_samples']:
            results['unlabelled_teacher_inputs'] = np.concatenate([
                walk['data_samples'].teacher_inputs for walk in drawn])
        return results

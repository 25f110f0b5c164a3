"""Transforms for distillation."""
import numpy as np
from mmaction.registry import DATASETS, TRANSFORMS
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose


@TRANSFORMS.register_module()
class TeacherInput(BaseTransform):
    """Keep what a teacher sees of the sample, before the student's skeleton or features part from it.

    It stands where the two part, after what both share, such as `SampleWindows`; `MapLayout` then takes the student to
    its skeleton, and `PackActionInputs(algorithm_keys=('teacher_inputs', ))` hands the result to the distiller.

    Args:
        transforms (list[dict]): What is left to do for the teacher, such as `FormatGCNInput` and `GaitFeatures`.
    """

    def __init__(self, transforms):
        self.transforms = Compose(transforms)

    def transform(self, results):
        own = {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in results.items()}
        results['teacher_inputs'] = self.transforms(own)['keypoint']
        return results


@TRANSFORMS.register_module()
class UnlabelledWindows(BaseTransform):
    """Add windows of walks that nobody has labelled, of which a student learns what its teacher says.

    It stands before `PackActionInputs(algorithm_keys=('unlabelled_inputs', ))`; where the other data set's pipeline has a
    `TeacherInput`, the key `unlabelled_teacher_inputs` belongs there, too.

    Args:
        dataset (dict): Data set of the walks; its pipeline makes one window a sample, as the labelled ones are, and ends
            with `PackActionInputs`. Labels that it may have are not read.
        num_windows (int): Windows for each sample, each of a walk drawn by chance; 0 switches them off.
    """

    def __init__(self, dataset, num_windows=1):
        if isinstance(num_windows, bool) or not isinstance(num_windows, int) or num_windows < 0:
            raise ValueError(f'num_windows: {num_windows!r}; expected a whole number from 0.')
        self.dataset, self.num_windows = DATASETS.build(dataset), num_windows

    def transform(self, results):
        if not self.num_windows:
            return results
        drawn = [self.dataset[index] for index in np.random.randint(len(self.dataset), size=self.num_windows)]
        results['unlabelled_inputs'] = np.concatenate([sample['inputs'].numpy() for sample in drawn])
        if 'teacher_inputs' in drawn[0]['data_samples']:
            results['unlabelled_teacher_inputs'] = np.concatenate(
                [sample['data_samples'].teacher_inputs for sample in drawn])
        return results

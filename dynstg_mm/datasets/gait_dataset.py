"""Gait clips in MMAction2's annotation format, checked before a model sees them."""
import re

import numpy as np
from mmengine.logging import MMLogger

from mmaction.datasets import PoseDataset
from mmaction.registry import DATASETS

from ..fileio import load_pickle
from ..skeletons import get_layout


class AnnotationError(ValueError):
    """An annotation file cannot be used; the message names the file, the clip, the field, and what was expected."""


@DATASETS.register_module()
class GaitDataset(PoseDataset):
    """Gait clips of an annotation file, as `PoseDataset` reads it, with the person as the unit.

    The file is a pickle of `dict(split=dict(name=[frame_dir, ...]), annotations=[...])`. An annotation has MMAction2's
    fields `frame_dir`, `label`, `total_frames`, `img_shape`, `keypoint` (M, T, V, C), `keypoint_score` (M, T, V), and
    `subject` (str) and `rate` (frames per second). It is read without running anything in it.

    Splits that differ only in the word train, val or test belong together, such as `train` and `test`, or
    `<name>_fold<k>_train` and `<name>_fold<k>_test`. A subject who stands in more than one of them is an error.

    Args:
        ann_file (str): The annotation file (.pkl).
        pipeline (list[dict]): Transforms.
        split (str): Name of the split, or with `fold` the name before `_fold`.
        fold (int, optional): Fold number; the part is then `test` in test mode and `train` otherwise.
        layout (str | dict, optional): Skeleton layout. Every clip must have its number of joints, and the transforms
            that need a layout take it from here.
        metainfo (dict, optional): `classes`, where the class has none or a user's own are meant.
        **kwargs: Passed to `PoseDataset`.

    Raises:
        FileNotFoundError: There is no such file.
        pickle.UnpicklingError: The file is damaged, or names more than arrays and plain containers.
        AnnotationError: Anything else that is wrong with the file, the split or a clip.
    """

    METAINFO = dict(classes=None)

    def __init__(self, ann_file, pipeline, split=None, *, fold=None, layout=None, test_mode=False, **kwargs):
        self.layout = get_layout(layout) if layout is not None else None
        if 'skeleton' in (kwargs.get('data_prefix') or {}):
            raise ValueError('data_prefix: skeleton is not read by GaitDataset; its clips are all in ann_file.')
        if fold is not None:
            split = f'{split}_fold{fold}_{"test" if test_mode else "train"}'
        super().__init__(ann_file, pipeline, split=split, test_mode=test_mode, **kwargs)

    def load_data_list(self):
        """Read and check the clips of the split."""
        data = load_pickle(self.ann_file)
        if not isinstance(data, dict) or not isinstance(data.get('annotations'), list):
            self._fail('annotations: missing; expected a dict with split and annotations.')
        clips = {}
        for index, clip in enumerate(data['annotations']):
            name = clip.get('frame_dir') if isinstance(clip, dict) else None
            if not isinstance(name, str):
                self._fail(f'annotation {index}: frame_dir: missing; expected a dict with the clip\'s name.')
            if name in clips:
                self._fail(f'clip {name}: frame_dir: stands there twice; expected one annotation a clip.')
            clips[name] = clip
        splits = data.get('split') or {}
        if self.split is None:
            chosen = list(clips)
        else:
            chosen = self._members(splits, self.split, clips)
            self._check_subjects(splits, clips)
        for name in chosen:
            self._check_clip(name, clips[name])
        return [dict(clips[name]) for name in chosen]

    def get_data_info(self, idx):
        """Annotation of a clip, with the layout for the transforms."""
        return dict(super().get_data_info(idx), layout=self.layout)

    def _fail(self, message):
        raise AnnotationError(f'{self.ann_file}: {message}')

    def _members(self, splits, split, clips):
        if split not in splits:
            known = ', '.join(sorted(map(str, splits))) or 'none'
            self._fail(f'split {split}: not in the file; it has {known}.')
        members = list(splits[split])
        if not members:
            self._fail(f'split {split}: empty; expected at least one clip.')
        for name in members:
            if name not in clips:
                self._fail(f'split {split}: names clip {name}, which has no annotation.')
        return members

    def _check_subjects(self, splits, clips):
        """No subject on two sides of the split this one belongs to."""
        family = _family(self.split)
        if family is None:
            MMLogger.get_current_instance().warning(
                f'split {self.split}: neither train, val nor test is in its name, so that nobody can tell which other '
                'split it must not share a subject with.')
            return
        where = {}
        for sibling in (name for name in splits if _family(name) == family):
            for name in self._members(splits, sibling, clips):
                subject = clips[name].get('subject')
                if subject is None:
                    self._fail(f'clip {name}: subject: missing; expected who walks, so that nobody is in both '
                               'training and test.')
                other = where.setdefault(subject, sibling)
                if other != sibling:
                    self._fail(f'clip {name}: subject: {subject} stands in both {other} and {sibling}; a person '
                               'belongs to one side only.')

    def _check_clip(self, name, clip):
        def fail(field, message):
            self._fail(f'clip {name}: {field}: {message}')

        keypoint = clip.get('keypoint')
        if not isinstance(keypoint, np.ndarray) or keypoint.ndim != 4 or keypoint.dtype.kind not in 'fiu':
            fail('keypoint', f'{_describe(keypoint)}; expected an array of numbers (persons, frames, joints, 2 or 3).')
        persons, frames, joints, channels = keypoint.shape
        if not persons or not frames:
            fail('keypoint', f'{persons} persons in {frames} frames; expected at least one of each.')
        if self.layout is not None and joints != self.layout['num_node']:
            fail('keypoint', f'{joints} joints; the layout has {self.layout["num_node"]}.')
        if channels not in (2, 3):
            fail('keypoint', f'{channels} coordinates; expected 2 or 3 (scores belong into keypoint_score).')
        if not np.isfinite(keypoint).all():
            fail('keypoint', f'NaN or infinite in frame {np.argwhere(~np.isfinite(keypoint))[0][1]}; a lost joint is '
                 'zeros with score 0.')
        score = clip.get('keypoint_score')
        if score is not None and (not isinstance(score, np.ndarray) or score.shape != keypoint.shape[:3]):
            fail('keypoint_score', f'{_describe(score)}; expected an array of shape {keypoint.shape[:3]}.')
        if clip.get('total_frames') != frames:
            fail('total_frames', f'{clip.get("total_frames")!r}; keypoint has {frames} frames.')
        rate = clip.get('rate')
        if not isinstance(rate, (int, float, np.number)) or not np.isfinite(rate) or rate <= 0:
            fail('rate', f'{rate!r}; expected the frames per second of the recording.')
        label, classes = clip.get('label'), self.metainfo.get('classes')
        if not isinstance(label, (int, np.integer)) or isinstance(label, bool) or label < 0:
            fail('label', f'{label!r}; expected a class number from 0.')
        if classes is not None and label >= len(classes):
            fail('label', f'{label}; there are {len(classes)} classes ({", ".join(classes)}), numbered from 0.')


def _family(split):
    """Name of a split without the word for its part: `a_fold0_train` and `a_fold0_test` are both `a_fold0_*`."""
    words = list(re.finditer('train|val|test', split))
    return split[:words[-1].start()] + '*' + split[words[-1].end():] if words else None


def _describe(value):
    if isinstance(value, np.ndarray):
        return f'an array of {value.dtype} of shape {value.shape}'
    return 'missing' if value is None else type(value).__name__

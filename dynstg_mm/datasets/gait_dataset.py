"""Gait clips in MMAction2's annotation format, checked before a model sees them."""
import itertools
import re
import reprlib
from collections.abc import Sized

import numpy as np
from mmengine.dataset import Compose
from mmengine.logging import MMLogger

from mmaction.datasets import PoseDataset
from mmaction.registry import DATASETS

from ..fileio import load_pickle
from ..skeletons import get_layout
from .transforms import RATES

LARGEST = 1e9  # the largest coordinate, in any unit of length


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

    The file may say more about all its clips: `classes`, their names in the order of the labels, and `layout`, the
    name or dict of the skeleton. They hold where the config says nothing, and must agree with it where it does; a
    config may name fewer classes than the file, the first ones.

    Args:
        ann_file (str): The annotation file (.pkl).
        pipeline (list[dict]): Transforms.
        split (str): Name of the split, or with `fold` the name before `_fold`.
        fold (int, optional): Fold number; the part is then `test` in test mode and `train` otherwise.
        layout (str | dict, optional): Skeleton layout. Every clip must have its number of joints, and the transforms
            that need a layout take it from here.
        metainfo (dict, optional): `classes`, where the class has none or a user's own are meant.
        cache_mb (float): Megabytes a process may keep of what the transforms that do the same with a clip every time
            (`repeatable`, the first ones of a pipeline) make of the clips; 0 does them anew for every sample.
        **kwargs: Passed to `PoseDataset`.

    Raises:
        FileNotFoundError: There is no such file.
        pickle.UnpicklingError: The file is damaged, or names more than arrays and plain containers.
        AnnotationError: Anything else that is wrong with the file, the split or a clip.
    """

    METAINFO = dict(classes=None)

    def __init__(self, ann_file, pipeline, split=None, *, fold=None, layout=None, test_mode=False, cache_mb=512.,
                 **kwargs):
        self.layout = get_layout(layout) if layout is not None else None
        self.cache_mb = cache_mb
        self._cache, self._cached = {}, 0  # clips by name, bytes
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
        self._take_classes(data.get('classes'))
        self._take_layout(data.get('layout'))
        clips = {}
        for index, clip in enumerate(data['annotations']):
            name = clip.get('frame_dir') if isinstance(clip, dict) else None
            if not _is_name(name):
                self._fail(f'annotation {index}: frame_dir: {_describe(name)}; expected a dict with the clip\'s name.')
            if name in clips:
                self._fail(f'clip {name}: frame_dir: stands there twice; expected one annotation a clip.')
            clips[name] = clip
        splits = data.get('split') or {}
        if not isinstance(splits, dict):
            self._fail(f'split: {_describe(splits)}; expected a dict of names of clips.')
        if self.split is None:
            chosen = list(clips)
        else:
            chosen = self._members(splits, self.split, clips)
            self._check_subjects(splits, clips)
        if not chosen:
            self._fail('annotations: empty; expected at least one clip.')
        for name in chosen:
            self._check_clip(name, clips[name])
        return [_tidy(clips[name]) for name in chosen]

    def get_data_info(self, idx):
        """Annotation of a clip, with the layout for the transforms."""
        return dict(super().get_data_info(idx), layout=self.layout)

    def prepare_data(self, idx):
        """Run the pipeline, but its first, repeatable transforms only once a clip, as long as there is room."""
        results = self.get_data_info(idx)
        steps = self.pipeline.transforms
        first = list(itertools.takewhile(lambda step: getattr(step, 'repeatable', False), steps))
        if not first or not self.cache_mb:
            return self.pipeline(results)
        name = results['frame_dir']
        if name in self._cache:
            results = dict(self._cache[name], sample_idx=results['sample_idx'])
        else:
            results = Compose(first)(results)
            size = sum(value.nbytes for value in results.values() if isinstance(value, np.ndarray))
            if self._cached + size <= self.cache_mb * 1e6:
                self._cache[name] = results
                self._cached += size
        results = {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in results.items()}
        return Compose(steps[len(first):])(results)

    def _fail(self, message):
        raise AnnotationError(f'{self.ann_file}: {message}')

    def _take_classes(self, found):
        if found is None:
            return
        if not isinstance(found, (list, tuple)) or not found or not all(map(_is_name, found)) or \
                len(set(found)) < len(found):
            self._fail(f'classes: {_describe(found)}; expected different names, in the order of the labels.')
        ours = self._metainfo.get('classes')
        if ours is None:
            self._metainfo['classes'] = tuple(found)
        elif tuple(ours) != tuple(found[:len(ours)]):
            self._fail(f'classes: the file has {", ".join(found)}, and the config {", ".join(map(str, ours))}; the '
                       'numbers of the labels would mean other classes.')

    def _take_layout(self, found):
        if found is None:
            return
        count = found.get('num_node', 1) if isinstance(found, dict) else 1
        if not isinstance(count, int) or not 0 < count < 1000:
            self._fail(f'layout: num_node is {_describe(count)}; expected the number of joints.')
        try:
            layout = get_layout(found)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            reason = str(error) if str(error).startswith('layout: ') else f'layout: {type(error).__name__}: {error}'
            self._fail(' '.join(reason.split()))
        if self.layout is None:
            self.layout = layout
        elif _joints(layout) != _joints(self.layout) and None not in (_joints(layout), _joints(self.layout)):
            self._fail(f'layout: the file has the joints {", ".join(layout["joints"])}, and the config '
                       f'{", ".join(self.layout["joints"])}; the transform MapLayout maps one onto another.')

    def _members(self, splits, split, clips):
        if split not in splits:
            known = ', '.join(sorted(map(str, splits))) or 'none'
            self._fail(f'split {split}: not in the file; it has {known}.')
        members = splits[split]
        if not isinstance(members, (list, tuple, set, frozenset, np.ndarray)) or not all(map(_is_name, members)):
            self._fail(f'split {split}: {_describe(members)}; expected a list of names of clips.')
        members = sorted(members) if isinstance(members, (set, frozenset)) else list(members)
        if not members:
            self._fail(f'split {split}: empty; expected at least one clip.')
        for name in members:
            if name not in clips:
                self._fail(f'split {split}: names clip {name}, which has no annotation.')
        if len(set(members)) < len(members):
            twice = next(name for name in members if members.count(name) > 1)
            self._fail(f'split {split}: names clip {twice} twice.')
        return members

    def _check_subjects(self, splits, clips):
        """No subject on two sides of the split this one belongs to."""
        family = family_of(self.split)
        if family is None:
            MMLogger.get_current_instance().warning(
                f'split {self.split}: neither train, val nor test is in its name, so that nobody can tell which other '
                'split it must not share a subject with.')
            return
        where = {}
        for sibling in (name for name in splits if isinstance(name, str) and family_of(name) == family):
            for name in self._members(splits, sibling, clips):
                subject = clips[name].get('subject')
                if not _is_subject(subject):
                    self._fail(f'clip {name}: subject: {_describe(subject)}; expected who walks, so that nobody is in '
                               'both training and test.')
                other = where.setdefault(str(subject), sibling)
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
        if not persons or not frames or not joints:
            fail('keypoint', f'{persons} persons in {frames} frames with {joints} joints; expected at least one of '
                 'each.')
        if self.layout is not None and joints != self.layout['num_node']:
            fail('keypoint', f'{joints} joints; the layout has {self.layout["num_node"]}.')
        if channels not in (2, 3):
            fail('keypoint', f'{channels} coordinates; expected 2 or 3 (scores belong into keypoint_score).')
        self._check_numbers(fail, 'keypoint', keypoint)
        score = clip.get('keypoint_score')
        if score is not None:
            shape = keypoint.shape[:3]
            if not isinstance(score, np.ndarray) or score.shape != shape or score.dtype.kind not in 'fiub':
                fail('keypoint_score', f'{_describe(score)}; expected an array of numbers of shape {shape}.')
            self._check_numbers(fail, 'keypoint_score', score)
        total = clip.get('total_frames')
        if not isinstance(total, (int, np.integer)) or total != frames:
            fail('total_frames', f'{_describe(total)}; keypoint has {frames} frames.')
        if not _is_number(clip.get('rate')) or not RATES[0] <= clip['rate'] <= RATES[1]:
            fail('rate', f'{_describe(clip.get("rate"))}; expected the frames per second of the recording, '
                 f'{RATES[0]} to {RATES[1]}.')
        if clip.get('subject') is not None and not _is_subject(clip['subject']):
            fail('subject', f'{_describe(clip["subject"])}; expected a name.')
        self._check_label(fail, clip.get('label'))

    @staticmethod
    def _check_numbers(fail, field, array):
        """No NaN, and nothing that is no place in any unit of length and overflows once it is squared."""
        if array.dtype.kind == 'f' and not np.isfinite(array).all():
            frame = np.argwhere(~np.isfinite(array))[0][1]
            fail(field, f'NaN or infinite in frame {frame}; a lost joint is zeros with score 0.')
        lowest, highest = float(array.min()), float(array.max())
        if highest > LARGEST or lowest < -LARGEST:
            fail(field, f'{lowest:g} to {highest:g}; expected numbers up to {LARGEST:g}.')

    def _check_label(self, fail, label):
        classes = self.metainfo.get('classes')
        if not isinstance(label, (int, np.integer)) or isinstance(label, bool) or not 0 <= label < 10**6:
            fail('label', f'{_describe(label)}; expected a class number from 0.')
        if classes is not None and label >= len(classes):
            fail('label', f'{label}; there are {len(classes)} classes ({", ".join(classes)}), numbered from 0.')


def family_of(split):
    """Name of a split without the word for its part: `a_fold0_train` and `a_fold0_test` are both `a_fold0_*`."""
    words = list(re.finditer('train|val|test', split))
    return split[:words[-1].start()] + '*' + split[words[-1].end():] if words else None


def _joints(layout):
    """The names of the joints, or None where they were only numbered."""
    return None if layout['joints'][0] == 'joint_0' else list(layout['joints'])


def _tidy(clip):
    """A copy whose subject is text, and without a score where that is None, which `PoseDecode` does not expect."""
    clip = {field: value for field, value in clip.items() if field != 'keypoint_score' or value is not None}
    if clip.get('subject') is not None:
        clip['subject'] = str(clip['subject'])
    return clip


def _is_name(value):
    return isinstance(value, str) and value != '' and value.isprintable()


def _is_subject(value):
    return _is_name(value) or isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _is_number(value):
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _describe(value):
    """What a value is, in a few words of a line, however large it is."""
    if value is None:
        return 'missing'
    if isinstance(value, np.ndarray):
        return f'an array of {value.dtype} of shape {value.shape}'
    if isinstance(value, (str, bytes, int, float, np.generic)):
        try:
            return reprlib.repr(value)
        except ValueError:  # Python prints no number of more than 4300 digits
            return 'a huge number'
    return f'a {type(value).__name__}' + (f' of {len(value)}' if isinstance(value, Sized) else '')

"""Gait clips in MMAction2's annotation format, checked before a model sees them."""
import itertools
import os

import numpy as np
from mmaction.datasets import PoseDataset
from mmaction.registry import DATASETS
from mmengine.dataset import Compose
from mmengine.logging import MMLogger

from dynstg_mm.datasets.annotation_file import (
    clip_faults,
    describe,
    file_layout,
    is_name,
    is_subject,
    split_members,
    wrong_classes,
)
from dynstg_mm.datasets.folds import fold_split, split_family
from dynstg_mm.errors import ConfigError, DataError
from dynstg_mm.safe_pickle import load_pickle
from dynstg_mm.skeletons import get_layout


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
        shared_subjects (bool): Let a subject stand on both sides. What is measured then is in part that a person is
            known again; it is meant for showing what a published protocol by clip gives.
        cache_mb (float): Megabytes a process may keep of what the transforms that do the same with a clip every time
            (`repeatable`, the first ones of a pipeline) make of the clips; 0 does them anew for every sample.
        **kwargs: Passed to `PoseDataset`.

    Raises:
        FileNotFoundError: There is no such file.
        pickle.UnpicklingError: The file is damaged, or names more than arrays and plain containers.
        DataError: Anything else that is wrong with the file, the split or a clip.
    """

    METAINFO = dict(classes=None)

    def __init__(self, ann_file, pipeline, split=None, *, fold=None, layout=None, test_mode=False,
                 shared_subjects=False, cache_mb=512., **kwargs):
        self.layout = get_layout(layout) if layout is not None else None
        self.shared_subjects, self.cache_mb = shared_subjects, cache_mb
        self._cache, self._cached = {}, 0  # clips by name, bytes
        if 'skeleton' in (kwargs.get('data_prefix') or {}):
            raise ValueError('data_prefix: skeleton is not read by GaitDataset; its clips are all in ann_file.')
        if fold is not None:
            if not isinstance(split, str):
                raise ConfigError(f'split: {describe(split)}; expected the name before _fold{fold}, since fold is set.')
            split = fold_split(split, fold, 'test' if test_mode else 'train')
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
            if not is_name(name):
                self._fail(f'annotation {index}: frame_dir: {describe(name)}; expected a dict with the clip\'s name.')
            if name in clips:
                self._fail(f'clip {name}: frame_dir: stands there twice; expected one annotation a clip.')
            clips[name] = clip
        splits = {} if data.get('split') is None else data['split']
        if not isinstance(splits, dict):
            self._fail(f'split: {describe(splits)}; expected a dict of names of clips.')
        if self.split is None:
            chosen = list(clips)
        else:
            chosen = self._members(splits, self.split, clips)
            if not self.shared_subjects:
                self._check_subjects(splits, clips)
        if not chosen:
            self._fail('annotations: empty; expected at least one clip.')
        for name in chosen:
            self._check_clip(name, clips[name])
        self._metainfo['source'] = (os.path.basename(self.ann_file), self.split or 'all')  # kept with checkpoints
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
        raise DataError(f'{self.ann_file}: {message}')

    def _take_classes(self, found):
        if found is None:
            return
        fault = wrong_classes(found)
        if fault is not None:
            self._fail(fault)
        ours = self._metainfo.get('classes')
        if ours is None:
            self._metainfo['classes'] = tuple(found)
        elif tuple(ours) != tuple(found[:len(ours)]):
            self._fail(f'classes: the file has {", ".join(found)}, and the config {", ".join(map(str, ours))}; the '
                       'numbers of the labels would mean other classes.')

    def _take_layout(self, found):
        if found is None:
            return
        try:
            layout = file_layout(found)
        except ValueError as error:
            self._fail(str(error))
        if self.layout is None:
            self.layout = layout
        elif _joints(layout) != _joints(self.layout) and None not in (_joints(layout), _joints(self.layout)):
            self._fail(f'layout: the file has the joints {", ".join(layout["joints"])}, and the config '
                       f'{", ".join(self.layout["joints"])}; the transform MapLayout maps one onto another.')

    def _members(self, splits, split, clips):
        if split not in splits:
            known = ', '.join(sorted(map(str, splits))) or 'none'
            self._fail(f'split {split}: not in the file; it has {known}.')
        members = split_members(splits[split])
        if members is None:
            self._fail(f'split {split}: {describe(splits[split])}; expected a list of names of clips.')
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
        family = split_family(self.split)
        if family is None:
            MMLogger.get_current_instance().warning(
                f'split {self.split}: neither train, val nor test is in its name, so that nobody can tell which other '
                'split it must not share a subject with.')
            return
        where = {}
        for sibling in (name for name in splits if isinstance(name, str) and split_family(name) == family):
            for name in self._members(splits, sibling, clips):
                subject = clips[name].get('subject')
                if not is_subject(subject):
                    self._fail(f'clip {name}: subject: {describe(subject)}; expected who walks, so that nobody is in '
                               'both training and test.')
                other = where.setdefault(str(subject), sibling)
                if other != sibling:
                    self._fail(f'clip {name}: subject: {subject} stands in both {other} and {sibling}; a person '
                               'belongs to one side only.')

    def _check_clip(self, name, clip):
        joints = None if self.layout is None else self.layout['num_node']
        for kind, field, fault in clip_faults(clip, joints=joints, classes=self.metainfo.get('classes')):
            if kind == 'joint_count':
                fault += ' For another skeleton, name its layout in the config (data/README.md, Skeletons).'
            if field != 'subject' or clip.get('subject') is not None:  # only splits need one
                self._fail(f'clip {name}: {field}: {fault}')


def check_sides(train, test, part='test'):
    """Refuse two data sets that share a person, or whose labels mean other classes; one file's splits may overlap.

    Two splits of one family (such as `<name>_fold<k>_train` and `<name>_fold<k>_test`) are checked as they are read;
    here a model may learn from one division of a file and be tested on another.

    Args:
        train (dict | list): Settings of what is trained with; data sets within it, too, but not those of its pipeline.
        test (dict): Settings of a `GaitDataset`.
        part (str): What the config calls it, 'test' or 'val'.

    Raises:
        DataError: They share a person, where neither says `shared_subjects`, or differ in the classes.
    """
    # looked at once: to pack the clips for workers, which are none, MMEngine takes a third of a second
    tested = DATASETS.build(dict(test, pipeline=[], serialize_data=False))
    for settings in _within(train):
        kind = DATASETS.get(settings.get('type'))
        if not isinstance(kind, type) or not issubclass(kind, GaitDataset):
            continue
        trained = DATASETS.build(dict(settings, pipeline=[], serialize_data=False))
        named = f'{trained.ann_file}: train_dataloader.dataset has split {trained.split}, {part}_dataloader.dataset '
        ours, theirs = (part.metainfo.get('classes') for part in (trained, tested))
        if ours and theirs and tuple(ours) != tuple(theirs):
            raise DataError(f'{named}{tested.split} of {tested.ann_file}: classes {", ".join(ours)}, and '
                                  f'{", ".join(theirs)}; expected the same.')
        if os.path.realpath(trained.ann_file) != os.path.realpath(tested.ann_file) or (
                trained.shared_subjects or tested.shared_subjects):
            continue
        known = {clip.get('subject') for clip in _clips(trained)} - {None}
        for clip in _clips(tested):
            if clip.get('subject') in known:
                raise DataError(f'{named}{tested.split}: clip {clip["frame_dir"]}: subject: {clip["subject"]} '
                                      'stands in both; a person belongs to one side only.')


def _clips(dataset):
    return [dataset.get_data_info(index) for index in range(len(dataset))]


def _within(settings):
    """Settings of the data sets in those of one, which may wrap others."""
    if isinstance(settings, (list, tuple)):
        for part in settings:
            yield from _within(part)
    elif isinstance(settings, dict):
        if 'ann_file' in settings:
            yield settings
        for key in ('dataset', 'datasets'):
            yield from _within(settings.get(key))


def _joints(layout):
    """The names of the joints, or None where they were only numbered."""
    return None if layout['joints'][0] == 'joint_0' else list(layout['joints'])


def _tidy(clip):
    """A copy whose subject is text, and without a score where that is None, which `PoseDecode` does not expect."""
    clip = {field: value for field, value in clip.items() if field != 'keypoint_score' or value is not None}
    if clip.get('subject') is not None:
        clip['subject'] = str(clip['subject'])
    return clip

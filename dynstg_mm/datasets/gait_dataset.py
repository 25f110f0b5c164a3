"""Gait clips in MMAction2's annotation format, checked before a model sees them."""
import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from mmaction.datasets import PoseDataset
from mmaction.registry import DATASETS
from mmengine.dataset import Compose
from mmengine.logging import MMLogger

from dynstg_mm.datasets.annotation_file import AnnotationFile, Clip, Fault, describe, shared_faults
from dynstg_mm.datasets.folds import EVERYBODY, everybody, fold_split, split_family
from dynstg_mm.datasets.targets import NoTargetValue, Target, choose_targets, is_separate
from dynstg_mm.datasets.transforms.base import Results
from dynstg_mm.datasets.transforms.normalize import SampleWindows
from dynstg_mm.errors import ClipError, ConfigError, DataError
from dynstg_mm.gait.cleaning import seconds_shown
from dynstg_mm.gait.joint_map import apply_joint_map
from dynstg_mm.skeletons import Layout, get_layout, map_joints


@DATASETS.register_module()
class GaitDataset(PoseDataset):
    """Gait clips of an annotation file, read as by `PoseDataset`, with the person as the unit.

    `dynstg_mm.datasets.annotation_file` describes the file. It is read without running anything in it.

    Splits whose names differ only in the word train, val or test belong together, such as `train` and `test`, or
    `<name>_fold<k>_train` and `<name>_fold<k>_test`. A subject in more than one of them is an error.

    `classes` and `layout` of the file apply unless the config sets them. The config's classes must be the file's or the
    first of them. If its layout has other joints than the file's, they are mapped by name before anything is computed.

    With `targets`, a clip also has `targets`, an array of their encoded values, NaN where one is missing, and
    `metainfo` has their descriptions. A clip without any of them is left out. If there is only one target and it has
    grades, these are also the classes, and the label of a clip is its grade, so that classifiers can be compared.

    Clips that are shorter than a window of the pipeline's `SampleWindows` are counted in the log. With
    `short_clips='drop'` they are left out.

    Args:
        ann_file: The annotation file (.pkl).
        pipeline: Transforms.
        split: Name of the split, or with `fold` the name before `_fold`.
        fold: Fold number; the part is then `test` in test mode and `train` otherwise. 'all' trains on the people of all
            folds, and leaves nobody to test on.
        layout: Skeleton layout that the transforms and the model see. If the file names none, its clips must have its
            number of joints.
        test_mode: Read the clips for testing.
        shared_subjects: Accept subjects on both sides. Models then partly recognise the person; this is meant for
            reproducing a published protocol by clip.
        targets: Scores beside the class that a model learns: names of targets that the file describes, or descriptions
            by name (see `targets.py`). A data set with a name may have its own.
        cache_mb: Megabytes per process for the results of the first transforms, as far as they do the same with a clip
            every time (`repeatable`); 0 for no cache.
        **kwargs: Passed to `PoseDataset`, such as `metainfo=dict(classes=...)`.

    Raises:
        FileNotFoundError: There is no such file.
        ConfigError: An option is wrong.
        DataError: The file, the split or a clip is wrong.
    """

    METAINFO: dict = dict(classes=None)

    def __init__(self, ann_file: str, pipeline: Sequence[Any], split: str | None = None, *,
                 fold: int | str | None = None, layout: str | Layout | None = None, test_mode: bool = False,
                 shared_subjects: bool = False, cache_mb: float = 512.,
                 targets: Sequence[str] | Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        self.layout = get_layout(layout) if layout is not None else None
        self._joint_map: list[tuple[int, ...]] | None = None
        self._file_joints = None if self.layout is None else self.layout['num_node']
        self.shared_subjects, self.cache_mb = shared_subjects, cache_mb
        self._cache: dict[str, dict[str, Any]] = {}
        self._cached = 0  # bytes
        self._task: str | None = None  # whose folds are joined
        self._asked = self.METAINFO.get('targets') if targets is None else targets
        self.targets: dict[str, Target] = {}
        self._label_classes: Sequence[str] | None = None  # of the labels in the file
        unused: dict[str, list[Any]] = dict(data_prefix=[{}, dict(prefix='')], valid_ratio=[None], multi_class=[False])
        for option, values in unused.items():
            if kwargs.get(option, values[0]) not in values:
                raise ConfigError(f'{option}: not used by a GaitDataset, whose clips are all in ann_file, with one '
                                  'label each; leave it out.')
        classes = (kwargs.get('metainfo') or {}).get('classes')
        if classes is not None and not (isinstance(classes, (list, tuple)) and all(
                isinstance(name, str) for name in classes)):
            raise ConfigError(f'metainfo.classes: {describe(classes)}; expected a list of names.')
        if fold is not None:
            if not isinstance(split, str):
                raise ConfigError(f'split: {describe(split)}; expected the name before _fold{fold}, since fold is set.')
            if fold == EVERYBODY and test_mode:
                raise ConfigError(f'fold: {fold}; trains on everybody and leaves nobody to test on; expected a number.')
            self._task = split if fold == EVERYBODY else None
            split = fold_split(split, fold, 'test' if test_mode else 'train')
        super().__init__(ann_file, pipeline, split=split, test_mode=test_mode, **kwargs)

    def load_data_list(self) -> list[Clip]:
        """Read and check the clips of the split."""
        file = AnnotationFile.read(self.ann_file)
        self._raise_first(file.file_faults())
        self._take_classes(file.classes)
        self._label_classes = self._metainfo.get('classes')
        self._take_layout(file.layout)
        self._take_targets(file.targets)
        if self.split is None:
            chosen = list(file.clips)
        else:
            if self._task is not None:
                file.splits[self.split] = everybody(file.splits, self._task)
            self._check_split(file)
            chosen = file.splits[self.split]
        for name in chosen:
            self._raise_first(self._clip_faults(file, name))
        self._metainfo['source'] = (os.path.basename(self.ann_file), self.split or 'all')  # kept with checkpoints
        clips = [self._mapped(_tidy(file.clips[name])) for name in chosen]
        return self._with_targets(clips) if self.targets else clips

    def filter_data(self) -> list[Clip]:
        """Leave out clips that are shorter than a window, if the pipeline says so, and log how many are."""
        clips: list[Clip] = super().filter_data()
        sampler = next((step for step in self.pipeline.transforms if isinstance(step, SampleWindows)), None)
        short = self._short_clips(clips, sampler) if sampler and sampler.short_clips != 'refuse' else {}
        if not sampler or not short:
            return clips
        name, seconds = min(short.items(), key=lambda item: item[1])
        how = 'left out' if sampler.short_clips == 'drop' else 'padded'
        MMLogger.get_current_instance().warning(
            f'{self.ann_file}: {len(short)} of {len(clips)} clips are shorter than a window of {sampler.duration:g} s '
            f'and are {how}; the shortest is {name} with {seconds:.2f} s.')
        kept = clips if how == 'padded' else [clip for clip in clips if clip['frame_dir'] not in short]
        if not kept:
            raise DataError(f'{self.ann_file}: all clips of {self.split or "the file"} are shorter than a window of '
                            f'{sampler.duration:g} s; expected longer ones, or SampleWindows(short_clips="pad").')
        return kept

    def _short_clips(self, clips: Sequence[Clip], sampler: SampleWindows) -> dict[str, float]:
        """Clips that the sampler finds too short, or that show nobody, and their seconds."""
        first = self._repeatable()
        if sampler is not self.pipeline.transforms[len(first)]:
            return {}  # what comes before it changes at random
        short = {}
        for clip in clips:
            if seconds_shown(clip) < sampler.duration + 2 / sampler.rate:  # only these are prepared
                frames = 0
                with contextlib.suppress(ClipError) if sampler.short_clips == 'drop' else self._named():
                    frames = self._prepare(first, dict(clip, layout=self.layout, sample_idx=0))['total_frames']
                if frames < sampler.clip_len:
                    short[clip['frame_dir']] = frames / sampler.rate
        return short

    def _repeatable(self) -> list[Any]:
        """The first transforms of the pipeline, as far as they do the same with a clip every time."""
        return list(itertools.takewhile(lambda step: getattr(step, 'repeatable', False), self.pipeline.transforms))

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """Annotation of a clip, with the layout for the transforms."""
        return dict(super().get_data_info(idx), layout=self.layout)

    def get_cat_ids(self, idx: int) -> list[int]:
        """The class of a clip, in a list, as MMEngine's `ClassBalancedDataset` asks for it."""
        return [int(super().get_data_info(idx)['label'])]

    def prepare_data(self, idx: int) -> Any:
        """Run the pipeline; its first, repeatable transforms only once per clip, as long as the cache has room."""
        results, first = self.get_data_info(idx), self._repeatable()
        with self._named():
            return Compose(self.pipeline.transforms[len(first):])(self._prepare(first, results))

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Add the file, and what to do, to the error of a transform about a clip."""
        try:
            yield
        except ClipError as error:
            raise ClipError(f'{self.ann_file}: {error} Correct the clip, or leave it out of its split; audit lists all '
                            'such clips.') from None

    def _prepare(self, first: list[Any], results: Results) -> Results:
        """The result of the repeatable transforms, from the cache or kept in it; the arrays may be changed."""
        if not first or not self.cache_mb:
            return Compose(first)(results)
        name = results['frame_dir']
        if name in self._cache:
            results = dict(self._cache[name], sample_idx=results['sample_idx'])
        else:
            results = Compose(first)(results)
            size = sum(value.nbytes for value in results.values() if isinstance(value, np.ndarray))
            if self._cached + size <= self.cache_mb * 1e6:
                self._cache[name] = results
                self._cached += size
        return {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in results.items()}

    def _raise_first(self, faults: Iterable[Fault]) -> None:
        for fault in faults:
            raise fault.error(self.ann_file)

    def _take_classes(self, found: Sequence[str] | None) -> None:
        if found is None:
            return
        ours = self._metainfo.get('classes')
        if ours is None:
            self._metainfo['classes'] = tuple(found)
        elif tuple(ours) != tuple(found[:len(ours)]):
            raise DataError(f'{self.ann_file}: classes: {", ".join(found)} in the file, but '
                            f'{", ".join(map(str, ours))} in the config; the numbers of the labels would mean other '
                            'classes.')

    def _take_targets(self, known: Mapping[str, Target]) -> None:
        if self._asked is None:
            return
        try:
            self.targets = choose_targets(self._asked, known)
        except ConfigError as error:
            raise ConfigError(f'{self.ann_file}: {error}') from None
        self._metainfo['targets'] = {name: target.to_dict() for name, target in self.targets.items()}
        if self._graded is not None:
            self._metainfo['classes'] = self._graded.classes

    @property
    def _graded(self) -> Target | None:
        """The only target, if it has grades."""
        return None if is_separate(self.targets) else next(iter(self.targets.values()), None)

    def _with_targets(self, clips: Sequence[Clip]) -> list[Clip]:
        """The clips that have a target, with the encoded values."""
        values = np.array([[target.value_of(clip) for target in self.targets.values()] for clip in clips])
        given, logger = np.isfinite(values), MMLogger.get_current_instance()
        for target, column, known in zip(self.targets.values(), values.T, given.T):
            if not known.any() and (not self.test_mode or not given.any()):
                raise NoTargetValue(f'{self.ann_file}: targets.{target.name}: missing in all {len(clips)} clips of '
                                    f'{self.split or "the file"}; expected values in some.')
            counts = [f'{grade} {(column == index).sum()}' for index, grade in enumerate(target.classes)]
            logger.info(f'{self.ann_file}: {self.split or "all"}: targets.{target.name}: {known.sum()} of {len(clips)} '
                        f'clips have a value{"; clips of each: " * bool(counts)}{", ".join(counts)}.')
        clips = [dict(clip, targets=row) for clip, row, known in zip(clips, values, given.any(1)) if known]
        return clips if self._graded is None else [dict(clip, label=int(clip['targets'][0])) for clip in clips]

    def _take_layout(self, found: Layout | None) -> None:
        if found is None:
            return
        if self.layout is None:
            self.layout, self._file_joints = found, found['num_node']
        elif _joints(found) != _joints(self.layout) and None not in (_joints(found), _joints(self.layout)):
            try:
                self._joint_map, self._file_joints = map_joints(found['joints'], self.layout), found['num_node']
            except ConfigError as error:
                raise DataError(f'{self.ann_file}: layout: {error}') from None
            MMLogger.get_current_instance().info(
                f'{self.ann_file}: the {found["num_node"]} joints of the file are mapped by name onto the '
                f'{self.layout["num_node"]} of the config.')

    def _mapped(self, clip: Clip) -> Clip:
        """The clip with the joints of the config's layout."""
        if self._joint_map is None:
            return clip
        keypoint, score = apply_joint_map(np.asarray(clip['keypoint']), clip.get('keypoint_score'), self._joint_map)
        return dict(clip, keypoint=keypoint, **{} if score is None else dict(keypoint_score=score))

    def _check_split(self, file: AnnotationFile) -> None:
        """Check the split, and that no other of its family shares a subject with it."""
        if self.shared_subjects:
            self._raise_first(file.split_faults([self.split]))
            return
        if split_family(self.split) is None:
            MMLogger.get_current_instance().warning(
                f'split {self.split}: expected train, val or test in its name; without it, subjects on both sides '
                'cannot be found.')
        family = file.family(self.split)
        self._raise_first(file.split_faults(family, shared_subjects=True))
        if split_family(self.split) is not None:
            self._raise_first(file.subject_faults(itertools.chain(*(file.splits[split] for split in family))))
        self._raise_first(fault for fault in file.split_faults(family) if fault.kind != 'recording_leak')

    def _clip_faults(self, file: AnnotationFile, name: str) -> Iterator[Fault]:
        for fault in file.clip_faults(name, joints=self._file_joints, classes=self._label_classes,
                                     targets=self.targets.values()):
            if fault.kind == 'joint_count':
                hint = ('Name the skeleton of the file in its layout, and its joints are mapped; or set another one in '
                        'the config (docs/skeletons_and_features.md).')
                fault = fault._replace(message=f'{fault.message} {hint}')
            if fault.kind != 'subject' or file.clips[name].get('subject') is not None:  # only splits need one
                yield fault


def listing(settings: Mapping[str, Any], *, all_clips: bool = False) -> dict[str, Any]:
    """Settings of a data set that is only asked for its clips: without transforms, unless they leave out short ones.

    Args:
        settings: Settings of a `GaitDataset`.
        all_clips: Also list the clips that are too short.
    """
    drops = any(isinstance(step, dict) and step.get('short_clips') == 'drop' for step in settings.get('pipeline') or ())
    # unpacked, since MMEngine takes a third of a second to pack clips for workers
    return dict(settings, serialize_data=False, **{} if drops and not all_clips else dict(pipeline=[]))


def check_sides(train: Any, test: dict[str, Any], part: str = 'test') -> None:
    """Refuse to train and test on data sets that share a person, or whose labels or targets mean other things.

    Two splits of one family (such as `<name>_fold<k>_train` and `<name>_fold<k>_test`) are checked as they are read;
    this function is for a model that is trained on one division of a file and tested on another, or on another file,
    such as of another site. Equal names in two files are one person.

    Args:
        train: Settings of the training data, which may wrap other data sets.
        test: Settings of a `GaitDataset`.
        part: What the config calls it, 'test' or 'val'.

    Raises:
        DataError: They share a person, and neither has `shared_subjects`, or their classes or targets differ.
    """
    tested = DATASETS.build(listing(test, all_clips=True))
    for trained in gait_data_sets(train):
        where = (f'{trained.ann_file}: train_dataloader.dataset has split {trained.split}, {part}_dataloader.dataset '
                 f'{tested.split}')
        ours, theirs = (side.metainfo.get('classes') for side in (trained, tested))
        if ours and theirs and tuple(ours) != tuple(theirs):
            raise DataError(f'{where} of {tested.ann_file}: classes: {", ".join(ours)} and {", ".join(theirs)}; '
                            'expected the same.')
        if trained.targets != tested.targets:
            raise DataError(f'{where} of {tested.ann_file}: targets: {", ".join(trained.targets) or "none"} and '
                            f'{", ".join(tested.targets) or "none"}; expected the same, described alike.')
        if trained.shared_subjects or tested.shared_subjects:
            continue
        one_file = os.path.realpath(trained.ann_file) == os.path.realpath(tested.ann_file)
        sides = dict(train=_clips(trained), test=_clips(tested))
        for fault in shared_faults(sides):
            if one_file or fault.kind == 'subject_leak':  # clips of two files may have one name
                raise ClipError(f'{where}{"" if one_file else f" of {tested.ann_file}"}: {fault}')


def gait_data_sets(settings: Any, *, all_clips: bool = True) -> Iterator[GaitDataset]:
    """The gait data sets within the settings of a data set, which may wrap others, built as by `listing`."""
    for part in _data_sets(settings):
        dataset = DATASETS.get(part.get('type'))
        if isinstance(dataset, type) and issubclass(dataset, GaitDataset):
            yield DATASETS.build(listing(part, all_clips=all_clips))


def _clips(dataset: GaitDataset) -> list[Clip]:
    return [dataset.get_data_info(index) for index in range(len(dataset))]


def _data_sets(settings: Any) -> Iterator[dict[str, Any]]:
    """The data sets within settings, which may wrap others."""
    if isinstance(settings, (list, tuple)):
        for part in settings:
            yield from _data_sets(part)
    elif isinstance(settings, dict):
        if 'ann_file' in settings:
            yield settings
        for key in ('dataset', 'datasets'):
            yield from _data_sets(settings.get(key))


def _joints(layout: Layout) -> list[str] | None:
    """The names of the joints, or None if they are only numbered."""
    return None if layout['joints'][0] == 'joint_0' else list(layout['joints'])


def _tidy(clip: Clip) -> Clip:
    """A copy whose subject is text, and without a score of None, which `PoseDecode` does not expect."""
    clip = {field: value for field, value in clip.items() if field != 'keypoint_score' or value is not None}
    if clip.get('subject') is not None:
        clip['subject'] = str(clip['subject'])
    return clip

"""Clips of actions, in the skeleton files of MMAction2 and PYSKL as they are published."""
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmaction.datasets import PoseDataset
from mmaction.datasets.transforms import DecompressPose
from mmaction.registry import DATASETS

from dynstg_mm.datasets.annotation_file import AnnotationFile, Clip, describe, shape_faults
from dynstg_mm.errors import ClipError, DataError
from dynstg_mm.safe_pickle import load_pickle
from dynstg_mm.skeletons import Layout, get_layout
from dynstg_mm.text import few


@DATASETS.register_module()
class ActionDataset(PoseDataset):
    """Clips of a published skeleton file: NTU RGB+D, FineGYM, Kinetics-400, UCF101, HMDB51, Diving48.

    It has the clips of `PoseDataset`, in the same order, but reads files without running anything in them, and names
    what is wrong with them. Unlike the clips of a `GaitDataset`, these have no `rate` and no `subject`. A split may
    name clips without annotation, since some videos show nobody.

    Compressed keypoints, as those of Kinetics-400, are decompressed. They are in the annotation, or in a file for each
    clip in the folder `data_prefix['skeleton']`.

    Args:
        ann_file: The annotation file (.pkl).
        pipeline: Transforms.
        split: Name of the split, such as `xsub_train`; None for all clips.
        layout: Skeleton layout, whose number of joints the clips must have.
        num_classes: Number of classes; labels must be below it.
        max_person: How many persons of a frame are kept if the keypoints are compressed: those with the highest scores.
        **kwargs: Passed to `PoseDataset`, such as `box_thr` and `valid_ratio` for Kinetics-400.

    Raises:
        FileNotFoundError: There is no such file.
        DataError: The file, the split or a clip is wrong.
    """

    def __init__(self, ann_file: str, pipeline: Sequence[Any], split: str | None = None, *,
                 layout: str | Layout | None = None, num_classes: int | None = None, max_person: int = 2,
                 **kwargs: Any) -> None:
        self.layout = get_layout(layout) if layout is not None else None
        self.decompress = DecompressPose(max_person=max_person)
        super().__init__(ann_file, pipeline, split=split, num_classes=num_classes, **kwargs)

    def load_data_list(self) -> list[Clip]:
        """Read and check the clips of the split, in the order of the annotations."""
        file = AnnotationFile.read(self.ann_file)
        clips = list(file.clips.values())
        if self.split is not None:
            if self.split not in file.splits:
                raise DataError(f'{self.ann_file}: split {self.split}: missing; splits of the file: '
                                f'{few(file.split_names, like=self.split)}.')
            members = set(file.splits[self.split])
            clips = [clip for clip in clips if clip['frame_dir'] in members]
        if not clips:
            raise DataError(f'{self.ann_file}: split {self.split}: names no clip that has an annotation.')
        for clip in clips:
            self._check(clip, self._faults(clip))
        self._metainfo['source'] = (os.path.basename(self.ann_file), self.split or 'all')  # kept with checkpoints
        return clips

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """Annotation of a clip, with its keypoints."""
        clip: Clip = super(PoseDataset, self).get_data_info(idx)  # PoseDataset itself would run what is in the file
        if 'keypoint' not in clip:
            path = Path(self.data_prefix['skeleton'], f'{clip["frame_dir"]}.pkl')
            content = load_pickle(path)
            if not isinstance(content, dict):
                raise DataError(f'{path}: {describe(content)}; expected a dict with keypoint.')
            clip.update(content)
        if 'frame_inds' in clip:
            self._check(clip, self._compressed_faults(clip))
            clip = self.decompress(clip)
            self._check(clip, self._keypoint_faults(clip))
        return clip

    def get_cat_ids(self, idx: int) -> list[int]:
        """The class of a clip, in a list, as MMEngine's `ClassBalancedDataset` asks for it."""
        return [int(super(PoseDataset, self).get_data_info(idx)['label'])]

    def _check(self, clip: Mapping[str, Any], faults: Iterator[tuple[str, str]]) -> None:
        for field, message in faults:
            raise ClipError(f'{self.ann_file}: clip {clip["frame_dir"]}: {field}: {message}')

    def _faults(self, clip: Clip) -> Iterator[tuple[str, str]]:
        """Field and message of what is wrong with an annotation."""
        label = clip.get('label')
        if isinstance(label, bool) or not isinstance(label, (int, np.integer)) or label < 0 or (
                self.num_classes is not None and label >= self.num_classes):
            yield 'label', f'{describe(label)}; expected a class number from 0' + (
                '.' if self.num_classes is None else f' to {self.num_classes - 1}.')
        if not isinstance(clip.get('total_frames'), (int, np.integer)):
            yield 'total_frames', f'{describe(clip.get("total_frames"))}; expected the number of frames.'
        if 'frame_inds' not in clip and (clip.get('keypoint') is not None or 'skeleton' not in self.data_prefix):
            yield from self._keypoint_faults(clip)

    def _keypoint_faults(self, clip: Clip) -> Iterator[tuple[str, str]]:
        """What is wrong with keypoints (persons, frames, joints, coordinates)."""
        keypoint: Any = clip.get('keypoint')
        for _, field, message in shape_faults(keypoint, clip.get('keypoint_score')):
            yield field, message
            return
        if self.layout is not None and keypoint.shape[2] != self.layout['num_node']:
            yield 'keypoint', f'{keypoint.shape[2]} joints; expected {self.layout["num_node"]}.'
        if clip['total_frames'] > keypoint.shape[1]:
            yield 'total_frames', f'{clip["total_frames"]}; keypoint has {keypoint.shape[1]}.'

    def _compressed_faults(self, clip: Clip) -> Iterator[tuple[str, str]]:
        """What is wrong with compressed keypoints (people in all frames, joints, 3) and the frame of each."""
        keypoint, frames = clip.get('keypoint'), clip['frame_inds']
        if not isinstance(keypoint, np.ndarray) or keypoint.ndim != 3 or keypoint.shape[2] != 3:
            yield 'keypoint', f'{describe(keypoint)}; expected an array (people in all frames, joints, 3).'
        elif not isinstance(frames, np.ndarray) or frames.shape != keypoint.shape[:1] or frames.dtype.kind not in 'iu':
            yield 'frame_inds', f'{describe(frames)}; expected a frame for each of the {len(keypoint)} in keypoint.'
        elif not len(frames if 'anno_inds' not in clip else frames[clip['anno_inds']]):
            yield 'keypoint', f'nobody; expected someone with a box_score of {self.box_thr} or more.'

"""Several annotation files joined into one, such as those of several sites, with the splits of its protocols."""
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dynstg_mm.datasets.annotation_file import AnnotationFile
from dynstg_mm.datasets.folds import split_task
from dynstg_mm.datasets.named_files import TaskFile
from dynstg_mm.datasets.site_folds import adapted_to_site, folds_at_sites, leave_one_site_out, sites_of
from dynstg_mm.errors import ConfigError, DataError
from dynstg_mm.gait.joint_map import apply_joint_map
from dynstg_mm.importers.writing import check_out, summary, write, written
from dynstg_mm.skeletons import Layout, get_layout, map_joints
from dynstg_mm.text import few

Clip = dict[str, Any]
CLASS = 'class'  # field of the name of a clip's class, until all names are known


def join_files(files: Mapping[str, TaskFile], out: str | os.PathLike, *, name: str, by: str = 'site',
               classes: Sequence[str] | None = None, classes_of: Mapping[str, Sequence[str]] | None = None,
               renamed: Mapping[str, str] | None = None, layout: str | Layout | None = None, folds: int = 5,
               adapt: Sequence[int] = (), same_people: bool = False, seed: int = 0) -> str:
    """Write one annotation file of the clips of several, whose classes and joints are mapped by name.

    A clip keeps its fields; `dataset` becomes the name of its file. Names of clips and people begin with it, unless
    there is only one file. With `same_people`, equal names are one person in all files.

    Args:
        files: Name -> file, and the task whose clips to take, by default all.
        out: Annotation file (.pkl), replaced whole or not at all.
        name: Name of the task, with which the splits begin.
        by: Field that names the site, one of `ORIGINS`.
        classes: The classes in the order of their numbers; by default in that of the files.
        classes_of: Name of a file -> its classes in the order of its labels, if it does not name them.
        renamed: Name of a class in a file -> its name in `out`; clips of a class that becomes empty are left out.
        layout: Skeleton to map onto; by default that of the first file.
        folds: Number of folds by person.
        adapt: Numbers of people of a new site to train on.
        same_people: People may be at several sites: all splits are then by person as well, and no site is left out as
            a whole.
        seed: Seed of the folds and draws.

    Returns:
        A summary.

    Raises:
        DataError, ConfigError: One line about what is wrong; `out` is then as it was.
    """
    check_out(out)
    unknown = set(classes_of or ()) - set(files)
    if unknown:
        raise ConfigError(f'--classes-of: {few(sorted(unknown))}; expected names of files: {", ".join(files)}.')
    read = {key: AnnotationFile.read(part.file) for key, part in files.items()}
    target = get_layout(layout) if layout is not None else next(iter(read.values())).layout
    clips: list[Clip] = []
    for key, file in read.items():
        own = _with_class(file, _chosen(file, files[key].task), (classes_of or {}).get(key), renamed or {})
        own = [dict(clip, dataset=key, **_joints(file, clip, target)) for clip in own]
        clips += [_prefixed(clip, key, same_people) for clip in own] if len(read) > 1 else own
    known = [(renamed or {}).get(name, name) for key, file in read.items()
             for name in (classes_of or {}).get(key) or file.classes or ()]
    used = {clip[CLASS] for clip in clips}
    names = list(classes or dict.fromkeys(name for name in known if name in used))
    for clip in clips:
        if clip[CLASS] not in names:
            raise DataError(f'clip {clip["frame_dir"]}: class {clip[CLASS]}; expected one of {", ".join(names)}. '
                            f'Map it by name (--same {clip[CLASS]}=...), or leave it out (--same {clip[CLASS]}=).')
        clip['label'] = names.index(clip.pop(CLASS))
    channels = {clip['keypoint'].shape[-1] for clip in clips}
    if len(channels) > 1:
        raise DataError('keypoint: 2-D and 3-D recordings; expected one of them in all files.')
    splits = folds_at_sites(clips, name, by=by, folds=folds, seed=seed)
    if not same_people:
        splits |= leave_one_site_out(clips, name, by=by)
        for people in adapt:
            splits |= adapted_to_site(clips, name, people, by=by, seed=seed)
    data: dict[str, Any] = dict(split=splits, annotations=clips, classes=names)
    targets = _targets(read)
    if targets:
        data['targets'] = targets
    if target is not None:
        data['layout'] = layout or next(iter(read.values())).content['layout']
    write(data, out)
    return '\n'.join([summary(clips, names), _sites(clips, by), written(data, out)])


def _targets(files: Mapping[str, AnnotationFile]) -> dict[str, Any]:
    """Descriptions of the scores beside the class; DataError if two files describe one differently."""
    found: dict[str, Any] = {}
    for file in files.values():
        for name, target in file.targets.items():
            if found.setdefault(name, target.to_dict()) != target.to_dict():
                raise DataError(f'{file.path}: targets.{name}: described otherwise than in another file; expected the '
                                'same scale.')
    return found


def _chosen(file: AnnotationFile, task: str | None) -> list[Clip]:
    """The clips of a task, or all; DataError for the first fault."""
    tasks: dict[str, set[str]] = {}
    for split, members in file.splits.items():
        tasks.setdefault(split_task(split), set()).update(members)
    if task is not None and task not in tasks:
        raise DataError(f'{file.path}: split: no task {task}; tasks of the file: {few(tasks, like=task)}.')
    names = [name for name in file.clips if task is None or name in tasks[task]]
    for fault in (*file.file_faults(), *(fault for name in names for fault in file.clip_faults(name))):
        raise fault.error(file.path)
    return [file.clips[name] for name in names]


def _prefixed(clip: Clip, key: str, same_people: bool) -> Clip:
    """The clip with the name of its file before its own, and before its person's."""
    subject = clip['subject'] if same_people else f'{key}/{clip["subject"]}'
    return dict(clip, frame_dir=f'{key}/{clip["frame_dir"]}', subject=str(subject))


def _with_class(file: AnnotationFile, clips: Sequence[Clip], classes: Sequence[str] | None,
                renamed: Mapping[str, str]) -> list[Clip]:
    """The clips with the name of their class in the joined file, without those that are left out."""
    known = classes or file.classes
    if known is None:
        raise DataError(f'{file.path}: classes: missing; name them in the order of the labels (--classes-of).')
    unnamed = [clip for clip in clips if clip['label'] >= len(known)]
    if unnamed:
        raise DataError(f'{file.path}: clip {unnamed[0]["frame_dir"]}: label {unnamed[0]["label"]}; the classes are '
                        f'{", ".join(known)}.')
    named = [dict(clip, **{CLASS: renamed.get(known[clip['label']], known[clip['label']])}) for clip in clips]
    return [clip for clip in named if clip[CLASS]]


def _joints(file: AnnotationFile, clip: Clip, target: Layout | None) -> dict[str, np.ndarray]:
    """Keypoints and scores in the joints of a layout, found by their names."""
    own, keypoint, score = file.layout, clip['keypoint'], clip.get('keypoint_score')
    if target is None or own is None or own['joints'] == target['joints']:
        if target is not None and keypoint.shape[2] != target['num_node']:
            raise DataError(f'{file.path}: clip {clip["frame_dir"]}: keypoint: {keypoint.shape[2]} joints; '
                            f'expected {target["num_node"]}, or the layout in the file.')
        return {}
    try:
        keypoint, score = apply_joint_map(keypoint, score, map_joints(own['joints'], target))
    except ConfigError as error:
        raise DataError(f'{file.path}: layout: {error}') from None
    return dict(keypoint=keypoint) if score is None else dict(keypoint=keypoint, keypoint_score=score)


def _sites(clips: Sequence[Clip], by: str) -> str:
    """A line about the people of every site, by the number of the fold that leaves it out."""
    people = {site: len({clip['subject'] for clip in clips if str(clip[by]) == site}) for site in sites_of(clips, by)}
    return f'{by}: ' + ', '.join(f'{fold} {site} ({count} people)' for fold, (site, count) in enumerate(people.items()))

"""An annotation file looked at as a whole."""
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from dynstg_mm.audit.clips import Clip, check_scale, read_clips
from dynstg_mm.audit.duplicates import Copy, exact_copies, near_copies
from dynstg_mm.audit.findings import Findings
from dynstg_mm.audit.shortcuts import judge_shortcuts, shortcuts
from dynstg_mm.audit.splits import check_splits, judge_copies, read_splits, task_clips
from dynstg_mm.datasets.annotation_file import file_layout, is_name, wrong_classes
from dynstg_mm.safe_pickle import load_annotations
from dynstg_mm.skeletons import get_layout


@dataclass
class Audit:
    """What is in a file, and what is wrong with it."""

    path: str
    layout: dict | None
    classes: list | None  # names, where the file has them
    clips: dict[str, Clip]
    tasks: dict  # task -> family -> split -> clip names
    copies: list[Copy]
    shortcuts: dict  # task -> list[Shortcut]
    findings: list

    @property
    def failed(self):
        """Whether there is an error among the findings."""
        return any(finding.level == 'error' for finding in self.findings)

    def task_clips(self):
        """Task -> its clips."""
        return {task: [self.clips[name] for name in names]
                for task, names in task_clips(self.tasks, self.clips).items()}

    def class_names(self, task):
        """Number -> name of a task's classes: the file's, else a text field that goes with the label, else numbers."""
        clips = [clip for clip in self.task_clips()[task] if 'label' not in clip.wrong]
        labels = sorted({int(clip.data['label']) for clip in clips})
        if self.classes is not None:
            return {label: self.classes[label] for label in labels}
        for key in clips[0].data if clips else ():
            pairs = {(int(clip.data['label']), clip.data.get(key)) for clip in clips
                     if isinstance(clip.data.get(key), (str, type(None)))}
            if len(pairs) == len(labels) == len({name for _, name in pairs if name}):
                return dict(sorted(pairs))
        return {label: f'class {label}' for label in labels}


def audit_file(path, *, layout=None, split=(), window=2.56, allow=(), progress=True):
    """Read an annotation file and list everything that is wrong with it.

    Args:
        path (str | Path): The annotation file (.pkl); it is read without running anything in it.
        layout (str | dict, optional): Skeleton layout, in place of the file's own.
        split (Sequence[str]): Splits, or names before `_fold`, to look at with those that belong to them; all by
            default.
        window (float): Seconds that a model looks at at once; shorter clips are an error.
        allow (Sequence[str]): Kinds of errors (keys of `KINDS`) to count as warnings.
        progress (bool): Show bars.

    Returns:
        Audit: With all findings.

    Raises:
        FileNotFoundError: There is no such file.
        pickle.UnpicklingError: The file is damaged, or names more than arrays and plain containers.
        DataError: One of `split` is not in the file.
        ValueError: The layout is wrong, or the file has no annotations.
    """
    data, found = load_annotations(path), Findings(allow)
    own = _own_layout(data, found)
    layout = get_layout(layout) if layout is not None else own
    if layout is None and data.get('layout') is None:
        found.add('layout', 'layout: missing')
    classes = _own_classes(data, found)
    annotations = data['annotations']
    names = {clip['frame_dir'] for clip in annotations if isinstance(clip, dict) and is_name(clip.get('frame_dir'))}
    tasks = read_splits(data.get('split'), names, split, found)
    if split:
        kept = {name for families in tasks.values() for sides in families.values() for part in sides.values()
                for name in part}
        annotations = [clip for clip in annotations if isinstance(clip, dict) and is_name(clip.get('frame_dir'))
                       and clip['frame_dir'] in kept]
    clips = {clip.name: clip for clip in read_clips(annotations, layout, classes, window, found, progress=progress)}
    measured = [clip for clip in clips.values() if clip.measures is not None]
    check_scale(measured, found)
    _check_rates(measured, found)
    check_splits(tasks, clips, found)
    for name in sorted(set(clips) - {name for names in task_clips(tasks, clips).values() for name in names}):
        found.add('unused', f'clip {name}')
    copies = _copies(clips, layout, progress)
    judge_copies(copies, tasks, clips, found)
    audit = Audit(str(path), layout, classes, clips, tasks, copies, {}, [])
    _add_shortcuts(audit, found, progress)
    audit.findings = found.sorted()
    return audit


def _add_shortcuts(audit, found, progress):
    """Compute and judge the metadata control of every task; tasks of the same clips, split otherwise, share one."""
    known = {}
    for task, members in audit.task_clips().items():
        usable = [clip for clip in members if clip.measures is not None and not clip.wrong]
        names = tuple(clip.name for clip in usable)
        if names in known:
            audit.shortcuts[task] = known[names]
            continue
        try:
            audit.shortcuts[task] = known[names] = shortcuts(task, usable, progress=progress)
        except ValueError as error:
            found.add('no_control', f'task {task}: {error}')
        else:
            judge_shortcuts(task, audit.shortcuts[task], found)


def _own_layout(data, found):
    """The file's layout, None where it has none that can be used."""
    if data.get('layout') is None:
        return None
    try:
        return file_layout(data['layout'])
    except ValueError as error:
        found.add('wrong_layout', str(error))
        return None


def _own_classes(data, found):
    """The file's names of the classes, None where it has none that can be used."""
    classes = data.get('classes')
    fault = None if classes is None else wrong_classes(classes)
    if fault is not None:
        found.add('classes', fault)
    return None if classes is None or fault is not None else list(classes)


def _check_rates(clips, found):
    rates = sorted({float(clip.data['rate']) for clip in clips})
    if len(rates) > 1:
        found.add('rates', f'{len(rates)} rates: ' + ', '.join(f'{rate:g}' for rate in rates[:10]))


def _copies(clips, layout, progress):
    """All pairs of clips that show one recording."""
    arrays = {name: clip.data['keypoint'] for name, clip in clips.items()
              if isinstance(clip.data.get('keypoint'), np.ndarray) and clip.data['keypoint'].dtype.kind in 'fiu'}
    groups = exact_copies(arrays)
    copies = [Copy(*pair, True, 0., _seconds(clips[pair[0]])) for group in groups for pair in combinations(group, 2)]
    groups = {group[0]: group for group in groups if clips[group[0]].measures is not None}
    if layout is None and groups:
        count = clips[next(iter(groups))].data['keypoint'].shape[2]
        layout = get_layout(dict(num_node=count, inward=[(joint, 0) for joint in range(1, count)], center=0))
    near = near_copies({name: clips[name].data for name in groups}, layout, progress=progress)
    for copy in near:
        copies += [Copy(*pair, False, copy.difference, copy.seconds)
                   for pair in product(groups[copy.first], groups[copy.second])]
    return copies


def _seconds(clip):
    return 0. if clip.measures is None else clip.measures.seconds

"""An annotation file audited as a whole."""
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product

import numpy as np

from dynstg_mm.audit.clips import AuditedClip, audit_clips, check_scale
from dynstg_mm.audit.findings import Finding, Findings
from dynstg_mm.audit.near_copies import Copy, near_copies
from dynstg_mm.audit.origins import judge_origins, recognised_origins
from dynstg_mm.audit.shortcuts import Shortcut, judge_shortcuts, shortcuts
from dynstg_mm.audit.splits import Tasks, check_classes, judge_copies, read_tasks, task_clips
from dynstg_mm.datasets.annotation_file import AnnotationFile
from dynstg_mm.datasets.exact_copies import exact_copies
from dynstg_mm.datasets.targets import Target
from dynstg_mm.errors import DataError
from dynstg_mm.skeletons import Layout, get_layout
from dynstg_mm.text import alike_names


@dataclass
class Audit:
    """What is in a file, and what is wrong with it."""

    path: str
    layout: Layout | None
    classes: Sequence[str] | None  # names, if the file has them
    clips: dict[str, AuditedClip]
    tasks: Tasks
    copies: list[Copy]
    shortcuts: dict[str, list[Shortcut]] = field(default_factory=dict)  # by task
    origins: dict[str, list[Shortcut]] = field(default_factory=dict)  # by field of the annotations, such as site
    findings: list[Finding] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether there is an error among the findings."""
        return any(finding.level == 'error' for finding in self.findings)

    def task_clips(self) -> dict[str, list[AuditedClip]]:
        """The clips of every task."""
        return {task: [self.clips[name] for name in names]
                for task, names in task_clips(self.tasks, self.clips).items()}

    def class_names(self, task: str) -> dict[int, str]:
        """Names of a task's classes by label: the file's, else a text field that goes with the label, else numbers."""
        clips = [clip for clip in self.task_clips()[task] if 'label' not in clip.wrong]
        labels = sorted({int(clip.data['label']) for clip in clips})
        if self.classes is not None:
            return {label: self.classes[label] for label in labels}
        for key in clips[0].data if clips else ():
            pairs = {(int(clip.data['label']), clip.data.get(key)) for clip in clips
                     if isinstance(clip.data.get(key), (str, type(None)))}
            if len(pairs) == len(labels) == len({name for _, name in pairs if name}):
                return {label: str(name) for label, name in sorted(pairs)}
        return {label: f'class {label}' for label in labels}


def audit_file(path: str | os.PathLike, *, layout: str | Layout | None = None, split: Sequence[str] = (),
               window: float = 2.56, allow: Iterable[str] = (), progress: bool = True) -> Audit:
    """Read an annotation file and list everything that is wrong with it.

    Args:
        path: The annotation file (.pkl); it is read without running anything in it.
        layout: Skeleton layout, replaces the file's own.
        split: Splits, or names of tasks, to look at together with their families; all by default.
        window: Seconds of the window that a model sees; shorter clips are an error.
        allow: Kinds of errors (keys of `KINDS`) that become warnings.
        progress: Show bars.

    Raises:
        FileNotFoundError: There is no such file.
        DataError: The file is damaged, names more than arrays and plain containers, or has no annotations.
        ConfigError: The layout is wrong, or one of `split` is not in the file.
    """
    own_layout = get_layout(layout) if layout is not None else None
    file, findings = AnnotationFile.read(path), Findings(allow)
    for fault in file.file_faults():
        findings.add_fault(fault)
    skeleton = own_layout if own_layout is not None else file.layout
    if skeleton is None and file.content.get('layout') is None:
        findings.add('layout', 'layout: missing')
    tasks = read_tasks(file, split, findings)
    names = list(file.clips)
    if split:
        kept = {name for members in task_clips(tasks, file.clips).values() for name in members}
        names = [name for name in names if name in kept]
    clips = {clip.name: clip for clip in audit_clips(file, names, skeleton, window, findings, progress=progress)}
    measured = [clip for clip in clips.values() if clip.measures is not None]
    check_scale(measured, findings)
    _check_rates(measured, findings)
    subjects = [clip.data['subject'] for clip in clips.values() if 'subject' not in clip.wrong]
    for kind, texts in (('alike_subjects', subjects), ('alike_classes', file.classes or ())):
        alike = alike_names(texts)
        if alike is not None:
            findings.add(kind, f'{alike[0]!r} and {alike[1]!r}')
    check_classes(tasks, clips, findings)
    _check_grades(file.targets.values(), list(clips.values()), findings)
    for name in sorted(set(clips) - {name for members in task_clips(tasks, clips).values() for name in members}):
        findings.add('unused', f'clip {name}')
    copies = _copies(clips, skeleton, progress)
    judge_copies(copies, tasks, clips, findings)
    audit = Audit(str(path), skeleton, file.classes, clips, tasks, copies)
    _add_shortcuts(audit, findings, progress)
    if skeleton is not None:
        audit.origins = recognised_origins([clip for clip in measured if not clip.wrong], skeleton, findings,
                                           progress=progress)
        judge_origins(audit.origins, findings)
    audit.findings = findings.sorted()
    return audit


def _add_shortcuts(audit: Audit, findings: Findings, progress: bool) -> None:
    """Compute and judge the metadata control of every task; tasks with the same clips and other splits share one."""
    known: dict[tuple[str, ...], list[Shortcut]] = {}
    for task, members in audit.task_clips().items():
        usable = [clip for clip in members if clip.measures is not None and not clip.wrong]
        names = tuple(clip.name for clip in usable)
        if names in known:
            audit.shortcuts[task] = known[names]
            continue
        try:
            audit.shortcuts[task] = known[names] = shortcuts(task, usable, progress=progress)
        except DataError as error:
            findings.add('no_control', f'task {task}: {error}')
        else:
            judge_shortcuts(task, audit.shortcuts[task], findings)


def _check_grades(targets: Iterable[Target], clips: Sequence[AuditedClip], findings: Findings) -> None:
    for target in targets:
        sound = [clip for clip in clips if not any(field.startswith(('targets', 'label')) for field in clip.wrong)]
        grades = [(target.value_of(clip.data), clip.data.get('subject')) for clip in sound]
        for index, grade in enumerate(target.classes):
            people = {str(subject) for value, subject in grades if value == index}
            if len(people) < 2:
                findings.add('few_of_grade', f'targets.{target.name}: grade {grade}: {len(people)} people')


def _check_rates(clips: Sequence[AuditedClip], findings: Findings) -> None:
    rates = sorted({float(clip.data['rate']) for clip in clips})
    if len(rates) > 1:
        findings.add('rates', f'{len(rates)} rates: ' + ', '.join(f'{rate:g}' for rate in rates[:10]))


def _copies(clips: Mapping[str, AuditedClip], layout: Layout | None, progress: bool) -> list[Copy]:
    """All pairs of clips that show one recording."""
    arrays = {name: clip.data['keypoint'] for name, clip in clips.items()
              if isinstance(clip.data.get('keypoint'), np.ndarray) and clip.data['keypoint'].dtype.kind in 'fiu'}
    groups = exact_copies(arrays)
    copies = [Copy(one, other, True, 0., _seconds(clips[one])) for group in groups
              for one, other in combinations(group, 2)]
    by_first = {group[0]: group for group in groups if clips[group[0]].measures is not None}
    if layout is None and by_first:
        count = clips[next(iter(by_first))].data['keypoint'].shape[2]
        layout = get_layout(dict(num_node=count, inward=[(joint, 0) for joint in range(1, count)], center=0))
    if layout is None:
        return copies
    for copy in near_copies({name: clips[name].data for name in by_first}, layout, progress=progress):
        copies += [Copy(one, other, False, copy.difference, copy.seconds)
                   for one, other in product(by_first[copy.first], by_first[copy.second])]
    return copies


def _seconds(clip: AuditedClip) -> float:
    return 0. if clip.measures is None else clip.measures.seconds

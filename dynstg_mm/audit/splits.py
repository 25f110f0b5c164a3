"""The tasks of a file and their splits: which classes are missing where, and which copies do harm."""
from collections import Counter
from collections.abc import Mapping, Sequence

from dynstg_mm.audit.clips import AuditedClip
from dynstg_mm.audit.findings import Findings
from dynstg_mm.audit.near_copies import Copy
from dynstg_mm.datasets.annotation_file import AnnotationFile
from dynstg_mm.datasets.folds import split_family, split_task
from dynstg_mm.errors import ConfigError
from dynstg_mm.text import few

FEW = 5  # a class with fewer people has scores that depend on single people

Sides = dict[str, list[str]]  # split -> names of its clips
Tasks = dict[str, dict[str, Sides]]  # task -> family of splits -> sides
Clips = Mapping[str, AuditedClip]


def read_tasks(file: AnnotationFile, chosen: Sequence[str], findings: Findings) -> Tasks:
    """The splits of a file by family and task; what is wrong with them goes to the findings.

    Splits of one family must not share a subject (`split_family`); the families of one task are its folds.

    Args:
        file: The annotation file.
        chosen: Splits, or names of tasks, to look at together with their families; none for all.
        findings: Takes what is wrong.

    Returns:
        Task -> family -> split -> names of its existing clips, each once.

    Raises:
        ConfigError: One of `chosen` is not in the file.
    """
    names = file.split_names
    families = {name: split_family(name) or name for name in names}
    if chosen:
        wanted = {families[name] for choice in chosen for name in _matching(choice, names)}
        names = [name for name in names if families[name] in wanted]
    for fault in file.split_faults(names):
        findings.add_fault(fault)
    tasks: Tasks = {}
    for name in names:
        if split_family(name) is None:
            findings.add('no_part', f'split {name}')
        members = [member for member in file.splits.get(name, ()) if member in file.clips]
        tasks.setdefault(split_task(name), {}).setdefault(families[name], {})[name] = list(dict.fromkeys(members))
    return tasks


def _matching(choice: str, names: Sequence[str]) -> list[str]:
    """The split of that name, or all splits of the task of that name."""
    matching = [name for name in names if choice in (name, split_task(name))]
    if not matching:
        known = dict.fromkeys([*map(split_task, names), *names])
        raise ConfigError(f'--split {choice}: not in the file; its tasks and splits: {few(known, like=choice)}.')
    return matching


def task_clips(tasks: Tasks, clips: Mapping[str, object]) -> dict[str, list[str]]:
    """Clips of every task, in the order of the file; all clips as the task `all` if the file has no splits."""
    if not tasks:
        return {'all': list(clips)}
    members = {task: {name for sides in families.values() for names in sides.values() for name in names}
               for task, families in tasks.items()}
    return {task: [name for name in clips if name in names] for task, names in members.items()}


def check_classes(tasks: Tasks, clips: Clips, findings: Findings) -> None:
    """Find classes that are missing on one side or have few people, and people with two classes."""
    if not tasks:
        findings.add('no_splits', 'the whole file is treated as one task')
    for families in tasks.values():
        for sides in families.values():
            _check_sides(sides, clips, findings)
    for task, names in task_clips(tasks, clips).items():
        _check_task(task, [clips[name] for name in names], findings)


def _check_sides(sides: Sides, clips: Clips, findings: Findings) -> None:
    """Find classes that are missing in a split of a family."""
    labels = {side: Counter(clips[name].data['label'] for name in names if 'label' not in clips[name].wrong)
              for side, names in sides.items()}
    everywhere = set().union(*labels.values())
    for side, names in sides.items():
        people = {clips[name].data['subject'] for name in names if 'subject' not in clips[name].wrong}
        for label in sorted(everywhere - set(labels[side])):
            if 'train' in side.lower() and names:
                findings.add('untrained_class', f'split {side}: class {label}')
            elif len(people) >= 2 * len(everywhere):  # fewer cannot have all classes, as in leave-one-subject-out
                findings.add('one_sided_class', f'split {side}: class {label}')


def _check_task(task: str, members: Sequence[AuditedClip], findings: Findings) -> None:
    """Find classes with few people, and people with two classes."""
    classes: dict[int, set[str]] = {}
    for clip in members:
        if not clip.wrong & {'label', 'subject'}:
            classes.setdefault(clip.data['label'], set()).add(clip.data['subject'])
    for label, people in sorted(classes.items()):
        if len(people) < FEW:
            findings.add('few_subjects', f'task {task}: class {label}: {len(people)}')
    for subject in sorted(set().union(*classes.values()), key=str):
        *others, last = [str(label) for label, people in sorted(classes.items()) if subject in people]
        if others:
            findings.add('two_classes', f'task {task}: subject {subject}: {", ".join(others)} and {last}')


def judge_copies(copies: Sequence[Copy], tasks: Tasks, clips: Clips, findings: Findings) -> None:
    """Add each pair of copies to the findings, by the harm that it does."""
    for copy in copies:
        pair = copy.first, copy.second
        difference = 'the same numbers'
        if not copy.exact:
            difference = f'{copy.seconds:.1f} s differ by {copy.difference:.1%} of the movement'
        text = f'clips {copy.first} and {copy.second}: {difference}'
        separated, together = _where(pair, tasks)
        if separated:
            findings.add('recording_leak', f'{text}; in {separated[0]} and {separated[1]}')
        if together or not tasks:
            findings.add('counted_twice', text + (f'; in {", ".join(together)}' if together else ''))
        if not separated and not together and tasks:
            findings.add('shared', text)
            continue
        for kind, name in (('label_conflict', 'label'), ('two_names', 'subject')):
            values = [clips[one].data[name] for one in pair if name not in clips[one].wrong]
            if len(values) == 2 and values[0] != values[1]:
                findings.add(kind, f'clips {copy.first} and {copy.second}: {name} {values[0]} and {values[1]}')


def _where(pair: tuple[str, str], tasks: Tasks) -> tuple[tuple[str, str] | None, list[str]]:
    """Two splits of a family that separate a pair of clips, and the tasks that have both on one side."""
    separated: tuple[str, str] | None = None
    together = []
    for task, families in tasks.items():
        for sides in families.values():
            one, other = ([split for split, names in sides.items() if name in names] for name in pair)
            if set(one) & set(other):
                together.append(task)
            elif one and other and separated is None:
                separated = one[0], other[0]
    return separated, list(dict.fromkeys(together))

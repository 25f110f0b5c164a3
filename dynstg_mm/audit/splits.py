"""The splits of a file: what they hold, and what stands on both sides of one."""
from collections import Counter
from itertools import combinations

from dynstg_mm.datasets.annotation_file import describe, is_name, split_members
from dynstg_mm.datasets.folds import parse_fold, split_family, split_task
from dynstg_mm.errors import DataError

FEW = 5  # people of a class below which its scores say little


def read_splits(splits, names, chosen, found):
    """Splits by family and task, with what can be read of them.

    A family are the splits that belong together, as `GaitDataset` sees it; a task are the families that differ in the
    number of their fold.

    Args:
        splits (dict): Split name -> clip names, as the file has it; anything may be in it.
        names (Collection[str]): The clips that there are.
        chosen (Sequence[str]): Splits, or names before `_fold`, that the audit is about, with their families; none for
            all.
        found (Findings): Takes what is wrong.

    Returns:
        dict[str, dict[str, dict[str, list[str]]]]: Task -> family -> split -> names of clips that there are.

    Raises:
        DataError: One of `chosen` is not in the file.
    """
    if not isinstance(splits, dict):
        if splits is not None:
            found.add('split', f'split: {describe(splits)}; expected a dict of lists')
        splits = {}
    texts = [name for name in splits if is_name(name)]
    for name in splits:
        if not is_name(name):
            found.add('split', f'split {describe(name)}: the name is no text')
    families = {name: split_family(name) or name for name in texts}
    wanted = set()
    for choice in chosen:
        matching = {families[name] for name in texts
                    if name == choice or (fold := parse_fold(name)) is not None and fold.name == choice}
        if not matching:
            raise DataError(f'--split {choice}: not in the file; it has {", ".join(texts) or "none"}.')
        wanted |= matching
    tasks = {}
    for name in texts:
        if chosen and families[name] not in wanted:
            continue
        if split_family(name) is None:
            found.add('no_part', f'split {name}')
        members = _members(name, splits[name], names, found)
        tasks.setdefault(split_task(name), {}).setdefault(families[name], {})[name] = members
    return tasks


def _members(split, content, names, found):
    """Clips of a split that there are, each once."""
    there = split_members(content)
    if there is None:
        found.add('split', f'split {split}: {describe(content)}; expected a list of clip names')
        return []
    if not there:
        found.add('split', f'split {split}: empty')
    members = []
    for member in there:
        if member not in names:
            found.add('split', f'split {split}: {member!r:.80} has no annotation')
        elif member in members:
            found.add('split', f'split {split}: names clip {member} twice')
        else:
            members.append(member)
    return members


def check_splits(tasks, clips, found):
    """Find people and clips on both sides, and classes that are missing on one.

    Args:
        tasks (dict): From `read_splits`.
        clips (dict[str, Clip]): By name.
        found (Findings): Takes what is wrong.
    """
    if not tasks:
        found.add('no_splits', 'the whole file is looked at as one')
    for families in tasks.values():
        for sides in families.values():
            _check_sides(sides, clips, found)
    for task, names in task_clips(tasks, clips).items():
        _check_task(task, [clips[name] for name in names], found)


def _check_sides(sides, clips, found):
    """Check the splits of one family."""
    for one, other in combinations(sides, 2):
        for name in sorted(set(sides[one]) & set(sides[other])):
            found.add('recording_leak', f'clip {name}: in both {one} and {other}')
        people = [{clips[name].data['subject'] for name in sides[side] if 'subject' not in clips[name].wrong}
                  for side in (one, other)]
        for subject in sorted(people[0] & people[1]):
            found.add('subject_leak', f'subject {subject}: in both {one} and {other}')
    labels = {side: Counter(clips[name].data['label'] for name in names if 'label' not in clips[name].wrong)
              for side, names in sides.items()}
    everywhere = set().union(*labels.values())
    for side, names in sides.items():
        training = 'train' in side.lower()
        people = {clips[name].data['subject'] for name in names if 'subject' not in clips[name].wrong}
        for label in sorted(everywhere - set(labels[side])):
            if training and names:
                found.add('untrained_class', f'split {side}: class {label}')
            elif len(people) >= 2 * len(everywhere):  # fewer cannot have all classes, as in leave-one-subject-out
                found.add('one_sided_class', f'split {side}: class {label}')


def _check_task(task, members, found):
    """Check the people of a task."""
    classes = {}
    for clip in members:
        if not clip.wrong & {'label', 'subject'}:
            classes.setdefault(clip.data['label'], set()).add(clip.data['subject'])
    for label, people in sorted(classes.items()):
        if len(people) < FEW:
            found.add('few_subjects', f'task {task}: class {label}: {len(people)}')
    for one, other in combinations(sorted(classes), 2):
        for subject in sorted(classes[one] & classes[other]):
            found.add('two_classes', f'task {task}: subject {subject}: {one} and {other}')


def task_clips(tasks, clips):
    """Clips of every task, in the order of the file; all clips as the task `all` where the file has no splits.

    Returns:
        dict[str, list[str]]: Task -> clip names.
    """
    if not tasks:
        return {'all': list(clips)}
    members = {task: {name for sides in families.values() for names in sides.values() for name in names}
               for task, families in tasks.items()}
    return {task: [name for name in clips if name in there] for task, there in members.items()}


def judge_copies(copies, tasks, clips, found):
    """Say of every recording that stands there twice whether it does harm.

    Args:
        copies (list[Copy]): Pairs of clips.
        tasks (dict): From `read_splits`.
        clips (dict[str, Clip]): By name.
        found (Findings): Takes what is wrong.
    """
    for copy in copies:
        pair = copy.first, copy.second
        how = 'the same numbers'
        if not copy.exact:
            how = f'{copy.seconds:.1f} s alike but for {copy.difference:.1%} of the movement'
        text = f'clips {copy.first} and {copy.second}: {how}'
        parted, together = _where(pair, tasks)
        if parted:
            found.add('recording_leak', f'{text}; in {parted[0]} and {parted[1]}')
        if together or not tasks:
            found.add('counted_twice', text + (f'; in {", ".join(together)}' if together else ''))
        if not parted and not together and tasks:
            found.add('shared', text)
            continue
        for kind, name in (('label_conflict', 'label'), ('two_names', 'subject')):
            values = [clips[one].data[name] for one in pair if name not in clips[one].wrong]
            if len(values) == 2 and values[0] != values[1]:
                found.add(kind, f'clips {copy.first} and {copy.second}: {name} {values[0]} and {values[1]}')


def _where(pair, tasks):
    """Two splits of a family that part a pair of clips, or None, and the tasks with both on one side."""
    parted, together = None, []
    for task, families in tasks.items():
        for sides in families.values():
            one, other = ([split for split, names in sides.items() if name in names] for name in pair)
            if set(one) & set(other):
                together.append(task)
            elif one and other and parted is None:
                parted = one[0], other[0]
    return parted, list(dict.fromkeys(together))

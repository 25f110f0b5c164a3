"""Reading, checking and completing a skeleton layout."""
import json
import reprlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from dynstg_mm.errors import ConfigError
from dynstg_mm.skeletons.layouts import LAYOUTS, Layout

MOST_JOINTS = 1000  # matrices of a layout grow with the square of its joints


def get_layout(layout: object) -> Layout:
    """The layout of that name, or a layout of the user's own, checked and completed.

    Args:
        layout: A key of `LAYOUTS`, a dict with at least `num_node`, `inward` and `center`, or the path of a .json file
            with such a dict.

    Returns:
        The layout, with `joints` and `limbs` filled in if they were missing.

    Raises:
        ConfigError: The name is unknown, the file is not JSON, a key is missing or wrong, or a joint index is out of
            range. The message names the key.
        OSError: The file cannot be read.
    """
    if isinstance(layout, str) and layout.endswith('.json'):
        try:
            content = json.loads(Path(layout).read_text(encoding='utf-8'))
        except ValueError as error:
            raise ConfigError(f'{layout}: not a readable JSON file ({error}).') from None
        try:
            return _completed(content)
        except ConfigError as error:
            raise ConfigError(f'{layout}: {error}') from None
    if isinstance(layout, str):
        if layout not in LAYOUTS:
            raise ConfigError(f'layout: unknown name {reprlib.repr(layout)}; expected one of {", ".join(LAYOUTS)}, a '
                              'dict with num_node, inward and center, or the path of a .json file with one.')
        return LAYOUTS[layout]
    return _completed(layout)


def _completed(layout: object) -> Layout:
    """A layout given as a dict, checked, with `joints` and `limbs`."""
    if not isinstance(layout, dict):
        raise ConfigError(f'layout: a {type(layout).__name__}; expected a name or a dict.')
    _check(layout)
    complete = dict(layout)
    count = complete['num_node']
    complete.setdefault('joints', tuple(f'joint_{index}' for index in range(count)))
    complete.setdefault('limbs', _branches(count, layout['inward'], layout['center']))
    names = complete['joints']
    if not isinstance(names, (list, tuple)) or len(names) != count:
        raise ConfigError(f'layout: joints: {reprlib.repr(names)}; expected {count} names.')
    duplicate = next((name for name in names if list(names).count(name) > 1), None)
    if duplicate is not None:
        raise ConfigError(f'layout: joints: the name {reprlib.repr(duplicate)} is duplicated.')
    return complete


def _check(layout: Layout) -> None:
    """Raise a ConfigError if a key is missing, or names joints that do not exist."""
    missing = [key for key in ('num_node', 'inward', 'center') if key not in layout]
    if missing:
        raise ConfigError(f'layout: {missing[0]}: missing; a layout is a dict with num_node, inward and center.')
    count = layout['num_node']
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_JOINTS:
        raise ConfigError(f'layout: num_node: {reprlib.repr(count)}; expected the number of joints, 1 to '
                          f'{MOST_JOINTS}.')
    for key, joints in _used_joints(layout):
        wrong = [joint for joint in joints if isinstance(joint, bool) or not isinstance(joint, int)
                 or not 0 <= joint < count]
        if wrong:
            raise ConfigError(f'layout: {key}: joint {reprlib.repr(wrong[0])}; the {count} joints are numbered 0 to '
                              f'{count - 1}.')
    left, right = (layout.get(side, []) for side in ('left', 'right'))
    if len(left) != len(right):
        raise ConfigError(f'layout: left: {len(left)} joints, but right has {len(right)}; expected pairs.')
    child = _on_a_circle(count, layout['inward'])
    if child is not None:
        raise ConfigError(f'layout: inward: a circle through joint {child}; expected edges (child, parent).')


def _used_joints(layout: Layout) -> Iterator[tuple[str, list[object]]]:
    """The joints that each key of a layout names."""
    for key, size in (('inward', 2), ('legs', 3), ('feet', 2)):
        groups = layout.get(key, [])
        if not isinstance(groups, (list, tuple)):
            raise ConfigError(f'layout: {key}: {reprlib.repr(groups)}; expected a list of {size} joints each.')
        wrong = [group for group in groups if not isinstance(group, (list, tuple)) or len(group) != size]
        if wrong:
            raise ConfigError(f'layout: {key}: {reprlib.repr(wrong[0])}; expected {size} joints.')
        yield key, [joint for group in groups for joint in group]
    yield 'center', [layout['center']]
    for key in ('left', 'right'):
        if not isinstance(layout.get(key, []), (list, tuple)):
            raise ConfigError(f'layout: {key}: {reprlib.repr(layout[key])}; expected a list of joints.')
        yield key, list(layout.get(key, []))
    limbs = layout.get('limbs', {})
    if not isinstance(limbs, dict) or not all(isinstance(limb, (list, tuple)) for limb in limbs.values()):
        raise ConfigError(f'layout: limbs: {reprlib.repr(limbs)}; expected a dict of lists of joints.')
    yield 'limbs', [joint for limb in limbs.values() for joint in limb]


def _on_a_circle(count: int, edges: Sequence[Sequence[int]]) -> int | None:
    """A joint whose path inwards never ends, or None."""
    parent = {child: towards for child, towards in edges if child != towards}
    sound: set[int] = set()
    for joint in range(count):
        path: set[int] = set()
        while joint in parent and joint not in sound:
            if joint in path:
                return joint
            path.add(joint)
            joint = parent[joint]
        sound |= path
    return None


def _branches(count: int, edges: Sequence[Sequence[int]], center: int) -> dict[str, list[int]]:
    """The parts that remain connected without the centre, as limbs; the centre is a limb of its own."""
    neighbours: dict[int, set[int]] = {joint: set() for joint in range(count)}
    for a, b in edges:
        neighbours[a].add(b)
        neighbours[b].add(a)
    limbs, seen = {'center': [center]}, {center}
    for start in range(count):
        if start in seen:
            continue
        branch, stack = [], [start]
        seen.add(start)
        while stack:
            joint = stack.pop()
            branch.append(joint)
            new = neighbours[joint] - seen
            seen |= new
            stack.extend(new)
        limbs[f'branch_{len(limbs)}'] = sorted(branch)
    return limbs


def side_of(layout: Layout, *joints: int) -> str:
    """'left' or 'right' if all these joints are on that side, otherwise ''."""
    return next((side for side in ('left', 'right') if set(joints) <= set(layout.get(side, ()))), '')


def mirror_order(layout: Layout) -> list[int]:
    """Index array that swaps left and right: `keypoint[..., mirror_order(layout), :]`."""
    order = list(range(layout['num_node']))
    for left, right in zip(layout.get('left', []), layout.get('right', [])):
        order[left], order[right] = right, left
    return order


def parents(layout: Layout) -> list[int]:
    """Parent of every joint, towards the centre; the centre, and a joint without an edge, is its own parent."""
    parent = list(range(layout['num_node']))
    for child, towards_center in layout['inward']:
        parent[child] = towards_center
    return parent


def depth_first(layout: Layout) -> list[int]:
    """Joints in depth-first order from the centre along the skeleton; those not connected to it come last."""
    children: dict[int, list[int]] = {joint: [] for joint in range(layout['num_node'])}
    for child, towards_center in layout['inward']:
        children[towards_center].append(child)
    order: list[int] = []
    for start in (layout['center'], *range(layout['num_node'])):
        stack = [start]
        while stack:
            joint = stack.pop()
            if joint not in order:
                order.append(joint)
                stack.extend(sorted(children[joint], reverse=True))
    return order

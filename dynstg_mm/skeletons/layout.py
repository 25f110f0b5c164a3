"""Reading, checking and completing a skeleton layout."""
import json
import reprlib
from pathlib import Path

from dynstg_mm.skeletons.layouts import LAYOUTS

MOST_JOINTS = 1000  # what is made of a layout grows with the square of its joints


def get_layout(layout):
    """Return the layout of that name, or check and complete a layout of the user's own.

    Args:
        layout (str | dict): A key of `LAYOUTS`, a dict with at least `num_node`, `inward` and `center`, or the path of
            such a dict in a .json file.

    Returns:
        dict: The layout, with `joints` and `limbs` filled in where they were missing.

    Raises:
        ValueError: The name is unknown, the file is no JSON, a key is missing, or a joint index is out of range. The
            message says which.
        OSError: The file cannot be read.
    """
    if isinstance(layout, str) and layout.endswith('.json'):
        try:
            layout = json.loads(Path(layout).read_text(encoding='utf-8'))
        except ValueError as error:
            raise ValueError(f'{layout}: not a readable JSON file ({error}).') from None
    if isinstance(layout, str):
        if layout not in LAYOUTS:
            raise ValueError(f'layout: unknown name {reprlib.repr(layout)}; known are {", ".join(LAYOUTS)}, or pass a '
                             'dict with num_node, inward and center, or the path of one in a .json file.')
        return LAYOUTS[layout]
    if not isinstance(layout, dict):
        raise ValueError(f'layout: {type(layout).__name__}; expected a name or a dict.')
    missing = [key for key in ('num_node', 'inward', 'center') if key not in layout]
    if missing:
        raise ValueError(f'layout: {", ".join(missing)} missing; a layout is a dict with num_node, inward and center.')
    count = layout['num_node']
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_JOINTS:
        raise ValueError(f'layout: num_node is {reprlib.repr(count)}; expected the number of joints, 1 to '
                         f'{MOST_JOINTS}.')
    groups = {'inward': (layout['inward'], 2), 'legs': (layout.get('legs', []), 3), 'feet': (layout.get('feet', []), 2)}
    for key, (members, size) in groups.items():
        wrong = [member for member in members if not isinstance(member, (list, tuple)) or len(member) != size]
        if wrong:
            raise ValueError(f'layout: {key} has {reprlib.repr(wrong[0])}; expected {size} joints.')
    used = {key: [joint for member in members for joint in member] for key, (members, _) in groups.items()}
    used.update(center=[layout['center']], left=layout.get('left', []), right=layout.get('right', []),
                limbs=[joint for limb in layout.get('limbs', {}).values() for joint in limb])
    for key, joints in used.items():
        wrong = [joint for joint in joints if not isinstance(joint, int) or not 0 <= joint < count]
        if wrong:
            raise ValueError(f'layout: {key} names joint {reprlib.repr(wrong[0])}, and there are {count} (0 to '
                             f'{count - 1}).')
    if len(used['left']) != len(used['right']):
        raise ValueError(f'layout: left has {len(used["left"])} joints and right {len(used["right"])}; they are pairs.')
    child = _on_a_circle(count, layout['inward'])
    if child is not None:
        raise ValueError(f'layout: inward leads from joint {child} back to it; expected edges (child, parent).')
    complete = dict(layout)
    complete.setdefault('joints', tuple(f'joint_{index}' for index in range(count)))
    complete.setdefault('limbs', _branches(count, layout['inward'], layout['center']))
    if len(complete['joints']) != count:
        raise ValueError(f'layout: joints has {len(complete["joints"])} names for {count} joints.')
    twice = [name for name in complete['joints'] if list(complete['joints']).count(name) > 1]
    if twice:
        raise ValueError(f'layout: joints has the name {reprlib.repr(twice[0])} twice.')
    return complete


def _on_a_circle(count, edges):
    """A joint from which the way inward never ends, or None."""
    parent, sound = {child: towards for child, towards in edges if child != towards}, set()
    for joint in range(count):
        way = set()
        while joint in parent and joint not in sound:
            if joint in way:
                return joint
            way.add(joint)
            joint = parent[joint]
        sound |= way
    return None


def _branches(count, edges, center):
    """Joints that stay connected once the centre is taken out, as limbs; the centre is a limb of its own."""
    neighbours = {joint: set() for joint in range(count)}
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


def mirror_order(layout):
    """Index array that swaps left and right: `keypoint[..., mirror_order(layout), :]`."""
    order = list(range(layout['num_node']))
    for left, right in zip(layout.get('left', []), layout.get('right', [])):
        order[left], order[right] = right, left
    return order


def parents(layout):
    """Parent of every joint on the way to the centre; the centre, and a joint without an edge, is its own."""
    parent = list(range(layout['num_node']))
    for child, towards_center in layout['inward']:
        parent[child] = towards_center
    return parent


def depth_first(layout):
    """Joints in depth-first order from the centre along the skeleton, those without a way to it at the end."""
    children = {joint: [] for joint in range(layout['num_node'])}
    for child, towards_center in layout['inward']:
        children[towards_center].append(child)
    order = []
    for start in (layout['center'], *range(layout['num_node'])):
        stack = [start]
        while stack:
            joint = stack.pop()
            if joint not in order:
                order.append(joint)
                stack.extend(sorted(children[joint], reverse=True))
    return order

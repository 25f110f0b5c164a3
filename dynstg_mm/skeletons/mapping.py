"""Mapping the joints of one skeleton onto another by name, and the joints that give the pelvis."""
import contextlib
import difflib
import json
import math
import re
from collections import Counter
from collections.abc import Sequence

from dynstg_mm.errors import ConfigError
from dynstg_mm.skeletons.layouts import LAYOUTS, Layout
from dynstg_mm.text import few

_SHOULDERS, _HIPS = ('left_shoulder', 'right_shoulder'), ('left_hip', 'right_hip')

# A joint by marker sets, best first, with the side in front: centres that a program computed; the mean of markers at
# both sides of the joint; one marker. By Plug-in Gait (KNE; FEO, FEP and TIO are ends of its bones, which are joints),
# Helen Hayes, OpenCap (calc), and Qualisys after van Sint Jan (FLE). `knee` with a medial marker is the lateral one.
_MARKER_SETS: dict[str, tuple[str, ...]] = dict(
    shoulder=('SJC', 'SHO', 'SAE'), elbow=('EJC', 'elbow_lat elbow_med', 'lelbow melbow', 'HLE HME', 'ELB'),
    wrist=('WJC', 'WRA WRB', 'wrist_radius wrist_ulna', 'lwrist mwrist', 'RSP USP', 'WRA'),
    hip=('HJC', 'FEP', 'ASI', 'ASIS', 'IAS'),
    knee=('KJC', 'FEO', 'knee mknee', 'knee knee_medial', 'FLE FME', 'KNE KNM', 'KNE'),
    ankle=('AJC', 'TIO', 'ankle mankle', 'ankle ankle_medial', 'FAL TAM', 'ANK MED', 'ANK'),
    heel=('HEE', 'calc', 'FCC'), big_toe=('TOE', 'FM2'))
_MARKERS = {f'{side}_{joint}': tuple(tuple(f'{side}_{marker}{end}' for marker in option.split())
                                     for end in ('', '_study') for option in (*options, *[joint] * (end != '')))
            for side in ('left', 'right') for joint, options in _MARKER_SETS.items()}
_CODES = 'SJC|SHO|EJC|ELB|WJC|WRA|WRB|HJC|FEP|ASI|PSI|KJC|FEO|KNE|KNM|AJC|TIO|ANK|MED|HEE|TOE|FHD|BHD'
# What replaces a joint that a skeleton lacks: the same place under another name, or the mean of several joints.
_REPLACEMENTS: dict[str, tuple[tuple[str, ...], ...]] = {
    'mid_hip': (('spine_base', ), ('pelvis', ), ('hip_center', ), _HIPS),
    'spine_base': (('mid_hip', ), ('pelvis', ), ('hip_center', ), _HIPS),
    'neck': (('thorax', ), ('spine_shoulder', ), ('shoulder_center', ), _SHOULDERS, ('C7', )),
    'thorax': (('neck', ), ('spine_shoulder', ), ('shoulder_center', ), _SHOULDERS),
    'spine_shoulder': (('neck', ), ('thorax', ), ('shoulder_center', ), _SHOULDERS),
    'spine': (('spine_mid', ), _SHOULDERS + _HIPS), 'spine_mid': (('spine', ), _SHOULDERS + _HIPS),
    'head': (('left_ear', 'right_ear'), ('LFHD', 'RFHD', 'LBHD', 'RBHD')), 'nose': (('left_eye', 'right_eye'), ),
    'neck_base': (('nose', ), ),
    **{f'{side}_{joint}': tuple((f'{side}_{other}', ) for other in ('big_toe', 'foot_index', 'toe_tip', 'foot', 'toe',
                                                            'toe_base')
                                if other != joint)
       for side in ('left', 'right') for joint in ('big_toe', 'foot_index', 'toe_tip', 'foot')}
}


def map_joints(names: Sequence[str], layout: Layout) -> list[tuple[int, ...]]:
    """Where each joint of a layout is among the joints of another skeleton, by name.

    Names are compared without case, `_` and spaces, and `RKnee`, `KneeRight`, `KneeR` and `knee.R` are `right_knee`.
    The layout's aliases are used only if the names contain most of them, since other programs use the same names for
    other joints. Neck, pelvis, spine, head, nose and toes have replacements, such as the mean of both hips. Joints of
    the limbs are found by the names of marker sets: a computed centre, else the mean of the markers at both sides, else
    the marker next to the joint.

    Args:
        names: Joint names, in the order of an array.
        layout: From `get_layout`.

    Returns:
        For every joint of the layout, the positions in `names` whose mean it is.

    Raises:
        ConfigError: Two names mean the same joint, or a joint of the layout is missing. The message names it.
    """
    mapping = _places(names, layout)
    missing = [joint for joint, places in mapping.items() if places is None]
    if missing:
        raise ConfigError(f'joints: {", ".join(missing)} missing, which the layout needs; the skeleton has '
                          f'{few(names, most=40)}.{_sufficient(names, layout)}{name_hint(names, missing)}')
    return [places for places in mapping.values() if places is not None]


def best_layout(names: Sequence[str]) -> str | None:
    """The name of the layout of which a skeleton has most joints by their names; None if it lacks one of each."""
    fitting: dict[str, int] = {}
    for name, layout in LAYOUTS.items():
        with contextlib.suppress(ConfigError):
            places = map_joints(names, layout)
            uses = Counter(place for sources in places for place in set(sources))
            fitting[name] = sum(-1 if len(sources) > 1 and all(uses[place] > 1 for place in sources) else 1
                                for sources in places)  # a mean of other joints tells nothing of its own
    return max(fitting, key=lambda name: fitting[name]) if fitting else None


def missing_joints(names: Sequence[str], layout: Layout) -> list[str]:
    """The joints of a layout that another skeleton lacks, by the rules of `map_joints`."""
    return [joint for joint, places in _places(names, layout).items() if places is None]


def name_hint(names: Sequence[str], missing: Sequence[str]) -> str:
    """What to write into the file of `--joint-names`: the nearest names that no joint has yet, or nothing.

    Args:
        names: Of the recording.
        missing: Joints that it lacks.
    """
    known = {joint for layout in LAYOUTS.values() for joint in layout['joints']}
    used = {place for places in find_joints(names, sorted(known)).values() for place in places}
    free = {_sided(name): name for index, name in enumerate(names) if index not in used}
    lines, found = [], 0
    for joint in missing:
        side, rest = _sided(joint)
        fitting = {other: name for (own, other), name in free.items() if own == side}
        near = difflib.get_close_matches(rest, fitting, 1, cutoff=0.55)
        found += len(near)
        name = free.pop((side, near[0])) if near else f'NAME OF {joint}'
        lines.append(f'{json.dumps(name, ensure_ascii=False)}: "{joint}"')
    if not found and not 3 < len(missing) <= len(free):
        return ''
    return f' If it has them under other names, give a file with --joint-names: {{{", ".join(lines)}}}'


def _sided(name: str) -> tuple[str, str]:
    """Side of a joint, left, right or none, and the rest of its name."""
    match = re.match('(left|right|)(.*)', _plain(name))
    assert match is not None
    return match[1], match[2]


def find_joints(names: Sequence[str], wanted: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Those of the wanted joints that a skeleton has, by the rules of `map_joints`; none if its names are ambiguous."""
    try:
        found = _places(names, dict(joints=wanted))
    except ConfigError:
        return {}
    return {joint: places for joint, places in found.items() if places is not None}


def _sufficient(names: Sequence[str], layout: Layout) -> str:
    """A hint that the joints are enough for a model of `gait_13`, if they are."""
    enough = layout is not LAYOUTS['gait_13'] and not missing_joints(names, LAYOUTS['gait_13'])
    return ' They are enough for a model of gait_13: use its config, or that layout.' if enough else ''


def pelvis_joints(layout: Layout) -> tuple[int, ...]:
    """The joints whose mean is the pelvis: the joint of that name, or both hips.

    Without such names they are the first joints of `legs`, and without these the layout's centre.

    Args:
        layout: From `get_layout`.
    """
    try:
        return map_joints(layout['joints'], dict(joints=['mid_hip']))[0]
    except ConfigError:
        hips = tuple(hip for hip, _, _ in layout.get('legs', ()))
        return hips if len(hips) > 1 else (layout['center'], )


def _places(names: Sequence[str], layout: Layout) -> dict[str, tuple[int, ...] | None]:
    """Joint of the layout -> the positions in `names` whose mean it is, or None."""
    aliases = layout.get('aliases', {})
    if 2 * len(set(aliases) & set(names)) < len(aliases):
        aliases = {}
    index_of: dict[str, int] = {}
    for index, name in enumerate(names):
        plain = _plain(aliases.get(name, name))
        if plain in index_of:
            raise ConfigError(f'joints: {names[index_of[plain]]!r} and {name!r} mean the same joint.')
        index_of[plain] = index
    return {joint: _place(joint, index_of) for joint in layout['joints']}


def _place(joint: str, index_of: dict[str, int]) -> tuple[int, ...] | None:
    """The positions whose mean a joint is: its own or its markers', else those of what replaces it."""
    own = _at_markers(joint, index_of)
    if own is not None:
        return own
    for option in _REPLACEMENTS.get(joint, ()):
        parts = [part for part in (_at_markers(name, index_of) for name in option) if part is not None]
        if len(parts) == len(option):
            most = math.lcm(*map(len, parts))  # each part counts as much as any other
            return tuple(place for part in parts for place in part * (most // len(part)))
    return None


def _at_markers(joint: str, index_of: dict[str, int]) -> tuple[int, ...] | None:
    """The positions of the joint's own name, with its medial marker if there is one, or of its markers."""
    markers = _MARKERS.get(joint, ())
    around = [option for option in markers if joint in option]
    for option in (*around, (joint, ), *markers):
        if all(_plain(name) in index_of for name in option):
            return tuple(index_of[_plain(name)] for name in option)
    return None


def _plain(name: str) -> str:
    """`RBigToe`, `r_big_toe`, `BigToeR`, `big toe (R)` -> `rightbigtoe`; `RKNE`, `rkne` -> `rightkne`."""
    side = re.match(f'([RrLl])(?=[A-Z][a-z]|[_. -])|([RrLl])(?=(?i:{_CODES})(_study)?$)', name)
    if side is not None:
        name = {'r': 'right', 'l': 'left'}[name[0].lower()] + name[1:]
    end = re.search(r'[_. -]([RrLl])$|(?<=[a-z])([RL])$|\(([RrLl])\)$', name)
    name = name if end is None else {'r': 'right', 'l': 'left'}[end[end.lastindex or 0].lower()] + name[:end.start()]
    plain = re.sub(r'[\W_]', '', name.lower())
    last = re.fullmatch('(.+)(left|right)', plain)
    return plain if last is None else last[2] + last[1]

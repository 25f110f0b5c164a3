"""Mapping the joints of one skeleton onto another by name, and the joints that give the pelvis."""
import re
from collections.abc import Sequence

from dynstg_mm.errors import ConfigError
from dynstg_mm.skeletons.layouts import LAYOUTS, Layout

_SHOULDERS, _HIPS = ('left_shoulder', 'right_shoulder'), ('left_hip', 'right_hip')

# Markers of Vicon's Plug-in Gait and of the Helen Hayes set, by the joint that they are at or next to.
_MARKERS = dict(shoulder='SHO', elbow='ELB', wrist='WRA', hip='ASI', knee='KNE', ankle='ANK', heel='HEE', big_toe='TOE')
# What replaces a joint that a skeleton lacks: the same place under another name, or the mean of several joints.
_REPLACEMENTS: dict[str, tuple[tuple[str, ...], ...]] = {
    'mid_hip': (('spine_base', ), ('pelvis', ), _HIPS), 'spine_base': (('mid_hip', ), ('pelvis', ), _HIPS),
    'neck': (('thorax', ), ('spine_shoulder', ), _SHOULDERS, ('C7', )),
    'thorax': (('neck', ), ('spine_shoulder', ), _SHOULDERS),
    'spine_shoulder': (('neck', ), ('thorax', ), _SHOULDERS),
    'spine': (('spine_mid', ), _SHOULDERS + _HIPS), 'spine_mid': (('spine', ), _SHOULDERS + _HIPS),
    'head': (('left_ear', 'right_ear'), ), 'nose': (('left_eye', 'right_eye'), ), 'neck_base': (('nose', ), ),
    **{f'{side}_{joint}': ((f'{side[0].upper()}{marker}', ), ) for side in ('left', 'right')
       for joint, marker in _MARKERS.items()},
    **{f'{side}_{joint}': (*((f'{side}_{other}', ) for other in ('big_toe', 'foot_index', 'toe_tip', 'foot')
                             if other != joint), (f'{side[0].upper()}TOE', ))
       for side in ('left', 'right') for joint in ('big_toe', 'foot_index', 'toe_tip', 'foot')}
}


def map_joints(names: Sequence[str], layout: Layout) -> list[tuple[int, ...]]:
    """Where each joint of a layout is among the joints of another skeleton, by name.

    Names are compared without case, `_` and spaces, and `RKnee` is `right_knee`. The layout's aliases are used only if
    the names contain most of them, since other programs use the same names for other joints. Neck, pelvis, spine, head,
    nose and toes have replacements, such as the mean of both hips, and the joints of the limbs those markers of Plug-in
    Gait that are next to them.

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
                          f'{", ".join(names)}.{_sufficient(names, layout)}')
    return [places for places in mapping.values() if places is not None]


def missing_joints(names: Sequence[str], layout: Layout) -> list[str]:
    """The joints of a layout that another skeleton lacks, by the rules of `map_joints`."""
    return [joint for joint, places in _places(names, layout).items() if places is None]


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
    mapping: dict[str, tuple[int, ...] | None] = {}
    for joint in layout['joints']:
        options = ((joint, ), *_REPLACEMENTS.get(joint, ()))
        sources = next((option for option in options if all(_plain(part) in index_of for part in option)), None)
        mapping[joint] = None if sources is None else tuple(index_of[_plain(part)] for part in sources)
    return mapping


def _plain(name: str) -> str:
    """`RBigToe`, `r_big_toe`, `right big toe` -> `rightbigtoe`."""
    side = re.match('([RrLl])(?=[A-Z][a-z]|[_. -])', name)
    name = name if side is None else {'r': 'right', 'l': 'left'}[side[1].lower()] + name[1:]
    return re.sub(r'[\W_]', '', name.lower())

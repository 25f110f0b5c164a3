"""Motion capture: BVH hierarchies."""
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dynstg_mm.errors import DataError
from dynstg_mm.extras import need
from dynstg_mm.importers.recording import Recording, readable, with_lost, without_prefix
from dynstg_mm.skeletons import LAYOUTS

# Animation programs name a joint after the bone below it: LeftShoulder is the collar and LeftArm the shoulder.
_ANIMATORS = {name.lower(): joint for name, joint in LAYOUTS['msnd']['aliases'].items()}
_ANIMATORS['leftshoulder'] = 'left_collar'
_POSITIONS, _ROTATIONS = (tuple(axis + kind for axis in 'XYZ') for kind in ('position', 'rotation'))
_CHANNELS = {name.lower(): name for name in _POSITIONS + _ROTATIONS}


@dataclass
class _Joint:
    """A joint of a hierarchy: its name, the index of its parent (None for a root), and what the file gives of it."""

    name: str
    parent: int | None
    offset: list[str] = field(default_factory=list)  # as text, so that no digit is changed
    channels: list[str] = field(default_factory=list)
    ends: list[list[str]] = field(default_factory=list)  # offsets of end sites


def read_bvh(path: str | os.PathLike) -> list[Recording]:
    """Joint positions of a BVH file, by forward kinematics, in the file's unit of length with y up.

    An end site is a joint of its own, named after its parent: `LeftHand_end`. Channels may have any order; position
    channels of a joint replace its offset. Of several roots, the hierarchy with most joints is read. The names of
    animation programs become those of our layouts.

    Args:
        path: The file.

    Returns:
        One recording, with the hierarchy as its layout.

    Raises:
        DataError: The file is damaged, two joints have the same name, or a channel is neither a position nor a
            rotation.
    """
    bvh, skeleton = need('pymotion.io.bvh', 'bvh').BVH(), need('pymotion.ops.skeleton_np', 'bvh')
    with readable(path, 'BVH file'), np.errstate(all='ignore'):  # NaN is refused below
        header, lines = _bvh_parts(path)
        everything = _hierarchy(path, header)
        motion = _motion(path, header, lines, sum(len(joint.channels) for joint in everything))
        joints, columns, notes = _largest(everything)
        with tempfile.TemporaryDirectory() as folder:  # Windows cannot open a file that is already open
            clean = Path(folder, 'clean.bvh')
            clean.write_text(_canonical(joints, columns, header[-1], motion), encoding='utf-8')
            bvh.load(str(clean))
        rotation, position, parents, _, ends, end_parents = bvh.get_data()
        names = without_prefix([joint.name for joint in joints])
        names += [f'{names[parent]}_end' for parent in end_parents]
        ends = np.reshape(ends, (-1, 3))
        frames = len(position)
        rotation = np.concatenate([rotation, np.tile([1., 0, 0, 0], (frames, len(ends), 1))], 1)
        offsets = np.concatenate([position, np.tile(ends, (frames, 1, 1))], 1)
        parents = np.concatenate([parents, end_parents]).astype(int)
        keypoint = skeleton.fk(rotation, position[:, 0], offsets, parents)[0]
        rate = round(1 / bvh.data['frame_time'], 2)  # files give six decimals of a second
    if not np.isfinite(keypoint).all():
        raise DataError(f'{path}: motion: NaN or infinite in frame {np.argwhere(~np.isfinite(keypoint))[0][0]}.')
    duplicate = next((name for name in names if names.count(name) > 1), None)
    if duplicate is not None:
        raise DataError(f'{path}: hierarchy: {duplicate} is duplicated; expected a different name for each joint.')
    keypoint, score = with_lost(keypoint[None], None, path)
    if {'leftupleg', 'leftforearm'} <= {name.lower() for name in names}:
        names = [_ANIMATORS.get(name.lower(), name) for name in names]
    layout = dict(num_node=len(names), joints=tuple(names), center=0,
                  inward=[(joint, int(parent)) for joint, parent in enumerate(parents) if joint])
    return [Recording(None, keypoint, score, names, layout, rate, notes=notes)]


def _bvh_parts(path: str | os.PathLike) -> tuple[list[str], list[str]]:
    """Lines of the hierarchy up to the frame time, and those of the motion."""
    content = Path(path).read_bytes()
    try:
        text = content.decode('utf-8-sig')
    except UnicodeDecodeError:
        text = content.decode('latin-1')
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    start = next((index for index, line in enumerate(lines) if line.startswith('Frame Time')), None)
    if start is None:
        raise DataError(f'{path}: motion: no line "Frame Time"; expected a whole BVH file.')
    return lines[:start + 1], lines[start + 1:]


def _hierarchy(path: str | os.PathLike, header: Sequence[str]) -> list[_Joint]:
    """The joints of all hierarchies, in the order of the motion's columns."""
    joints: list[_Joint] = []
    open_joints: list[int | None] = []  # None for an end site
    named: str | None = None  # what the next brace opens
    for line in (part for whole in header for part in re.split('(?<=[{}])|(?=[{}])', whole)):
        word, rest = (*line.split(None, 1), '', '')[:2]
        word, rest = word.upper(), rest.strip()
        if word in ('ROOT', 'JOINT', 'END'):
            named = rest if word != 'END' else None
        elif word == '{':
            parent = next((index for index in reversed(open_joints) if index is not None), None)
            if named is None and parent is None:
                raise DataError(f'{path}: hierarchy: an end site without a joint.')
            open_joints.append(None if named is None else len(joints))
            if named is None:
                joints[parent or 0].ends.append([])
            else:
                joints.append(_Joint(named, parent))
        elif word == '}':
            open_joints.pop()
        elif word == 'OFFSET':
            values = rest.split()[:3]
            if open_joints[-1] is None:
                joints[next(index for index in reversed(open_joints) if index is not None)].ends[-1] = values
            else:
                joints[open_joints[-1]].offset = values
        elif word == 'CHANNELS':
            joints[open_joints[-1] or 0].channels = _channels(path, rest.split())
    if not joints:
        raise DataError(f'{path}: hierarchy: no ROOT; expected a whole BVH file.')
    return joints


def _channels(path: str | os.PathLike, words: Sequence[str]) -> list[str]:
    """Names of a joint's channels, after their number."""
    channels = [_CHANNELS.get(word.lower(), '') for word in words[1:]]
    if len(channels) != int(words[0]) or '' in channels or len(set(channels)) < len(channels):
        raise DataError(f'{path}: hierarchy: CHANNELS {" ".join(words)}; expected their number, and as many different '
                        f'ones of {", ".join(_POSITIONS + _ROTATIONS)}.')
    return channels


def _motion(path: str | os.PathLike, header: Sequence[str], lines: Sequence[str], channels: int) -> list[list[str]]:
    """The numbers of every frame, as text; DataError if the file or one of its lines is cut short."""
    frames = next((int(line.split()[1]) for line in header if line.startswith('Frames')), 0)
    if len(lines) != frames or not frames:
        raise DataError(f'{path}: motion: {len(lines)} lines; expected {frames} frames, as its header says.')
    motion = [line.split() for line in lines]
    for index, values in enumerate(motion):
        if len(values) != channels:
            raise DataError(f'{path}: motion: {len(values)} numbers in frame {index}; expected {channels}, one per '
                            'channel.')
    return motion


def _largest(joints: Sequence[_Joint]) -> tuple[list[_Joint], list[int], list[str]]:
    """The hierarchy with most joints, the first column of each of its joints, and a note about the others."""
    starts = np.cumsum([0, *(len(joint.channels) for joint in joints)])[:-1].tolist()
    roots = [index for index, joint in enumerate(joints) if joint.parent is None]
    parts = [range(start, stop) for start, stop in zip(roots, [*roots[1:], len(joints)])]
    kept = max(parts, key=len)
    others = ', '.join(joints[part[0]].name for part in parts if part is not kept)
    notes = [f'{len(parts)} skeletons; read {joints[kept[0]].name}, and left out {others}'] * (len(parts) > 1)
    moved = [_Joint(joint.name, None if joint.parent is None else joint.parent - kept[0], joint.offset, joint.channels,
                    joint.ends) for joint in (joints[index] for index in kept)]
    return moved, [starts[index] for index in kept], notes


def _canonical(joints: Sequence[_Joint], columns: Sequence[int], frame_time: str, motion: list[list[str]]) -> str:
    """Text of a BVH file as the library expects it: every joint with three rotations, perhaps after three positions.

    The order of the rotations is kept, and an axis that a joint lacks is 0.
    """
    lines = ['HIERARCHY']
    places: list[int | str] = []  # column of the file, or a number that does not change
    children: dict[int | None, list[int]] = {}
    for index, joint in enumerate(joints):
        children.setdefault(joint.parent, []).append(index)

    def write(index: int) -> None:
        joint, first = joints[index], columns[index]
        turns = [channel for channel in joint.channels if channel in _ROTATIONS]
        turns += [channel for channel in _ROTATIONS if channel not in turns]
        moves = [channel for channel in joint.channels if channel in _POSITIONS]
        order = ([] if not moves else list(_POSITIONS)) + turns
        fixed = dict(zip(_POSITIONS, joint.offset))
        places.extend(first + joint.channels.index(channel) if channel in joint.channels else fixed.get(channel, '0')
                      for channel in order)
        lines.extend([f'{"ROOT" if joint.parent is None else "JOINT"} joint_{index}', '{',
                      f'OFFSET {" ".join(joint.offset)}', f'CHANNELS {len(order)} {" ".join(order)}'])
        for child in children.get(index, []):
            write(child)
        for end in joint.ends:
            lines.extend(['End Site', '{', f'OFFSET {" ".join(end)}', '}'])
        lines.append('}')

    write(0)
    lines += ['MOTION', f'Frames: {len(motion)}', frame_time]
    lines += [' '.join(values[place] if isinstance(place, int) else place for place in places) for values in motion]
    return '\n'.join(lines)

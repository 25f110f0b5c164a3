"""Motion capture: BVH hierarchies."""
import os
import re
import tempfile
from pathlib import Path

import numpy as np

from dynstg_mm.errors import DataError
from dynstg_mm.extras import need
from dynstg_mm.importers.recording import Recording, readable, with_lost
from dynstg_mm.skeletons import LAYOUTS

# Animation programs name a joint after the bone below it: LeftShoulder is the collar and LeftArm the shoulder.
_ANIMATORS = {name.lower(): joint for name, joint in LAYOUTS['msnd']['aliases'].items()}
_ANIMATORS['leftshoulder'] = 'left_collar'


def read_bvh(path: str | os.PathLike) -> list[Recording]:
    """Joint positions of a BVH file, by forward kinematics, in the file's unit of length with y up.

    An end site is a joint of its own, named after its parent: `LeftHand_end`. Position channels of a joint replace its
    offset. The names of animation programs become those of our layouts.

    Args:
        path: The file.

    Returns:
        One recording, with the hierarchy as its layout.

    Raises:
        DataError: The file is damaged, or a joint has other channels than three rotations, perhaps after three
        positions.
    """
    bvh, skeleton = need('pymotion.io.bvh', 'bvh').BVH(), need('pymotion.ops.skeleton_np', 'bvh')
    with readable(path, 'BVH file'), np.errstate(all='ignore'):  # NaN is refused below
        header, lines = _bvh_parts(path)
        with tempfile.NamedTemporaryFile('w', suffix='.bvh', encoding='utf-8') as clean:
            clean.write('\n'.join([*header, *lines]))
            clean.flush()
            _check_motion(path, header, lines)
            bvh.load(clean.name)
        rotation, position, parents, _, ends, end_parents = bvh.get_data()
        names = [str(name) for name in bvh.data['names']]
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
    keypoint, score = with_lost(keypoint[None], None, path)
    if {'leftupleg', 'leftforearm'} <= {name.lower() for name in names}:
        names = [_ANIMATORS.get(name.lower(), name) for name in names]
    layout = dict(num_node=len(names), joints=tuple(names), center=0,
                  inward=[(joint, int(parent)) for joint, parent in enumerate(parents) if joint])
    return [Recording(None, keypoint, score, names, layout, rate)]


def _bvh_parts(path: str | os.PathLike) -> tuple[list[str], list[str]]:
    """Lines of the hierarchy up to the frame time, and those of the motion, as the library expects them."""
    content = Path(path).read_bytes()
    try:
        text = content.decode('utf-8-sig')
    except UnicodeDecodeError:
        text = content.decode('latin-1')
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    start = next((index for index, line in enumerate(lines) if line.startswith('Frame Time')), None)
    if start is None:
        raise DataError(f'{path}: motion: no line "Frame Time"; expected a whole BVH file.')
    header = [re.sub(r'^end\s+site.*', 'End Site', line, flags=re.IGNORECASE) for line in lines[:start + 1]]
    return header, lines[start + 1:]


def _check_motion(path: str | os.PathLike, header: list[str], lines: list[str]) -> None:
    """Refuse a file that is cut short, or whose lines are; the library would read it as one without movement."""
    channels = sum(int(line.split()[1]) for line in header if line.startswith('CHANNELS'))
    frames = next((int(line.split()[1]) for line in header if line.startswith('Frames')), 0)
    if len(lines) != frames or not frames:
        raise DataError(f'{path}: motion: {len(lines)} lines; expected {frames} frames, as its header says.')
    for index, line in enumerate(lines):
        if len(line.split()) != channels:
            raise DataError(f'{path}: motion: {len(line.split())} numbers in frame {index}; expected {channels}, one '
                            'per channel.')

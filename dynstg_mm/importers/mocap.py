"""Motion capture: BVH hierarchies and C3D markers."""
import re
import tempfile
import warnings
from pathlib import Path

import numpy as np

from dynstg_mm.errors import DataError
from dynstg_mm.importers.recording import Recording, need, readable, with_lost
from dynstg_mm.skeletons import LAYOUTS

# Animation programs name a joint after the bone below it, so that LeftShoulder is the collar and LeftArm the shoulder.
_ANIMATORS = {name.lower(): joint for name, joint in LAYOUTS['msnd']['aliases'].items()}
_ANIMATORS['leftshoulder'] = 'left_collar'


def read_bvh(path):
    """Joint positions of a BVH file, by forward kinematics, in the file's unit of length with y up.

    An end site is a joint of its own, named after its parent: `LeftHand_end`. Where position channels are given for a
    joint they replace its offset. The names that animation programs use become those of our layouts.

    Args:
        path (str | Path): The file.

    Returns:
        list[Recording]: One, with the hierarchy as its layout.

    Raises:
        DataError: The file is damaged, or has other channels than three rotations, after three positions or alone.
    """
    bvh, skeleton = need('pymotion.io.bvh', 'bvh').BVH(), need('pymotion.ops.skeleton_np', 'bvh')
    with readable(path, 'BVH file'), np.errstate(all='ignore'):  # what is no number is refused below
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


def _bvh_parts(path):
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


def _check_motion(path, header, lines):
    """The library takes a file that is cut short, or whose lines are, for one that stands still."""
    channels = sum(int(line.split()[1]) for line in header if line.startswith('CHANNELS'))
    frames = next((int(line.split()[1]) for line in header if line.startswith('Frames')), 0)
    if len(lines) != frames or not frames:
        raise DataError(f'{path}: motion: {len(lines)} lines; expected {frames} frames, as it says itself.')
    for index, line in enumerate(lines):
        if len(line.split()) != channels:
            raise DataError(f'{path}: motion: {len(line.split())} numbers in frame {index}; expected {channels}, one a '
                            'channel.')


def read_c3d(path):
    """Marker positions of a C3D file, in the file's unit of length; z is taken as up, as laboratories have it.

    Args:
        path (str | Path): The file.

    Returns:
        list[Recording]: One; a marker that the system lost (residual below 0) is lost.

    Raises:
        DataError: The file is damaged, or has no markers.
    """
    c3d = need('c3d', 'c3d')
    with readable(path, 'C3D file'), open(path, 'rb') as file, warnings.catch_warnings():
        warnings.simplefilter('ignore')  # about analog channels, which are not read
        reader = c3d.Reader(file)
        names = [str(label).strip() for label in reader.point_labels]
        expected = reader.last_frame - reader.first_frame + 1
        if not names:
            raise DataError(f'{path}: POINT:LABELS: no markers.')
        frames = [points[:, :4].astype(np.float32) for _, points, _ in reader.read_frames(copy=False)]
        rate = float(reader.point_rate)
    if len(frames) != expected:
        raise DataError(f'{path}: points: {len(frames)} frames; expected {expected}, as its header says.')
    points = np.stack(frames)[None]
    names = [name or f'marker_{index}' for index, name in enumerate((names + [''] * points.shape[2])[:points.shape[2]])]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f'{path}: POINT:LABELS: {twice} stands there twice; expected a name of its own for each marker.')
    points[points[..., 3] < 0] = np.nan
    keypoint, score = with_lost(points[..., :3], None, path)
    return [Recording(None, keypoint, score, names, rate=rate, up='z')]

"""A known walk, written in the formats that the readers take."""
import json
import pickle
import re
from pathlib import Path

import h5py
import numpy as np

from dynstg_mm.datasets.synthetic_gait import FINE, JOINTS, draw_walker, walk
from dynstg_mm.files import dump_pickle
from dynstg_mm.skeletons import LAYOUTS

HEIGHT, WIDTH = 720, 1280
_STAND_INS = dict(toe='big_toe', foot='big_toe', foot_index='big_toe', toe_tip='big_toe', toes='big_toe', hand='wrist',
                  hand_tip='wrist', fingertip='wrist', thumb='wrist', index='wrist', pinky='wrist', eye_inner='eye',
                  eye_outer='eye', mouth='eye', collar='shoulder')


def person(layout: str, frames: int = 12, seed: int = 0) -> np.ndarray:
    """Somebody who walks: (T, V, 3) in metres, right-handed, y up."""
    rng = np.random.default_rng(seed)
    joint = dict(zip(JOINTS, walk(draw_walker('normal', rng), 3, rng)[::FINE // 25].swapaxes(0, 1)[:, :frames]))
    for side in ('left', 'right'):
        joint.update({f'{side}_{name}': joint[f'{side}_{other}'] for name, other in _STAND_INS.items()})
    shoulders, hips, ears = ((joint[f'left_{name}'] + joint[f'right_{name}']) / 2
                             for name in ('shoulder', 'hip', 'ear'))
    joint.update(mid_hip=hips, spine_base=hips, spine=(hips + shoulders) / 2, spine_mid=(hips + shoulders) / 2,
                 neck=shoulders, thorax=shoulders, spine_shoulder=shoulders, neck_base=joint['nose'], head=ears,
                 head_top=ears + (0, 0.12, 0))
    return np.stack([joint[name] for name in LAYOUTS[layout]['joints']], 1) * (1, 1, -1)


def pixels(place: np.ndarray, at: float = 200.) -> np.ndarray:
    """A person (T, V, 3) as a camera at the side sees them: (T, V, 2)."""
    return np.array([at, 500.]) + 200 * place[..., :2] * (1, -1)


def scores(shape: tuple[int, ...], lost: float = 0.1, seed: int = 0) -> np.ndarray:
    """Scores from 0.3 to 1, and 0 for a share of the joints."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(shape) < lost, 0, rng.uniform(0.3, 1, shape)).round(3)


def hidden(place: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Zeros for lost joints."""
    return place * (score > 0)[..., None]


def write_openpose(folder: Path, people: np.ndarray, score: np.ndarray, start: int = 0) -> Path:
    """People (M, T, V, 2) with scores (M, T, V); a frame of somebody whose joints are all lost has no entry."""
    folder.mkdir(parents=True, exist_ok=True)
    for frame in range(people.shape[1]):
        found = [dict(person_id=[-1], pose_keypoints_2d=np.dstack([place[None], one[None]]).ravel().tolist())
                 for place, one in zip(people[:, frame], score[:, frame]) if one.any()]
        (folder / f'walk_{start + frame:012d}_keypoints.json').write_text(json.dumps(dict(version=1.3, people=found)))
    return folder


def write_alphapose(path: Path, people: np.ndarray, score: np.ndarray, tracked: bool = True) -> Path:
    entries = [dict(image_id=f'{frame}.jpg', category_id=1, score=2.5, **dict(idx=index) if tracked else {},
                    keypoints=np.dstack([place[frame][None], one[frame][None]]).ravel().tolist())
               for frame in range(people.shape[1]) for index, (place, one) in enumerate(zip(people, score))
               if one[frame].any()]
    path.write_text(json.dumps(entries))
    return path


def write_mmpose(path: Path, people: np.ndarray, score: np.ndarray, names: list[str] | None = None) -> Path:
    frames = [dict(frame_id=frame, instances=[
        dict(keypoints=place[frame].tolist(), keypoint_scores=one[frame].tolist(), track_id=index)
        for index, (place, one) in enumerate(zip(people, score)) if one[frame].any()])
        for frame in range(people.shape[1])]
    meta = dict(keypoint_id2name={str(index): name for index, name in enumerate(names or ())})
    path.write_text(json.dumps(dict(meta_info=meta, instance_info=frames) if names else frames))
    return path


def write_csv(path: Path, place: np.ndarray, names: list[str], score: np.ndarray | None = None,
              rate: float | None = None, separator: str = ',', line_per_joint: bool = False,
              axis: str = '{joint}_{axis}') -> Path:
    """One person (T, V, C); lost joints are empty cells, or with scores zeros of score 0."""
    axes = [*'xyz'[:place.shape[-1]], *['visibility'] * (score is not None)]
    values = place if score is None else np.concatenate([place, score[..., None]], -1)
    rows = [['frame'] + ['time'] * (rate is not None)]
    if line_per_joint:
        rows[0] += ['joint', *axes]
    else:
        rows[0] += [axis.format(joint=name, axis=letter) for name in names for letter in axes]
    for frame, pose in enumerate(values):
        start = [str(frame)] + ([] if rate is None else [_number(frame / rate, separator)])
        cells = [['' if np.isnan(value) else _number(value, separator) for value in joint] for joint in pose]
        rows += [[*start, name, *joint] for name, joint in zip(names, cells)] if line_per_joint else [
            start + [cell for joint in cells for cell in joint]]
    path.write_text('\n'.join(separator.join(row) for row in rows) + '\n', encoding='utf-8')
    return path


def _number(value: float, separator: str) -> str:
    return f'{value:.6f}' if separator == ',' else f'{value:.6f}'.replace('.', ',')


def write_pickle(path: Path, *clips: dict) -> Path:
    dump_pickle(dict(split={}, annotations=list(clips)), path)
    return path


def write_bvh(path: Path, place: np.ndarray, names: list[str], orders: list[list[str]], rate: float = 25.,
              other: str = '') -> Path:
    """A person (T, V, 3) by position channels of every joint below the first one, all rotations 0.

    Args:
        path: The file.
        place: Shape (T, V, 3).
        names: Of the joints.
        orders: Channels of each joint.
        rate: Frames per second.
        other: Text of another hierarchy, after which its numbers are 0.
    """
    offsets = place.copy()
    offsets[:, 1:] -= place[:, :1]
    lines, columns = ['HIERARCHY'], []
    for joint, (name, order) in enumerate(zip(names, orders)):
        lines += [f'{"JOINT" if joint else "ROOT"} {name}', '{', 'OFFSET 1 2 3']
        lines += [f'CHANNELS {len(order)} {" ".join(order)}']
        lines += ['End Site', '{', 'OFFSET 0 0 1', '}', '}'] if joint else []
        columns += [offsets[:, joint, 'XYZ'.index(channel[0])] if channel.endswith('position') else np.zeros(len(place))
                    for channel in order]
    lines.append('}')
    columns += [np.zeros(len(place))] * other.count('rotation')
    motion = [' '.join(f'{value:.6f}' for value in row) for row in np.stack(columns, 1)]
    path.write_text('\n'.join([*lines, *other.splitlines(), 'MOTION', f'Frames: {len(place)}',
                               f'Frame Time: {1 / rate:.7f}', *motion]))
    return path


def write_c3d(path: Path, place: np.ndarray, names: list[str], lost: np.ndarray | None = None, rate: float = 100.,
              screen: tuple[str, str] | None = None, unit: str = 'mm', outputs: dict[str, list[str]] | None = None,
              lost_as: str = 'residual') -> Path:
    """Markers (T, V, 3), and outputs of a model: group -> names. Lost markers (T, V) by residual or as zeros."""
    import c3d
    count = len(names) + sum(map(len, (outputs or {}).values()))
    labels = [*names, *(name for members in (outputs or {}).values() for name in members)]
    points = np.full((len(place), count, 5), 7., np.float32)
    points[:, :len(names), :3] = place
    points[..., 3:] = 0
    if lost is not None:
        gone = np.flatnonzero(lost.ravel())
        frames, markers = np.unravel_index(gone, lost.shape)
        points[frames, markers, :3] = 0
        points[frames, markers, 3] = -1 if lost_as == 'residual' else 0
    writer = c3d.Writer(point_rate=rate)
    if screen is not None:
        writer.set_screen_axis(*screen)
    writer.set_point_labels(labels[:255])
    group = writer.point_group
    width = max(map(len, labels))
    for name, members in [('LABELS2', labels[255:]), *(outputs or {}).items()]:
        if members:
            group.add_str(name, '', ''.join(member.ljust(width) for member in members), width, len(members))
    group.add_str('UNITS', '', unit, len(unit))
    group.add_str('DESCRIPTIONS', '', ' ' * min(count, 255), 1, min(count, 255))
    writer.add_frames([(frame, np.zeros((0, 1))) for frame in points])
    with open(path, 'wb') as file:
        writer.write(file)
    return path


def write_trc(path: Path, place: np.ndarray, names: list[str], rate: float = 60., unit: str = 'm',
              lost_as: str = '') -> Path:
    """Markers (T, V, 3); NaN are empty cells or `lost_as`."""
    axes = [f'{axis}{marker}' for marker in range(1, len(names) + 1) for axis in 'XYZ']
    lines = [['PathFileType', '4', '(X/Y/Z)', path.name],
             ['DataRate', 'CameraRate', 'NumFrames', 'NumMarkers', 'Units', 'OrigDataRate'],
             [f'{rate:g}', f'{rate:g}', str(len(place)), str(len(names)), f' {unit}', f'{rate:g}'],
             ['Frame#', 'Time', *(cell for name in names for cell in (name, '', ''))], ['', '', *axes], []]
    lines += [[str(frame), f'{frame / rate:.5f}', *(lost_as if np.isnan(value) else f'{value:.6f}'
                                                    for value in pose.ravel())] for frame, pose in enumerate(place, 1)]
    path.write_text('\n'.join('\t'.join(line) for line in lines) + '\n')
    return path


def write_deeplabcut(path: Path, people: np.ndarray, score: np.ndarray, names: list[str]) -> Path:
    """People (M, T, V, 2 or 3) with scores (M, T, V); with several there is a line of individuals."""
    axes = [*'xyz'[:people.shape[-1]], 'likelihood']
    keys = [(f'person{index}', name, axis) for index in range(len(people)) for name in names for axis in axes]
    lines = [['scorer', *['DLC_resnet50'] * len(keys)]] + [['individuals', *(key[0] for key in keys)]] * (
        len(people) > 1) + [['bodyparts', *(key[1] for key in keys)], ['coords', *(key[2] for key in keys)]]
    values = np.concatenate([people, score[..., None]], -1).swapaxes(0, 1).reshape(people.shape[1], -1)
    lines += [[str(frame), *(f'{value:.5f}' for value in row)] for frame, row in enumerate(values)]
    path.write_text('\n'.join(map(','.join, lines)) + '\n')
    return path


def write_deeplabcut_h5(path: Path, people: np.ndarray, score: np.ndarray, names: list[str],
                        index: str = 'i8') -> Path:
    """The same as the table that pandas writes with PyTables; the names of its columns are pickled in an attribute."""
    axes = [*'xyz'[:people.shape[-1]], 'likelihood']
    who = [(f'person{index}', ) for index in range(len(people))] if len(people) > 1 else [()]
    keys = [('DLC_resnet50', *one, name, axis) for one in who for name in names for axis in axes]
    values = np.concatenate([people, score[..., None]], -1).swapaxes(0, 1).reshape(people.shape[1], -1)
    with h5py.File(path, 'w') as file:
        table = np.zeros(len(values), [('index', index), ('values_block_0', 'f8', (len(keys), ))])
        table['values_block_0'] = values
        table['index'] = np.arange(len(values))
        dataset = file.create_dataset('df_with_missing/table', data=table)
        dataset.attrs['values_block_0_kind'] = np.bytes_(pickle.dumps(keys, 0))
    return path


def write_myogait(path: Path, place: np.ndarray, score: np.ndarray, flipped: bool = False, **changes) -> Path:
    """One person (T, 33, 2) in shares of the image; flipped as myogait does it, with the sides' names exchanged."""
    layout = LAYOUTS['mediapipe']
    names = [re.sub('^(left|right)_mouth$', r'mouth_\1', name).upper() for name in layout['joints']]
    if flipped:
        order = np.arange(33)
        order[[*layout['left'], *layout['right']]] = [*layout['right'], *layout['left']]
        place, score = (place * (-1, 1) + (1, 0))[:, order], score[:, order]
    frames = [dict(frame_idx=index, time_s=index / 25, landmarks={
        name: dict(x=float(x), y=float(y), visibility=float(one))
        for name, (x, y), one in zip(names, pose, seen)}) for index, (pose, seen) in enumerate(zip(place, score))]
    path.write_text(json.dumps(dict(dict(
        myogait_version='0.5', meta=dict(fps=25.0, width=WIDTH, height=HEIGHT, n_frames=len(frames)), subject=None,
        extraction=dict(model='mediapipe', was_flipped=flipped), frames=frames, normalization=None), **changes)))
    return path


def write_alphapose_by_image(path: Path, people: np.ndarray, score: np.ndarray, kind: str) -> Path:
    """AlphaPose's formats `cmu` and `open`: people (M, T, 18, 2) in OpenPose's order with scores (M, T, 18)."""
    group, field = dict(cmu=('bodies', 'joints'), open=('people', 'pose_keypoints_2d'))[kind]
    path.write_text(json.dumps({f'{frame}.jpg': {'version': 'AlphaPose v0.3', group: [
        {field: np.dstack([place[frame][None], one[frame][None]]).ravel().tolist()}
        for place, one in zip(people, score) if one[frame].any()]} for frame in range(people.shape[1])}))
    return path


def write_sep_json(folder: Path, whole: Path) -> Path:
    """AlphaPose's folder `sep-json`: the content of a file of `write_alphapose_by_image`, one file per image."""
    folder.mkdir(parents=True, exist_ok=True)
    for image, content in json.loads(whole.read_text()).items():
        (folder / image).with_suffix('.json').write_text(json.dumps(content))
    return folder


def write_skeleton(path: Path, people: np.ndarray, state: np.ndarray) -> Path:
    """NTU RGB+D: people (M, T, 25, 3) in metres with tracking states (M, T, 25); no state, no body."""
    lines = [str(people.shape[1])]
    for frame in range(people.shape[1]):
        there = [index for index in range(len(people)) if state[index, frame].any()]
        lines.append(str(len(there)))
        for index in there:
            lines += [f'7205759403792793{index} 0 1 1 1 1 0 0.02 -0.01 2', '25']
            lines += [f'{" ".join(f"{value:.7f}" for value in place)} 277.9 191.8 1036.1 519.1 -0.2 0 0.9 -0.03 {one:d}'
                      for place, one in zip(people[index, frame], state[index, frame])]
    path.write_text('\n'.join(lines) + '\n')
    return path


def write_kinect_table(path: Path, place: np.ndarray, times: np.ndarray, numbered: bool = True) -> Path:
    """One person (T, 25, 3) and the seconds of each frame (T,), without a header."""
    rows = [[f'{moment % 60:.3f}', *(cell for joint, one in enumerate(pose) for cell in (
        [f'{joint:.1f}'] * numbered + [f'{value:.6g}' for value in one]))] for moment, pose in zip(times, place)]
    path.write_text('\n'.join('\t'.join(row) for row in rows) + '\n')
    return path


def write_stgcn(path: Path, clips: list[np.ndarray], labels: list[int], frames: int, people: int = 2) -> Path:
    """Clips (M, T, V, C), padded with zeros, and beside them names and labels."""
    path.parent.mkdir(exist_ok=True)
    data = np.zeros((len(clips), clips[0].shape[-1], frames, clips[0].shape[2], people), np.float32)
    for padded, clip in zip(data, clips):
        padded[:, :clip.shape[1], :, :len(clip)] = clip.transpose(3, 1, 2, 0)
    np.save(path, data)
    names = [f'S001C001P00{index}R001A001.skeleton' for index in range(len(clips))]
    dump_pickle((names, labels), path.with_name(path.name.replace('_data.npy', '_label.pkl')))
    return path

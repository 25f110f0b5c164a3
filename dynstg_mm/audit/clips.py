"""Every clip of a file checked and measured, whatever state it is in."""
from collections import Counter
from dataclasses import dataclass

import numpy as np

from dynstg_mm.audit.progress import with_bar
from dynstg_mm.datasets.annotation_file import clip_faults, describe, is_name
from dynstg_mm.gait.geometry import BACKWARDS, knee_bend, leg_length
from dynstg_mm.gait.person import tracked_person
from dynstg_mm.skeletons import mirror_order

SEEN = 0.05  # lowest score of a joint that counts as seen; FillMissingJoints' default
PRESENT = 0.5  # share of joints that must be seen for a person to be there; the same


@dataclass
class Clip:
    """An annotation with a name of its own."""

    name: str
    data: dict  # the annotation, its subject as text
    wrong: set  # of 'rate', 'label', 'subject', 'total_frames', 'keypoint': what cannot be used
    measures: 'Measures | None' = None  # with a rate and keypoints that show somebody


@dataclass
class Measures:
    """What is measured of a sound clip, for the person who is seen most, as `KeepTrackedPerson` chooses."""

    lost: np.ndarray  # (V,), share of the frames with the person in which each joint is lost
    lost_frames: float  # share of all frames without the person
    seconds: float  # from the first frame with the person to the last
    size: float  # leg length, or without legs the size of the body, in the unit of the keypoints
    place: np.ndarray  # (C,), median of the joints
    direction: np.ndarray  # -1, 0, 1 for an end at a smaller, the same, a larger coordinate; 3-D: cos, sin of heading
    pose: np.ndarray  # (V, C), mean over the frames in units of size; 2-D as if walking towards larger x, 3-D facing z


def read_clips(annotations, layout, classes, window, found, *, progress=True):
    """Check every annotation, and measure what can be measured.

    Args:
        annotations (list): Of an annotation file; anything may be in it.
        layout (dict, optional): The skeleton layout.
        classes (list[str], optional): Names of the classes.
        window (float): Seconds that a model looks at at once.
        found (Findings): Takes what is wrong.
        progress (bool): Show a bar.

    Yields:
        Clip: Every annotation that has a name of its own.
    """
    usual = _usual_shape(annotations, layout)
    names = Counter(clip['frame_dir'] for clip in annotations if isinstance(clip, dict) and is_name(clip.get('frame_dir')))
    for index, clip in enumerate(with_bar(annotations, 'measuring clips', progress)):
        name = clip.get('frame_dir') if isinstance(clip, dict) else None
        if not is_name(name):
            found.add('annotation', f'annotation {index}: {describe(name if isinstance(clip, dict) else clip)}')
            continue
        if names[name] > 1:
            found.add('name', f'clip {name}: annotation {index}')
            names[name] = -names[name]
        elif names[name] < 0:
            found.add('name', f'clip {name}: annotation {index}')
            continue
        one = Clip(name, clip, _check(name, clip, usual, classes, found))
        if 'subject' not in one.wrong:
            one.data = dict(clip, subject=str(clip['subject']))
        if not one.wrong & {'rate', 'keypoint'}:
            one.measures = _measure(name, clip, layout, window, found)
        yield one


def _usual_shape(annotations, layout):
    """Joints and coordinates that clips should have: the layout's joints, else what most clips have."""
    shapes = Counter(clip['keypoint'].shape[2:] for clip in annotations if isinstance(clip, dict)
                     and isinstance(clip.get('keypoint'), np.ndarray) and clip['keypoint'].ndim == 4
                     and (layout is None or clip['keypoint'].shape[2] == layout['num_node']))
    joints, channels = shapes.most_common(1)[0][0] if shapes else (None, None)
    return (layout['num_node'] if layout is not None else joints), channels


def _check(name, clip, usual, classes, found):
    """Note what `GaitDataset` refuses, and what only looks wrong; the fields that cannot be used."""
    wrong, (joints, channels) = set(), usual
    for kind, field, fault in clip_faults(clip, joints=joints, classes=classes):
        found.add(kind, f'clip {name}: {fault.removesuffix(".")}')
        wrong.add('keypoint' if field == 'keypoint_score' else field)
    if 'keypoint' not in wrong:
        if clip['keypoint'].shape[3] != channels:
            found.add('joint_count', f'clip {name}: {clip["keypoint"].shape[3]} coordinates; expected {channels}')
            wrong.add('keypoint')
        score = clip.get('keypoint_score')
        if score is not None and not 0 <= score.min() <= score.max() <= 1.1:  # OpenPose's go a little above 1
            found.add('score_range', f'clip {name}: {score.min():.3g} to {score.max():.3g}')
    if 'rate' not in wrong and not 10 <= clip['rate'] <= 500:
        found.add('odd_rate', f'clip {name}: {clip["rate"]:g}')
    return wrong


def _measure(name, clip, layout, window, found):
    """Measures of a clip with sound keypoints; None where nobody is to be seen."""
    keypoint = clip['keypoint']
    seen = (keypoint != 0).any(-1)
    if clip.get('keypoint_score') is not None:
        seen &= clip['keypoint_score'] >= SEEN
    times = (seen.mean(2) >= PRESENT).sum(1)
    person, _ = tracked_person(keypoint, clip.get('keypoint_score'))
    if times[person] > times[0]:
        found.add('first_person', f'clip {name}: in {times[0]} frames; person {person} in {times[person]}')
    body, seen, rate = keypoint[person].astype(np.float64), seen[person], float(clip['rate'])
    there = np.flatnonzero(seen.mean(1) >= PRESENT)
    if not len(there):
        found.add('nobody', f'clip {name}')
        return None
    seconds = (there[-1] - there[0] + 1) / rate
    if seconds < window:
        found.add('too_short', f'clip {name}: {seconds:.2f} s show a person; a window has {window:g} s')
    gap = np.diff(there).max(initial=1) - 1
    if gap > rate / 2:
        found.add('gap', f'clip {name}: {gap / rate:.1f} s from frame {there[np.diff(there).argmax()] + 1}')
    lost = 1 - seen[there].mean(0)
    if lost.mean() > 1 / 3:
        found.add('lost_joints', f'clip {name}: {lost.mean():.0%}')
    joints = layout['joints'] if layout is not None else [f'joint {joint}' for joint in range(len(lost))]
    if (lost == 1).any():
        found.add('never_seen', f'clip {name}: {", ".join(joints[joint] for joint in np.flatnonzero(lost == 1))}')
    repeated = (np.diff(body[there], axis=0) == 0).all((1, 2)).mean() if len(there) > 1 else 0
    if repeated > 0.2:
        found.add('frozen', f'clip {name}: {repeated:.0%}')
    _check_image(name, clip, body[seen], found)
    return _measures(name, body[there], seen[there], 1 - len(there) / len(body), seconds, layout, found)


def image_shape(clip):
    """(height, width), (0, 0) where the clip does not say."""
    shape = clip.get('img_shape')
    if not isinstance(shape, (tuple, list)) or len(shape) != 2:
        return 0, 0
    return tuple(size if isinstance(size, (int, float, np.integer, np.floating)) else 0 for size in shape)


def _check_image(name, clip, points, found):
    """Whether joints, shape (N, C), lie in the image, for 2-D clips that say how large it is."""
    shape = image_shape(clip)
    if points.shape[1] == 2 and min(shape) > 0:
        outside = ((points < 0) | (points > np.array(shape)[::-1])).any(1).mean()
        if outside > 0.1:
            found.add('outside', f'clip {name}: {outside:.0%} outside (height, width) {shape}')


def _measures(name, body, seen, lost_frames, seconds, layout, found):
    """Measures of body (T, V, C) where seen (T, V), all frames of which show the person."""
    masked, lost = np.where(seen[..., None], body, np.nan), 1 - seen.mean(0)
    with np.errstate(all='ignore'):
        center = np.nanmedian(masked, axis=1)
        about = masked - center[:, None]
    size = _size(masked, about, layout)
    if body.shape[2] == 3 and layout is not None and knee_bend(body, seen, layout) < BACKWARDS:
        found.add('mirrored', f'clip {name}')
    quarter = max(len(center) // 4, 1)
    travel = np.median(center[-quarter:], axis=0) - np.median(center[:quarter], axis=0)
    direction = np.where(np.abs(travel) > 0.25 * size, np.sign(travel), 0).astype(int)
    if layout is not None and layout.get('legs') and layout['limbs'].get('head'):
        _check_upright(name, about, layout, found)
    if about.shape[2] == 3 and layout is not None and layout.get('left'):
        about, heading = _face_z(about, layout)
        direction = np.append(direction, [np.cos(heading).mean(), np.sin(heading).mean()])
    elif about.shape[2] == 2 and direction[0] < 0:
        about = about[:, mirror_order(layout)] * [-1, 1] if layout is not None else about * [-1, 1]
    pose = np.full(body.shape[1:], np.nan)
    there = ~np.isnan(about).all((0, 2))
    pose[there] = np.nanmean(about[:, there], axis=0) / max(size, 1e-12)
    return Measures(lost, lost_frames, seconds, size, np.median(center, axis=0), direction, pose)


def _size(masked, about, layout):
    """Leg length, or without a layout the median distance of the joints from their middle."""
    if layout is not None and layout.get('legs'):
        legs = sorted({joint for leg in layout['legs'] for joint in leg})
        whole = ~np.isnan(masked[:, legs]).any((1, 2))
        if whole.any():
            return leg_length(masked[whole], layout)
    return float(np.nanmedian(np.linalg.norm(about, axis=-1)))


def _check_upright(name, about, layout, found):
    """The head above the ankles: at larger y in 3-D, at smaller y in the pixels of 2-D."""
    head, ankles = layout['limbs']['head'], [leg[2] for leg in layout['legs']]
    with np.errstate(all='ignore'):
        height = np.nanmedian(about[:, head].reshape(-1, about.shape[2]), axis=0) - np.nanmedian(
            about[:, ankles].reshape(-1, about.shape[2]), axis=0)
    if np.isnan(height).any():
        return
    axis = int(np.abs(height).argmax())
    up = ('-' if height[axis] < 0 else '') + 'xyz'[axis]
    expected = '-y' if len(height) == 2 else 'y'
    if up != expected:
        found.add('upside_down', f'clip {name}: the head is towards {up} of the ankles; expected {expected}')


def _face_z(about, layout):
    """A 3-D skeleton (T, V, 3) turned about y, frame by frame, until it faces z, and the angles (T,) turned by."""
    with np.errstate(all='ignore'):
        across = np.nan_to_num(np.nanmean(about[:, layout['left']] - about[:, layout['right']], axis=1))
    angle = np.arctan2(across[:, 2], across[:, 0])
    cos, sin, (x, y, z) = np.cos(angle)[:, None], np.sin(angle)[:, None], np.moveaxis(about, -1, 0)
    return np.stack([x * cos + z * sin, y, z * cos - x * sin], axis=-1), angle


def check_scale(clips, found):
    """Find bodies of quite another size than most.

    Args:
        clips (list[Clip]): Measured.
        found (Findings): Takes what is wrong.
    """
    usual = np.median([clip.measures.size for clip in clips]) if clips else 0
    for clip in clips:
        if not usual / 3 <= clip.measures.size <= usual * 3:
            found.add('scale', f'clip {clip.name}: {clip.measures.size:.3g}; most have {usual:.3g}')

"""Synthetic walkers: keypoints computed from joint-angle curves, for normal gait and three disorders.

Nothing here is a recording of a person. The curves are smooth textbook shapes (after Winter 2009 and Perry 2010) whose
amplitudes differ between walkers; the disorders change them as clinicians describe, with a severity that also differs
between walkers. Lengths are in metres, angles in radians; x points forward, y up, z to the walker's left.
"""
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dynstg_mm.skeletons import LAYOUTS

CLASSES = ('normal', 'parkinson', 'ataxia', 'osteoarthritis')
IMAGE = (480, 640)  # height, width in pixels
CADENCE = dict(type='numeric', unit='steps/min', low=0, high=300)  # a target
JOINTS = LAYOUTS['body_25']['joints']
FINE = 120  # frames per second of the motion before the camera sees it
CAPTURED = 60  # frames per second of motion capture


@dataclass
class Walker:
    """Parameters of one person's walk; except for the disorder's effect, they do not depend on the class."""

    height: float
    cycle: float  # seconds a stride
    hip: float  # amplitude of hip flexion
    hip_rest: float  # mean hip flexion
    knee_rest: np.ndarray  # least knee flexion, left and right
    knee_swing: np.ndarray  # peak knee flexion in swing, left and right
    knee_load: np.ndarray  # knee flexion under load, left and right
    ankle: float  # scale of the ankle's curve
    arm: np.ndarray  # arm swing, left and right
    elbow: float
    lean: float  # of the trunk, forwards
    width: float  # of the base of support, as a share of the height
    sway: float  # sideways, in metres
    wobble: float  # of the trunk, forwards and backwards, out of step with the gait
    limp: float  # share of the stride by which the affected leg's stance is shorter
    timing: float  # variation of the stride time, as a share
    reach: float  # variation of the joint ranges from stride to stride, as a share
    proportions: dict = field(default_factory=dict)


def draw_walker(disorder: str, rng: np.random.Generator) -> Walker:
    """Draw a person of the class `disorder`, one of `CLASSES`."""
    def around(mean: float, spread: float) -> float:
        return mean * np.exp(spread * rng.standard_normal())

    w = Walker(
        height=around(1.68, 0.05), cycle=around(1.14, 0.09), hip=around(np.radians(20), 0.08),
        hip_rest=np.radians(8 + 2.5 * rng.standard_normal()),
        knee_rest=np.radians(np.maximum(6 + 2 * rng.standard_normal() + 2 * rng.standard_normal(2), 0)),
        knee_swing=np.radians(56) * np.exp(0.09 * rng.standard_normal() + 0.04 * rng.standard_normal(2)),
        knee_load=np.radians(14) * np.exp(0.25 * rng.standard_normal() + 0.1 * rng.standard_normal(2)),
        ankle=around(1, 0.15), arm=np.radians(20) * np.exp(0.2 * rng.standard_normal() + 0.12 * rng.standard_normal(2)),
        elbow=np.radians(30 + 13 * rng.standard_normal()), lean=np.radians(6 + 6 * rng.standard_normal()),
        width=around(0.07, 0.2), sway=around(0.02, 0.3),
        wobble=around(np.radians(1), 0.3), limp=0.012 * rng.standard_normal(),
        timing=around(0.018, 0.3), reach=around(0.03, 0.3),
        proportions={part: around(1, 0.04) for part in ('thigh', 'shank', 'trunk', 'upper_arm', 'forearm', 'neck')})
    severity, side = rng.uniform(0.5, 1), rng.integers(2)
    if disorder == 'parkinson':  # short steps, little arm swing (worse on one side), stoop
        w.hip *= 1 - 0.45 * severity
        w.knee_swing *= 1 - 0.1 * severity
        w.arm *= 1 - 0.75 * severity
        w.arm[side] *= 1 - 0.4 * severity
        w.lean += np.radians(5) * severity
        w.elbow += np.radians(8) * severity
    elif disorder == 'ataxia':  # wide base, irregular timing and reach, sway
        w.width *= 1 + 1.2 * severity
        w.sway *= 1 + 1.5 * severity
        w.wobble += np.radians(5) * severity
        w.timing += 0.2 * severity
        w.reach += 0.4 * severity
        w.cycle *= 1 + 0.1 * severity
    elif disorder == 'osteoarthritis':  # one knee stiff, never straight, and loaded less
        w.knee_swing[side] *= 1 - 0.6 * severity
        w.knee_rest[side] += np.radians(6) * severity
        w.knee_load[side] *= 1 - 0.7 * severity
        w.limp += (0.07 if side == 0 else -0.07) * severity
        w.cycle *= 1 + 0.08 * severity
    return w


def _bump(phase: np.ndarray, center: float, width: float) -> np.ndarray:
    """Periodic bump of height 1 over a phase in strides."""
    distance = (phase - center + 0.5) % 1 - 0.5
    return np.exp(-(distance / width)**2)


def walk(walker: Walker, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """3-D joints of a walk.

    Args:
        walker: Who walks.
        seconds: How long.
        rng: Source of the variation from stride to stride.

    Returns:
        Shape (seconds * FINE, 25, 3), in metres.
    """
    return walk_with_strikes(walker, seconds, rng)[0]


def walk_with_strikes(walker: Walker, seconds: float,
                      rng: np.random.Generator) -> tuple[np.ndarray, list[tuple[float, str, str]]]:
    """A walk and its true foot strikes.

    Args:
        walker: As for `walk`.
        seconds: As for `walk`.
        rng: As for `walk`.

    Returns:
        The joints, as from `walk`; and (seconds, 'left' or 'right', 'strike') in the order of time, also just before
        and after the walk, so that the phase of the gait cycle is known in every frame.
    """
    frames = round(seconds * FINE)
    strides = int(seconds / walker.cycle * 1.6) + 3
    knots = np.concatenate([[0], np.cumsum(walker.cycle * np.maximum(
        1 + walker.timing * rng.standard_normal(2 * strides), 0.4) / 2)])  # times of half strides
    start = rng.uniform(0, walker.cycle)
    time = np.arange(frames) / FINE + start
    stride = np.interp(time, knots, np.arange(len(knots)) / 2)
    scale = np.interp(stride, np.arange(strides + 1), np.maximum(
        1 + walker.reach * rng.standard_normal(strides + 1), 0.3))
    length = {part: value * walker.height * walker.proportions[part] for part, value in
              dict(thigh=0.245, shank=0.246, trunk=0.288, upper_arm=0.172, forearm=0.157, neck=0.13).items()}
    joint, phases = {}, []
    for side, name in enumerate(('left', 'right')):
        sign = 1 - 2 * side
        # A limp: the affected leg spends less of the stride on the ground.
        phase = (stride + 0.5 * side) % 1
        phase = phase + sign * walker.limp * np.sin(2 * np.pi * phase)
        phases.append(phase)
        hip = walker.hip_rest + walker.hip * scale * np.cos(2 * np.pi * phase)
        knee = (walker.knee_rest[side] + walker.knee_load[side] * _bump(phase, 0.14, 0.08)
                + walker.knee_swing[side] * scale * _bump(phase, 0.72, 0.12))
        ankle = walker.ankle * np.radians(10 * _bump(phase, 0.45, 0.14) - 17 * _bump(phase, 0.63, 0.07)
                                          - 5 * _bump(phase, 0.06, 0.05))
        z_hip, z_foot = sign * 0.052 * walker.height, sign * walker.width * walker.height / 2 * (2 * scale - 1)
        joint[f'{name}_hip'] = _point(0, 0, z_hip, frames)
        joint[f'{name}_knee'] = joint[f'{name}_hip'] + _point(
            length['thigh'] * np.sin(hip), -length['thigh'] * np.cos(hip), (z_foot - z_hip) / 2, frames)
        shank = hip - knee
        joint[f'{name}_ankle'] = joint[f'{name}_knee'] + _point(
            length['shank'] * np.sin(shank), -length['shank'] * np.cos(shank), (z_foot - z_hip) / 2, frames)
        sole = shank + ankle  # of the foot against the ground; 0 is flat
        for part, ahead, below, out in (('heel', -0.04, 0.035, 0), ('big_toe', 0.115, 0.035, -0.01),
                                        ('small_toe', 0.1, 0.035, 0.025)):
            x, y = ahead * walker.height, -below * walker.height
            joint[f'{name}_{part}'] = joint[f'{name}_ankle'] + _point(
                x * np.cos(sole) - y * np.sin(sole), x * np.sin(sole) + y * np.cos(sole), sign * out * walker.height,
                frames)
    moments = np.arange(frames) / FINE
    unrest = sum(np.sin(2 * np.pi * (rate * moments + rng.random())) for rate in rng.uniform(0.6, 2.2, 3)) / 1.7
    _upper_body(joint, walker, length, stride, scale, walker.wobble * unrest)
    path = _path(joint, np.stack(phases))
    path[:, 2] = walker.sway * np.sin(2 * np.pi * stride)
    strikes = [(float(knot - start), ('left', 'right')[half % 2], 'strike') for half, knot in enumerate(knots)
               if knot - start < seconds + 2 * walker.cycle]
    return np.stack([joint[name] for name in JOINTS], 1) + path[:, None], strikes


def _point(x: Any, y: Any, z: Any, frames: int) -> np.ndarray:
    return np.stack([np.broadcast_to(value, frames) for value in (x, y, z)], -1).astype(float)


def _upper_body(joint: dict[str, np.ndarray], walker: Walker, length: dict[str, float], stride: np.ndarray,
                scale: np.ndarray, wobble: np.ndarray) -> None:
    frames = len(stride)
    lean = walker.lean + wobble + np.radians(1.5) * np.cos(4 * np.pi * stride)
    along = _point(np.sin(lean), np.cos(lean), 0, frames)
    joint['mid_hip'] = _point(0, 0, 0, frames)
    joint['neck'] = along * length['trunk']
    turn = np.radians(6) * np.cos(2 * np.pi * stride)  # shoulders against the pelvis
    for side, name in enumerate(('left', 'right')):
        sign = 1 - 2 * side
        half = sign * 0.105 * walker.height
        joint[f'{name}_shoulder'] = joint['neck'] + _point(half * np.sin(turn), -0.02, half * np.cos(turn), frames)
        swing = np.radians(5) - walker.arm[side] * scale * np.cos(2 * np.pi * (stride + 0.5 * side))
        bend = np.maximum(walker.elbow - 0.4 * walker.arm[side] * np.cos(2 * np.pi * (stride + 0.5 * side)), 0)
        joint[f'{name}_elbow'] = joint[f'{name}_shoulder'] + length['upper_arm'] * _point(
            np.sin(swing), -np.cos(swing), 0, frames)
        joint[f'{name}_wrist'] = joint[f'{name}_elbow'] + length['forearm'] * _point(
            np.sin(swing + bend), -np.cos(swing + bend), 0, frames)
        for part, ahead, up, out in (('eye', 0.045, 0.02, 0.02), ('ear', -0.01, 0.01, 0.045)):
            joint[f'{name}_{part}'] = (joint['neck'] + along * length['neck']
                                       + _point(ahead, up, sign * out, frames) * walker.height)
    joint['nose'] = joint['neck'] + along * length['neck'] + _point(0.06 * walker.height, 0, 0, frames)


def _path(joint: dict[str, np.ndarray], phases: np.ndarray) -> np.ndarray:
    """Path of the pelvis: the leg in stance is on the ground without slipping, first on its heel, then its toes."""
    weight = np.exp(4 * np.cos(2 * np.pi * (phases - 0.28)))  # (2, frames)
    weight /= weight.sum(0)
    late = 1 / (1 + np.exp(-30 * (phases % 1 - 0.3)))
    grip = np.stack([weight * (1 - late), weight * late])  # (heel or toes, leg, frames)
    soles = np.stack([[joint[f'{name}_{part}'] for name in ('left', 'right')] for part in ('heel', 'big_toe')])
    velocity = np.gradient(soles[..., 0], 1 / FINE, axis=2)
    speed, height = -(grip * velocity).sum((0, 1)), -(grip * soles[..., 1]).sum((0, 1))
    return np.stack([np.cumsum(speed) / FINE, height, np.zeros_like(speed)], -1)


def film(joints: np.ndarray, rate: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The walk as seen by a pose estimator: another rate, perspective from the side, noise, and lost joints.

    Args:
        joints: Shape (frames, 25, 3) at `FINE` frames per second, in metres.
        rate: Frames per second of the camera.
        rng: Source of the camera's position and noise.

    Returns:
        Keypoints (T, 25, 2) in pixels, and scores (T, 25); a lost joint is zeros in both.
    """
    moments = np.round(np.arange(0, len(joints) / FINE - 1e-6, 1 / rate) * FINE).astype(int)
    joints = joints[np.minimum(moments, len(joints) - 1)]
    azimuth, direction = np.radians(10 * rng.standard_normal()), rng.choice([-1, 1])
    x = joints[..., 0] - joints[..., 0].mean()
    near = direction * joints[..., 2]
    across, depth = x * np.cos(azimuth) + near * np.sin(azimuth), near * np.cos(azimuth) - x * np.sin(azimuth)
    distance = rng.uniform(6, 8)
    perspective = distance / (distance + depth)
    perspective *= min(0.92 * IMAGE[1] / np.ptp(across * perspective), 0.75 * IMAGE[0] / np.ptp(joints[..., 1]))
    u = IMAGE[1] / 2 + direction * across * perspective
    v = 0.85 * IMAGE[0] - joints[..., 1] * perspective
    keypoint = np.stack([u, v], -1)
    size = np.ptp(v, axis=1).mean() / 100  # a hundredth of the height, in pixels
    keypoint += size * rng.uniform(0.4, 0.9) * rng.standard_normal(keypoint.shape)
    score = np.clip(rng.beta(8, 2, keypoint.shape[:2]), 0.1, 1)
    lost = _lost(len(keypoint), rng)
    keypoint[lost], score[lost] = 0, 0
    return keypoint, score


def _lost(frames: int, rng: np.random.Generator) -> np.ndarray:
    """Mask of joints that are lost for a while, the face more often, and sometimes the whole person."""
    lost = np.zeros((frames, len(JOINTS)), bool)
    for index, name in enumerate(JOINTS):
        share = 0.25 if name.endswith(('eye', 'ear')) else 0.04
        for start in np.flatnonzero(rng.random(frames) < share / 6):
            lost[start:start + rng.integers(2, 12), index] = True
    for start in np.flatnonzero(rng.random(frames) < 0.004):
        lost[start:start + rng.integers(1, 6)] = True
    return lost


# Joints of motion capture that BODY_25 lacks: on the line from one joint to another, at this share of the way.
_MARKERS = dict(
    spine=('mid_hip', 'neck', 0.25), thorax=('mid_hip', 'neck', 0.85), head=('left_ear', 'right_ear', 0.5),
    head_top=('mid_hip', 'neck', 1.65))
for _side in ('left', 'right'):
    _MARKERS.update({
        f'{_side}_collar': ('neck', f'{_side}_shoulder', 0.4),
        f'{_side}_fingertip': (f'{_side}_elbow', f'{_side}_wrist', 1.6),
        f'{_side}_toes': (f'{_side}_ankle', f'{_side}_big_toe', 0.7),
        f'{_side}_toe_tip': (f'{_side}_ankle', f'{_side}_big_toe', 1)})


def capture(joints: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The walk as seen by motion capture: the layout `msnd` in 3-D at 60 frames per second, nothing lost.

    Args:
        joints: Shape (frames, 25, 3) at `FINE` frames per second, in metres.
        rng: Source of the noise.

    Returns:
        Keypoints (T, 25, 3) in metres, with right-handed axes as in BVH files, and scores (T, 25) of 1.
    """
    joints = joints[::FINE // CAPTURED] * (1, 1, -1)
    place = dict(zip(JOINTS, joints.swapaxes(0, 1)))
    place.update((name, place[start] + share * (place[end] - place[start]))
                 for name, (start, end, share) in _MARKERS.items())
    keypoint = np.stack([place[name] for name in LAYOUTS['msnd']['joints']], 1)
    keypoint += 0.002 * rng.standard_normal(keypoint.shape)
    return keypoint, np.ones(keypoint.shape[:2])


def synthetic_gait(subjects: int = 24, clips: int = 2, seed: int = 0, layout: str = 'body_25') -> dict[str, Any]:
    """The sample of `data/` as the content of an annotation file.

    Rate (25 or 30; 60 for motion capture), length (3.2 to 4 s), direction and camera do not depend on the class.

    Args:
        subjects: Walkers of each class; 24 give 14 in `train`, 3 in `val` and 7 in `test`.
        clips: Clips of each walker.
        seed: Seed of all random numbers.
        layout: 'body_25', filmed from the side, or 'msnd', 3-D motion capture.

    Returns:
        `split`, `annotations` and `targets`; `events` of an annotation are its true foot strikes, and its target
        `cadence` follows from them.
    """
    rng = np.random.default_rng(seed)
    split: dict[str, list[str]] = dict(train=[], val=[], test=[])
    annotations = []
    for label, disorder in enumerate(CLASSES):
        for person in range(subjects):
            walker = draw_walker(disorder, rng)
            part = 'train' if person < subjects * 7 // 12 else 'val' if person < subjects * 17 // 24 else 'test'
            for clip in range(clips):
                rate, seconds = float(rng.choice([25, 30])), rng.uniform(3.2, 4)
                joints, strikes = walk_with_strikes(walker, seconds, rng)
                if layout == 'msnd':
                    rate, kind, (keypoint, score) = float(CAPTURED), np.float32, capture(joints, rng)
                else:
                    kind, (keypoint, score) = np.float16, film(joints, rate, rng)
                subject = f'synthetic_{disorder}_{person:02d}'
                annotations.append(dict(
                    frame_dir=f'{subject}_{clip}', subject=subject, group=disorder, label=label, rate=rate,
                    total_frames=len(keypoint), img_shape=IMAGE, original_shape=IMAGE, events=strikes,
                    targets=dict(cadence=round(60 * (len(strikes) - 1) / (strikes[-1][0] - strikes[0][0]), 1)),
                    keypoint=keypoint[None].astype(kind), keypoint_score=score[None].astype(np.float16)))
                split[part].append(f'{subject}_{clip}')
    return dict(split=split, annotations=annotations, targets=dict(cadence=CADENCE))

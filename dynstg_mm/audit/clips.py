"""Every clip of a file checked and measured, whatever its state."""
import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dynstg_mm.audit.findings import Findings
from dynstg_mm.datasets.annotation_file import AnnotationFile, Clip
from dynstg_mm.datasets.metadata_control import image_shape
from dynstg_mm.errors import UserError
from dynstg_mm.gait.anatomy import misfit, wrong_layout
from dynstg_mm.gait.coordinates import coordinate_kind
from dynstg_mm.gait.geometry import BACKWARDS, MIN_TRAVEL, knee_bend, leg_length
from dynstg_mm.gait.person import tracked_person
from dynstg_mm.gait.quality import grave_flaw
from dynstg_mm.gait.upright import impossible_height, up_axis
from dynstg_mm.gait.visibility import lost_shares, present_frames, seen_joints
from dynstg_mm.gait.walk import walk_of
from dynstg_mm.progress import with_bar
from dynstg_mm.skeletons import Layout, mirror_order


@dataclass
class Measures:
    """What is measured in a sound clip, for the person whom it is about."""

    lost: np.ndarray  # (V,), share of the frames with the person in which each joint is lost
    lost_frames: float  # share of all frames without the person
    seconds: float  # from the first frame with the person to the last
    size: float  # leg length, or without legs the size of the body, in the unit of the keypoints
    place: np.ndarray  # (C,), median of the joints
    direction: np.ndarray  # -1, 0, 1 for an end at a smaller, the same, a larger coordinate; 3-D: cos, sin of heading
    pose: np.ndarray  # (V, C), mean over the frames in units of size; 2-D as if walking towards larger x, 3-D facing z


@dataclass
class AuditedClip:
    """An annotation, what of it cannot be used, and its measures."""

    name: str
    data: dict[str, Any]  # the annotation, its subject as text
    wrong: set[str]  # of 'rate', 'label', 'subject', 'total_frames', 'keypoint'
    measures: Measures | None = None  # if rate and keypoints are sound and show somebody

    @property
    def measured(self) -> Measures:
        """The measures of a clip that has them."""
        assert self.measures is not None
        return self.measures


def audit_clips(file: AnnotationFile, names: Sequence[str], layout: Layout | None, window: float, findings: Findings,
                *, progress: bool = True) -> Iterator[AuditedClip]:
    """Check clips, and measure what can be measured.

    Args:
        file: The annotation file.
        names: The clips to look at.
        layout: The skeleton layout, if it is known.
        window: Seconds of the window that a model sees.
        findings: Takes what is wrong.
        progress: Show a bar.
    """
    joints, channels = _usual_shape([file.clips[name] for name in names], layout)
    for name in with_bar(names, 'measuring clips', progress):
        clip = file.clips[name]
        wrong = set()
        for fault in file.clip_faults(name, joints=joints):
            findings.add_fault(fault)
            wrong.add('keypoint' if fault.field == 'keypoint_score' else fault.field)
        wrong |= _check_oddities(name, clip, wrong, channels, findings)
        audited = AuditedClip(name, clip, wrong)
        if 'subject' not in wrong:
            audited.data = dict(clip, subject=str(clip['subject']))
        if not wrong & {'rate', 'keypoint'}:
            audited.measures = _measure(name, clip, layout, window, findings)
        yield audited


def _usual_shape(clips: Sequence[Clip], layout: Layout | None) -> tuple[int | None, int | None]:
    """Joints and coordinates that clips should have: the layout's joints, else what most clips have."""
    shapes = Counter(clip['keypoint'].shape[2:] for clip in clips
                     if isinstance(clip.get('keypoint'), np.ndarray) and clip['keypoint'].ndim == 4
                     and (layout is None or clip['keypoint'].shape[2] == layout['num_node']))
    joints, channels = shapes.most_common(1)[0][0] if shapes else (None, None)
    return (layout['num_node'] if layout is not None else joints), channels


def _check_oddities(name: str, clip: Clip, wrong: set[str], channels: int | None, findings: Findings) -> set[str]:
    """Find what `GaitDataset` accepts and yet looks wrong; returns the fields that cannot be used."""
    unusable = set()
    if 'keypoint' not in wrong:
        if clip['keypoint'].shape[3] != channels:
            findings.add('joint_count', f'clip {name}: {clip["keypoint"].shape[3]} coordinates; expected {channels}')
            unusable.add('keypoint')
        score = clip.get('keypoint_score')
        if score is not None and not 0 <= score.min() <= score.max() <= 1.1:  # OpenPose's are sometimes above 1
            findings.add('score_range', f'clip {name}: {score.min():.3g} to {score.max():.3g}')
        if clip['keypoint'].shape[3] == 3 and clip.get('unit') is None:
            findings.add('unit', f'clip {name}')
    if 'rate' not in wrong and not 10 <= clip['rate'] <= 500:
        findings.add('odd_rate', f'clip {name}: {clip["rate"]:g}')
    return unusable


def _measure(name: str, clip: Clip, layout: Layout | None, window: float, findings: Findings) -> Measures | None:
    """Measures of a clip with sound keypoints; None if nobody is visible."""
    keypoint, score = clip['keypoint'], clip.get('keypoint_score')
    seen = seen_joints(keypoint, score)
    frames = present_frames(seen).sum(1)
    person, _ = tracked_person(keypoint, score)
    if frames[person] > frames[0]:
        findings.add('first_person', f'clip {name}: in {frames[0]} frames; person {person} in {frames[person]}')
    body, seen, rate = keypoint[person].astype(np.float64), seen[person], float(clip['rate'])
    present = np.flatnonzero(present_frames(seen))
    if not len(present):
        findings.add('nobody', f'clip {name}')
        return None
    seconds = (present[-1] - present[0] + 1) / rate
    if seconds < window:
        findings.add('too_short', f'clip {name}: {seconds:.2f} s with a person; a window has {window:g} s')
    lost_frames, lost = lost_shares(seen)
    _check_tracking(name, body, lost, present, rate, layout, findings)
    _check_image(name, clip, body[seen], findings)
    if layout is not None:
        _check_layout(name, body, seen, layout, findings)
    if layout is not None and layout.get('legs'):
        _check_walk(name, clip, body, seen, layout, findings)
    center, size, direction, pose = _shape(name, body[present], seen[present], layout, findings)
    return Measures(lost, lost_frames, seconds, size, np.median(center, axis=0), direction, pose)


def _check_tracking(name: str, body: np.ndarray, lost: np.ndarray, present: np.ndarray, rate: float,
                    layout: Layout | None, findings: Findings) -> None:
    """Find gaps, lost joints and repeated frames of one person: body (T, V, C), lost joints (V,), present frames."""
    gap = np.diff(present).max(initial=1) - 1
    if gap > rate / 2:
        findings.add('gap', f'clip {name}: {gap / rate:.1f} s from frame {present[np.diff(present).argmax()] + 1}')
    if lost.mean() > 1 / 3:
        findings.add('lost_joints', f'clip {name}: {lost.mean():.0%}')
    if (lost == 1).any():
        joints = layout['joints'] if layout is not None else [f'joint {joint}' for joint in range(len(lost))]
        findings.add('never_seen', f'clip {name}: {", ".join(joints[joint] for joint in np.flatnonzero(lost == 1))}')
    repeated = (np.diff(body[present], axis=0) == 0).all((1, 2)).mean() if len(present) > 1 else 0
    if repeated > 0.2:
        findings.add('frozen', f'clip {name}: {repeated:.0%}')


def _check_image(name: str, clip: Clip, points: np.ndarray, findings: Findings) -> None:
    """Find joints, shape (N, C), outside of the image, in 2-D clips whose image size is known."""
    shape = image_shape(clip)
    if points.shape[1] == 2 and coordinate_kind(points, np.ones(len(points), bool)) != 'pixel':
        findings.add('shares', f'clip {name}')
    if points.shape[1] == 2 and min(shape) > 0:
        outside = ((points < 0) | (points > np.array(shape)[::-1])).any(1).mean()
        if outside > 0.1:
            height, width = shape
            findings.add('outside', f'clip {name}: {outside:.0%} outside of (height, width) {height:g}, {width:g}')


def _shape(name: str, body: np.ndarray, seen: np.ndarray, layout: Layout | None,
           findings: Findings) -> tuple[np.ndarray, float, np.ndarray, np.ndarray]:
    """Center (T, C), size, direction and pose of a body (T, V, C), in frames that all show the person."""
    masked = np.where(seen[..., None], body, np.nan)
    with np.errstate(all='ignore'):
        center = np.nanmedian(masked, axis=1)
        about = masked - center[:, None]
    size = _size(masked, about, layout)
    if body.shape[2] == 3 and layout is not None and knee_bend(body, seen, layout) < BACKWARDS:
        findings.add('mirrored', f'clip {name}')
    quarter = max(len(center) // 4, 1)
    travel = np.median(center[-quarter:], axis=0) - np.median(center[:quarter], axis=0)
    direction = np.where(np.abs(travel) > MIN_TRAVEL * size, np.sign(travel), 0).astype(int)
    if about.shape[2] == 3 and layout is not None and layout.get('left'):
        about, heading = _face_z(about, layout)
        direction = np.append(direction, [np.cos(heading).mean(), np.sin(heading).mean()])
    elif about.shape[2] == 2 and direction[0] < 0:
        about = about[:, mirror_order(layout)] * [-1, 1] if layout is not None else about * [-1, 1]
    pose = np.full(body.shape[1:], np.nan)
    known = ~np.isnan(about).all((0, 2))
    pose[known] = np.nanmean(about[:, known], axis=0) / max(size, 1e-12)
    return center, size, direction, pose


def _size(masked: np.ndarray, about: np.ndarray, layout: Layout | None) -> float:
    """Leg length, or without a layout the median distance of the joints from their median."""
    if layout is not None and layout.get('legs'):
        legs = sorted({joint for leg in layout['legs'] for joint in leg})
        whole = ~np.isnan(masked[:, legs]).any((1, 2))
        if whole.any():
            return leg_length(masked[whole], layout)
    return float(np.nanmedian(np.linalg.norm(about, axis=-1)))


def _check_walk(name: str, clip: Clip, body: np.ndarray, seen: np.ndarray, layout: Layout,
                findings: Findings) -> None:
    """Find an impossible height, a head that is not above the ankles, and a person who does not walk."""
    height = impossible_height(body, seen, layout, clip['unit']) if body.shape[2] == 3 and clip.get('unit') else None
    if height is not None:
        findings.add('height', f'clip {name}: {height}')
    up, expected = up_axis(body, seen, layout), '-y' if body.shape[2] == 2 else 'y'
    if up is not None and up != expected:
        findings.add('upside_down', f'clip {name}: {up} is up; expected {expected}')
        return
    with contextlib.suppress(UserError):  # the layout lacks a leg, or a joint of the legs is never seen
        flaw = grave_flaw(walk_of(clip, layout), up, from_the_side=False)
        if flaw is not None:
            findings.add('not_walking', f'clip {name}: {flaw.text}')


def _check_layout(name: str, body: np.ndarray, seen: np.ndarray, layout: Layout, findings: Findings) -> None:
    """Find joints that cannot be those of the layout."""
    wrong, better = wrong_layout(body, seen, layout)
    if wrong:
        findings.add('anatomy', f'clip {name}: bones are {misfit(body, seen, layout):.1f} times as long as lines '
                     'between near joints' + (f'; those of {better} would be shorter' if better else ''))


def _face_z(about: np.ndarray, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """A 3-D skeleton (T, V, 3), turned about y in every frame so that it faces z, and the angles (T,)."""
    with np.errstate(all='ignore'):
        across = np.nan_to_num(np.nanmean(about[:, layout['left']] - about[:, layout['right']], axis=1))
    angle = np.arctan2(across[:, 2], across[:, 0])
    cos, sin, (x, y, z) = np.cos(angle)[:, None], np.sin(angle)[:, None], np.moveaxis(about, -1, 0)
    return np.stack([x * cos + z * sin, y, z * cos - x * sin], axis=-1), angle


def check_scale(clips: Sequence[AuditedClip], findings: Findings) -> None:
    """Find bodies of a very different size than most, among measured clips."""
    usual = np.median([clip.measured.size for clip in clips]) if clips else 0
    for clip in clips:
        if not usual / 3 <= clip.measured.size <= usual * 3:
            findings.add('scale', f'clip {clip.name}: {clip.measured.size:.3g}; most have {usual:.3g}')

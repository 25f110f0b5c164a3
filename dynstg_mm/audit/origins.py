"""How well a model could recognise where a clip is from: the site, the camera, the pose estimator."""
from collections.abc import Sequence
from typing import Any

import numpy as np

from dynstg_mm.audit.clips import AuditedClip
from dynstg_mm.audit.findings import Findings
from dynstg_mm.audit.shortcuts import TRACE, Shortcut, predicted
from dynstg_mm.datasets.annotation_file import ORIGINS
from dynstg_mm.errors import DataError, UserError
from dynstg_mm.gait.cleaning import fill_missing_joints, keep_tracked_person, resample_clip
from dynstg_mm.gait.geometry import align_heading, leg_length, mirror_direction
from dynstg_mm.gait.pelvis import pelvis
from dynstg_mm.progress import with_bar
from dynstg_mm.skeletons import Layout

KEYPOINTS, CLASS = 'keypoints', 'class alone'
RATE, LOWPASS = 25, 6  # per second and Hz, as models see the clips


def recognised_origins(clips: Sequence[AuditedClip], layout: Layout, findings: Findings, *, progress: bool = True,
                       seed: int = 0) -> dict[str, list[Shortcut]]:
    """How well trees recognise each of `ORIGINS` from the keypoints, on held-out people, and from the class alone.

    The keypoints are those that a model sees: of one rate, one low-pass and one direction, centred, and scaled by leg
    length.

    Args:
        clips: Measured clips with subject and label.
        layout: Their skeleton.
        findings: Takes what is wrong, and a field of which people are at several places.
        progress: Show a bar.
        seed: Seed of folds, trees and intervals.

    Returns:
        Field -> from the keypoints, and from the class; only fields with several values.
    """
    once = list({id(clip.data['keypoint']): clip for clip in clips}.values())  # tasks may share a recording
    places = {field: [clip for clip in once if clip.data.get(field) is not None] for field in ORIGINS}
    places = {field: own for field, own in places.items() if len({str(clip.data[field]) for clip in own}) > 1}
    poses: dict[str, np.ndarray] = {}
    if places:
        for clip in with_bar(once, 'keypoints by site', progress):
            try:
                poses[clip.name] = pose_columns(clip.data, layout)
            except UserError as error:
                findings.add('no_control', str(error))
    found = {}
    for field, own in places.items():
        own = [clip for clip in own if clip.name in poses]
        values = sorted({str(clip.data[field]) for clip in own})
        labels = sorted({clip.data['label'] for clip in own})
        columns = {KEYPOINTS: np.array([poses[clip.name] for clip in own]),
                   CLASS: np.array([[clip.data['label'] == label for label in labels] for clip in own], float)}
        try:
            found[field] = predicted(own, [values.index(str(clip.data[field])) for clip in own], columns,
                                     _learners(seed), f'{field} {{}}', values, seed=seed)
        except DataError as error:
            findings.add('no_control', str(error))
        for subject in sorted({clip.data['subject'] for clip in own}):
            where = sorted({str(clip.data[field]) for clip in own if clip.data['subject'] == subject})
            if len(where) > 1 and field in ('site', 'dataset'):
                findings.add('several_sites', f'subject {subject}: {field} {", ".join(where)}')
    return found


def pose_columns(clip: dict[str, Any], layout: Layout) -> np.ndarray:
    """Mean pose, its standard deviation over time, and mean size of the first and second difference of each joint.

    Args:
        clip: Annotation.
        layout: Its skeleton, with `legs`.

    Returns:
        Shape (4 V C,).

    Raises:
        ClipError, ConfigError: The clip shows nobody, or the layout has no legs.
    """
    clip = resample_clip(fill_missing_joints(keep_tracked_person(clip), layout), RATE, LOWPASS)
    body = np.array(clip['keypoint'][0], np.float64)
    (mirror_direction if body.shape[-1] == 2 else align_heading)(body, layout)
    body = (body - pelvis(body, layout).mean(0)) / max(leg_length(body, layout), 1e-12)
    pose = body - pelvis(body, layout)[:, None]
    steps = [np.abs(np.diff(body, order, axis=0)).mean(0) if len(body) > order else np.zeros(body.shape[1:])
             for order in (1, 2)]
    return np.concatenate([pose.mean(0), pose.std(0), *steps]).ravel()


def _learners(seed: int) -> dict[str, Any]:
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.tree import DecisionTreeClassifier
    return {KEYPOINTS: ExtraTreesClassifier(200, class_weight='balanced', min_samples_leaf=2, random_state=seed),
            CLASS: DecisionTreeClassifier(class_weight='balanced', random_state=seed)}


def judge_origins(found: dict[str, list[Shortcut]], findings: Findings) -> None:
    """Report the fields that the keypoints reveal.

    Args:
        found: From `recognised_origins`.
        findings: Takes what is wrong.
    """
    for field, (keypoints, by_class) in found.items():
        if keypoints.gain >= TRACE:
            findings.add('site_known', f'{field}: macro-recall {keypoints.macro_recall:.2f} [{keypoints.low:.2f}, '
                         f'{keypoints.high:.2f}], chance level {keypoints.chance:.2f}; from the class alone '
                         f'{by_class.macro_recall:.2f}')

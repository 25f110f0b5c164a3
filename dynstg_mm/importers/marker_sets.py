"""Joint centres that no marker shows."""
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dynstg_mm.gait.spatiotemporal import UNITS
from dynstg_mm.importers.recording import Recording
from dynstg_mm.skeletons import find_joints

_SIDES = ('left', 'right')
_SETS = (('Plug-in Gait', ('KNE', 'ANK')), ('OpenCap', ('calc', '5meta')), ('OpenCap', ('calc_study', '5meta_study')),
         ('Qualisys', ('FLE', 'FAL')))

_FRONT = [[f'{side}_{end}' for side in _SIDES] for end in ('ASI', 'ASIS', 'IAS')]  # of the pelvis
_CENTRE = re.compile('JC|FEO|TIO')  # in the names of centres that a program computed


def with_hip_centres(recording: Recording) -> Recording:
    """The recording with the centres of the hips, `left_HJC` and `right_HJC`, if it has only markers of the pelvis.

    By the regression of Harrington et al., J Biomech 40 (2007) 595, doi 10.1016/j.jbiomech.2006.02.003, in millimetres
    from the middle of the ASIS: -0.24 depth - 9.9 to the front, -0.30 width - 10.9 upwards, 0.33 width + 7.3 to the
    side. Width is that between the ASIS, depth from their middle to that of the PSIS or to the sacrum.

    Args:
        recording: From a reader, with its own axes.
    """
    names = recording.joints
    if names is None or recording.keypoint.shape[-1] != 3:
        return recording
    hips = find_joints(names, [f'{side}_hip' for side in _SIDES])
    front = _first(names, *_FRONT)
    back = _first(names, *([f'{side}_{end}' for side in _SIDES] for end in ('PSI', 'PSIS', 'IPS')), ['SACR'], ['S2'],
                  ['V_sacral'])
    if not front or list(hips.values()) != [(place, ) for place in front]:
        return recording
    if not back or recording.unit is None:
        note = 'the ASIS markers are taken for the hips, which lie deeper'
        note += '; with --unit, their centres are computed' * bool(back)
        return replace(recording, notes=[*recording.notes, note])
    place = np.where(recording.keypoint_score[..., None] > 0, recording.keypoint, np.nan).astype(np.float64)
    left, right = place[:, :, front[0]], place[:, :, front[1]]
    middle, sacrum = (left + right) / 2, place[:, :, back].mean(2)
    millimetre = 0.001 / UNITS[recording.unit]
    width, depth = (float(np.nanmedian(np.linalg.norm(line, axis=-1))) / millimetre
                    for line in (right - left, middle - sacrum))
    side = _unit(right - left)
    ahead = _unit((middle - sacrum) - ((middle - sacrum) * side).sum(-1, keepdims=True) * side)
    up = np.cross(side, ahead)
    centre = middle + ((-0.24 * depth - 9.9) * ahead + (-0.30 * width - 10.9) * up) * millimetre
    lateral = (0.33 * width + 7.3) * millimetre * side
    centres = np.stack([centre - lateral, centre + lateral], 2)
    found = np.asarray(np.isfinite(centres).all(-1))
    return replace(
        recording, joints=[*names, *(f'{side}_HJC' for side in _SIDES)],
        keypoint=np.concatenate([recording.keypoint, np.where(found[..., None], centres, 0).astype(np.float32)], 2),
        keypoint_score=np.concatenate([recording.keypoint_score, found.astype(np.float32)], 2),
        notes=[*recording.notes, 'hip centres computed from the markers of the pelvis (Harrington 2007)'])


def with_marker_notes(recording: Recording) -> Recording:
    """The recording with notes on the joints that are markers, or the middle of two, and not centres.

    The middle of the markers at both sides of a knee, ankle, elbow or wrist is the convention of Wu et al., J Biomech
    35 (2002) 543 and 38 (2005) 981, doi 10.1016/s0021-9290(01)00222-6 and 10.1016/j.jbiomech.2004.05.042.

    Args:
        recording: From a reader, with its own names.
    """
    names = recording.joints
    if names is None or recording.keypoint.shape[-1] != 3 or not (marker_set(names) or _first(names, *_FRONT)):
        return recording
    found = {joint: [find_joints(names, [f'{side}_{joint}']).get(f'{side}_{joint}', ()) for side in _SIDES]
             for joint in ('knee', 'ankle', 'elbow', 'wrist')}
    middles = [joint for joint, sides in found.items() if all(len(places) == 2 for places in sides)]
    beside = [joint for joint, sides in found.items() if all(len(places) == 1 for places in sides) and not any(
        _CENTRE.search(names[place]) for places in sides for place in places)]
    notes = [f'{", ".join(middles)}: the middle of the markers at both sides (Wu 2002, 2005)'] * bool(middles)
    notes += [f'{", ".join(beside)}: the marker beside the joint, some centimetres from its centre'] * bool(beside)
    return replace(recording, notes=[*recording.notes, *notes])


def marker_set(names: Sequence[str]) -> str | None:
    """The name of the marker set that a file's names belong to, if it is a known one."""
    return next((name for name, markers in _SETS if _first(
        names, [f'{side}_{marker}' for side in _SIDES for marker in markers])), None)


def _first(names: Sequence[str], *options: list[str]) -> list[int]:
    """The places of the first of several lists of names that are all there."""
    for option in options:
        found = find_joints(names, option)
        if len(found) == len(option):
            return [place for places in found.values() for place in places]
    return []


def _unit(vector: np.ndarray) -> np.ndarray:
    with np.errstate(invalid='ignore', divide='ignore'):
        result: np.ndarray = vector / np.linalg.norm(vector, axis=-1, keepdims=True)
    return result

"""Action sets recorded by Kinect v1: MSR Action3D (Li 2010), UTD-MHAD (Chen 2015), UTKinect (Xia 2012).

Every reader gives places in metres, with y up, in the order of the layout `kinect`. All three sets have right-handed
axes: x is towards the right of a person who faces the sensor.
"""
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dynstg_mm.datasets.annotation_file import describe
from dynstg_mm.errors import DataError
from dynstg_mm.gait.signal import at_even_times
from dynstg_mm.importers.csv_table import text_of
from dynstg_mm.importers.recording import EmptyRecording, readable
from dynstg_mm.skeletons import get_layout

JOINTS = tuple(get_layout('kinect')['joints'])
RATE = 30.  # frames per second of UTD-MHAD, and of what is made of UTKinect
MSR_RATE = 15.
NUMBERS = 60.  # frame numbers of UTKinect per second: all are even, and Kinect v1 has 30 frames per second
MAX_GAP = 0.3  # seconds without a frame that are interpolated
FAR = 20.  # metres from the sensor, beyond which a place is an error
MSR_ORDER = ('left_shoulder', 'right_shoulder', 'neck', 'spine', 'left_hip', 'right_hip', 'mid_hip', 'left_elbow',
             'right_elbow', 'left_wrist', 'right_wrist', 'left_hand', 'right_hand', 'left_knee', 'right_knee',
             'left_ankle', 'right_ankle', 'left_foot', 'right_foot', 'head')
UTD_ORDER = ('head', 'neck', 'spine', 'mid_hip', 'left_shoulder', 'left_elbow', 'left_wrist', 'left_hand',
             'right_shoulder', 'right_elbow', 'right_wrist', 'right_hand', 'left_hip', 'left_knee', 'left_ankle',
             'left_foot', 'right_hip', 'right_knee', 'right_ankle', 'right_foot')
UTKINECT_ACTIONS = ('walk', 'sitDown', 'standUp', 'pickUp', 'carry', 'throw', 'push', 'pull', 'waveHands', 'clapHands')
# A digit is wrong in the published list: as written, the push of s03_e01 begins before the throw and lasts 18 s.
UTKINECT_SLIPS = {('s03_e01', 'push'): ((2556, 3622), (3556, 3622))}

_SEQUENCE = re.compile(r's\d+_e\d+')


class ActionClip(NamedTuple):
    """One action of one person.

    Attributes:
        name: Name of the clip.
        action: Number of the action, from 0.
        subject: Number of the person, from 1.
        trial: Which of the person's repetitions, from 1.
        keypoint: Places (T, 20, 3) in metres with y up, zeros in a frame that is lost.
        rate: Frames per second.
    """

    name: str
    action: int
    subject: int
    trial: int
    keypoint: np.ndarray
    rate: float


def read_msr_action3d(path: str | os.PathLike) -> list[ActionClip]:
    """The action of a file `a<action>_s<person>_e<trial>_skeleton3D.txt`, which has real-world coordinates.

    A line has x, y, z and the confidence of a joint, and 20 lines are a frame. A frame of zeros shows nobody: it is
    lost, or left out at either end. Joints of confidence 0 keep their places: spine, neck, pelvis and feet nearly
    always have it, and their bones are as long as those of other joints.

    Raises:
        DataError: The file is damaged; the message names the line.
        EmptyRecording: No frame shows anybody.
    """
    action, subject, trial = _numbers(path, r'a(\d+)_s(\d+)_e(\d+)_skeleton3D', 20)
    values = _table(path, 4)
    if len(values) % len(JOINTS):
        raise DataError(f'{path}: {len(values)} lines; expected {len(JOINTS)} for each frame. The file is incomplete; '
                        'copy it again.')
    places = _checked(path, values.reshape(-1, len(JOINTS), 4)[..., :3])
    shown = np.flatnonzero(places.any((1, 2)))
    if not len(shown):
        raise EmptyRecording.of(path, 'joints', len(places))
    return [ActionClip(Path(path).stem.removesuffix('_skeleton3D'), action - 1, subject, trial,
                       _in_order(places[shown[0]:shown[-1] + 1], MSR_ORDER), MSR_RATE)]


def read_utd_mhad(path: str | os.PathLike) -> list[ActionClip]:
    """The action of a file `a<action>_s<person>_t<trial>_skeleton.mat`: `d_skel` (20, 3, frames).

    Raises:
        DataError: The file is damaged; the message names the field.
    """
    action, subject, trial = _numbers(path, r'a(\d+)_s(\d+)_t(\d+)_skeleton', 27)
    places = read_mat(path, 'd_skel')
    if places.ndim != 3 or places.shape[:2] != (len(JOINTS), 3) or places.dtype.kind not in 'fiu':
        raise DataError(f'{path}: d_skel: {describe(places)}; expected shape ({len(JOINTS)}, 3, frames).')
    if not places.any():
        raise EmptyRecording.of(path, 'd_skel', places.shape[2])
    return [ActionClip(Path(path).stem.removesuffix('_skeleton'), action - 1, subject, trial,
                       _in_order(_checked(path, places.transpose(2, 0, 1)), UTD_ORDER), RATE)]


def read_utkinect(path: str | os.PathLike, labels: Mapping[str, Mapping[str, tuple[int, int]]]) -> list[ActionClip]:
    """The actions of a file `joints_s<person>_e<trial>.txt`, at even 30 frames per second.

    A line has the frame's number, and x, y, z of 20 joints. Frames without a skeleton are missing, so that the numbers
    step by 2 to 16, and some frames are there twice. The places are interpolated by the numbers.

    Args:
        path: The file.
        labels: From `read_utkinect_labels`.

    Raises:
        DataError: The file is damaged, or an action is not in it; the message names the line or the clip.
    """
    subject, trial = _numbers(path, r'joints_s(\d+)_e(\d+)')
    values = _table(path, 1 + 3 * len(JOINTS))
    numbers, first = np.unique(values[:, 0], return_index=True)
    if (np.diff(values[:, 0]) < 0).any():
        line = int(np.flatnonzero(np.diff(values[:, 0]) < 0)[0]) + 2
        raise DataError(f'{path}: line {line}: frame {values[line - 1, 0]:g} after {values[line - 2, 0]:g}; expected '
                        'growing numbers.')
    places = _checked(path, values[first, 1:].reshape(-1, len(JOINTS), 3))
    sequence = Path(path).stem.removeprefix('joints_')
    if sequence not in labels:
        raise DataError(f'{path}: {sequence}: not in the list of labels; expected its actions.')
    clips = []
    for action, (start, stop) in labels[sequence].items():
        part = (numbers >= start) & (numbers <= stop)
        if part.sum() < 2:
            raise DataError(f'{path}: clip {sequence}_{action}: {part.sum()} frames from {start} to {stop}; expected '
                            'at least 2. Compare the label with the frame numbers.')
        keypoint, _ = at_even_times(places[part], numbers[part] / NUMBERS, RATE, MAX_GAP)
        clips.append(ActionClip(f'{sequence}_{action}', UTKINECT_ACTIONS.index(action), subject, trial,
                                keypoint.astype(np.float32), RATE))
    return clips


def read_utkinect_labels(path: str | os.PathLike) -> tuple[dict[str, dict[str, tuple[int, int]]], list[str]]:
    """First and last frame of every action in `actionLabel.txt`, by sequence; and notes.

    An action with NaN instead of a number is left out, and the one slip of the published list is corrected.

    Raises:
        DataError: The file is something else; the message names the line.
    """
    labels: dict[str, dict[str, tuple[int, int]]] = {}
    notes, sequence = [], ''
    with readable(path, 'list of labels'):
        lines = text_of(path).splitlines()
    for number, line in enumerate(lines, 1):
        if _SEQUENCE.fullmatch(line.strip()):
            sequence = line.strip()
            labels[sequence] = {}
            continue
        match = re.fullmatch(rf'({"|".join(UTKINECT_ACTIONS)}):\s*(\d+|NaN)\s+(\d+|NaN)', line.strip())
        if not line.strip():
            continue
        if match is None or not sequence:
            raise DataError(f'{path}: line {number}: {line[:40]!r}; expected a sequence, such as s01_e01, and below it '
                            'its actions, such as walk: 252 390.')
        action, *ends = match.groups()
        if 'NaN' in ends:
            notes.append(f'{sequence}_{action} has no frames in the list of labels; left out')
            continue
        start, stop = map(int, ends)
        wrong, right = UTKINECT_SLIPS.get((sequence, action), (None, None))
        if (start, stop) == wrong and right is not None:
            notes.append(f'{sequence}_{action}: frames {start} to {stop} in the list of labels is a slip of the pen; '
                         f'taken as {right[0]} to {right[1]}')
            start, stop = right
        labels[sequence][action] = start, stop
    if not labels:
        raise DataError(f'{path}: no sequence, such as s01_e01; expected the list of labels of UTKinect.')
    return labels, notes


def read_half_splits(path: str | os.PathLike) -> list[list[int]]:
    """The people of each split that are trained on, of a .mat file with `tr_subjects` (splits, people).

    Raises:
        DataError: The file has something else.
    """
    people = read_mat(path, 'tr_subjects')
    if people.ndim != 2 or people.dtype.kind not in 'iuf' or not people.size:
        raise DataError(f'{path}: tr_subjects: {describe(people)}; expected the numbers of people, a row a split.')
    found: list[list[int]] = people.astype(int).tolist()
    return found


def read_mat(path: str | os.PathLike, field: str) -> np.ndarray:
    """An array of a .mat file.

    Raises:
        DataError: The file is damaged, or lacks it.
    """
    from scipy.io import loadmat
    with readable(path, '.mat file'):
        content = loadmat(path)
    if field not in content:
        raise DataError(f'{path}: {field}: missing; it has '
                        f'{", ".join(name for name in content if not name.startswith("__")) or "nothing"}.')
    return np.asarray(content[field])


def _numbers(path: str | os.PathLike, pattern: str, actions: int = 0) -> list[int]:
    """The numbers in a file's name, of which the first is of one of so many actions."""
    match = re.fullmatch(pattern, Path(path).stem)
    numbers = [int(number) for number in match.groups()] if match else []
    if not numbers or min(numbers) < 1 or actions and numbers[0] > actions:
        shown = pattern.replace(r'(\d+)', '<k>')
        raise DataError(f'{path}: name: expected {shown}{f", with an action from 1 to {actions}" * bool(actions)}.')
    return numbers


def _table(path: str | os.PathLike, columns: int) -> np.ndarray:
    """Numbers of a text file with so many in each line."""
    with readable(path, 'table of numbers'):
        lines = [line.split() for line in text_of(path).splitlines() if line.strip()]
    for number, cells in enumerate(lines, 1):
        if len(cells) != columns:
            raise DataError(f'{path}: line {number}: {len(cells)} numbers; expected {columns}.')
    if not lines:
        raise EmptyRecording.of(path, 'lines')
    try:
        return np.array(lines, float)
    except ValueError as error:
        raise DataError(f'{path}: {error}; expected numbers.') from None


def _checked(path: str | os.PathLike, places: np.ndarray) -> np.ndarray:
    """Places (T, 20, 3) that are all numbers within the room."""
    wrong = np.argwhere(~(np.abs(places) < FAR).all(-1))  # NaN too
    if len(wrong):
        frame, joint = wrong[0]
        raise DataError(f'{path}: joints: frame {frame + 1}, joint {joint + 1}: '
                        f'{" ".join(f"{number:g}" for number in places[frame, joint])}; expected up to {FAR:g} m.')
    return places


def _in_order(places: np.ndarray, order: tuple[str, ...]) -> np.ndarray:
    """Places (T, 20, 3) of joints in this order, in that of the layout."""
    moved: np.ndarray = places[:, [order.index(joint) for joint in JOINTS]].astype(np.float32)
    return moved

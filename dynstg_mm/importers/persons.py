"""Tracking people from frame to frame, and keeping those whom a recording is about."""
import os
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from dynstg_mm.datasets.annotation_file import LARGEST
from dynstg_mm.errors import DataError
from dynstg_mm.gait.person import Rank, best_persons, deciding, person_rank
from dynstg_mm.gait.visibility import seen_joints
from dynstg_mm.importers.recording import EmptyRecording, has_place, informative, with_lost

FORGET = 150  # frames after which a lost person is no longer looked for


class Detection(NamedTuple):
    """One person in one frame: coordinates (V, C), scores (V,), and the number of the track, if the file has one."""

    keypoint: np.ndarray
    score: np.ndarray
    track: int | str | None = None


People = list[Detection]  # of one frame
Track = dict[int, Detection]  # frame -> one person


def pick_persons(frames: Sequence[People], persons: int,
                 path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray, list[str], int]:
    """The persons whom a recording is about, by `person_rank`, as arrays.

    Detections with the same track number are one person. Without numbers, and if a frame has several people, they are
    linked to the nearest ones of the frames before.

    Args:
        frames: The people of every frame; a frame without any is a lost one.
        persons: How many to keep.
        path: Names the file in errors.

    Returns:
        Keypoints (M, T, V, C), scores (M, T, V), notes on who was left out, and the number of persons in the file.

    Raises:
        DataError: Frames differ in the number of joints or coordinates.
        EmptyRecording: Nobody is seen in any frame.
    """
    shapes = Counter(person.keypoint.shape for people in frames for person in people)
    if not shapes:
        raise EmptyRecording.of(path, 'keypoints', len(frames))
    if len(shapes) > 1:
        usual, other = (shape for shape, _ in shapes.most_common(2))
        frame = next(index for index, people in enumerate(frames) for person in people
                     if person.keypoint.shape == other)
        raise DataError(f'{path}: keypoints: {other[0]} joints of {other[1]} coordinates in frame {frame}; expected '
                        f'{usual[0]} of {usual[1]} as in the others.')
    frames, notes = _with_scores(frames)
    tracks = _tracks(frames)
    ranks = [_rank(track) for track in tracks]
    kept = [tracks[index] for index in best_persons(ranks, persons)]
    joints, channels = shapes.most_common(1)[0][0]
    keypoint = np.full((len(kept), len(frames), joints, channels), np.nan, np.float32)
    score = np.zeros(keypoint.shape[:3], np.float32)
    for row, track in enumerate(kept):
        for frame, person in track.items():
            keypoint[row, frame], score[row, frame] = person.keypoint, person.score
    if len(tracks) > len(kept):
        lengths = ' and '.join(f'{len(track)} of {len(frames)} frames' for track in kept)
        notes.append(f'{_kept_note(ranks, persons)} ({lengths})')
    return *with_lost(keypoint, score, path), notes, len(tracks)


def _with_scores(frames: Sequence[People]) -> tuple[Sequence[People], list[str]]:
    """The same with scores as they are meant, and a note if they are changed."""
    everyone = [person for people in frames for person in people]
    score, notes = informative(np.stack([person.score for person in everyone]),
                               has_place(np.stack([person.keypoint for person in everyone])))
    if not notes:
        return frames, []
    scores = iter(score)
    return [[person._replace(score=next(scores)) for person in people] for people in frames], notes


def most_seen(keypoint: np.ndarray, score: np.ndarray,
              persons: int) -> tuple[np.ndarray, np.ndarray, list[str], int]:
    """The persons of an array whom the recording is about, by `person_rank`.

    Args:
        keypoint: Shape (M, T, V, C).
        score: Shape (M, T, V), 0 for a lost joint.
        persons: How many to keep.

    Returns:
        The same of at most `persons`, notes on who was left out, and the number of persons in the array.
    """
    there = [index for index in range(len(keypoint)) if seen_joints(keypoint[index], score[index], 0).any()]
    ranks = [person_rank(keypoint[index], score[index]) for index in there]
    kept = [there[index] for index in best_persons(ranks, persons)]
    notes = [_kept_note(ranks, persons)] * (len(there) > len(kept))
    return keypoint[kept], score[kept], notes, len(there)


def _kept_note(ranks: Sequence[Rank], persons: int) -> str:
    if persons > 1:
        return f'{len(ranks)} persons; kept the {persons} seen longest'
    how = dict(longest='kept the one seen longest', best='of those seen longest, kept the one with the highest scores',
               largest='of those seen longest, kept the largest', first='of those seen longest, kept the first')
    return f'{len(ranks)} persons; {how[deciding(ranks)]}'


def _rank(track: Track) -> tuple[int, float, float]:
    return person_rank(np.stack([person.keypoint for person in track.values()]),
                       np.stack([person.score for person in track.values()]))


def _tracks(frames: Sequence[People]) -> list[Track]:
    """The detections of each person."""
    everyone = [person for people in frames for person in people]
    if all(person.track is not None for person in everyone) and _ids_are_apart(frames):
        tracks: dict[int | str | None, Track] = {}
        for frame, people in enumerate(frames):
            for person in people:
                tracks.setdefault(person.track, {})[frame] = person
        return list(tracks.values())
    if max(map(len, frames)) == 1:
        return [{frame: people[0] for frame, people in enumerate(frames) if people}]
    return _nearest(frames)


def _ids_are_apart(frames: Sequence[People]) -> bool:
    return all(len({person.track for person in people}) == len(people) for people in frames)


def _nearest(frames: Sequence[People]) -> list[Track]:
    """Link every person to the nearest one of the frames before, within half a body's size per frame in between."""
    tracks: list[Track] = []
    active: list[Track] = []
    for frame, people in enumerate(frames):
        active = [track for track in active if frame - max(track) <= FORGET]
        cost = np.array([[_distance(track, frame, person) for person in people] for track in active])
        cost = np.nan_to_num(cost, nan=LARGEST, posinf=LARGEST)
        linked = set()
        if cost.size:
            for row, column in zip(*linear_sum_assignment(cost)):
                if cost[row, column] < 1:
                    active[row][frame] = people[column]
                    linked.add(column)
        for column, person in enumerate(people):
            if column not in linked:
                active.append({frame: person})
                tracks.append(active[-1])
    return tracks


def _distance(track: Track, frame: int, person: Detection) -> float:
    """Mean distance of the joints seen in both, as a share of how far a person can have moved."""
    before = max(track)
    last = track[before]
    both = _found(last) & _found(person)
    if not both.any():
        return np.inf
    moved = float(np.linalg.norm(last.keypoint[both].astype(float) - person.keypoint[both], axis=-1).mean())
    return moved / (0.5 * max(_size(last), 1e-6) * min(frame - before, 10))


def _found(person: Detection) -> np.ndarray:
    """Which joints have a place and a score."""
    return seen_joints(person.keypoint, person.score, 0)


def _size(person: Detection) -> float:
    """Diagonal of the box around the joints that were found."""
    seen = person.keypoint[_found(person) & (np.abs(person.keypoint) < LARGEST).all(-1)]
    return float(np.linalg.norm(np.ptp(seen, axis=0))) if len(seen) else 0.

"""Whom a recording is of, where several people are seen."""
from collections import Counter
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from dynstg_mm.datasets.annotation_file import LARGEST
from dynstg_mm.errors import DataError
from dynstg_mm.importers.recording import EmptyRecording, with_lost

FORGET = 150  # frames after which a person who was lost is no longer looked for


class Detection(NamedTuple):
    """One person in one frame: coordinates (V, C), scores (V,), and the number of its track, where the file has one."""

    keypoint: np.ndarray
    score: np.ndarray
    track: int | str | None = None


def pick_persons(frames, persons, path):
    """The persons who are seen longest, of these the largest, as arrays.

    A person is who has one track number, or else, where more than one is in a frame, who is nearest from frame to
    frame.

    Args:
        frames (list[list[Detection]]): The people of every frame; a frame without any is a lost one.
        persons (int): How many to keep.
        path (str | Path): Names the file in errors.

    Returns:
        tuple[ndarray, ndarray, list[str]]: (M, T, V, C), (M, T, V), and notes on who was left out.

    Raises:
        DataError: Frames differ in the number of joints or coordinates.
        EmptyRecording: Nobody is seen in any frame.
    """
    shapes = Counter(person.keypoint.shape for people in frames for person in people)
    if not shapes:
        raise EmptyRecording(f'{path}: keypoints: nobody in any of its {len(frames)} frames.')
    if len(shapes) > 1:
        usual, other = (shape for shape, _ in shapes.most_common(2))
        frame = next(index for index, people in enumerate(frames) for person in people
                     if person.keypoint.shape == other)
        raise DataError(f'{path}: keypoints: {other[0]} joints of {other[1]} coordinates in frame {frame}; expected '
                        f'{usual[0]} of {usual[1]} as in the others.')
    tracks = _tracks(frames)
    ranked = sorted(tracks, key=lambda track: (len(track), np.median([_size(person) for person in track.values()])),
                    reverse=True)
    kept, (joints, channels) = ranked[:persons], shapes.most_common(1)[0][0]
    keypoint = np.full((len(kept), len(frames), joints, channels), np.nan, np.float32)
    score = np.zeros(keypoint.shape[:3], np.float32)
    for row, track in enumerate(kept):
        for frame, person in track.items():
            keypoint[row, frame], score[row, frame] = person.keypoint, person.score
    notes = []
    if len(tracks) > len(kept):
        seen = ' and '.join(f'{len(track)} of {len(frames)} frames' for track in kept)
        notes.append(f'{len(tracks)} persons; kept the {"one" if persons == 1 else persons} seen longest ({seen})')
    return *with_lost(keypoint, score, path), notes


def most_seen(keypoint, score, persons):
    """The persons of an array who are seen in the most frames.

    Args:
        keypoint (ndarray): (M, T, V, C).
        score (ndarray): (M, T, V), 0 for a lost joint.
        persons (int): How many to keep.

    Returns:
        tuple[ndarray, ndarray, list[str]]: The same of at most `persons`, and notes on who was left out.
    """
    seen = (score > 0).any(-1).sum(-1)
    there = [int(index) for index in np.argsort(-seen, kind='stable') if seen[index]]
    kept = sorted(there[:persons])
    notes = [f'{len(there)} persons; kept the {"one" if persons == 1 else persons} seen longest'] * (
        len(there) > len(kept))
    return keypoint[kept], score[kept], notes


def _tracks(frames):
    """Tracks, each a dict frame -> Detection."""
    everyone = [person for people in frames for person in people]
    if all(person.track is not None for person in everyone) and _ids_are_apart(frames):
        tracks = {}
        for frame, people in enumerate(frames):
            for person in people:
                tracks.setdefault(person.track, {})[frame] = person
        return list(tracks.values())
    if max(map(len, frames)) == 1:
        return [{frame: people[0] for frame, people in enumerate(frames) if people}]
    return _nearest(frames)


def _ids_are_apart(frames):
    return all(len({person.track for person in people}) == len(people) for people in frames)


def _nearest(frames):
    """Link every person to the nearest of the frames before, within half a body's size for each frame in between."""
    tracks, active = [], []
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


def _distance(track, frame, person):
    """Mean distance of the joints seen in both, as a share of how far a person may have come."""
    before = max(track)
    last = track[before]
    both = (last.score > 0) & (person.score > 0)
    if not both.any():
        return np.inf
    moved = np.linalg.norm(last.keypoint[both].astype(float) - person.keypoint[both], axis=-1).mean()
    return moved / (0.5 * max(_size(last), 1e-6) * min(frame - before, 10))


def _size(person):
    """Diagonal of the box around the joints that are seen."""
    seen = person.keypoint[(person.score > 0) & (np.abs(person.keypoint) < LARGEST).all(-1)]
    return float(np.linalg.norm(np.ptp(seen, axis=0))) if len(seen) else 0.

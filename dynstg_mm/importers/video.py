"""Video files, through a pose estimator."""
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dynstg_mm.errors import ConfigError, DataError
from dynstg_mm.estimators import Estimator, get_estimator
from dynstg_mm.gait.visibility import seen_joints
from dynstg_mm.importers.estimator_json import MAX_GAP, recording_by_count
from dynstg_mm.importers.persons import Detection, People, pick_persons
from dynstg_mm.importers.recording import Recording
from dynstg_mm.progress import with_bar
from dynstg_mm.video import Frame, Video

EXACT = 0.1  # share of a frame's duration by which its time may be off


def read_video(path: str | os.PathLike, *, persons: int = 1, estimator: str | Estimator = 'mediapipe',
               pose_model: str | os.PathLike | None = None, detector: str | os.PathLike | None = None,
               crop: Sequence[float] = (0, 0, 1, 1)) -> list[Recording]:
    """Keypoints of a video, by a pose estimator; frame by frame, so that memory does not grow with its length.

    A frame without a person is a lost one. Frames at uneven times, as phones take them, are brought to an even rate by
    linear interpolation.

    Args:
        path: The file.
        persons: How many persons to keep.
        estimator: 'mediapipe', 'rtmlib', or one of your own, which stays open.
        pose_model, detector: Files of the models, as for `get_estimator`.
        crop: Left, top, right and bottom of the part of the picture to look in, as shares of its width and height.

    Returns:
        One recording, in pixels of the upright frame, with the file's rate and the estimator's name.

    Raises:
        DataError: The file is no video or damaged, or the estimator is not installed.
        EmptyRecording: Nobody is found in any frame.
    """
    chosen = open_estimator(estimator, pose_model, detector, crop)
    times: list[float] = []
    frames: list[People] = []
    try:
        with Video(path) as video:
            for time, image in _with_progress(video):
                times.append(time)
                shape = image.shape[:2]
                left, top, right, bottom = np.round(np.array(crop) * [*shape[::-1], *shape[::-1]]).astype(int)
                part = np.ascontiguousarray(image[top:bottom, left:right])
                frames.append([Detection(np.float32(place + (left, top)), np.float32(score))
                               for place, score in chosen.find(part)])
    finally:
        if chosen is not estimator:
            chosen.close()
    if len(frames) < 2:
        raise DataError(f'{path}: one frame; expected a video.')
    keypoint, score, notes, count = pick_persons(frames, persons, path)
    keypoint, score, rate, more = at_even_times(np.array(times), keypoint, score, path)
    empty = sum(not people for people in frames)
    if persons > 1 and not chosen.many:
        notes.append(f'{chosen.name} finds one person; others are not seen')
    notes += more + [f'nobody found in {empty} of {len(frames)} frames'] * bool(empty)
    recording = (recording_by_count(keypoint, score, notes) if chosen.layout is None
                 else Recording(None, keypoint, score, layout=chosen.layout, notes=notes))
    return [replace(recording, rate=rate, img_shape=shape, estimator=chosen.name, persons=count)]


def open_estimator(estimator: str | Estimator = 'mediapipe', pose_model: str | os.PathLike | None = None,
                   detector: str | os.PathLike | None = None, crop: Sequence[float] = (0, 0, 1, 1)) -> Estimator:
    """The pose estimator for options of `read_video`, which are checked.

    Raises:
        ConfigError: An option is wrong.
        DataError, FileNotFoundError: The estimator is not installed, or a file of a model cannot be used.
    """
    if len(crop) != 4 or not (0 <= crop[0] < crop[2] <= 1 and 0 <= crop[1] < crop[3] <= 1):
        raise ConfigError(f'--crop: {" ".join(map(str, crop))}; expected left, top, right and bottom, from 0 to 1.')
    chosen = get_estimator(estimator, pose_model, detector) if isinstance(estimator, str) else estimator
    return chosen


def _with_progress(video: Video) -> Iterator[Frame]:
    """The frames, with a progress bar in the process that the user started, on a terminal."""
    yield from with_bar(video, Path(video.path).name, multiprocessing.parent_process() is None,
                        total=video.count or None)


def at_even_times(times: np.ndarray, keypoint: np.ndarray, score: np.ndarray,
                   path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray, float, list[str]]:
    """Keypoints at an even rate.

    A frame whose time is right stays as it is. In between, a joint is interpolated if both neighbours show it and no
    frame is missing there.

    Args:
        times: Shape (T,), in seconds, increasing.
        keypoint: Shape (M, T, V, C).
        score: Shape (M, T, V), 0 for a lost joint.
        path: Names the file in errors.

    Returns:
        Keypoints (M, T', V, C), scores (M, T', V), frames per second, and notes.

    Raises:
        DataError: There is a gap of more than 10,000 frames.
    """
    steps = np.diff(times)
    counts = np.maximum(1, np.round(steps / np.median(steps)))  # a step of several frames where some are missing
    step = (times[-1] - times[0]) / counts.sum()
    if counts.sum() > len(times) + MAX_GAP:
        raise DataError(f'{path}: times: {times[steps.argmax()]:.2f} s is followed by {times[steps.argmax() + 1]:.2f} '
                        's; expected one recording.')
    moments = times[0] + step * np.arange(int(counts.sum()) + 1)
    before = np.clip(np.searchsorted(times, moments, 'right') - 1, 0, len(times) - 2)
    share = np.clip((moments - times[before]) / steps[before], 0, 1)
    share = np.where(np.abs(moments - times[before]) <= EXACT * step, 0, share)
    share = np.where(np.abs(moments - times[before + 1]) <= EXACT * step, 1, share)
    between = (share > 0) & (share < 1)
    missing = between & (counts[before] > 1)
    seen = seen_joints(keypoint, score, 0)
    seen = (seen[:, before] | (share == 1)[:, None]) & (seen[:, before + 1] | (share == 0)[:, None])
    seen &= ~missing[:, None]
    weight = share[:, None].astype(np.float32)
    keypoint = keypoint[:, before] * (1 - weight[..., None]) + keypoint[:, before + 1] * weight[..., None]
    score = score[:, before] * (1 - weight) + score[:, before + 1] * weight
    notes = []
    if (between & ~missing).any():
        notes.append(f'{1 / steps.max():.1f} to {1 / steps.min():.1f} frames per second; brought to one rate')
    if missing.any():
        notes.append(f'{missing.sum()} frames are missing by the file\'s times; treated as lost')
    rate, span = 1 / step, times[-1] - times[0]
    whole = round(rate)  # files round times to milliseconds
    rate = float(whole if abs(rate - whole) <= 1e-3 * rate / span else round(rate, 3))
    return np.where(seen[..., None], keypoint, 0), np.where(seen, score, 0), rate, notes

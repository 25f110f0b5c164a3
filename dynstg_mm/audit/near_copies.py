"""Recordings that are in a file more than once, after a cut, resampling, a shift or the like."""
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.interpolate import CubicSpline
from scipy.ndimage import median_filter
from scipy.optimize import minimize_scalar

from dynstg_mm.errors import ClipError
from dynstg_mm.gait.cleaning import fill_missing_joints, keep_tracked_person, resample_clip
from dynstg_mm.progress import with_bar
from dynstg_mm.skeletons import Layout, mirror_order

RATE = 25  # samples per second at which movements are compared
WINDOW = 2 * RATE  # the shortest part that two recordings must share, in samples
EDGE = 5  # samples at both ends of a clip in which the low-pass differs between a clip and a cut of it
LOWPASS = 4.  # Hz
SPIKE = 0.2  # seconds; a joint that jumps away for less than half of this is put back
CHANNELS = 16  # directions in the space of all distances between joints that describe a movement
COMPONENTS = 32  # of the description of a window, for the search
NEAR = 0.35  # windows that are closer than this are compared in full; in units of their movement
SAME = 0.15  # two clips that differ by less are one recording; in units of their movement
KEPT = 0.8  # share of the frames that must agree, since pose estimators sometimes fail
STILL = 0.01  # a window that moves less than this share of the body's size is ignored


@dataclass
class Copy:
    """Two clips that show one recording."""

    first: str
    second: str
    exact: bool
    difference: float  # what is left between them, as a share of the movement
    seconds: float  # that they share


def near_copies(clips: Mapping[str, dict[str, Any]], layout: Layout, *, progress: bool = True) -> list[Copy]:
    """Pairs of clips that show one recording, cut, resampled, shifted, turned, scaled, mirrored or with noise.

    A clip is described by the distances between its joints over time, 25 times a second. Place, direction and mirroring
    do not change them, nor does a swap of sides if the layout has left and right. Every second of a clip is searched
    for in all others, and if a window of 2 s is similar, the two clips are aligned over their whole overlap. They are
    one recording if the difference is less than 0.15 of the movement itself (`SAME`), with one scale for all; another
    walk of the same person differs by several tenths.

    Not found are a copy with a wrong rate, one of less than 2 s, one played backwards, one with other joints, and noise
    above some hundredths of the leg length.

    Args:
        clips: Name -> annotation with `keypoint` (M, T, V, C) and `rate`, without exact copies.
        layout: Its `left` and `right` say which joints a mirror swaps.
        progress: Show a bar.

    Returns:
        Each pair once.
    """
    walks = {}
    for name, clip in with_bar(list(clips.items()), 'describing movements', progress):
        walk = _walk(clip, layout)
        if len(walk) >= WINDOW:
            walks[name] = walk
    if len(walks) < 2:
        return []
    swap = _swap(layout)
    drawn = [_distances(walk[_drawn(len(walk), 50)], swap) for walk in walks.values()]
    mix = _directions(np.concatenate(drawn), CHANNELS)
    movements = {name: _movement(walk, swap, mix) for name, walk in walks.items()}
    names = list(movements)
    drawn = [_windows(movement)[::RATE] for movement in movements.values()]
    basis = _directions(np.concatenate(drawn), COMPONENTS)
    parts = [_windows(movement) @ basis for movement in movements.values()]
    index, ends = np.concatenate(parts), np.cumsum([len(part) for part in parts])
    starts = ends - [len(part) for part in parts]
    copies: dict[tuple[int, int], Copy] = {}
    for one in with_bar(range(len(names)), 'searching for copies', progress):
        mine = parts[one]
        asked = np.unique(np.append(np.arange(0, len(mine), RATE), len(mine) - 1))
        for other, position, window in _hits(mine[asked], index, starts):
            pair = min(one, other), max(one, other)
            if other != one:
                lag = int(window - asked[position] if one < other else asked[position] - window)
                copy = _overlay(movements[names[pair[0]]], movements[names[pair[1]]], lag)
                if copy is not None and (pair not in copies or copy[0] < copies[pair].difference):
                    copies[pair] = Copy(names[pair[0]], names[pair[1]], False, *copy)
    return [copies[pair] for pair in sorted(copies)]


def _walk(clip: dict[str, Any], layout: Layout) -> np.ndarray:
    """Keypoints of the tracked person at `RATE`, shape (T, V, C); empty if no frame shows anybody."""
    try:
        data = fill_missing_joints(keep_tracked_person(dict(clip)), layout)
        size = (1, 2 * round(SPIKE * clip['rate'] / 2) + 1, 1, 1)
        data = resample_clip(dict(data, keypoint=median_filter(data['keypoint'], size)), RATE, LOWPASS)
    except ClipError:
        return np.zeros((0, *clip['keypoint'].shape[2:]), np.float32)
    head = layout['limbs'].get('head', [])  # often masked, lost or guessed
    walk = np.delete(data['keypoint'][0, EDGE:-EDGE], head, axis=1)
    return walk / max(np.sqrt(walk.var(1).sum(-1).mean()), 1e-12)


def _swap(layout: Layout) -> np.ndarray:
    """Index of every joint's mirror image among those that `_walk` keeps."""
    kept = np.delete(np.arange(layout['num_node']), layout['limbs'].get('head', []))
    return np.searchsorted(kept, np.array(mirror_order(layout))[kept])


def _distances(walk: np.ndarray, swap: np.ndarray) -> np.ndarray:
    """Distances between joints, shape (T, pairs * 2), which a swap of left and right does not change."""
    first, second = np.triu_indices(walk.shape[1], 1)
    distance = np.linalg.norm(walk[:, first] - walk[:, second], axis=-1)
    swapped = np.linalg.norm(walk[:, swap[first]] - walk[:, swap[second]], axis=-1)
    return np.concatenate([distance + swapped, np.abs(distance - swapped)], axis=-1)


def _movement(walk: np.ndarray, swap: np.ndarray, mix: np.ndarray) -> np.ndarray:
    """The distances over time along the directions `mix`, shape (T, CHANNELS)."""
    parts = [_distances(walk[start:start + 1000], swap) @ mix for start in range(0, len(walk), 1000)]
    return np.concatenate(parts)  # in parts, since the distances in 10 minutes take a gigabyte


def _drawn(count: int, most: int) -> np.ndarray:
    return np.random.default_rng(0).permutation(count)[:most]


def _directions(rows: np.ndarray, count: int) -> np.ndarray:
    """Directions in which rows differ most, shape (width of a row, count)."""
    rows = rows[_drawn(len(rows), 4000)]
    return np.linalg.svd(rows - rows.mean(0), full_matrices=False)[2][:count].T


def _windows(movement: np.ndarray) -> np.ndarray:
    """Every window's movement about its mean, of norm 1, every other sample, shape (windows, WINDOW / 2 * CHANNELS)."""
    windows = sliding_window_view(movement, WINDOW, axis=0)[..., ::2]
    size = np.linalg.norm(windows, axis=(1, 2))
    moved = (windows - windows.mean(-1, keepdims=True)).reshape(len(windows), -1)
    norm = np.linalg.norm(moved, axis=1)
    moved[norm < STILL * size] = 0
    return (moved / np.maximum(norm, 1e-12)[:, None]).astype(np.float32)


def _hits(asked: np.ndarray, index: np.ndarray, starts: np.ndarray) -> list[tuple[int, int, int]]:
    """The nearest window of every clip, if it is near: (clip, position in asked, window)."""
    best: dict[int, tuple[float, int, int]] = {}
    lengths = (index**2).sum(1)
    for part in range(0, len(asked), 64):
        block = asked[part:part + 64]
        distance = (block**2).sum(1)[:, None] + lengths - 2 * block @ index.T  # squared
        nearest = np.minimum.reduceat(distance, starts, axis=1)
        for clip in map(int, np.flatnonzero((nearest < NEAR**2).any(0))):
            position = int(nearest[:, clip].argmin())
            if clip not in best or nearest[position, clip] < best[clip][0]:
                end = starts[clip + 1] if clip + 1 < len(starts) else len(index)
                window = int(distance[position, starts[clip]:end].argmin())
                best[clip] = float(nearest[position, clip]), part + position, window
    return [(clip, position, window) for clip, (_, position, window) in best.items()]


def _overlay(first: np.ndarray, second: np.ndarray, lag: int) -> tuple[float, float] | None:
    """Difference and common seconds of two movements, sample t of the first on t + lag of the second.

    None if they are not one recording.
    """
    start, end = max(0, -lag), min(len(first), len(second) - lag)
    if end - start < WINDOW:
        return None
    base, spline = first[start:end], CubicSpline(np.arange(len(second)), second)
    moved = np.sqrt(((base - base.mean(0))**2).sum(1).mean())

    def difference(shift: float) -> float:
        other = spline(np.clip(np.arange(start, end) + lag + shift, 0, len(second) - 1))
        scale = (base * other).sum() / (other * other).sum()
        left = np.sort(((base - scale * other)**2).sum(1))
        return np.sqrt(left[:round(len(left) * KEPT)].mean()) / moved

    best = minimize_scalar(difference, bounds=(-1, 1), method='bounded')
    return (float(best.fun), (end - start) / RATE) if best.fun < SAME else None

"""Recordings that stand in a file more than once, as they are or after a cut, resampling, a shift or the like."""
import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.interpolate import CubicSpline
from scipy.ndimage import median_filter
from scipy.optimize import minimize_scalar

from dynstg_mm.audit.progress import with_bar
from dynstg_mm.datasets.transforms.clean import FillMissingJoints, ResampleRate
from dynstg_mm.errors import ClipError
from dynstg_mm.gait.person import tracked_person
from dynstg_mm.skeletons import mirror_order

RATE = 25  # samples per second at which movements are compared
WINDOW = 2 * RATE  # the shortest stretch that two recordings must share, in samples
EDGE = 5  # samples at both ends of a clip that the low-pass makes differ between a clip and a cut of it
LOWPASS = 4.  # Hz
SPIKE = 0.2  # seconds; a joint that jumps away for less than half of it is put back
CHANNELS = 16  # directions in the space of all distances between joints that a movement is described by
COMPONENTS = 32  # of a window's description, for the search
NEAR = 0.35  # a window closer than this is looked at; in units of its movement
SAME = 0.15  # two clips that differ by less, in units of their movement, are one recording
KEPT = 0.8  # share of the frames that must agree, since a pose estimator loses its way now and then
STILL = 0.01  # a window that moves less than this share of the body's size says nothing


@dataclass
class Copy:
    """Two clips that show one recording."""

    first: str
    second: str
    exact: bool
    difference: float  # what is left between them, as a share of the movement
    seconds: float  # that they share


def exact_copies(clips):
    """Groups of clips whose keypoints are the same numbers.

    Args:
        clips (dict[str, ndarray]): Name -> keypoints (M, T, V, C).

    Returns:
        list[list[str]]: All clips, each group in the order of the file.
    """
    groups, known = {}, {}
    for name, keypoint in clips.items():
        if id(keypoint) not in known:  # clips of several tasks may share one array
            plain = np.ascontiguousarray(keypoint, dtype=np.float64)
            known[id(keypoint)] = hashlib.sha256(repr(plain.shape).encode() + plain.tobytes()).digest()
        groups.setdefault(known[id(keypoint)], []).append(name)
    return list(groups.values())


def near_copies(clips, layout, *, progress=True):
    """Pairs of clips that show one recording after a cut, at a new rate, shifted, turned, scaled, mirrored, noisy.

    A clip is described by the distances between its joints over time, 25 times a second: neither place, direction,
    mirror nor, with left and right known from the layout, the swap of sides changes them. Every second of a clip is
    searched for in all others, and where a window of 2 s is alike, the two clips are laid over each other as long as
    they overlap. They are one recording if what differs is less than 0.15 of the movement itself (`SAME`), with one
    scale for all; another walk of the same person differs by several tenths.

    It does not find: a copy under a wrong rate, one of less than 2 s, one played backwards, one with other joints, and
    noise above some hundredths of the leg length.

    Args:
        clips (dict[str, dict]): Name -> annotation with `keypoint` (M, T, V, C) and `rate`; no two of the same numbers.
        layout (dict): Its `left` and `right` tell which joints a mirror swaps.
        progress (bool): Show a bar.

    Returns:
        list[Copy]: Each pair once.
    """
    walks = {}
    for name, clip in with_bar(clips.items(), 'describing movements', progress):
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
    found = {}
    for one in with_bar(range(len(names)), 'searching copies', progress):
        mine = parts[one]
        asked = np.unique(np.append(np.arange(0, len(mine), RATE), len(mine) - 1))
        for other, here, there in _hits(mine[asked], index, starts):
            pair = min(one, other), max(one, other)
            if other != one:
                lag = there - asked[here] if one < other else asked[here] - there
                copy = _overlay(movements[names[pair[0]]], movements[names[pair[1]]], lag)
                if copy is not None and (pair not in found or copy[0] < found[pair].difference):
                    found[pair] = Copy(names[pair[0]], names[pair[1]], False, *copy)
    return [found[pair] for pair in sorted(found)]


def _walk(clip, layout):
    """Keypoints of the person seen most at RATE, shape (T, V, C); empty where no frame shows anybody."""
    person, _ = tracked_person(clip['keypoint'], clip.get('keypoint_score'))
    data = dict(keypoint=clip['keypoint'][person:person + 1], rate=clip['rate'], layout=layout)
    if clip.get('keypoint_score') is not None:
        data['keypoint_score'] = clip['keypoint_score'][person:person + 1]
    try:
        data = FillMissingJoints()(data)
        data['keypoint'] = median_filter(data['keypoint'], (1, 2 * round(SPIKE * clip['rate'] / 2) + 1, 1, 1))
        data = ResampleRate(RATE, lowpass=LOWPASS)(data)
    except ClipError:
        return np.zeros((0, *clip['keypoint'].shape[2:]), np.float32)
    head = layout['limbs'].get('head', [])  # often masked, and lost or guessed
    walk = np.delete(data['keypoint'][0, EDGE:-EDGE], head, axis=1)
    return walk / max(np.sqrt(walk.var(1).sum(-1).mean()), 1e-12)


def _swap(layout):
    """Position of every joint's mirror image among those that `_walk` keeps."""
    kept = np.delete(np.arange(layout['num_node']), layout['limbs'].get('head', []))
    return np.searchsorted(kept, np.array(mirror_order(layout))[kept])


def _distances(walk, swap):
    """Distances between joints, shape (T, pairs * 2), that stay the same when left and right change places."""
    first, second = np.triu_indices(walk.shape[1], 1)
    distance = np.linalg.norm(walk[:, first] - walk[:, second], axis=-1)
    swapped = np.linalg.norm(walk[:, swap[first]] - walk[:, swap[second]], axis=-1)
    return np.concatenate([distance + swapped, np.abs(distance - swapped)], axis=-1)


def _movement(walk, swap, mix):
    """The directions `mix` of the distances over time, shape (T, CHANNELS)."""
    parts = [_distances(walk[start:start + 1000], swap) @ mix for start in range(0, len(walk), 1000)]
    return np.concatenate(parts)  # in parts, since the distances of 10 minutes take a gigabyte


def _drawn(count, most):
    return np.random.default_rng(0).permutation(count)[:most]


def _directions(rows, count):
    """Directions in which rows differ most, shape (width of a row, count)."""
    rows = rows[_drawn(len(rows), 4000)]
    return np.linalg.svd(rows - rows.mean(0), full_matrices=False)[2][:count].T


def _windows(movement):
    """Every window's movement about its mean, of norm 1, every other sample, shape (windows, WINDOW / 2 * CHANNELS)."""
    windows = sliding_window_view(movement, WINDOW, axis=0)[..., ::2]
    size = np.linalg.norm(windows, axis=(1, 2))
    moved = (windows - windows.mean(-1, keepdims=True)).reshape(len(windows), -1)
    norm = np.linalg.norm(moved, axis=1)
    moved[norm < STILL * size] = 0
    return (moved / np.maximum(norm, 1e-12)[:, None]).astype(np.float32)


def _hits(asked, index, starts):
    """Of every clip the window nearest to any asked for, where it is near: (clip, position in asked, window)."""
    best, lengths = {}, (index**2).sum(1)
    for part in range(0, len(asked), 64):
        block = asked[part:part + 64]
        distance = (block**2).sum(1)[:, None] + lengths - 2 * block @ index.T  # squared
        nearest = np.minimum.reduceat(distance, starts, axis=1)
        for clip in np.flatnonzero((nearest < NEAR**2).any(0)):
            here = int(nearest[:, clip].argmin())
            if clip not in best or nearest[here, clip] < best[clip][0]:
                end = starts[clip + 1] if clip + 1 < len(starts) else len(index)
                window = int(distance[here, starts[clip]:end].argmin())
                best[clip] = float(nearest[here, clip]), part + here, window
    return [(int(clip), here, window) for clip, (_, here, window) in best.items()]


def _overlay(first, second, lag):
    """Difference and common seconds of two movements, sample t of the first on t + lag of the second, or None."""
    start, end = max(0, -lag), min(len(first), len(second) - lag)
    if end - start < WINDOW:
        return None
    base, spline = first[start:end], CubicSpline(np.arange(len(second)), second)
    moved = np.sqrt(((base - base.mean(0))**2).sum(1).mean())

    def difference(shift):
        other = spline(np.clip(np.arange(start, end) + lag + shift, 0, len(second) - 1))
        scale = (base * other).sum() / (other * other).sum()
        left = np.sort(((base - scale * other)**2).sum(1))
        return np.sqrt(left[:round(len(left) * KEPT)].mean()) / moved

    best = minimize_scalar(difference, bounds=(-1, 1), method='bounded')
    return (float(best.fun), (end - start) / RATE) if best.fun < SAME else None

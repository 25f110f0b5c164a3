"""Which limbs, in which phase of the step, an answer rests on: occlusion, with a test of its own truth.

A cell is a limb in one of eight phases of the stride. To occlude it, the limb stops moving there: its bones take their
mean direction over the stride around, so that it remains a limb of the same length at the same body. The cell's effect
is by how much the probability of the class falls (Zeiler & Fergus 2014, ECCV). Whether the effects are true is tested
by a deletion curve (Petsiuk et al. 2018, BMVC): the cells are occluded one after another, the largest effect first, and
the probability should fall faster than in random order.
"""
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import uniform_filter1d

from dynstg_mm.errors import ConfigError
from dynstg_mm.gait.cleaning import Clip, clip_error
from dynstg_mm.gait.pelvis import pelvis
from dynstg_mm.gait.windows import SIDES
from dynstg_mm.inference.strikes import Strikes, find_strikes, over_stride, phase_beyond
from dynstg_mm.skeletons import Layout, depth_first, get_layout, parents, side_of

if TYPE_CHECKING:
    from dynstg_mm.inference.inferencer import GaitInferencer

BINS = 8  # phases of the stride
BODY = 'body'  # the row of the path of the pelvis: rise, sway and changes of speed of the whole body
RATE = 30.  # frames per second of a recording that does not say
ORDERS, STEPS = 10, 6  # random orders of the deletion curve, and its steps


@dataclass
class Explanation:
    """What an answer rests on; effects are by how much the probability of the class falls.

    Attributes:
        predicted: Number of the class that is explained. probability: Of the class, for the recording as it is. limbs:
        Names, the last one `BODY`. sides: Of each limb, 'left', 'right' or ''. by: 'stride' if the columns are phases
        of the stride, each leg's from its own foot strike on; 'time' if no stride was found, and the columns are equal
        parts of the recording. effect: A row a limb, a column a phase. limb_effect: Of each limb, all phases together.
        joints: Names. joint_effect: Of each joint alone. deletion: Probability after each step of the deletion curve.
        random: The same for random orders. strikes: Seconds of the recording at which the feet strike. phases: Movement
        phases of the network over a stride, by the number of the layer: `CURVE` rows of p shares. Layers that share the
        phases of an earlier one are left out; empty without phases or strides. leg: Whose stride that is, the leg that
        the network sees as the left one: 'left'; 'right' if it sees the walk mirrored; 'both' if parts of it; or ''.
        seconds: What the explanation took. span: First and last second of the part that is explained.
    """

    predicted: int
    probability: float
    limbs: list[str]
    sides: list[str]
    by: str
    effect: list[list[float]]
    limb_effect: list[float]
    joints: list[str]
    joint_effect: list[float]
    deletion: list[float]
    random: list[list[float]]
    strikes: Strikes = field(default_factory=dict)
    phases: dict[str, list[list[float]]] = field(default_factory=dict)
    leg: str = ''
    seconds: float = 0.
    span: tuple[float, float] = 0., 0.

    def columns(self, seconds: np.ndarray) -> dict[str, np.ndarray]:
        """The column of `effect` that moments of the recording belong to, for the limbs of each side; -1 for none."""
        if self.by == 'time':
            start, end = self.span
            places = dict.fromkeys((*SIDES, ''), (seconds - start) / max(end - start, 1e-9))
        else:
            places = {side: phase_beyond(seconds, self.strikes[side or 'left']) for side in (*SIDES, '')}
        return {side: np.where((place >= 0) & (place < 1), np.nan_to_num(place) * BINS, -1).astype(int)
                for side, place in places.items()}

    def beaten(self) -> float:
        """Share of the random orders whose probability falls more slowly than in the order of the effects."""
        areas = np.mean(self.random, axis=1)
        return float(np.mean(areas > np.mean(self.deletion)))

    def holds(self) -> bool:
        """Whether the effects pass their test for this recording: they beat nine of ten random orders."""
        return self.beaten() >= 0.9

    def to_json(self) -> dict[str, Any]:
        """The explanation as a dict of numbers, texts and lists."""
        return asdict(self)


def explain(inferencer: 'GaitInferencer', clip: Clip, *, up: str = 'y', label: int | None = None,
            seed: int = 0) -> Explanation:
    """Explain the answer of a model to one person in one recording.

    About 140 variants of the recording pass the test pipeline's windows and the network.

    Args:
        inferencer: The model.
        clip: As for `GaitInferencer.answer`.
        up: Vertical axis of 3-D clips.
        label: Number of the class to explain; by default that of the highest score.
        seed: Of the random orders.

    Raises:
        ClipError: The model cannot answer for this clip, or its skeleton is unknown.
    """
    import torch
    with torch.inference_mode():
        return _explain(_Scorer(inferencer, clip), up, label, seed)


def _explain(scorer: '_Scorer', up: str, label: int | None, seed: int) -> Explanation:
    began = time.perf_counter()
    clean, layout, rate = scorer.clean, scorer.layout, float(scorer.clean.get('rate') or RATE)
    strikes, stride = find_strikes(scorer.clip, scorer.clip.get('layout') or layout, up)
    scorer.neutral = Neutral(clean['keypoint'], layout, round(stride * rate))
    frames, joints = clean['keypoint'].shape[1], layout['num_node']
    parts = {**layout['limbs'], BODY: [joints]}
    members = np.array([[float(joint in part) for joint in range(joints + 1)] for part in parts.values()], np.float32)
    seconds = float(clean.get('first_second', 0.)) + np.arange(frames) / rate
    bins = _bins(seconds, strikes)  # side -> (bins, T)
    sides = [side_of(layout, *part) for part in parts.values()]
    cells = np.concatenate([bins[side][..., None] * member  # (parts bins, T, V + 1)
                            for side, member in zip(sides, members)])

    whole = scorer([np.zeros_like(cells[0])])[0]
    label = int(whole.argmax()) if label is None else label
    effect = whole[label] - scorer(cells)[:, label]
    limb_effect = whole[label] - scorer(members[:, None].repeat(frames, 1))[:, label]
    one_joint = np.eye(joints, joints + 1, dtype=np.float32)[:, None].repeat(frames, 1)
    joint_effect = whole[label] - scorer(one_joint, alone=True)[:, label]
    rng = np.random.default_rng(seed)
    orders = [np.argsort(-effect, kind='stable'), *(rng.permutation(len(cells)) for _ in range(ORDERS))]
    curves = deletion_curves(scorer, cells, orders, label, whole[label])
    return Explanation(
        label, float(whole[label]), list(parts), sides, 'stride' if strikes else 'time',
        effect.reshape(len(parts), BINS).tolist(),
        limb_effect.tolist(), list(layout['joints']), joint_effect.tolist(), curves[0].tolist(), curves[1:].tolist(),
        strikes, *_movement_phases(scorer.inferencer, scorer.clip, strikes), time.perf_counter() - began,
        (seconds[0], seconds[-1] + 1 / rate))


def deletion_curves(scorer: Callable[[Any], np.ndarray], cells: np.ndarray, orders: Sequence[np.ndarray], label: int,
                    whole: float) -> np.ndarray:
    """Probability of a class while cells are occluded one after another, in several orders.

    Args:
        scorer: Weights (n, T, V + 1) -> probabilities (n, classes).
        cells: Weights of each cell.
        orders: Permutations of the cells.
        label: The class.
        whole: Its probability with no cell occluded.

    Returns:
        Shape (orders, STEPS + 1).
    """
    counts = np.linspace(0, len(cells), STEPS + 1).round().astype(int)
    variants = (np.minimum(cells[order[:count]].sum(0), 1) for order in orders for count in counts[1:-1])
    inner = scorer(variants)[:, label].reshape(len(orders), -1)
    last = scorer([np.minimum(cells.sum(0), 1)])[0, label]
    return np.column_stack([np.full(len(orders), whole), inner, np.full(len(orders), last)])


class Neutral:
    """A skeleton, and its movement removed: bones take their mean over the stride around, at the same length.

    The root of the skeleton counts as a bone that comes from the pelvis, and the pelvis moves along a straight line.

    Args:
        keypoint: Shape (M, T, V, C), without gaps.
        layout: Skeleton layout.
        frames: Frames of a stride.
    """

    def __init__(self, keypoint: np.ndarray, layout: Layout, frames: int) -> None:
        self.parent, self.order = parents(layout), depth_first(layout)
        self.keypoint = np.asarray(keypoint, np.float64)
        path = pelvis(self.keypoint, layout)[:, :, None]
        bones = self.keypoint - self.keypoint[:, :, self.parent]
        roots = [joint for joint, parent in enumerate(self.parent) if joint == parent]
        bones[:, :, roots] = self.keypoint[:, :, roots] - path
        mean, length = _smooth(bones, frames), _smooth(np.linalg.norm(bones, axis=-1, keepdims=True), frames)
        scale = length / np.maximum(np.linalg.norm(mean, axis=-1, keepdims=True), 1e-9)
        trend = np.linspace(-0.5, 0.5, path.shape[1])[:, None, None] * (path[:, -1:] - path[:, :1])
        of_path = _smooth(path - trend, frames) + trend - path
        self.change = np.concatenate([mean * np.minimum(scale, 3) - bones, of_path], 2)

    def occluded(self, weight: np.ndarray, alone: bool = False) -> np.ndarray:
        """The skeleton with parts of its movement removed.

        Args:
            weight: Shape (T, V + 1), 1 where a joint does not move relative to its parent; the last is the pelvis's.
            alone: Leave all other joints where they are; otherwise what hangs on a joint follows it.

        Returns:
            Shape (M, T, V, C).
        """
        change = weight[None, ..., None] * self.change
        change, path = change[:, :, :-1], change[:, :, -1:]
        if not alone:
            for joint in self.order:
                if self.parent[joint] != joint:
                    change[:, :, joint] += change[:, :, self.parent[joint]]
        return (self.keypoint + change + path).astype(np.float32)


def _smooth(tracks: np.ndarray, frames: int) -> np.ndarray:
    """Running mean over the frames of tracks (M, T, ...), mirrored at the ends."""
    return uniform_filter1d(tracks, max(frames, 1), axis=1, mode='reflect')


class _Scorer:
    """Probabilities of occluded variants of a clip."""

    neutral: Neutral

    def __init__(self, inferencer: 'GaitInferencer', clip: Clip) -> None:
        self.inferencer, self.clip = inferencer, clip
        self.clean = inferencer.prepare(clip)
        layout = self.clean.get('layout') or clip.get('layout')
        if layout is None:
            raise clip_error(clip, 'layout', 'missing; to explain needs the skeleton (layout=, or --source-layout).')
        self.layout = get_layout(layout)

    def __call__(self, weights: Iterable[np.ndarray], alone: bool = False) -> np.ndarray:
        """Probabilities (n, classes) of the variants with these weights, each of shape (T, V + 1)."""
        return self.inferencer.probabilities(dict(self.clean, keypoint=self.neutral.occluded(weight, alone))
                                             for weight in weights)


def _movement_phases(inferencer: 'GaitInferencer', clip: Clip,
                     strikes: Strikes) -> tuple[dict[str, list[list[float]]], str]:
    """`phases` and `leg` of the explanation."""
    from dynstg_mm.inference.filters import FilterReader, own_phases
    try:
        reader = FilterReader(inferencer)
    except ConfigError:  # a network without phases
        return {}, ''
    if not strikes:
        return {}, ''
    walk = reader.read(clip, found=strikes, adjacency=False)
    curves = {}
    for number in own_phases(walk.layers):
        phases = walk.layers[number].phases
        curve = over_stride(walk.stride(number, strikes).ravel(), phases.reshape(-1, phases.shape[-1]))
        if curve.shape[1] > 1 and np.isfinite(curve).all():
            curves[str(number)] = curve.round(3).tolist()
    return curves, walk.leg if curves else ''


def _bins(seconds: np.ndarray, strikes: Strikes) -> dict[str, np.ndarray]:
    """How much each frame belongs to each phase, (bins, T), for the limbs of each side; neighbours overlap."""
    centers = (np.arange(BINS)[:, None] + 0.5) / BINS

    def soft(distance: np.ndarray) -> np.ndarray:
        return np.where(np.abs(distance) < 1 / BINS, np.cos(np.pi / 2 * BINS * distance)**2, 0.)

    if not strikes:
        share = np.linspace(0.5, BINS - 0.5, len(seconds)) / BINS
        return dict.fromkeys((*SIDES, ''), soft(share - centers))
    bins = {side: np.nan_to_num(soft((phase_beyond(seconds, strikes[side]) - centers + 0.5) % 1 - 0.5))
            for side in SIDES}
    return bins | {'': bins['left']}

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

from dynstg_mm.errors import UserError
from dynstg_mm.gait.cleaning import Clip, clip_error
from dynstg_mm.gait.events import foot_events, phase_at
from dynstg_mm.gait.pelvis import pelvis
from dynstg_mm.gait.strides import STRIDES
from dynstg_mm.gait.walk import walk_of
from dynstg_mm.gait.windows import SIDES
from dynstg_mm.skeletons import Layout, depth_first, get_layout, parents, side_of

if TYPE_CHECKING:
    from dynstg_mm.inference.inferencer import GaitInferencer

BINS = 8  # phases of the stride
BODY = 'body'  # the row of the path of the pelvis: rise, sway and changes of speed of the whole body
RATE = 30.  # frames per second of a recording that does not say
STRIDE = 1.2  # seconds over which a movement is averaged if no stride is found
ORDERS, STEPS = 10, 6  # random orders of the deletion curve, and its steps
CURVE = 20  # points of a stride at which the movement phases are drawn

Strikes = dict[str, list[float]]  # side -> seconds


@dataclass
class Explanation:
    """What an answer rests on; effects are by how much the probability of the class falls.

    Attributes:
        predicted: Number of the class that is explained. probability: Of the class, for the recording as it is. limbs:
        Names, the last one `BODY`. sides: Of each limb, 'left', 'right' or ''. by: 'stride' if the columns are phases
        of the stride, each leg's from its own foot strike on; 'time' if no stride was found, and the columns are equal
        parts of the recording. effect: A row a limb, a column a phase. limb_effect: Of each limb, all phases together.
        joints: Names. joint_effect: Of each joint alone. deletion: Probability after each step of the deletion curve.
        random: The same for random orders. strikes: Seconds of the recording at which the feet strike. layers: Movement
        phases of each layer of DF-STGNN over a stride of the left leg, a list of `CURVE` rows of p shares; empty for
        other models. seconds: What the explanation took. span: First and last second of the part that is explained.
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
    layers: list[list[list[float]]] = field(default_factory=list)
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
        strikes, scorer.movement_phases(strikes), time.perf_counter() - began, (seconds[0], seconds[-1] + 1 / rate))


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

    def movement_phases(self, strikes: Strikes) -> list[list[list[float]]]:
        """Mean phases of each layer over a stride of the left leg; empty without phases or without strides."""
        from mmengine.dataset import pseudo_collate
        backbone: Any = getattr(self.inferencer.model, 'backbone', None)
        samples, times = self.inferencer.pipeline.rolling_samples(self.clean, STRIDE / 2)
        if not strikes or not samples or not hasattr(backbone, 'filters'):
            return []
        inputs = self.inferencer.model.data_preprocessor(pseudo_collate(samples))['inputs'].flatten(0, 1)
        curves, before = [], np.empty(0)
        for phases in (layer['phases'].cpu().numpy() for layer in backbone.filters(inputs)):  # (windows, t, p)
            if phases.shape[-1] < 2 or np.array_equal(phases, before):  # a block may take those of the layer before it
                continue
            share = (np.arange(phases.shape[1]) + 0.5) / phases.shape[1]
            seconds = times[:, :1] + share * np.diff(times)
            before = phases
            place = phase_beyond(seconds.ravel(), strikes['left'])
            curves.append(over_stride(place, phases.reshape(-1, phases.shape[-1])))
        return [curve.round(3).tolist() for curve in curves]


def over_stride(phase: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mean of values (n, p) around `CURVE` points of the stride; `phase` (n,) is NaN where it is unknown."""
    known = np.isfinite(phase)
    points = (np.arange(CURVE) + 0.5) / CURVE
    distance = (points[:, None] - phase[known] + 0.5) % 1 - 0.5
    weight = np.exp(-(distance / 0.04)**2) + 1e-9
    return weight @ values[known] / weight.sum(1, keepdims=True)


def find_strikes(clip: Clip, layout: str | Layout, up: str = 'y') -> tuple[Strikes, float]:
    """Seconds at which each foot strikes, and the stride time in seconds.

    Args:
        clip: The recording.
        layout: Its layout.
        up: Vertical axis of a 3-D clip.

    Returns:
        Strikes of 'left' and 'right'; empty, with a usual stride time, if a foot has no whole stride.
    """
    try:
        events = foot_events(walk_of(clip, layout, up=up))
    except UserError:  # such as a layout without legs
        return {}, STRIDE
    strikes = {side: [event.time for event in events if event.side == side and event.kind == 'strike']
               for side in SIDES}
    strides = [stride for seconds in strikes.values() if (stride := _stride(seconds))]
    return (strikes, float(np.mean(strides))) if len(strides) == 2 else ({}, STRIDE)


def _stride(strikes: Sequence[float]) -> float | None:
    """Median stride time of one foot, if it has a stride."""
    strides = [gap for gap in np.diff(strikes) if STRIDES[0] <= gap <= STRIDES[1]]
    return float(np.median(strides)) if strides else None


def phase_beyond(seconds: np.ndarray, strikes: Sequence[float]) -> np.ndarray:
    """Phase of the stride, which continues before the first and after the last strike for a stride of median length."""
    stride = _stride(strikes) or STRIDE
    return phase_at(seconds, [strikes[0] - stride, *strikes, strikes[-1] + stride])


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

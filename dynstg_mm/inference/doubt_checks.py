"""How often recordings are doubted: real walks, and the same ones changed so that they should not be believed."""
from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from dynstg_mm.datasets.annotation_file import AnnotationFile
from dynstg_mm.errors import DataError
from dynstg_mm.gait.cleaning import fill_missing_joints
from dynstg_mm.gait.geometry import align_heading, leg_length, turn_about_vertical, vertical
from dynstg_mm.gait.visibility import seen_joints
from dynstg_mm.gait.windows import DURATION
from dynstg_mm.inference.answer import Answer
from dynstg_mm.inference.doubts import Expected, add_doubts, describe
from dynstg_mm.skeletons import Layout, get_layout, mirror_order

Clip = dict[str, Any]
LEG = 250.  # pixels of a leg in a picture of a 3-D walk
IMAGE = 1080, 1920


def clips_of(path: str | os.PathLike) -> list[Clip]:
    """The recordings of an annotation file, each once, whatever tasks they are part of."""
    file = AnnotationFile.read(path)
    if file.layout is None:
        raise DataError(f'{path}: layout: missing; expected the skeleton.')
    once = {np.asarray(clip['keypoint']).tobytes(): clip for clip in file.clips.values()}
    return [dict(clip, layout=file.layout) for clip in once.values()]


def share_doubted(name: str, clips: Iterable[Clip]) -> dict[str, Any]:
    """A row: shares of the recordings that are refused, doubted, and of each code. Notes do not count."""
    found = [doubts_of(clip) for clip in clips]
    codes = Counter(code for doubts in found for code in doubts)
    count = max(len(found), 1)
    refused = sum('refusal' in doubts.values() for doubts in found)
    return dict(recordings=name, count=len(found), refused=refused / count, doubted=sum(map(bool, found)) / count,
                codes={code: number / count for code, number in codes.most_common()})


def doubts_of(clip: Clip) -> dict[str, str]:
    """Code -> severity of the doubts that a model of windows of 2.56 s, seen from the side, would have."""
    answer = Answer(clip['frame_dir'], '', [''], predicted='')
    walk, events = describe(answer, clip)
    add_doubts(answer, clip, Expected(DURATION, from_the_side=True), walk, events)
    return {doubt.code: doubt.severity for doubt in answer.doubts if doubt.severity != 'note'}


def changed(clips: list[Clip], seed: int = 0) -> Iterator[tuple[str, Iterator[Clip]]]:
    """The same recordings, changed in one way after another.

    Args:
        clips: 2-D walks from the side, or 3-D ones with y up.
        seed: Seed of the noise.
    """
    flat = np.shape(clips[0]['keypoint'])[-1] == 2
    for name, change in (FLAT if flat else SPATIAL).items():
        rng = np.random.default_rng(seed)
        yield name, (_checked(change(clip, get_layout(clip['layout']), rng)) for clip in clips)


def _checked(clip: Clip) -> Clip:
    keypoint = np.ascontiguousarray(clip['keypoint'], np.float32)
    return dict(clip, keypoint=keypoint, total_frames=keypoint.shape[1])


def _frames(clip: Clip, index: Any, **fields: Any) -> Clip:
    """Some frames of a clip, in any order."""
    arrays = {name: np.asarray(clip[name])[:, index] for name in ('keypoint', 'keypoint_score')
              if clip.get(name) is not None}
    return dict(clip, **arrays, **fields)


def _seen(clip: Clip) -> np.ndarray:
    score = clip.get('keypoint_score')
    return seen_joints(np.asarray(clip['keypoint']), None if score is None else np.asarray(score))


def _placed(clip: Clip, keypoint: np.ndarray) -> Clip:
    """The clip with other places for the joints that are seen."""
    return dict(clip, keypoint=np.where(_seen(clip)[..., None], keypoint, 0))


def _standing(clip: Clip, layout: Layout, rng: np.random.Generator) -> Clip:
    """One pose, with noise of a hundredth of a leg."""
    best = int(_seen(clip)[0].sum(1).argmax())
    still = _frames(clip, np.full(np.shape(clip['keypoint'])[1], best))
    noise = 0.01 * leg_length(still['keypoint'][0], layout) * rng.standard_normal(np.shape(still['keypoint']))
    return _placed(still, still['keypoint'] + noise)


def _noise(clip: Clip, layout: Layout, rng: np.random.Generator) -> Clip:
    """Joints anywhere in the picture."""
    return _placed(clip, rng.random(np.shape(clip['keypoint'])) * IMAGE[::-1])


def _dog(clip: Clip, layout: Layout, rng: np.random.Generator) -> Clip:
    """A horizontal trunk: the upper body is turned by a right angle about the hips."""
    keypoint = np.array(clip['keypoint'], np.float64)
    legs = {joint for limb in ('left_leg', 'right_leg') for joint in layout['limbs'][limb]}
    upper = [joint for joint in range(layout['num_node']) if joint not in legs]
    hips = keypoint[:, :, [leg[0] for leg in layout['legs']]].mean(2, keepdims=True)
    turned = keypoint[:, :, upper] - hips
    keypoint[:, :, upper] = hips + np.stack([-turned[..., 1], turned[..., 0]], -1)
    return _placed(clip, keypoint)


def _there_and_back(clip: Clip, layout: Layout, rng: np.random.Generator) -> Clip:
    """Two seconds of the walk, the way back in the mirror, and so on."""
    keypoint = np.array(clip['keypoint'], np.float64)
    frames = np.arange(keypoint.shape[1])
    back = frames // round(2 * clip['rate']) % 2 == 1
    keypoint[:, back] = keypoint[:, back][:, :, mirror_order(layout)] * [-1, 1] + [IMAGE[1], 0]
    score = np.array(clip['keypoint_score'])
    score[:, back] = score[:, back][:, :, mirror_order(layout)]
    step = np.diff(keypoint[0, :, [leg[0] for leg in layout['legs']], 0].mean(0), prepend=0)
    jump = np.where(np.diff(back, prepend=False), step, 0).cumsum()  # no leaps at the turns
    clip = dict(clip, keypoint_score=score)
    return _placed(dict(clip, keypoint=keypoint), keypoint - np.stack([jump, 0 * jump], -1)[:, None])


def _legs_lost(clip: Clip, layout: Layout, rng: np.random.Generator) -> Clip:
    """Half of the legs' joints are lost, in pieces of half a second."""
    keypoint = np.array(clip['keypoint'], np.float64)
    for joint in {joint for leg in layout['legs'] for joint in leg}:
        pieces = rng.random(keypoint.shape[1] // round(clip['rate'] / 2) + 1) < 0.5
        keypoint[:, pieces.repeat(round(clip['rate'] / 2))[:keypoint.shape[1]], joint] = 0
    return dict(clip, keypoint=keypoint)


def _slower(clip: Clip, layout: Layout, rng: np.random.Generator) -> Clip:
    index = np.arange(0, np.shape(clip['keypoint'])[1] - 0.5, clip['rate'] / 10).astype(int)
    return _frames(clip, index, rate=10.)


def _smaller(clip: Clip, layout: Layout, rng: np.random.Generator) -> Clip:
    return dict(clip, keypoint=np.asarray(clip['keypoint'], np.float64) / 15)


def _short(clip: Clip, layout: Layout, rng: np.random.Generator) -> Clip:
    first = int(_seen(clip)[0].mean(1).argmax())
    return _frames(clip, slice(first, first + round(2 * clip['rate'])))


def _from(degrees: float) -> Callable[[Clip, Layout, np.random.Generator], Clip]:
    """A picture of a 3-D walk, so far from the side."""
    def change(clip: Clip, layout: Layout, rng: np.random.Generator) -> Clip:
        clip = fill_missing_joints(clip, layout)
        keypoint = np.array(clip['keypoint'], np.float64)
        angle = np.radians(degrees)
        align_heading(keypoint[0], layout)
        turn_about_vertical(keypoint, vertical('y')[0], float(np.cos(angle)), float(np.sin(angle)))
        flat = keypoint[..., :2] * [1, -1] * LEG / leg_length(keypoint[0], layout)
        return dict(clip, keypoint=flat - flat.mean((0, 1, 2)) + np.array(IMAGE[::-1]) / 2)
    return change


Change = Callable[[Clip, Layout, np.random.Generator], Clip]
FLAT: dict[str, Change] = {
    'one pose (standing)': _standing, 'joints anywhere': _noise, 'a horizontal trunk, as of a dog': _dog,
    'upside down': lambda clip, *_: _placed(clip, np.array(clip['keypoint']) * [1, -1] + [0, IMAGE[0]]),
    'x and y swapped': lambda clip, *_: dict(clip, keypoint=np.asarray(clip['keypoint'])[..., ::-1]),
    'played backwards': lambda clip, *_: _frames(clip, slice(None, None, -1)),
    'there and back every 2 s': _there_and_back, 'half of the legs lost': _legs_lost, '10 frames a second': _slower,
    'a fifteenth of the size': _smaller, '2 s long': _short,
    'shares of the picture': lambda clip, *_: dict(clip, keypoint=np.asarray(clip['keypoint']) / IMAGE[::-1])}
SPATIAL: dict[str, Change] = {
    f'picture {degrees}° from the side': _from(degrees) for degrees in (0, 30, 45, 60, 90)}

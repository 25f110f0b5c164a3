"""Whether explanations are true: deletion curves, random weights, and walks in which one joint moves differently."""
from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from mmengine.config import Config

from dynstg_mm.config import read_config
from dynstg_mm.datasets.synthetic_gait import draw_walker, film, walk
from dynstg_mm.files import SHIPPED, resolve_shipped
from dynstg_mm.gait.cleaning import Clip
from dynstg_mm.gait.geometry import leg_length
from dynstg_mm.inference.explain import Explanation, explain
from dynstg_mm.inference.inferencer import GaitInferencer
from dynstg_mm.progress import with_bar
from dynstg_mm.skeletons import LAYOUTS

CONFIG = f'{SHIPPED}dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'
WEIGHTS = f'{SHIPPED}_base_/models/dynstg_mamba_weights.py'
UNALTERED = 'unaltered'
JOINTS = ('left_wrist', 'right_elbow', 'left_knee', 'nose')
EPOCHS = 20
SHAKE, FREQUENCY = 0.1, 3.  # leg lengths and Hz of the movement that is added to a joint


def altered_walks(joints: Sequence[str] = JOINTS, subjects: int = 36, seed: int = 0) -> dict[str, Any]:
    """Synthetic normal walks, in each class but the first with one joint that shakes.

    Args:
        joints: Joints of BODY_25, a class each.
        subjects: Walkers of each class, with one clip each; two of three are in `train`, the others in `test`.
        seed: Seed of all random numbers.

    Returns:
        `split`, `annotations`, `classes` and `layout` of an annotation file.
    """
    rng = np.random.default_rng(seed)
    split: dict[str, list[str]] = dict(train=[], test=[])
    annotations = []
    for label, name in enumerate((UNALTERED, *joints)):
        for person in range(subjects):
            rate = float(rng.choice([25, 30]))
            keypoint, score = film(walk(draw_walker('normal', rng), rng.uniform(3.2, 4), rng), rate, rng)
            if name != UNALTERED:
                _shake(keypoint, score, LAYOUTS['body_25']['joints'].index(name), rate, rng)
            clip = f'{name}_{person:02d}'
            annotations.append(dict(
                frame_dir=clip, subject=clip, label=label, rate=rate, total_frames=len(keypoint),
                img_shape=(480, 640), keypoint=keypoint[None].astype(np.float32),
                keypoint_score=score[None].astype(np.float32)))
            split['train' if 3 * person < 2 * subjects else 'test'].append(clip)
    return dict(split=split, annotations=annotations, classes=[UNALTERED, *joints], layout='body_25')


def _shake(keypoint: np.ndarray, score: np.ndarray, joint: int, rate: float, rng: np.random.Generator) -> None:
    time = np.arange(len(keypoint)) / rate
    turns = FREQUENCY * time + rng.random()
    size = SHAKE * leg_length(keypoint, LAYOUTS['body_25'])
    shake = size * np.stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)], -1)
    keypoint[:, joint] += np.where(score[:, joint, None] > 0, shake, 0)


def check_joints(inferencer: GaitInferencer, clips: Sequence[Clip]) -> dict[str, dict[str, int]]:
    """How often the explanation names the joint that was altered, for walks that the model recognises.

    Args:
        inferencer: Trained on `altered_walks`.
        clips: Of its test split.

    Returns:
        Joint -> `clips`, `recognised`, `joint` (the largest effect of a joint is this one's) and `limb` (the largest
        effect of a limb is that of its limb).
    """
    found: dict[str, dict[str, int]] = {}
    layout = LAYOUTS['body_25']
    for clip in _tracked(clips, 'altered joints'):
        name = inferencer.classes[clip['label']]
        if name == UNALTERED:
            continue
        row = found.setdefault(name, dict(clips=0, recognised=0, joint=0, limb=0))
        row['clips'] += 1
        made = explain(inferencer, clip)
        if made.predicted != clip['label']:
            continue
        row['recognised'] += 1
        row['joint'] += made.joints[int(np.argmax(made.joint_effect))] == name
        limb = made.limbs[int(np.argmax(made.limb_effect))]
        row['limb'] += layout['joints'].index(name) in layout['limbs'].get(limb, ())
    return found


def check_deletion(inferencer: GaitInferencer, clips: Sequence[Clip], random: GaitInferencer) -> dict[str, Any]:
    """Deletion curves of held-out walks, and how much the explanations depend on the weights.

    Args:
        inferencer: The model.
        clips: Walks that it was not trained on.
        random: The same model with random weights.

    Returns:
        `clips`; `area` under the deletion curves in the order of the effects and `random_area` in random order, means
        over the clips; `lower`, the share of clips with a smaller area than the mean of random orders; `holds`, the
        share that beats nine of ten random orders; `correlation`, the mean rank correlation of the effects with those
        of the random weights; `seconds` an explanation takes, the median.
    """
    from scipy.stats import spearmanr
    made: list[Explanation] = []
    correlations: list[float] = []
    for clip in _tracked(clips, 'deletion curves'):
        made.append(explain(inferencer, clip))
        other = explain(random, clip, label=made[-1].predicted)
        correlations.append(float(spearmanr(np.ravel(made[-1].effect), np.ravel(other.effect)).statistic))
    areas = np.array([np.mean(one.deletion) for one in made])
    others = np.array([np.mean(one.random) for one in made])
    return dict(clips=len(made), area=float(areas.mean()), random_area=float(others.mean()),
                lower=float((areas < others).mean()), holds=float(np.mean([one.holds() for one in made])),
                correlation=float(np.nanmean(correlations)), seconds=float(np.median([one.seconds for one in made])))


def randomised(inferencer: GaitInferencer, seed: int = 0) -> GaitInferencer:
    """The same model with all weights redrawn, with the same mean and spread for each tensor."""
    import copy

    import torch
    other = copy.copy(inferencer)
    other.model = copy.deepcopy(inferencer.model)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in other.model.parameters():
            spread = weight.std() if weight.numel() > 1 else weight.abs().mean()
            weight.copy_(weight.mean() + spread * torch.randn(weight.shape, generator=generator).to(weight))
    return other


def _tracked(clips: Sequence[Clip], what: str) -> Iterator[Clip]:
    yield from with_bar(clips, what, len(clips) >= 10)


def altered_config(path: str | os.PathLike, classes: Sequence[str], folder: str | os.PathLike,
                   epochs: int = EPOCHS) -> Config:
    """Config that trains `small` from its shipped weights on altered walks.

    Args:
        path: Annotation file with `altered_walks`.
        classes: Their classes.
        folder: Folder of the run.
        epochs: Epochs.
    """
    config = read_config(CONFIG)
    for part in ('train', 'val', 'test'):
        config[f'{part}_dataloader']['dataset'].update(
            type='GaitDataset', ann_file=os.fspath(path), split='train' if part == 'train' else 'test')
    weights = resolve_shipped(read_config(WEIGHTS).pretrained_weights.small)
    config.model.backbone.init_cfg = dict(type='Pretrained', prefix='backbone.', checkpoint=os.fspath(weights))
    config.model.cls_head.num_classes = len(classes)
    config.train_cfg.max_epochs = epochs
    config.val_cfg = config.val_dataloader = config.val_evaluator = None
    config.default_hooks.checkpoint.update(save_best=None, interval=epochs)
    config.work_dir = os.fspath(folder)
    return config

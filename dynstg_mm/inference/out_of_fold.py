"""What the models of a cross-validation say about the people whom they did not see."""
from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from torch import nn

from dynstg_mm.benchmark.checkpoints import load_model, score_clips
from dynstg_mm.benchmark.results import Clip
from dynstg_mm.benchmark.runs import Run
from dynstg_mm.datasets.folds import EVERYBODY
from dynstg_mm.errors import ConfigError
from dynstg_mm.inference.head_inputs import head_inputs
from dynstg_mm.inference.unlike import Space


@dataclasses.dataclass
class OutOfFold:
    """Recordings as seen by the models of the folds that did not train on their people.

    Args:
        names: Names (N) of the recordings.
        people: Who walks (N).
        labels: The true classes (N).
        scores: (N, C).
        folds: The fold (N) that tests them.
        distances: How far the features are from the training walks of that fold, in that fold's model (N).
        spaces: The features of the training walks of each fold, in the order of the runs.
    """

    names: list[str]
    people: list[str]
    labels: np.ndarray
    scores: np.ndarray
    folds: np.ndarray
    distances: np.ndarray
    spaces: list[Space]

    @property
    def clips(self) -> list[Clip]:
        """As `statistics` takes them."""
        return [dict(clip=clip, subject=person, label=int(label), score=score.tolist())
                for clip, person, label, score in zip(self.names, self.people, self.labels, self.scores)]


def out_of_fold(runs: Sequence[Run]) -> OutOfFold:
    """Scores and distances of the test people of every run.

    Args:
        runs: The runs of one model and one seed, one for each fold, with checkpoints.

    Raises:
        ConfigError: A run has no checkpoint.
    """
    parts: list[tuple[int, Clip, float]] = []
    spaces: list[Space] = []
    for run in runs:
        model, cfg = model_of(run)
        tested, features = described(model, cfg, _dataset(run))
        _, known = described(model, cfg, dict(_dataset(run), test_mode=False))
        spaces.append(Space.fit(known))
        distances = spaces[-1].distance(features)
        parts += [(int(run.fold), clip, float(distance)) for clip, distance in zip(tested, distances)]
    folds, clips, found = zip(*parts)
    return OutOfFold([clip['clip'] for clip in clips], [str(clip['subject']) for clip in clips],
                     np.array([clip['label'] for clip in clips]), np.array([clip['score'] for clip in clips]),
                     np.array(folds), np.array(found), spaces)


def distances_of(runs: Sequence[Run], spaces: Sequence[Space], dataset: dict[str, Any]) -> np.ndarray:
    """Distances of other recordings from the training walks, in the model of every fold: (folds, recordings).

    Args:
        runs: As for `out_of_fold`.
        spaces: From `out_of_fold`.
        dataset: Settings of their data set, without a pipeline.
    """
    found = []
    for run, space in zip(runs, spaces):
        model, cfg = model_of(run)
        _, features = described(model, cfg, dict(dataset, pipeline=_dataset(run)['pipeline'], test_mode=True))
        found.append(space.distance(features))
    return np.array(found)


def features_of_everybody(final: Run, fold: Run) -> np.ndarray:
    """Features (N, D) of all training walks in the model that was trained on everybody.

    Args:
        final: Its run.
        fold: A run of a fold, whose config has the test pipeline.
    """
    model, _ = model_of(final)
    cfg = Config(copy.deepcopy(fold.record['config']))
    return described(model, cfg, dict(_dataset(fold), test_mode=False, fold=EVERYBODY))[1]


def model_of(run: Run) -> tuple[nn.Module, Config]:
    """The model of a run with its weights, and its config.

    Raises:
        ConfigError: It has no checkpoint.
    """
    checkpoint, cfg = run.checkpoint(), Config(copy.deepcopy(run.record['config']))
    if checkpoint is None:
        raise ConfigError(f'{run.folder}: no checkpoint; delete the folder to rerun it with --keep-checkpoints.')
    return load_model(cfg, checkpoint), cfg


def described(model: nn.Module, cfg: Config, dataset: dict[str, Any]) -> tuple[list[Clip], np.ndarray]:
    """Clips of a data set with their scores, and their features, each the mean over the windows (N, D)."""
    with head_inputs(model) as collected:
        clips = score_clips(model, cfg, dataset)
    features = torch.cat(collected)
    return clips, features.reshape(len(clips), -1, features.shape[-1]).mean(1).numpy()


def _dataset(run: Run) -> dict[str, Any]:
    return copy.deepcopy(run.record['config']['test_dataloader']['dataset'])

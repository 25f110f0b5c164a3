"""What the dynamic filters of a model do in a walk: phases and adjacency of each frame, and its place in the stride."""
from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate

from dynstg_mm.datasets.annotation_file import AnnotationFile
from dynstg_mm.datasets.gait_dataset import listing
from dynstg_mm.datasets.transforms import AlignHeading
from dynstg_mm.errors import ConfigError
from dynstg_mm.gait.cleaning import Clip
from dynstg_mm.gait.events import phase_at
from dynstg_mm.gait.geometry import walks_backwards
from dynstg_mm.inference.inferencer import BATCH, GaitInferencer
from dynstg_mm.inference.strikes import STRIDE, Strikes, find_strikes, marked_strikes
from dynstg_mm.skeletons import Layout, get_layout

OTHER = dict(left='right', right='left')


class LayerFilters(NamedTuple):
    """Filters of one layer in the windows of a walk.

    `seconds` (windows, t) are in the recording, `phases` (windows, t, p), `adjacency` (windows, t, k, v, v) or None.
    """

    seconds: np.ndarray
    phases: np.ndarray
    adjacency: np.ndarray | None


@dataclasses.dataclass
class WalkFilters:
    """Filters of all layers in the windows of one walk.

    Attributes:
        clip: Its name.
        layers: Of the network.
        mirrored: Windows (windows,) in which the network sees the left leg as the right one, because the person walks
            towards smaller x.
        found: Seconds at which the feet strike, as found in the keypoints; empty if no stride is found.
        marked: The same as the annotation has them in `events`; empty without.
        keypoint: Prepared recording (T, V, C). layout: Its layout. rate: Frames per second. start: Second of its first
            frame in the recording.
    """

    clip: str
    layers: list[LayerFilters]
    mirrored: np.ndarray
    found: Strikes
    marked: Strikes
    keypoint: np.ndarray
    layout: Layout
    rate: float
    start: float

    def stride(self, layer: int, strikes: Strikes) -> np.ndarray:
        """Phase of the gait cycle (windows, t) of the leg that the network sees as the left one; NaN if unknown.

        Args:
            layer: Number of the layer.
            strikes: `found` or `marked`.
        """
        seconds = self.layers[layer].seconds
        places = {side: phase_at(seconds, strikes.get(side, ())) for side in OTHER}
        return np.where(self.mirrored[:, None], places['right'], places['left'])

    @property
    def leg(self) -> str:
        """The leg that the network sees as the left one: 'left', 'right', or 'both', each in some windows."""
        return 'both' if 0 < self.mirrored.mean() < 1 else 'right' if self.mirrored.all() else 'left'


class FilterReader:
    """Reads the dynamic filters of a model.

    Args:
        inferencer: The model.

    Raises:
        ConfigError: Its backbone has no dynamic filters, or its pipeline cuts no windows.
    """

    def __init__(self, inferencer: GaitInferencer) -> None:
        self.inferencer = inferencer
        self.backbone: Any = getattr(inferencer.model, 'backbone', None)
        where = getattr(inferencer.cfg, 'filename', None) or 'config'
        if not hasattr(self.backbone, 'filters'):
            raise ConfigError(f'{where}: the backbone {type(self.backbone).__name__} has no dynamic filters; expected '
                              'DFSTGNN or DynSTGMamba.')
        if inferencer.pipeline.window is None:
            raise ConfigError(f'{where}: test_dataloader.dataset.pipeline: no SampleWindows; the filters are read in '
                              'windows.')
        turn = next((step for step in inferencer.pipeline.steps if isinstance(step, AlignHeading)), None)
        self.up = 'y' if turn is None else turn.up

    def read(self, clip: Clip, *, found: Strikes | None = None, adjacency: bool = True) -> WalkFilters:
        """The filters in windows along a walk, which overlap by half at most.

        Args:
            clip: As for `GaitInferencer.answer`, with a layout.
            found: Foot strikes, if they have been found already.
            adjacency: Keep the adjacencies, which take by far the most memory.

        Raises:
            ClipError: The model cannot use the clip.
        """
        inferencer, pipeline = self.inferencer, self.inferencer.pipeline
        with torch.inference_mode():
            cleaned = inferencer.prepare(clip)
            samples, times = pipeline.rolling_samples(cleaned, max(STRIDE, (pipeline.window or 0) / 2))
            inputs = inferencer.model.data_preprocessor(pseudo_collate(samples))['inputs'].flatten(0, 1)
            raw = self._filters(inputs, ('phases', 'adjacency') if adjacency else ('phases', ))
        keypoint, rate, start = cleaned['keypoint'][0], float(cleaned['rate']), float(cleaned.get('first_second', 0))
        layout = get_layout(cleaned.get('layout') or clip['layout'])
        if found is None:
            found, _ = find_strikes(clip, clip['layout'], self.up)
        frames = np.round((times - start) * rate).astype(int)
        seen_from_side = pipeline.sees_from_the_side and keypoint.shape[-1] == 2
        mirrored = np.array([seen_from_side and walks_backwards(keypoint[first:last], layout)
                             for first, last in frames])
        layers = [LayerFilters(seconds, layer['phases'], layer.get('adjacency'))
                  for seconds, layer in zip(self._seconds(raw, inputs.shape[2], times[:, 0], rate), raw)]
        return WalkFilters(str(clip.get('frame_dir', '')), layers, mirrored, found, marked_strikes(clip), keypoint,
                           layout, rate, start)

    def _filters(self, inputs: torch.Tensor, keys: Sequence[str]) -> list[dict[str, np.ndarray]]:
        """What the layers have of these keys for the first person of windows (windows, M, T, V, C)."""
        batches = [[{key: layer[key][::inputs.shape[1]].float().cpu().numpy()
                     for key in keys if layer[key] is not None} for layer in self.backbone.filters(part)]
                   for part in inputs.split(BATCH)]
        return [{key: np.concatenate([part[key] for part in parts]) for key in parts[0]} for parts in zip(*batches)]

    def _seconds(self, raw: Sequence[dict[str, Any]], frames: int, starts: np.ndarray,
                 rate: float) -> list[np.ndarray]:
        """Seconds of the frames of each layer: the middle of the first tubelet that each stands for.

        A layer has ceil(t / 2) or t of the frames of the layer before it.
        """
        seconds: list[np.ndarray] = []
        before, step, tubelet = frames, 1, 1
        for layer in raw:
            count = layer['phases'].shape[1]
            step *= max(1, round(before / count))
            tubelet = tubelet if seconds else step
            seconds.append(starts[:, None] + (np.arange(count) * step + (tubelet - 1) / 2) / rate)
            before = count
        return seconds


def own_phases(layers: Sequence[LayerFilters]) -> list[int]:
    """Numbers of the layers whose phases are not those of an earlier one, perhaps at a higher rate."""
    own: list[int] = []
    for number, layer in enumerate(layers):
        if not any(_same(layers[earlier].phases, layer.phases) for earlier in own):
            own.append(number)
    return own


def _same(fine: np.ndarray, coarse: np.ndarray) -> bool:
    ratio = fine.shape[1] / coarse.shape[1]
    step = 2**max(0, math.ceil(math.log2(ratio)))  # t halves between stages, rounded up
    part = fine[:, ::step]
    return part.shape == coarse.shape and np.allclose(part, coarse, atol=1e-4)


def movement(adjacency: np.ndarray) -> np.ndarray:
    """How much an adjacency (windows, t, k, v, v) moves: (windows, 2), its standard deviation over time, mean over
    pairs of joints, and its mean size."""
    return np.stack([adjacency.std(1).mean((1, 2, 3)), np.abs(adjacency).mean((1, 2, 3, 4))], 1)


def mean_movement(parts: Sequence[np.ndarray]) -> tuple[float | None, float | None, float | None]:
    """Mean of both columns of `movement` over the windows of several walks, and their ratio; None without walks."""
    if not len(parts):
        return None, None, None
    deviation, size = np.concatenate(parts).mean(0, dtype=float).tolist()
    return deviation, size, deviation / size if size > 0 else None


def test_clips(cfg: Config) -> tuple[list[Clip], list[str]]:
    """Clips of the test split of a config, as they are in its annotation file and with its layout; and the classes.

    Raises:
        ConfigError: The config has no test data with an annotation file.
    """
    from mmaction.registry import DATASETS
    settings = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    if not settings.get('ann_file'):
        raise ConfigError(f'{cfg.filename or "config"}: test_dataloader.dataset.ann_file: missing; expected a '
                          'GaitDataset.')
    dataset = DATASETS.build(listing(settings))
    names = [dataset.get_data_info(index)['frame_dir'] for index in range(len(dataset))]
    file = AnnotationFile.read(settings['ann_file'])
    layout = file.layout or dataset.layout
    if layout is None:
        raise ConfigError(f'{settings["ann_file"]}: layout: missing; set it in the file or in the config.')
    return ([dict({key: value for key, value in file.clips[name].items() if value is not None}, layout=layout)
             for name in names], list(dataset.metainfo.get('classes') or ()))

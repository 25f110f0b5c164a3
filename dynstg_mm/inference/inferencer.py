"""Ask a trained model about recordings."""
from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmaction.registry import INFERENCERS, MODELS
from mmengine.config import Config, ConfigDict
from mmengine.dataset import pseudo_collate
from mmengine.infer import BaseInferencer
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import _load_checkpoint, _load_checkpoint_to_model
from torch import Tensor, nn

from dynstg_mm.config import read_config
from dynstg_mm.errors import ConfigError
from dynstg_mm.gait.cleaning import clip_error, keep_tracked_person
from dynstg_mm.gait.joint_map import apply_joint_map
from dynstg_mm.gait.visibility import seen_joints
from dynstg_mm.hooks import check_weights
from dynstg_mm.inference.answer import Answer, WindowAnswer
from dynstg_mm.inference.doubts import add_doubts
from dynstg_mm.inference.pipeline import Sample, TestPipeline
from dynstg_mm.skeletons import Layout, get_layout, map_joints

Clip = dict[str, Any]
STEP = 0.5  # most seconds from one rolling window to the next
BATCH = 64  # windows that go through the network at once


@INFERENCERS.register_module(name='gait-recognition')
@INFERENCERS.register_module()
class GaitInferencer(BaseInferencer):
    """Ask a trained skeleton model, ours or any of MMAction2's, about recordings.

    Args:
        model: Config file, `dynstg_mm::NAME` of a shipped one, or a config.
        weights: Checkpoint.
        device: Device; by default a GPU if there is one.
        show_progress: Show a progress bar.

    Attributes:
        name: Of the model. classes: Names of the classes. record: What the checkpoint says about its training.
        layout: Skeleton that the pipeline takes.

    Raises:
        ConfigError, OSError: There is no such model, the config has no model or no test pipeline, or the checkpoint is
            not one of this model.
    """

    preprocess_kwargs = {'rate', 'layout', 'format', 'persons'}

    def __init__(self, model: str | os.PathLike | Config, weights: str | os.PathLike | None = None,
                 device: str | torch.device | None = None, *, show_progress: bool = False) -> None:
        init_default_scope('mmaction')
        if isinstance(model, (str, os.PathLike)):
            model = read_config(os.fspath(model))
        super().__init__(model, os.fspath(weights) if weights is not None else None, device, 'mmaction', show_progress)
        self.device = next(self.model.parameters()).device
        self.name = os.path.splitext(os.path.basename(_source(self.cfg)))[0]

    def _init_model(self, cfg: ConfigDict, weights: str | None, device: str | torch.device = 'cpu') -> nn.Module:
        if cfg.get('model') is None:
            raise ConfigError(f'{_source(cfg)}: model: missing; expected the settings of a model.')
        if weights is None:
            raise ConfigError(f'{_source(cfg)}: weights: missing; a config needs a checkpoint (--weights).')
        checkpoint = _load_checkpoint(weights, map_location='cpu', logger='silent')
        for part in (cfg.model.get('backbone') or {}, cfg.model):
            part.pop('init_cfg', None)  # the checkpoint has all weights
            part.pop('pretrained', None)
        network = MODELS.build(cfg.model)
        check_weights(network.state_dict(), checkpoint.get('state_dict', checkpoint), weights)
        _load_checkpoint_to_model(network, checkpoint)
        network.cfg = cfg
        meta = checkpoint.get('meta') or {}
        self.record: dict[str, Any] = meta.get('training_record') or {}
        self.classes = self._classes(cfg, meta, network)
        return network.to(device).eval()

    @staticmethod
    def _classes(cfg: ConfigDict, meta: dict[str, Any], network: nn.Module) -> list[str]:
        data = _test_data(cfg)
        known = (meta.get('dataset_meta') or {}).get('classes') or (data.get('metainfo') or {}).get('classes')
        outputs = getattr(getattr(network, 'cls_head', None), 'num_classes', 0)
        return [str(name) for name in known] if known and len(known) == outputs else [str(k) for k in range(outputs)]

    def _init_pipeline(self, cfg: ConfigDict) -> TestPipeline:
        data = _test_data(cfg)
        steps = data.get('pipeline') or cfg.get('test_pipeline')
        if not steps:
            raise ConfigError(f'{_source(cfg)}: test_dataloader.dataset.pipeline: missing; expected transforms.')
        layout = data.get('layout') or ((cfg.model.get('backbone') or {}).get('graph_cfg') or {}).get('layout')
        self.layout: Layout | None = get_layout(layout) if layout is not None else None
        return TestPipeline(steps)

    def _init_visualizer(self, cfg: ConfigDict) -> None:
        return None

    def answer(self, clip: Clip, *, step: float = STEP) -> Answer:
        """The answer for one clip.

        Args:
            clip: Annotation with `keypoint` (M, T, V, C), perhaps `keypoint_score` (M, T, V), `rate` in frames per
                second, `layout`, `img_shape`, and `frame_dir`, its name.
            step: Most seconds from one rolling window to the next.

        Raises:
            ClipError: The model cannot answer for this clip.
        """
        with torch.inference_mode():
            cleaned = self.pipeline.clean(self._results(clip))
            scores = self._scores([self.pipeline.test_sample(cleaned)])[0]
            samples, times = self.pipeline.rolling_samples(cleaned, step)
            windows = self._scores(samples)
        answer = Answer(str(clip.get('frame_dir', '')), self.name, list(self.classes), scores.tolist(),
                        scores.tolist(), self.classes[int(scores.argmax())], person=clip.get('person', 0),
                        file=clip.get('file'), estimator=clip.get('estimator'))
        answer.windows = [WindowAnswer(float(start), float(end), row.tolist(), bool(cleaned.get('padded')))
                          for (start, end), row in zip(times, windows)]
        _describe(answer, clip)
        add_doubts(answer, clip, self.pipeline.window)
        return answer

    def scores(self, clips: Sequence[Clip]) -> np.ndarray:
        """Scores of clips, as testing gives them; shape (clips, classes).

        Raises:
            ClipError: A clip cannot be used.
        """
        with torch.inference_mode():
            return self._scores([self.pipeline.test_sample(self.pipeline.clean(self._results(clip)))
                                 for clip in clips])

    def features(self, clip: Clip) -> np.ndarray:
        """Input of the head's last linear layer, averaged over the windows of the test pipeline; shape (C, ).

        Raises:
            ConfigError: The head has no linear layer.
        """
        last = [module for module in self.model.cls_head.modules() if isinstance(module, nn.Linear)]
        if not last:
            raise ConfigError(f'{self.name}: cls_head: no linear layer; its features are not known.')
        seen: list[Tensor] = []
        hook = last[-1].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
        try:
            self.scores([clip])
        finally:
            hook.remove()
        return torch.cat(seen).float().mean(0).cpu().numpy()

    def _scores(self, samples: Sequence[Sample]) -> np.ndarray:
        """Probabilities of samples, shape (samples, classes)."""
        rows: list[Tensor] = []
        windows = max([len(sample['inputs']) for sample in samples], default=1)
        size = max(1, BATCH // windows)
        for start in range(0, len(samples), size):
            for result in self.model.test_step(pseudo_collate(list(samples[start:start + size]))):
                rows.append(_probabilities(result.pred_score.float()))
        return torch.stack(rows).cpu().numpy() if rows else np.empty((0, len(self.classes)))

    def _results(self, clip: Clip) -> dict[str, Any]:
        """What the data set would give to the pipeline."""
        keypoint = np.asarray(clip['keypoint'])
        results = dict(clip, keypoint=keypoint, total_frames=keypoint.shape[1], label=clip.get('label', -1),
                       frame_dir=clip.get('frame_dir', ''), modality='Pose', start_index=0, test_mode=True,
                       sample_idx=0)
        if results.get('keypoint_score') is None:
            results.pop('keypoint_score', None)
        if self.pipeline.needs_rate and clip.get('rate') is None:
            raise clip_error(clip, 'rate', 'missing; give the frames per second (rate=, or --rate).')
        layout = clip.get('layout')
        results['layout'] = self.layout
        if layout is not None and self.layout is not None:
            layout = get_layout(layout)
            if list(layout['joints']) != list(self.layout['joints']):
                results = self._mapped(results, layout)
        if self.pipeline.keeps_one:
            results = keep_tracked_person(results)
        return results

    def _mapped(self, results: dict[str, Any], layout: Layout) -> dict[str, Any]:
        """The clip with the joints of the model's skeleton, found by name."""
        target = self.pipeline.target or self.layout
        assert target is not None
        try:
            mapping = map_joints(layout['joints'], target)
        except ConfigError as error:
            raise clip_error(results, 'keypoint', str(error)) from None
        keypoint, score = apply_joint_map(results['keypoint'], results.get('keypoint_score'), mapping)
        results = dict(results, keypoint=keypoint, layout=target)
        if score is not None:
            results['keypoint_score'] = score
        return results

    def visualize(self, inputs: list[Any], preds: Any, show: bool = False, **kwargs: Any) -> list[np.ndarray]:
        """Nothing; see `inference.page` for the page of a recording."""
        return []

    def postprocess(self, preds: Any, visualization: list[np.ndarray], return_datasample: bool = False,
                    **kwargs: Any) -> dict[str, Any]:
        """The answers as MMEngine's inferencers return them."""
        return dict(predictions=[answer if return_datasample else answer.to_json() for answer in preds],
                    visualization=visualization)


def _source(cfg: ConfigDict) -> str:
    return getattr(cfg, 'filename', None) or 'config'


def _test_data(cfg: ConfigDict) -> dict[str, Any]:
    """Settings of the test data set, within those that wrap it."""
    data = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    while 'dataset' in data and 'pipeline' not in data:
        data = data['dataset']
    return data


def _probabilities(scores: Tensor) -> Tensor:
    """The model's scores as probabilities, if its head does not give such (`average_clips` is not 'prob')."""
    if scores.ndim == 1 and bool((scores >= 0).all()) and abs(float(scores.sum()) - 1) < 1e-3:
        return scores
    return scores.softmax(-1).reshape(-1, scores.shape[-1]).mean(0)


def _describe(answer: Answer, clip: Clip) -> None:
    """Length, rate and quality of the recording."""
    keypoint, score = np.asarray(clip['keypoint']), clip.get('keypoint_score')
    answer.frames, answer.rate = keypoint.shape[1], clip.get('rate')
    answer.duration = answer.frames / answer.rate if answer.rate else None
    answer.lost = float(1 - seen_joints(keypoint, score).mean())
    layout = clip.get('layout')
    answer.layout = layout if isinstance(layout, str) else None

"""Ask a trained model about recordings."""
from __future__ import annotations

import contextlib
import copy
import functools
import hashlib
import os
import platform
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from pathlib import Path
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

from dynstg_mm.benchmark.cost import code_version
from dynstg_mm.config import apply_options, fill_placeholders, parse_cfg_options, read_config
from dynstg_mm.datasets.targets import Target, is_separate, read_targets
from dynstg_mm.errors import ClipError, ConfigError, UserError
from dynstg_mm.files import resolve_shipped
from dynstg_mm.gait.cleaning import clip_error, keep_tracked_person
from dynstg_mm.gait.joint_map import apply_joint_map
from dynstg_mm.hooks import check_weights, training_data
from dynstg_mm.inference import zoo
from dynstg_mm.inference.answer import Answer, WindowAnswer
from dynstg_mm.inference.doubts import Expected, add_doubts, describe
from dynstg_mm.inference.gait_values import from_the_side, gait_values
from dynstg_mm.inference.head_inputs import head_inputs, last_layer
from dynstg_mm.inference.pipeline import Results, Sample, TestPipeline
from dynstg_mm.inference.recordings import Clip, Fault, Input, find, read, split_persons
from dynstg_mm.inference.training_record import TrainingRecord
from dynstg_mm.inputs import ModelInputs
from dynstg_mm.progress import with_bar
from dynstg_mm.skeletons import LAYOUTS, Layout, get_layout, map_joints, missing_joints, name_hint
from dynstg_mm.text import few

STEP = 0.5  # most seconds from one rolling window to the next
BATCH = 64  # windows that go through the network at once


@INFERENCERS.register_module(name='gait-recognition')
@INFERENCERS.register_module()
class GaitInferencer(BaseInferencer):
    """Ask a trained skeleton model, ours or any of MMAction2's, about recordings.

    ::

        inferencer = GaitInferencer('config.py', 'epoch_30.pth')
        inferencer('walk.csv', rate=25)['predictions'][0]['predicted']
        for answer, clip in inferencer.answers('folder', persons=None):
            print(answer.clip, answer.person, answer.probabilities, answer.doubts)

    Args:
        model: Name of a model of the zoo, or a config file, `dynstg_mm::NAME` of a shipped one, or a config.
        weights: Checkpoint of a config.
        device: Device; by default a GPU if there is one.
        show_progress: Show a progress bar on a terminal.
        cfg_options: Settings of the config to override, as for `config.apply_options`.

    Attributes:
        name: Of the model. classes: Names of the classes. target: The scale whose grades they are, or None. record:
        What the checkpoint records about its training, or None. pipeline: The config's test pipeline. layout: Skeleton
        that it takes, or None.

    Raises:
        ConfigError, OSError: There is no such model, the config has no model or no test pipeline, or the checkpoint is
            not one of this model.
    """

    def __init__(self, model: str | os.PathLike | Config | Mapping[str, Any], weights: str | os.PathLike | None = None,
                 device: str | torch.device | None = None, *, show_progress: bool = False,
                 cfg_options: Mapping[str, Any] | None = None) -> None:
        init_default_scope('mmaction')
        known = zoo.find(os.fspath(model)) if isinstance(model, (str, os.PathLike)) and _is_name(model) else None
        if known is not None:
            model, weights = known.config, weights or known.weights
            cfg_options = {**parse_cfg_options(known.options), **(cfg_options or {})}
        if isinstance(model, (str, os.PathLike)):
            model = read_config(os.fspath(model))
        elif isinstance(model, Mapping) and not isinstance(model, Config):
            model = Config(dict(model))
        elif not isinstance(model, Config):
            raise ConfigError(f'model: a {type(model).__name__}; expected the name of a model, a config file or a '
                              'config.')
        model = fill_placeholders(apply_options(copy.deepcopy(model), cfg_options))
        path = None if weights is None else str(resolve_shipped(weights))
        super().__init__(model, path, device, 'mmaction', show_progress)
        self.name = known.name if known is not None else Path(_source(self.cfg)).stem
        last_layer(self.model)  # refuse a model without one at once

    def _init_model(self, cfg: ConfigDict, weights: str | None, device: str | torch.device = 'cpu') -> nn.Module:
        if cfg.get('model') is None:
            raise ConfigError(f'{_source(cfg)}: model: missing; expected the settings of a model.')
        if weights is None:
            raise ConfigError(f'{_source(cfg)}: weights: missing; a config needs a checkpoint (--weights).')
        checkpoint = _load_checkpoint(weights, map_location='cpu', logger='silent')
        recorded = ModelInputs.from_checkpoint(checkpoint)
        if recorded is not None:
            recorded.check(ModelInputs.from_config(cfg), weights)
        settings = copy.deepcopy(cfg.model.get('student') or cfg.model)
        for part in (settings.get('backbone') or {}, settings):
            part.pop('init_cfg', None)  # the checkpoint has all weights
            part.pop('pretrained', None)
        network = MODELS.build(settings)
        check_weights(network.state_dict(), checkpoint.get('state_dict', checkpoint), weights)
        _load_checkpoint_to_model(network, checkpoint, logger='silent')  # a distiller has weights of its own
        network.cfg = cfg
        self.record = TrainingRecord.of_checkpoint(checkpoint, weights)
        outputs = getattr(getattr(network, 'cls_head', None), 'num_classes', 0)
        trained = training_data(checkpoint.get('meta')).get('classes')
        names = trained or (recorded or ModelInputs.from_config(cfg)).classes or ()
        self.classes = list(map(str, names if len(names) == outputs else range(outputs)))
        self.target = _scale_of(network, checkpoint, weights)
        try:
            return network.to(device).eval()
        except (RuntimeError, AssertionError) as error:  # AssertionError where torch has no CUDA
            raise ConfigError(f'device: {device}: {error}') from None

    def _init_pipeline(self, cfg: ConfigDict) -> TestPipeline:
        data = _test_data(cfg)
        steps = data.get('pipeline') or cfg.get('test_pipeline')
        if not steps:
            raise ConfigError(f'{_source(cfg)}: test_dataloader.dataset.pipeline: missing; expected transforms.')
        self.inputs = ModelInputs.from_config(cfg)
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
        clip = self._with_layout(clip)
        with torch.inference_mode():
            cleaned = self.prepare(clip)
            with head_inputs(self.model) as collected:
                scores = self._scores([self.pipeline.test_sample(cleaned)])[0]
            features = torch.cat(collected).mean(0).numpy()
            samples, times = self.pipeline.rolling_samples(cleaned, step)
            windows = self._scores(samples)
        answer = Answer(str(clip.get('frame_dir', '')), self.name, list(self.classes), scores.tolist(),
                        self._calibrated(scores).tolist(), self.classes[int(scores.argmax())],
                        person=clip.get('person', 0), file=clip.get('file'), estimator=clip.get('estimator'),
                        versions=dict(self.versions))
        if self.target is not None:
            answer.scale = on_scale(self.target, np.array(answer.probabilities))
        answer.windows = [WindowAnswer(float(start), float(end), row.tolist(), self.pipeline.is_short(cleaned))
                          for (start, end), row in zip(times, self._calibrated(windows))]
        walk, events = describe(answer, clip)
        self._compare(answer, features, clip)
        add_doubts(answer, clip, Expected(self.pipeline.window, self.pipeline.sees_from_the_side,
                                          self.pipeline.target or self.layout, self.record), walk, events)
        return answer

    def answers(self, inputs: Input | Sequence[Input], *, rate: float | None = None,
                layout: str | Layout | None = None, format: str | None = None, persons: int | None = 1,
                up: str | None = None, reader: Mapping[str, Any] | None = None, step: float = STEP,
                skip_bad: bool = False, skip: Callable[[Clip], bool] = lambda clip: False
                ) -> Iterator[tuple[Answer, Clip]]:
        """The answers for inputs, one after the other, so that memory does not grow with their number.

        Args:
            inputs: Files, folders, annotations, arrays (T, V, C) or (M, T, V, C), or what `recordings.find` has found;
                one or many.
            rate: Frames per second; takes precedence over the file.
            layout: Skeleton of the inputs, whatever they say.
            format: Format of the files, a key of `importers.READERS`; by default it is recognised.
            persons: Most persons of each recording to answer for, from 1; None for all.
            up, reader: As for `importers.unlabelled.read_unlabelled`.
            step: Most seconds from one rolling window to the next, above 0.
            skip_bad: Yield an answer with an `error` and an empty clip for an input that cannot be answered, instead of
                raising.
            skip: Whether to leave out a clip.

        Yields:
            The answer, and the clip of this person that it is about.

        Raises:
            ConfigError: An option is wrong.
            DataError: An input cannot be read, or the model cannot answer for it.
        """
        if persons is not None and not (isinstance(persons, int) and persons > 0):
            raise ConfigError(f'persons: {persons!r}; expected a whole number from 1, or None for all.')
        if not step > 0:
            raise ConfigError(f'step: {step!r}; expected seconds above 0.')
        found = find(inputs, format)
        clips = read(with_bar(found, 'predicting', self.show_progress), rate=rate, layout=layout,
                     prefer=self.pipeline.target or self.layout, up=up, reader=dict(reader or {}))
        for clip in clips:
            if isinstance(clip, Fault):
                if not skip_bad:
                    raise clip.error
                yield self._unanswered(clip, Path(clip.file).stem, clip.file), {}
                continue
            if skip(clip):
                continue
            whole = persons == 1 and not self.pipeline.keeps_one  # the model takes all persons at once
            for part in [clip] if whole else split_persons(clip, persons):
                part = self._with_layout(part)
                try:
                    answer = self.answer(part, step=step)
                except ClipError as error:
                    if not skip_bad:
                        raise
                    answer = self._unanswered(error, str(part['frame_dir']), part.get('file'), part.get('person', 0))
                yield answer, part

    def __call__(self, inputs: Input | Sequence[Input], return_datasamples: bool = False, batch_size: int = 1,
                 **kwargs: Any) -> dict[str, Any]:
        """The answers for inputs as MMEngine's inferencers return them.

        Args:
            inputs: As for `answers`.
            return_datasamples: Return `Answer` objects instead of dicts.
            batch_size: Not used; the windows of a recording are a batch.
            **kwargs: As for `answers`.

        Returns:
            `predictions`, a list of answers, and `visualization`, which is empty.
        """
        return self.postprocess([answer for answer, _ in self.answers(inputs, **kwargs)], [], return_datasamples)

    def _with_layout(self, clip: Clip) -> Clip:
        """The clip; with the model's layout, marked as `assumed`, if it has as many joints and names neither."""
        own = self.layout
        named = clip.get('layout') is not None or clip.get('joint_names') is not None
        if own is None or named or np.shape(clip['keypoint'])[2] != own['num_node']:
            return clip
        return dict(clip, layout=next((name for name, known in LAYOUTS.items() if known is own), own), assumed=True)

    def _unanswered(self, error: Exception, clip: str, file: str | None, person: int = 0) -> Answer:
        message = ' '.join(str(error).split())
        return Answer(clip, self.name, list(self.classes), file=file, person=person, versions=dict(self.versions),
                      error=message if file is None or file in message else f'{file}: {message}')

    def _calibrated(self, scores: np.ndarray) -> np.ndarray:
        """Probabilities of scores (..., classes)."""
        known = self.record.calibration if self.record is not None else None
        return scores if known is None else known.apply(scores)

    def _compare(self, answer: Answer, features: np.ndarray, clip: Clip) -> None:
        """Add what the record of the training says about the answer."""
        if self.record is None:
            return
        answer.calibrated = self.record.calibration is not None
        if self.record.conformal is not None:
            kept = self.record.conformal.apply(np.asarray(answer.probabilities))
            answer.prediction_set = [self.classes[index] for index in kept]
            answer.coverage = self.record.conformal.coverage
        if self.record.features is not None:
            answer.unlike['features'] = self.record.features.score(features)
        layout = clip.get('layout')
        if self.record.gait is not None and layout is not None and self.inputs.layout is not None:
            with contextlib.suppress(UserError):  # too short, or without legs
                seen = from_the_side(clip, layout) if self.inputs.dims == 2 else clip
                answer.unlike['gait'] = self.record.gait.score(gait_values(seen, layout, self.inputs.layout))

    @functools.cached_property
    def versions(self) -> dict[str, str]:
        """Versions of the packages that an answer depends on."""
        import mmaction
        import mmengine
        packages = (np, torch, mmengine, mmaction)
        return dict(python=platform.python_version(), dynstg_mm=code_version(),
                    **{package.__name__: package.__version__ for package in packages})

    @functools.cached_property
    def fingerprint(self) -> str:
        """Hash of the weights and the settings; the same for the same model."""
        content = hashlib.sha256(repr(self.cfg.to_dict()).encode())
        for name, value in self.model.state_dict().items():
            content.update(name.encode())
            content.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        return content.hexdigest()[:16]

    def scores(self, clips: Sequence[Clip]) -> np.ndarray:
        """Scores of clips, as testing gives them unless a clip is shorter than a window; shape (clips, classes).

        Raises:
            ClipError: A clip cannot be used.
        """
        with torch.inference_mode():
            return self._scores(self.pipeline.test_sample(self.prepare(clip)) for clip in clips)

    def prepare(self, clip: Clip) -> Results:
        """A clip in the model's skeleton, cleaned by its pipeline, before windows are cut.

        Raises:
            ClipError: The clip cannot be used.
        """
        return self.pipeline.clean(self._results(clip))

    def probabilities(self, prepared: Iterable[Results]) -> np.ndarray:
        """Calibrated probabilities of clips from `prepare`, perhaps changed; shape (clips, classes).

        The clips are taken as they are needed, so that many variants of one need no memory.
        """
        with torch.inference_mode():
            return self._calibrated(self._scores(map(self.pipeline.test_sample, prepared)))

    def features(self, clip: Clip) -> np.ndarray:
        """Input of the head's last linear layer, averaged over the windows of the test pipeline; shape (C, ).

        Raises:
            ClipError: The clip cannot be used.
        """
        with head_inputs(self.model) as collected:
            self.scores([clip])
        return torch.cat(collected).mean(0).numpy()

    def _scores(self, samples: Iterable[Sample]) -> np.ndarray:
        """Probabilities of samples, shape (samples, classes); neighbours whose windows are alike go together."""
        rows: list[Tensor] = []
        for _, group in groupby(samples, lambda sample: sample['inputs'].shape):
            alike = iter(group)
            for first in alike:
                rest = islice(alike, max(1, BATCH // len(first['inputs'])) - 1)
                for result in self.model.test_step(pseudo_collate([first, *rest])):
                    rows.append(_probabilities(result.pred_score.float()))
        return torch.stack(rows).cpu().numpy() if rows else np.empty((0, len(self.classes)))

    def _results(self, clip: Clip) -> dict[str, Any]:
        """What the data set would give to the pipeline."""
        keypoint = np.asarray(clip['keypoint'])
        results = dict(clip, keypoint=keypoint, total_frames=keypoint.shape[1], label=-1,
                       frame_dir=clip.get('frame_dir', ''), modality='Pose', start_index=0, test_mode=True,
                       sample_idx=0)
        if results.get('keypoint_score') is None:
            results.pop('keypoint_score', None)
        if self.pipeline.needs_rate and clip.get('rate') is None:
            raise clip_error(clip, 'rate', 'missing; give the frames per second (rate=, or --rate).')
        dims = self.inputs.dims
        if dims is not None and keypoint.shape[-1] != dims and not (dims == 2 and self.pipeline.sees_from_the_side):
            raise clip_error(clip, 'keypoint', f'{keypoint.shape[-1]} coordinates; the model needs {dims}.')
        results['layout'] = self.layout
        if self.layout is not None:
            results = self._mapped(results, clip.get('layout'), self.layout)
        if self.pipeline.keeps_one:
            results = keep_tracked_person(results)
        return results

    def _mapped(self, results: dict[str, Any], layout: str | Layout | None, own: Layout) -> dict[str, Any]:
        """The clip with the joints of the model's skeleton, found by name; without names, as many are taken for it."""
        joints = results.get('joint_names') if layout is None else get_layout(layout)['joints']
        if joints is None:
            count = results['keypoint'].shape[2]
            if count != own['num_node']:
                raise clip_error(results, 'layout', f'unknown skeleton of {count} joints; the model has '
                                 f'{own["num_node"]}. Name the skeleton (layout=, or --source-layout).')
            return results
        if list(joints) == list(own['joints']):
            return results
        target = self.pipeline.target or own
        missing = missing_joints(joints, target)
        if missing:
            shipped = [name for name in zoo.zoo() if not name.endswith('-body25')]
            hint = f', such as {few(shipped)}' if shipped else ''
            hint = f' A model of the 13 joints of gait_13 takes this recording{hint}.'
            raise clip_error(results, 'keypoint', f'no {few(missing)}, which the model needs.'
                             f'{name_hint(joints, missing) if missing_joints(joints, LAYOUTS["gait_13"]) else hint}')
        keypoint, score = apply_joint_map(results['keypoint'], results.get('keypoint_score'),
                                          map_joints(joints, target))
        results = dict(results, keypoint=keypoint, layout=target)
        if score is not None:
            results['keypoint_score'] = score
        return results

    def visualize(self, inputs: list[Any], preds: Any, show: bool = False, **kwargs: Any) -> list[np.ndarray]:
        """Nothing; see `inference.page` for the page of a recording."""
        return []

    def postprocess(self, preds: Sequence[Answer], visualization: list[np.ndarray], return_datasample: bool = False,
                    **kwargs: Any) -> dict[str, Any]:
        """The answers as MMEngine's inferencers return them."""
        return dict(predictions=[answer if return_datasample else answer.to_json() for answer in preds],
                    visualization=visualization)


def on_scale(target: Target, probabilities: np.ndarray) -> dict[str, Any]:
    """`Answer.scale` of probabilities (K) of the grades; without numbers of their own, the grades count from 0."""
    grades = [grade if isinstance(grade, (int, float)) else index for index, grade in enumerate(target.grades)]
    below = np.cumsum(probabilities) / probabilities.sum()
    low, median, high = (int(min((below < level - 1e-9).sum(), len(below) - 1)) for level in (0.05, 0.5, 0.95))
    return dict(target=target.name, expected=float(np.dot(grades, probabilities) / probabilities.sum()),
                median=target.classes[median], low=target.classes[low], high=target.classes[high])


def _scale_of(network: nn.Module, checkpoint: Mapping[str, Any], weights: str) -> Target | None:
    """The ordinal target whose grades a model scores; None for classes.

    Raises:
        ConfigError: The model predicts a number or several targets.
    """
    data = (checkpoint.get('meta') or {}).get('dataset_meta') or {}
    described = data.get('targets') if isinstance(data, Mapping) else None
    targets = read_targets(described) if described else {}
    outputs = getattr(getattr(network, 'cls_head', None), 'outputs', None)
    if isinstance(outputs, nn.ModuleDict) and not network.cls_head.num_classes or is_separate(targets):
        raise ConfigError(f'{weights}: predicts {", ".join(outputs or targets)}; predict answers with classes or the '
                          'grades of one scale. The commands test and cross-validate take numbers and several targets.')
    target = next(iter(targets.values()), None)
    return target if target is not None and target.type == 'ordinal' else None


def _is_name(model: str | os.PathLike) -> bool:
    """Whether this is the name of a model, not that of a config file."""
    text = os.fspath(model)
    return re.fullmatch(r'[\w-]+', text) is not None and not os.path.exists(text)


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

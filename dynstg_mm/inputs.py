"""What a model expects: skeleton, features, frame rate, window and classes. Its checkpoint records it.

Training writes a `ModelInputs` into `meta['inputs']` of every checkpoint, and publish-student keeps it. Testing,
resuming and MMAction2's `init_recognizer` compare it with their config. Checkpoints of dynstg_mm 0.1 have none, and are
accepted.
"""
from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.runner import BaseLoop, CheckpointLoader, Runner, find_latest_checkpoint
from torch import nn

from dynstg_mm.errors import ConfigError
from dynstg_mm.hooks import check_weights
from dynstg_mm.skeletons import LAYOUTS, Layout, get_layout

NORMALIZATION = 2  # 1: place and direction by the root of the graph (0.1); 2: by the pelvis, see `gait.pelvis`
COMPARED = dict(joints='joints', features='features', dims='coordinates', rate='frames per second',
                window_frames='frames of a window', normalization='version of the normalisation')


@dataclasses.dataclass(frozen=True)
class ModelInputs:
    """What a model expects. None where it is unknown, as for most models that are not ours.

    Args:
        layout: Skeleton: the name of a built-in layout, or the layout itself.
        features: Feats of `GaitFeatures`, in the order of the channels.
        dims: Coordinates of a joint, 2 or 3.
        rate: Frames per second.
        window_frames: Frames of a window.
        classes: Their names, in the order of the scores.
        normalization: Version of the rules for place, direction and size.
    """

    layout: str | Layout | None = None
    features: tuple[str, ...] | None = None
    dims: int | None = None
    rate: float | None = None
    window_frames: int | None = None
    classes: tuple[str, ...] | None = None
    normalization: int = NORMALIZATION

    @property
    def joints(self) -> tuple[str, ...] | None:
        """Names of the joints, in the order of the keypoints."""
        return None if self.layout is None else tuple(get_layout(self.layout)['joints'])

    @classmethod
    def from_config(cls, cfg: Mapping[str, Any], dataset: object = None) -> ModelInputs:
        """What the pipelines of a config prepare: those of its test, or without one of its validation or training.

        Args:
            cfg: The resolved config.
            dataset: The data set built from it. It knows the layout and the classes that only the file has.
        """
        parts = (cfg.get(f'{part}_dataloader') for part in ('test', 'val', 'train'))
        data = _innermost(next((part['dataset'] for part in parts if part and part.get('dataset')), {}))
        steps = [step for step in data.get('pipeline') or () if isinstance(step, Mapping)]
        while not hasattr(dataset, 'layout') and hasattr(dataset, 'dataset'):  # in a RepeatDataset
            dataset = dataset.dataset
        return cls(layout=_layout(cfg, data, steps, dataset), dims=_dims(cfg, steps), classes=_classes(data, dataset),
                   **_of_windows(steps))

    @classmethod
    def from_checkpoint(cls, checkpoint: str | Mapping[str, Any]) -> ModelInputs | None:
        """What a checkpoint records, or None if it records nothing.

        Args:
            checkpoint: Its path or address, or its content.

        Raises:
            ConfigError: The record is damaged.
            OSError: The file cannot be read.
        """
        where = checkpoint if isinstance(checkpoint, str) else 'checkpoint'
        if isinstance(checkpoint, str):
            checkpoint = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu', logger='silent')
        assert not isinstance(checkpoint, str)
        meta = checkpoint.get('meta')
        record = meta.get('inputs') if isinstance(meta, Mapping) else None
        if record is None:
            return None
        try:
            known = {field.name: record[field.name] for field in dataclasses.fields(cls) if field.name in record}
            for field in ('features', 'classes'):
                if known.get(field) is not None:
                    known[field] = tuple(map(str, known[field]))
            if known.get('layout') is not None:
                get_layout(known['layout'])  # raises if it is none
        except (ConfigError, TypeError, OSError) as error:
            raise ConfigError(f'{where}: meta.inputs: damaged ({error}); expected what training writes.') from None
        return cls(**known)

    def to_dict(self) -> dict[str, Any]:
        """The record, as `from_checkpoint` reads it."""
        return dataclasses.asdict(self)

    def check(self, given: ModelInputs, checkpoint: str) -> None:
        """Refuse input that the model was not trained on. What one of both does not know is accepted.

        Args:
            given: What the config prepares.
            checkpoint: Path of the model's checkpoint, for the message.

        Raises:
            ConfigError: Joints, features, coordinates, rate, window or normalisation differ.
        """
        for field, what in COMPARED.items():
            expected, found = getattr(self, field), getattr(given, field)
            if None not in (expected, found) and expected != found:
                raise ConfigError(f'{checkpoint}: {what}: trained on {_shown(expected)}; the config gives '
                                  f'{_shown(found)}. Use the config and options of its training; a data set maps a '
                                  'file with other joints onto its layout.')


@HOOKS.register_module()
class ModelInputsHook(Hook):
    """Record what a model expects in its checkpoints, and compare a checkpoint that is tested or resumed.

    Our configs have this hook, also for MMAction2's own tools, and our commands add it to others. Weights from which a
    training starts may be of another input.
    """

    priority = 'HIGHEST'

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the record."""
        checkpoint['meta']['inputs'] = ModelInputs.from_config(runner.cfg, runner.train_dataloader.dataset).to_dict()

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare the record with the config; other names of the classes are only logged."""
        recorded, tests = ModelInputs.from_checkpoint(checkpoint), isinstance(runner._test_loop, BaseLoop)
        if recorded is None or not (tests or runner._resume):
            return
        name = runner._load_from or find_latest_checkpoint(runner.work_dir)
        loader = runner.test_dataloader if tests else runner.train_dataloader
        given = ModelInputs.from_config(runner.cfg, loader.dataset)
        recorded.check(given, name)
        if None not in (recorded.classes, given.classes) and recorded.classes != given.classes:
            MMLogger.get_current_instance().warning(
                f'{name}: classes: trained on {_shown(recorded.classes)}; the data set has '
                f'{_shown(given.classes)}. The scores are in the order of training.')


def compare_when_loaded(inference: Any) -> None:
    """Let MMAction2's `init_recognizer` refuse a checkpoint that records another model, or other input.

    The weights are compared when they are loaded, the input at the first forward pass, when the model has its config.

    Args:
        inference: The module `mmaction.apis.inference`.
    """
    load = inference.load_checkpoint

    @functools.wraps(load)
    def load_checkpoint(model: nn.Module, filename: str, *args: Any, **kwargs: Any) -> Any:
        checkpoint = load(model, filename, *args, **kwargs)
        recorded = ModelInputs.from_checkpoint(checkpoint)
        if recorded is not None:
            check_weights(model.state_dict(), checkpoint['state_dict'], filename)
            model.register_forward_pre_hook(functools.partial(_check_config, recorded, filename))
        return checkpoint

    inference.load_checkpoint = load_checkpoint


def _check_config(recorded: ModelInputs, filename: str, model: Any, _: Any) -> None:
    """Compare a record with the config that a model has, once for each."""
    cfg = getattr(model, 'cfg', None)
    if cfg is not None and vars(model).get('checked') is not cfg:
        recorded.check(ModelInputs.from_config(cfg), filename)
        model.checked = cfg


def record_inputs(runner: Runner) -> None:
    """Add `ModelInputsHook` to a runner whose config lacks it."""
    if not any(isinstance(hook, ModelInputsHook) for hook in runner.hooks):
        runner.register_hook(ModelInputsHook())


def _innermost(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Settings of the data set that has the pipeline, which may be wrapped in others."""
    while 'pipeline' not in data and isinstance(data.get('dataset'), Mapping):
        data = data['dataset']
    return data


def _layout(cfg: Mapping[str, Any], data: Mapping[str, Any], steps: list[Mapping[str, Any]],
            dataset: object) -> str | Layout | None:
    """The skeleton that the model sees: by name if it is a built-in one."""
    mapped = [step['layout'] for step in steps if step.get('type') == 'MapLayout']
    model = cfg.get('model') or {}
    backbone = (model.get('student') or model).get('backbone') or {}
    layout = next((layout for layout in (*mapped[-1:], data.get('layout'), getattr(dataset, 'layout', None),
                                         (backbone.get('graph_cfg') or {}).get('layout')) if layout is not None), None)
    if layout is None or isinstance(layout, str) and layout in LAYOUTS:
        return layout
    complete = get_layout(layout)
    return next((name for name, known in LAYOUTS.items() if known == complete),
                json.loads(json.dumps(complete)))  # plain, as a checkpoint is read


def _dims(cfg: Mapping[str, Any], steps: list[Mapping[str, Any]]) -> int | None:
    """Coordinates of a joint."""
    types = {step.get('type') for step in steps}
    if types & {'MirrorDirection', 'SideView', 'PreNormalize2D'}:
        return 2
    return 3 if types & {'AlignHeading', 'PreNormalize3D'} else cfg.get('coordinates')


def _classes(data: Mapping[str, Any], dataset: object) -> tuple[str, ...] | None:
    from mmaction.registry import DATASETS
    kind = DATASETS.get(data['type']) if isinstance(data.get('type'), str) else None
    sources = (getattr(dataset, 'metainfo', None), data.get('metainfo'), getattr(kind, 'METAINFO', None))
    found = next((source['classes'] for source in sources if source and source.get('classes')), None)
    return None if found is None else tuple(map(str, found))


def _of_windows(steps: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Features, rate and frames of a window."""
    known: dict[str, Any] = {}
    for step in _built(steps):
        if type(step).__name__ in ('GaitFeatures', 'GenSkeFeat'):
            known['features'] = tuple(step.feats)
        elif type(step).__name__ == 'UniformSampleFrames':
            known['window_frames'] = step.clip_len
        else:
            known.update(rate=float(step.rate), window_frames=step.clip_len)
    return known


def _built(steps: list[Mapping[str, Any]]) -> Iterator[Any]:
    """The transforms that know the windows, built, so that their defaults apply."""
    from mmaction.registry import TRANSFORMS
    for step in steps:
        if step.get('type') in ('SampleWindows', 'GaitFeatures', 'GenSkeFeat', 'UniformSampleFrames'):
            yield TRANSFORMS.build(step)


def _shown(value: Any) -> str:
    return ', '.join(map(str, value)) if isinstance(value, tuple) else str(value)

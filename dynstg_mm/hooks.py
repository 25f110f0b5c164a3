"""Hooks that make runs reproducible, and checks before a run."""
import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor
from torch.utils.data import Dataset

from dynstg_mm.errors import ConfigError

TEACHING = 'distill_'  # opens the names of the weights that a distiller needs only to teach


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed every epoch from the run's seed, the epoch and the rank.

    MMEngine seeds a process only once, so a resumed run would draw other windows and drop other units than an
    uninterrupted one. With this hook both give the same result if the main process loads the data (`num_workers=0`);
    workers keep the seed that MMEngine gives them. Ranks draw different numbers even without `diff_rank_seed`, while
    the initial weights and the order of the clips are the same on all ranks.
    """

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed Python, NumPy and PyTorch."""
        seed = int(np.random.SeedSequence([runner.seed, runner.epoch, runner.rank]).generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)


@HOOKS.register_module()
class TargetStatisticsHook(Hook):
    """Give the outputs of a `TargetHead` the training values, and a loss of classes the training clips of each class.

    They need these for balanced weights, means and deviations. The command for training adds this hook by itself.
    """

    def before_train(self, runner: Runner) -> None:
        """Read the values or classes of all training clips."""
        model = runner.model.module if hasattr(runner.model, 'module') else runner.model
        head = getattr(getattr(model, 'student', model), 'cls_head', None)
        dataset = runner.train_dataloader.dataset
        outputs, count = getattr(head, 'outputs', None), getattr(getattr(head, 'loss_cls', None), 'fit_classes', None)
        if not hasattr(dataset, 'get_data_info'):
            return
        if count is not None:
            count(torch.tensor([int(dataset.get_data_info(index)['label']) for index in range(len(dataset))]))
        if not isinstance(outputs, torch.nn.ModuleDict):
            return
        rows = [dataset.get_data_info(index).get('targets') for index in range(len(dataset))]
        if any(row is None or len(row) != len(outputs) for row in rows):
            raise ConfigError(f'model.cls_head.outputs: {", ".join(outputs)}; the training data has other targets.')
        for output, column in zip(outputs.values(), torch.tensor(np.array(rows), dtype=torch.float32).T):
            output.fit(column[column.isfinite()])


def fit_targets(runner: Runner) -> None:
    """Add `TargetStatisticsHook` to a runner whose config lacks it."""
    if not any(isinstance(hook, TargetStatisticsHook) for hook in runner.hooks):
        runner.register_hook(TargetStatisticsHook())


class CompleteCheckpointHook(Hook):
    """Refuse a checkpoint to test or to resume from that has not exactly the weights of the model.

    MMEngine only logs what does not fit, and continues with random weights. The commands add this hook by themselves.

    Args:
        path: The checkpoint, for messages.

    Attributes:
        source: File and split that it was trained on, as a checkpoint of ours records them; None if unknown.
    """

    priority = 'HIGHEST'

    def __init__(self, path: str) -> None:
        self.path = path
        self.source: Sequence[str] | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare the names and shapes of the weights; to resume, look for the state of the training too."""
        model = runner.model.module if hasattr(runner.model, 'module') else runner.model
        check_weights(model.state_dict(), checkpoint.get('state_dict', checkpoint), self.path)
        self.source = training_data(checkpoint.get('meta')).get('source')
        if runner._resume:
            state = dict(checkpoint.get('meta') or {}, optimizer=checkpoint.get('optimizer'))
            missing = [field for field in ('epoch', 'iter', 'optimizer') if state.get(field) is None]
            if missing:
                raise ConfigError(f'{self.path}: {missing[0]}: missing; a training cannot resume from weights alone. '
                                  'To start from them, leave out --resume and set --cfg-options load_from=...')


def training_data(meta: object) -> dict[str, Sequence[str]]:
    """The lists of names, such as `classes` and `source`, that the `meta` of a checkpoint holds about its data."""
    data = meta.get('dataset_meta') if isinstance(meta, dict) else None
    return {field: value for field, value in (data if isinstance(data, dict) else {}).items()
            if isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value)}


def check_weights(expected: Mapping[str, Tensor], weights: Mapping[str, Tensor], path: str) -> None:
    """Refuse weights with other names or shapes than those of a model.

    The weights that a distiller needs only to teach may be missing or left over.

    Args:
        expected: The model's state dict.
        weights: The checkpoint's.
        path: The checkpoint, for the message.

    Raises:
        ConfigError: A weight is missing, is left over, or has another shape.
    """
    weights = {name.removeprefix('module.'): value for name, value in weights.items()}
    expected, weights = ({name: value for name, value in part.items() if not name.startswith(TEACHING)
                          and not name.endswith('num_batches_tracked')} for part in (expected, weights))
    faults = dict(
        missing=[name for name in expected if name not in weights],
        unexpected=[name for name in weights if name not in expected],
        wrong=[name for name, value in expected.items() if name in weights and value.shape != weights[name].shape])
    for how, names in faults.items():
        if names:
            what = how if how != 'wrong' else (
                f'has shape {tuple(weights[names[0]].shape)}, not {tuple(expected[names[0]].shape)}')
            raise ConfigError(f'{path}: {names[0]}: {what} (and {len(names) - 1} more); expected the weights of the '
                              'model in the config. Use the config and options of its training; a checkpoint of '
                              'dynstg_mm 0.1 must go through upgrade-checkpoint first.')


def check_classes(outputs: int | None, dataset: Dataset) -> None:
    """Check that the head has one output for each class of the training data.

    Args:
        outputs: `num_classes` of the head; None if the head is no classifier.
        dataset: The training data; without `classes` in its `metainfo` nothing is checked.

    Raises:
        ConfigError: The numbers differ.
    """
    classes = getattr(dataset, 'metainfo', {}).get('classes')
    if outputs and classes and outputs != len(classes):
        raise ConfigError(f'model.cls_head.num_classes: {outputs}; the training data has {len(classes)} classes '
                          f'({", ".join(classes)}).')


def check_targets(head: Mapping[str, Any], dataset: Dataset) -> None:
    """Check that a head and the training data have the same targets.

    Args:
        head: Settings of the head.
        dataset: The training data, whose `metainfo` describes its targets.

    Raises:
        ConfigError: The names or the numbers of grades differ, or only one of both has targets.
    """
    targets = getattr(dataset, 'metainfo', {}).get('targets') or {}
    outputs = head.get('outputs')
    if not isinstance(outputs, Mapping):
        if len(targets) > 1 or any(not target.get('grades') for target in targets.values()):
            raise ConfigError(f'model.cls_head.type: {head.get("type")}; expected a TargetHead, since the data set has '
                              f'{"the targets " * (len(targets) > 1)}{", ".join(targets)}'
                              f'{" as a number" * (len(targets) == 1)}.')
        return
    if list(outputs) != list(targets):
        raise ConfigError(f'model.cls_head.outputs: {", ".join(outputs)}; the data set has the targets '
                          f'{", ".join(targets) or "none (dataset.targets)"}; expected the same names in the same '
                          'order.')
    for name, output in outputs.items():
        known, own = len(targets[name].get('grades', ())), output.get('num_grades', 0)
        if known != own:
            raise ConfigError(f'model.cls_head.outputs.{name}: {output.get("type")} has '
                              f'{f"{own} grades" if own else "a number"}; the target has '
                              f'{f"{known} grades" if known else "a number"}.')

"""Hooks that make runs reproducible, and checks before a run."""
import random

import numpy as np
import torch
from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import Dataset

from dynstg_mm.errors import ConfigError


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

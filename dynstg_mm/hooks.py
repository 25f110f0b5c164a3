"""What MMEngine's runner does not do by itself."""
import random

import numpy as np
import torch
from mmaction.registry import HOOKS
from mmengine.hooks import Hook


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Draws an epoch's randomness from the run's seed, the epoch and the rank.

    MMEngine seeds a process once, so a resumed run would draw other windows and drop other units than the run that was
    never stopped; this way it is the same run, as long as this process loads the data (`num_workers=0`): workers keep
    the seed that MMEngine gives them. Ranks draw different numbers, which MMEngine's `diff_rank_seed` is for,
    while the weights and the order of the clips stay the same on all.
    """

    def before_train_epoch(self, runner):
        """Seed Python, NumPy and PyTorch."""
        seed = int(np.random.SeedSequence([runner.seed, runner.epoch, runner.rank]).generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)


def check_classes(outputs, dataset):
    """Refuse data that names another number of classes than the head scores: ValueError.

    Args:
        outputs (int, optional): `num_classes` of the head; None of one that tells something else.
        dataset (Dataset): What is trained with; where it has no `classes`, nothing is known.
    """
    classes = getattr(dataset, 'metainfo', {}).get('classes')
    if outputs and classes and outputs != len(classes):
        raise ValueError(f'model.cls_head.num_classes: {outputs}; the training data has {len(classes)} classes '
                         f'({", ".join(classes)}).')

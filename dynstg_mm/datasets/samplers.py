"""Which clips an epoch of training sees, if they are of several sites or classes."""
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from mmaction.registry import DATA_SAMPLERS
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from dynstg_mm.errors import ConfigError


@DATA_SAMPLERS.register_module()
class BalancedSampler(Sampler):
    """Draws as many clips of every site, or of every class at every site, however many there are.

    An epoch has as many clips as the data set, to the next multiple of the number of groups. A small group repeats
    clips; none is repeated before all of its group were drawn. The draw depends on the seed and the epoch, so that a
    resumed run sees what an uninterrupted one would.

    Args:
        dataset: Data set with `get_data_info`.
        by: Fields of the annotations, such as 'site' or ('site', 'label'); clips with the same values are a group.
        shuffle: Whether the order of the groups is random; for MMEngine's other samplers. Must be true.
        seed: Seed, by default the run's.

    Raises:
        ConfigError: A clip has no such field, or `shuffle` is false.
    """

    def __init__(self, dataset: Any, by: str | Sequence[str] = 'site', shuffle: bool = True,
                 seed: int | None = None) -> None:
        if not shuffle:
            raise ConfigError('sampler.shuffle: False; BalancedSampler draws at random.')
        self.fields = (by, ) if isinstance(by, str) else tuple(by)
        self.rank, self.world_size = get_dist_info()
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0
        groups: dict[tuple[str, ...], list[int]] = {}
        for index in range(len(dataset)):
            groups.setdefault(self._group(dataset.get_data_info(index)), []).append(index)
        self.groups = [np.array(groups[group]) for group in sorted(groups)]
        self.rounds = math.ceil(len(dataset) / len(self.groups))  # clips of each group in an epoch

    def _group(self, clip: dict[str, Any]) -> tuple[str, ...]:
        missing = [field for field in self.fields if clip.get(field) is None]
        if missing:
            raise ConfigError(f'sampler.by: {missing[0]}: clip {clip.get("frame_dir")} has none; expected fields that '
                              'every clip of the training has, such as label.')
        return tuple(str(clip[field]) for field in self.fields)

    def __iter__(self) -> Iterator[int]:
        drawn = np.random.default_rng([self.seed, self.epoch])
        repeats = [math.ceil(self.rounds / len(group)) for group in self.groups]
        chosen = [np.concatenate([drawn.permutation(group) for _ in range(times)])[:self.rounds]
                  for group, times in zip(self.groups, repeats)]
        order = np.stack([drawn.permutation(turn) for turn in np.stack(chosen, 1)]).ravel()  # every batch is mixed
        whole = itertools.islice(itertools.cycle(order.tolist()), len(self) * self.world_size)
        return itertools.islice(whole, self.rank, None, self.world_size)

    def __len__(self) -> int:
        return math.ceil(self.rounds * len(self.groups) / self.world_size)

    def set_epoch(self, epoch: int) -> None:
        """Draw for this epoch; the loop calls it."""
        self.epoch = epoch

from collections import Counter

import pytest
from mmaction.registry import DATA_SAMPLERS
from mmengine.runner import Runner

from dynstg_mm.errors import ConfigError


class Clips:
    """Six clips of Kiel and two of Lyon."""

    def __len__(self):
        return 8

    def get_data_info(self, index):
        return dict(frame_dir=str(index), site='Lyon' if index > 5 else 'Kiel', label=index % 2)

    def __getitem__(self, index):
        return index


def build(**options):
    return DATA_SAMPLERS.build(dict(type='BalancedSampler', dataset=Clips(), seed=0, **options))


def test_every_site_has_as_many_clips_and_a_small_one_repeats_them_evenly():
    drawn = Counter(build())
    assert sum(drawn[index] for index in range(6)) == 4 and max(drawn[index] for index in range(6)) == 1
    assert drawn[6] == drawn[7] == 2


def test_several_fields_make_a_group_each_and_a_batch_has_all_of_them():
    order = list(build(by=('site', 'label')))
    for start in (0, 4):
        batch = order[start:start + 4]
        assert len({(index > 5, index % 2) for index in batch}) == 4


def test_epochs_differ_and_repeat():
    sampler = build()
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    sampler.set_epoch(0)
    assert list(sampler) == first != second and len(sampler) == 8


def test_ranks_share_an_epoch(monkeypatch):
    whole, parts = list(build()), []
    for rank in range(2):
        monkeypatch.setattr('dynstg_mm.datasets.samplers.get_dist_info', lambda rank=rank: (rank, 2))
        parts.append(list(build()))
    assert [clip for pair in zip(*parts) for clip in pair] == whole


def test_a_loader_builds_it_as_the_short_option_names_it():
    loader = Runner.build_dataloader(dict(dataset=Clips(), batch_size=4, num_workers=0, sampler=dict(
        type='BalancedSampler', by=['site'])), seed=3)
    assert sum(map(len, loader)) == 8


@pytest.mark.parametrize('options, field', [(dict(by='camera'), 'camera'), (dict(shuffle=False), 'shuffle')])
def test_wrong_options_are_named(options, field):
    with pytest.raises(ConfigError, match=field):
        build(**options)

import dataclasses

import numpy as np
import pytest

from dynstg_mm.benchmark.merge import merge_results
from dynstg_mm.benchmark.results import UNKNOWN_SEED
from dynstg_mm.errors import ResultsError

from .conftest import make, same


def test_models_are_merged_clip_by_clip():
    results, other = make(models=('a', )), make(models=('b', ))
    expected = other.pooled('b')
    other.clips = other.clips.sample(frac=1, random_state=1)
    other.table = other.table.sample(frac=1, random_state=2)
    merged = merge_results(results, other, 'more.json')
    assert merged.pooled('b') == expected and list(merged.models) == ['a', 'b']


def test_controls_of_both_are_merged_to_one(everything):
    other = make(models=('d', ))
    other.add_model('c', [[dict(clip=name, score=[1., 0., 0.]) for name in other.clips.index]] * 3, kind='control')
    merged = merge_results(everything, other, 'more.json')
    assert merged.models['c'].note == 'no layout' and not merged.is_complete('c') and merged.is_complete('d')


def test_seeds_are_merged_in_any_order(everything):
    first, rest = everything.select(seeds=[0]), everything.select(seeds=[2, 1])
    rest = dataclasses.replace(rest, command='second\nthird', leaking=['p2'], versions=dict(numpy='2', torch='3'))
    names = ['a', 'b', 'c', 'both']
    merged = merge_results(first.select(models=names), rest.select(models=names), 'more.json')
    expected = dataclasses.replace(everything, command='first\nsecond\nthird', leaking=['p1', 'p2'],
                                   versions=dict(numpy='2', torch='3'))
    expected = expected.select(models=['a', 'b', 'c', 'both'], seeds=[0, 2, 1])
    assert same(merged, expected)
    both = merge_results(everything, everything.select(seeds=[2, 0, 1]).rename('mine'), 'again.json')
    assert all(np.array_equal(both.scores(f'mine-{name}'), both.scores(name)) for name in 'ab')


def test_an_unknown_seed_counts_as_the_other_one():
    for ours, theirs in ((0, UNKNOWN_SEED), (UNKNOWN_SEED, 0)):
        merged = merge_results(make(models=('a', ), seeds=(ours, )), make(models=('b', ), seeds=(theirs, )), 'folder')
        assert merged.complete() == ['a', 'b'] and merged.seeds == [ours]


@pytest.mark.parametrize('change, field', [
    (lambda other: other.clips.__setitem__('label', [0, 0, 0, *other.clips.label[3:]]), 'clip clip_002'),
    (lambda other: other.clips.__setitem__('fold', [1 - fold for fold in other.clips.fold]), 'clip clip_000'),
    (lambda other: other.clips.rename({'clip_002': 'else'}, inplace=True), 'clips: clip_002'),
    (lambda other: other.seeds.__setitem__(slice(None), [2, 3, 4]), 'seeds'),
    (lambda other: other.seeds.__setitem__(slice(None), [3, 4, 5]), 'models'),
    (lambda other: other.models.update(a=other.models.pop('b')), 'models: the name a'),
    (lambda other: other.classes.reverse(), 'classes'),
])
def test_results_that_do_not_fit_are_refused(change, field):
    other = make(models=('b', ))
    change(other)
    with pytest.raises(ResultsError, match=f'^more.json: {field}'):
        merge_results(make(models=('a', )), other, 'more.json')


def test_further_seeds_of_another_model_are_refused(everything):
    more = everything.select(models=['a', 'b', 'c'], seeds=[1])
    more.models['a'].options = ['model.backbone.dynamic=False']
    with pytest.raises(ResultsError, match=r'^more.json: models.a.options'):
        merge_results(everything.select(models=['a', 'b', 'c'], seeds=[0]), more, 'more.json')

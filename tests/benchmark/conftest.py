"""Results of random scores."""
import dataclasses

import numpy as np
import pytest

from dynstg_mm.benchmark.results import Results


def make(clips=24, seeds=(0, 1, 2), models=('a', 'b'), classes=('NM', 'KOA', 'PD')):
    """Two folds of random scores, two clips a subject."""
    rng = np.random.default_rng(0)
    tests = [dict(clip=f'clip_{index:03}', subject=f'p{index // 2}', label=index // 2 % len(classes))
             for index in range(clips)]
    results = Results.of_folds(classes, {0: tests[:clips // 2], 1: tests[clips // 2:]}, seeds)
    for name in models:
        drawn = [rng.dirichlet([.3] * len(classes), clips) for _ in seeds]
        results.add_model(name, [[dict(clip=clip['clip'], score=list(score)) for clip, score in zip(tests, scores)]
                                 for scores in drawn])
    return results


def same(first, second):
    """Whether two results are equal."""
    fields = [field.name for field in dataclasses.fields(Results) if field.name not in ('table', 'clips')]
    return (first.clips.equals(second.clips)
            and all(getattr(first, field) == getattr(second, field) for field in fields)
            and all(np.array_equal(first.scores(name), second.scores(name), equal_nan=True) for name in first.models))


@pytest.fixture
def everything():
    """Results that use every field."""
    results = make()
    results.models['a'] = dataclasses.replace(
        results.models['a'], config='a.py', options=['x=1'], commands=['train'], cost=dict(parameters=5),
        curves={(seed, fold): [1., seed + fold / 2] for seed in range(3) for fold in range(2)})
    results.add_model('c', [], kind='control', note='no layout')
    results.add_ensemble('both', ['a', 'b'])
    results.add_ensemble('all', ['a', 'b'], over_seeds=True)
    return dataclasses.replace(results, baseline='a', command='first\nsecond', versions=dict(numpy='2'), leaking=['p1'])

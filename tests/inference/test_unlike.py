import numpy as np
import pytest

from dynstg_mm.inference.unlike import Space, Unlike


def walks(count, rng, shift=0.):
    mixed = rng.normal(size=(count, 6)) @ np.random.default_rng(9).normal(size=(6, 10))
    return mixed + 0.1 * rng.normal(size=(count, 10)) + shift


def test_other_walks_are_further_away_than_people_left_out():
    rng = np.random.default_rng(0)
    known, left_out = walks(80, rng), walks(40, rng)
    unlike = Unlike.fit(known, Space.fit(known).distance(left_out), np.arange(40) // 2, names=list('abcdefghij'))
    ours = [unlike.score(walk) for walk in walks(50, rng)]
    others = [unlike.score(walk) for walk in walks(50, rng, shift=np.linspace(0, 6, 10))]
    assert np.mean([one['distance'] > one['limit'] for one in ours]) < 0.2
    assert np.mean([one['distance'] > one['limit'] for one in others]) > 0.9
    assert np.mean([one['rank'] for one in ours]) == pytest.approx(0.5, abs=0.15)


def test_the_median_training_walk_is_one_away_and_units_do_not_matter():
    rng = np.random.default_rng(1)
    known = walks(200, rng)
    distances = Space.fit(known).distance(known)
    assert np.median(distances) == pytest.approx(1)
    units = np.logspace(-3, 3, 10)
    assert Space.fit(known * units).distance(known * units) == pytest.approx(distances)


def test_missing_and_constant_values_add_nothing():
    rng = np.random.default_rng(2)
    known = walks(50, rng)
    known[:, 3] = np.nan
    known[:, 4] = 1
    unlike = Unlike.fit(known, Space.fit(known).distance(known), range(50), names=list('abcdefghij'))
    named = dict(zip('abcdefghij', known[0]))
    assert unlike.score(named)['distance'] == pytest.approx(unlike.score(known[0])['distance'])
    del named['d']
    assert unlike.score(named)['distance'] == pytest.approx(unlike.score(known[0])['distance'])
    assert np.isfinite(unlike.score({})['distance'])


def test_the_limit_counts_people():
    held_out = np.array([1., 2, 3, 9, 9, 9, 9, 9])
    unlike = Unlike.fit(walks(9, np.random.default_rng(3)), held_out, list('abcddddd'), level=0.75)
    assert unlike.limit == 3

import numpy as np
import pytest

from dynstg_mm.gait.agreement import agreement


def test_limits_hold_95_percent_of_the_differences():
    random = np.random.default_rng(0)
    reference = random.normal(60, 4, 5000)
    measured = reference + random.normal(1, 2, 5000)
    found = agreement(np.append(measured, np.nan), np.append(reference, 60))
    low, high = found.limits
    assert found.n == 5000 and found.spread == pytest.approx(4, rel=0.05)
    assert np.mean((measured - reference > low) & (measured - reference < high)) == pytest.approx(0.95, abs=0.01)
    assert found.r == pytest.approx(4 / np.hypot(4, 2), abs=0.02)


def test_two_pairs_tell_nothing():
    assert np.isnan(agreement(np.array([1., 2.]), np.array([1., 2.])).r)

"""Vectors of float32 in compiled kernels: exponentials to float32's accuracy, and no stale kernel after a change."""
import hashlib
from pathlib import Path

import numba
import numpy as np
import pytest

from dynstg_mm.ops.cpu import vectors as simd
from dynstg_mm.ops.selective_scan import numba as scan_numba
from dynstg_mm.ops.temporal_filter import numba as filter_numba


@numba.njit(fastmath=set(simd.FLAGS))
def fill(function, x, y):
    for i in range(0, len(x), simd.WIDTH):
        simd.store(y, i, function(simd.load(x, i)))


@pytest.mark.parametrize('function, truth, low, high', [
    (simd.exp2, np.exp2, -125, 0),
    (simd.sigmoid, lambda x: 1 / (1 + np.exp(-x)), -85, 85),
    (simd.softplus, lambda x: np.log1p(np.exp(x)), -85, 85),
])
def test_functions_of_vectors_and_numbers(function, truth, low, high):
    x = np.linspace(low, high, 1024 * simd.WIDTH, dtype=np.float32)
    y = np.empty_like(x)
    fill(function, x, y)
    np.testing.assert_allclose(y, truth(x.astype(np.float64)), rtol=4e-6)
    near = np.abs(x) < 1
    np.testing.assert_allclose(y[near], truth(x[near].astype(np.float64)), rtol=3e-7)
    assert function(x[5]) == pytest.approx(y[5], rel=1e-6)
    fill(function, np.full(simd.WIDTH, np.nan, np.float32), y)
    assert np.isnan(y[:simd.WIDTH]).all()


def test_underflow_is_almost_zero_and_never_negative():
    y = np.empty(simd.WIDTH, np.float32)
    fill(simd.exp2, np.full(simd.WIDTH, -1e30, np.float32), y)
    assert (0 <= y).all() and (y < 2e-38).all()


@pytest.mark.parametrize('kernels', [scan_numba, filter_numba])
def test_kernels_are_recompiled_when_the_vectors_change(kernels):
    digest = hashlib.sha256(Path(simd.__file__).read_text(encoding='utf-8').encode()).hexdigest()[:8]
    assert kernels.VECTORS == digest, f'{kernels.__name__}: VECTORS = {digest!r} drops stale kernels from the cache'

import numpy as np

from dynstg_mm.datasets.exact_copies import exact_copies


def test_exact_copies_are_the_same_numbers_of_the_same_shape():
    keypoint = np.random.default_rng(0).random((1, 9, 4, 2)).astype(np.float32)
    other = keypoint.copy()
    other[0, 0, 0, 0] += 1
    groups = exact_copies(dict(a=keypoint, b=other, c=keypoint.copy(), d=keypoint.astype(np.float64), e=keypoint,
                               f=keypoint.reshape(1, -1, 8, 1)))
    assert groups == [['a', 'c', 'd', 'e'], ['b'], ['f']]

import numpy as np

from dynstg_mm.gait.joint_map import apply_joint_map


def test_a_mean_of_joints_is_lost_where_one_of_them_is():
    keypoint = np.arange(1, 13, dtype=np.float32).reshape(1, 2, 3, 2)  # (1, 2 frames, 3 joints, x y)
    score = np.array([[[1, 0.5, 1], [1, 0, 1]]], dtype=np.float32)
    mapped, mapped_score = apply_joint_map(keypoint, score, [(2, ), (0, 1)])
    assert mapped.tolist() == [[[[5, 6], [2, 3]], [[11, 12], [0, 0]]]]
    assert mapped_score.tolist() == [[[1, 0.5], [1, 0]]]
    keypoint[0, 1, 1] = 0
    without, none = apply_joint_map(keypoint, None, [(2, ), (0, 1)])
    assert none is None and (without == mapped).all()

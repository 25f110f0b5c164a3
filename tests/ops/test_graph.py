import torch

from dynstg_mm.ops.graph import frame_relation, mix_joints, phase_features, unit_size
from dynstg_mm.skeletons import LAYOUTS
from dynstg_mm.skeletons.limbs import limb_graph, limb_hierarchy


def test_mixing_follows_the_direction_of_the_edges():
    adjacency = torch.zeros(3, 3)
    adjacency[0, 2] = 1  # from joint 0 into joint 2
    x = torch.arange(6.).view(1, 1, 3, 2)
    assert mix_joints(x, adjacency).squeeze().tolist() == [[0, 0], [0, 0], [0, 1]]
    per_frame = adjacency.expand(1, 1, 3, 3)
    torch.testing.assert_close(mix_joints(x, per_frame), mix_joints(x, adjacency))


def test_phase_features_are_means_over_the_frames_of_a_phase():
    x = torch.randn(2, 6, 3, 4)
    phases = torch.eye(2)[torch.tensor([0, 0, 1, 1, 1, 0])].expand(2, 6, 2)
    h = phase_features(x, phases)
    torch.testing.assert_close(h[:, 0], x[:, [0, 1, 5]].mean(1))
    torch.testing.assert_close(h[:, 1], x[:, [2, 3, 4]].mean(1))


def test_frame_relation_is_the_relation_of_its_phase():
    r = torch.randn(2, 2, 3, 3)
    phases = torch.eye(2)[torch.tensor([1, 0])].expand(2, 2, 2)
    torch.testing.assert_close(frame_relation(r, phases), r.flip(1))


def test_graphs_of_a_clip_have_the_same_size_whatever_the_other_clips_are():
    graphs = torch.randn(2, 4, 3, 3) * torch.tensor([5., 0.1]).view(2, 1, 1, 1)
    torch.testing.assert_close(unit_size(graphs).square().mean((1, 2, 3)), torch.ones(2), rtol=1e-3, atol=0)
    torch.testing.assert_close(unit_size(graphs)[:1], unit_size(graphs[:1]))
    assert unit_size(torch.zeros(1, 4, 3, 3)).eq(0).all()


def test_limb_graph_links_limbs_that_touch_and_the_body():
    layout = LAYOUTS['body_25']
    pool, adjacency = limb_graph(layout)
    names = list(layout['limbs'])
    assert torch.allclose(pool.sum(1), torch.ones(7)) and torch.allclose(adjacency.sum(0), torch.ones(7))
    assert adjacency[names.index('trunk'), names.index('left_leg')] > 0
    assert adjacency[names.index('left_leg'), names.index('right_leg')] == 0
    assert (adjacency[-1] > 0).all()


def test_limbs_return_to_their_joints():
    layout = LAYOUTS['body_25']
    x = torch.zeros(1, 1, 25, 1)
    x[:, :, layout['limbs']['left_arm']] = 1
    out = mix_joints(x, limb_hierarchy(layout)).squeeze()
    arm, leg = layout['limbs']['left_arm'][0], layout['limbs']['left_leg'][0]
    assert out[arm] > out[leg] > 0  # the leg is linked to the arm through the body only

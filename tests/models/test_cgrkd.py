import copy

import pytest
import torch

from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample

GRAPH = dict(layout='body_25')


def recognizer(width=12, **options):
    backbone = dict(type='DynSTGMamba', graph_cfg=GRAPH, base_channels=(8, width), depths=(1, 1), balance_weight=0)
    return dict(type='RecognizerGCN', backbone=backbone, **{
        'cls_head': dict(type='GCNHead', num_classes=2, in_channels=width), **options})


def distiller(tmp_path, teacher=None, student=None, **options):
    torch.manual_seed(0)
    teacher = teacher or recognizer(16)
    path = tmp_path / 'teacher.pth'
    model = MODELS.build(copy.deepcopy(teacher))
    torch.save(dict(state_dict=model.state_dict()), path)
    return MODELS.build(dict(type='CGRKD', teacher=teacher, teacher_ckpt=str(path), student=student or recognizer(),
                             layout='body_25', memory_size=32, **options))


def batch(clips=4, seed=0):
    inputs = torch.randn(clips, 1, 1, 16, 25, 2, generator=torch.Generator().manual_seed(seed))
    return inputs, [ActionDataSample().set_gt_label(index % 2) for index in range(clips)]


def test_teacher_that_is_the_student_teaches_nothing(tmp_path):
    model = distiller(tmp_path, recognizer(), recognizer()).eval()
    model.load_state_dict(model._teacher[0].state_dict(), strict=False)
    torch.nn.init.eye_(model.distill_projection.weight)
    torch.nn.init.zeros_(model.distill_projection.bias)
    model.loss(*batch())  # fills the memory
    losses = model.loss(*batch(seed=1))
    for name in ('loss_logit', 'loss_batch', 'loss_memory'):
        assert losses[name].abs() < 1e-5, name


def test_a_step_leaves_the_teacher_as_it_was_and_trains_the_student(tmp_path):
    model = distiller(tmp_path).train()
    before = copy.deepcopy(model._teacher[0].state_dict())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for seed in range(2):
        losses = model.loss(*batch(seed=seed))
        sum(value for name, value in losses.items() if name.startswith('loss')).backward()
    optimizer.step()
    assert losses['loss_batch'] > 0 and losses['loss_memory'] > 0 and losses['loss_logit'] >= 0
    assert model.distill_projection.weight.grad.abs().max() > 0
    assert not model._teacher[0].training
    assert all((value == before[name]).all() for name, value in model._teacher[0].state_dict().items())
    assert not any('teacher' in name for name in model.state_dict())


def test_student_loads_in_the_plain_recognizer(tmp_path):
    model = distiller(tmp_path).eval()
    plain = MODELS.build(recognizer()).eval()
    missing, unexpected = plain.load_state_dict(model.state_dict(), strict=False)
    assert not missing and all(name.startswith('distill_') for name in unexpected)
    inputs, samples = batch()
    assert (plain(inputs, mode='tensor') == model(inputs, mode='tensor')).all()


def test_terms_switch_off(tmp_path):
    model = distiller(tmp_path, batch_weight=0, memory_weight=0, logit_weight=0).train()
    assert not {'loss_logit', 'loss_batch', 'loss_memory'} & set(model.loss(*batch()))


def test_memory_holds_the_teachers_nodes_by_class(tmp_path):
    model = distiller(tmp_path).train()
    model.loss(*batch())
    assert (model.distill_filled > 0).all()
    held = model.distill_memory[2, 0, :7]
    assert torch.allclose(held.norm(dim=-1), torch.ones(7), atol=1e-5)
    restored = distiller(tmp_path)
    restored.load_state_dict(model.state_dict())
    assert (restored.distill_memory == model.distill_memory).all()


def test_wrong_teacher_is_named(tmp_path):
    with pytest.raises(ValueError, match='student: 2 classes; the teacher has 3'):
        distiller(tmp_path, recognizer(16, cls_head=dict(type='GCNHead', num_classes=3, in_channels=16)))
    common = dict(type='CGRKD', student=recognizer(), layout='body_25', teacher=recognizer(20))
    with pytest.raises(FileNotFoundError, match='teacher_ckpt: nowhere.pth'):
        MODELS.build(dict(common, teacher_ckpt='nowhere.pth'))
    with pytest.raises(ValueError, match='teacher.pth: of another architecture'):
        MODELS.build(dict(common, teacher_ckpt=str(tmp_path / 'teacher.pth')))

"""The distiller around its losses: teacher, student, windows and options."""
import copy

import pytest
import torch
from mmaction.models.recognizers import RecognizerGCN
from mmaction.registry import MODELS

from dynstg_mm.distillation.pair import shared_pools
from dynstg_mm.errors import ConfigError
from dynstg_mm.skeletons import LAYOUTS

from .small_models import METHODS, batch, distillation_losses, distiller, recognizer


@pytest.mark.parametrize('method', METHODS)
def test_a_teacher_equal_to_the_student_teaches_nothing(tmp_path, method):
    model = distiller(tmp_path, method, recognizer(in_channels=2))
    model.load_state_dict(model.teacher.network.state_dict(), strict=False)
    if method in ('CGRKD', 'FitNet'):
        torch.nn.init.eye_(model.distill_projection.weight)
        torch.nn.init.zeros_(model.distill_projection.bias)
    model.loss(*batch())  # fills a memory
    losses = distillation_losses(model, batch(seed=1))
    assert losses and all(value.abs() < 1e-5 for value in losses.values()), losses


@pytest.mark.parametrize('method', METHODS)
def test_a_step_trains_the_student_alone_which_loads_in_the_plain_recognizer(tmp_path, method):
    model = distiller(tmp_path, method).train()
    teacher = copy.deepcopy(model.teacher.network.state_dict())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for seed in range(2):
        losses = distillation_losses(model, batch(seed=seed))
        sum(losses.values()).backward()
    assert all(value > 0 for value in losses.values()), losses
    gradients = [value.grad for name, value in model.named_parameters() if name.startswith('backbone.')]
    assert sum(gradient is not None and bool(gradient.abs().max() > 0) for gradient in gradients) > 10
    optimizer.step()
    assert not model.teacher.network.training
    assert all((value == teacher[name]).all() for name, value in model.teacher.network.state_dict().items())
    trained = {id(value) for value in model.parameters()}
    assert not trained & {id(value) for value in model.teacher.network.parameters()}
    plain = MODELS.build(recognizer(in_channels=2))
    missing, unexpected = plain.load_state_dict(model.state_dict(), strict=False)
    assert not missing and all(name.startswith('distill_') for name in unexpected)
    inputs, _ = batch()
    assert (plain.eval()(inputs, mode='tensor') == model.eval()(inputs, mode='tensor')).all()


def test_a_method_is_a_list_of_losses(tmp_path):
    losses = [dict(type='LogitLoss', weight=1., temperature=4.), dict(type='RelationLoss', weight=0.1),
              dict(type='RelationLoss', weight=0.1, memory=32), dict(type='AngleLoss', weight=0)]
    models = distiller(tmp_path), distiller(tmp_path, 'Distiller', losses=losses)
    for seed in (0, 1):
        ours, theirs = (distillation_losses(model, batch(seed=seed)) for model in models)
        assert ours == theirs and set(ours) == {'loss_logit', 'loss_batch', 'loss_memory'}


@pytest.mark.parametrize('losses, message', [
    ('LogitLoss', 'losses: '), (['LogitLoss'], 'losses: '), ([], 'losses: 0'), ([recognizer()], 'losses: Recog'),
    ([dict(type='LogitLoss')] * 2, 'loss_logit'), ([dict(type='LogitLoss', name='cls')], 'loss_cls'),
    ([dict(type='AngleLoss', weight=0), dict(type='LogitLoss', weight=0)], 'angle loss: weight, logit loss: weight: 0'),
])
def test_wrong_lists_of_losses_are_refused(tmp_path, losses, message):
    with pytest.raises(ConfigError, match=message):
        distiller(tmp_path, 'Distiller', load=False, losses=losses)


@pytest.mark.parametrize('method, teacher, student', [
    ('CGRKD', 'STGCN', 'DynSTGMamba'), ('CGRKD', 'DynSTGMamba', 'STGCN'), ('CGRKD', 'AAGCN', 'STGCN'),
    ('LogitKD', 'STGCN', 'DynSTGMamba'), ('FitNet', 'STGCN', 'DynSTGMamba'), ('RKD', 'STGCN', 'DynSTGMamba')])
def test_any_pair_of_backbones(tmp_path, method, teacher, student):
    def settings(name):
        if name == 'DynSTGMamba':
            return recognizer(in_channels=2)
        mode = 'stgcn_spatial' if name == 'STGCN' else 'spatial'
        backbone = dict(type=name, base_channels=8, num_stages=2, inflate_stages=[], down_stages=[2], in_channels=2,
                        graph_cfg=dict(layout='body_25', mode=mode), data_bn_type='VC')
        return recognizer(8, backbone=backbone)
    losses = distillation_losses(distiller(tmp_path, method, settings(teacher), settings(student)).train())
    assert losses and all(value.isfinite() for value in losses.values())


@pytest.mark.parametrize('method', METHODS)
def test_a_student_of_another_skeleton(tmp_path, method):
    """The samples hold the teacher's joints; frames and limbs carry the relations."""
    model = distiller(tmp_path, method, student=recognizer(in_channels=2, layout='gait_13'))
    inputs, _ = batch()
    names = [name for name in distillation_losses(model, for_both(inputs)) if name != 'loss_memory']  # it fills up
    before, repeated = (distillation_losses(model, for_both(inputs)) for _ in range(2))
    feet = inputs.clone()
    feet[..., 19:, :] += torch.randn(feet[..., 19:, :].shape, generator=torch.Generator().manual_seed(1))
    moved = distillation_losses(model, (inputs[..., :13, :], for_both(feet)[1]))  # unseen by the student
    assert names and all(before[name].isfinite() and before[name] == repeated[name] for name in names)
    assert all(moved[name] != before[name] for name in names)
    if method == 'CGRKD':
        assert model.distill_losses['batch'].kinds == ('frame', 'limb')
        with pytest.raises(ConfigError, match='nodes'):
            distiller(tmp_path, student=recognizer(layout='gait_13'), nodes=['joint', 'limb'], load=False)


def for_both(inputs):
    """A batch with 13 joints for the student and all 25 for the teacher."""
    _, samples = batch(len(inputs))
    for clip, sample in zip(inputs, samples):
        sample.set_field(clip.numpy(), 'teacher_inputs')
    return inputs[..., :13, :], samples


def test_equal_skeletons_are_recognised_by_the_names_of_the_joints_or_the_edges():
    def same_joints(ours, theirs):
        return shared_pools(recognizer(layout=ours), recognizer(layout=theirs))[0]
    body = LAYOUTS['body_25']
    assert same_joints({**body, 'joints': list(body['joints'])}, 'body_25')  # a list, as in a JSON file
    assert not same_joints('gait_13', 'body_25')
    star, chain = (dict(num_node=25, inward=inward, center=0) for inward in (
        [(joint, 0) for joint in range(1, 25)], [(joint, joint - 1) for joint in range(1, 25)]))
    assert same_joints(dict(star), star)
    with pytest.raises(ConfigError, match='limbs'):
        same_joints(chain, star)


@pytest.mark.parametrize('method', METHODS)
def test_several_windows_of_a_clip(tmp_path, method):
    model = distiller(tmp_path, method)
    inputs, samples = batch()
    both = model.loss(inputs.repeat(1, 2, 1, 1, 1, 1), samples)
    torch.testing.assert_close(both['loss_cls'], model.loss(inputs, samples)['loss_cls'])
    assert all(value.isfinite() for name, value in both.items() if name.startswith('loss'))


@pytest.mark.parametrize('method', METHODS)
def test_unlabelled_windows_add_to_the_distillation_losses_only(tmp_path, method):
    options = dict(memory_size=64) if method == 'CGRKD' else {}
    inputs, samples = batch(8)
    all_labelled = distillation_losses(distiller(tmp_path, method, **options), (inputs, samples))
    for sample, window in zip(samples, inputs[4:]):
        sample.set_field(window.numpy(), 'unlabelled_inputs')
    model = distiller(tmp_path, method, **options)
    losses = model.loss(inputs[:4], samples[:4])
    plain = MODELS.build(recognizer(in_channels=2)).eval()
    plain.load_state_dict(model.state_dict(), strict=False)
    torch.testing.assert_close(losses['loss_cls'], plain.loss(inputs[:4], samples[:4])['loss_cls'])
    assert all_labelled
    for name, value in all_labelled.items():
        torch.testing.assert_close(losses[name], value)
    if method == 'CGRKD':
        assert model.distill_losses['memory'].memory.written[0].tolist() == [50, 50]  # joints of the labelled clips
    for sample in samples[:4]:
        sample.set_field(sample.unlabelled_inputs[..., :13, :], 'unlabelled_inputs')
    with pytest.raises(ConfigError, match='unlabelled_inputs'):
        model.loss(inputs[:4], samples[:4])


def test_a_cached_teacher_gives_the_same_outputs_and_its_accuracy_is_logged(tmp_path):
    inputs, samples = batch()
    model = distiller(tmp_path)
    features, scores = model.teacher(inputs)
    right = scores.argmax(-1) == torch.tensor([0, 1, 0, 1])
    assert model.loss(inputs, samples)['teacher_acc'] == right.float().mean()
    model.teacher.cache_outputs()
    for part in (slice(0, 3), slice(None), slice(None)):
        cached = model.teacher(inputs[part])
        torch.testing.assert_close(cached, (features[part], scores[part]))


def test_half_precision(tmp_path):
    model = distiller(tmp_path).train()
    for seed in (0, 1):  # the memory is empty first
        with torch.autocast('cpu', dtype=torch.bfloat16):
            losses = distillation_losses(model, batch(seed=seed))
        sum(losses.values()).backward()
    assert losses['loss_memory'] > 0
    assert all(value.dtype == torch.float32 and value.isfinite() for value in losses.values())


def test_settings_inherited_from_mmaction(tmp_path):
    """MMEngine adds `_scope_` to every dict with a type that a config inherits from `mmaction::`."""
    def inherited(node):
        if isinstance(node, dict):
            node = {name: inherited(value) for name, value in node.items()}
            return dict(node, _scope_='mmaction') if 'type' in node else node
        return node
    pair = dict(teacher=inherited(recognizer(16, in_channels=2)), student=inherited(recognizer(in_channels=2)))
    losses = [inherited(dict(type='LogitLoss')), inherited(dict(type='FeatureLoss'))]
    model = distiller(tmp_path, 'Distiller', losses=losses, **pair)
    plain = distiller(tmp_path, 'Distiller', losses=[dict(type='LogitLoss'), dict(type='FeatureLoss')])
    assert distillation_losses(model) == distillation_losses(plain)


class OwnRecognizer(RecognizerGCN):
    pass


@pytest.mark.parametrize('options, error, field', [
    (dict(teacher=recognizer(16, num_classes=3)), ConfigError, 'num_classes'),
    (dict(teacher='configs/none.py'), FileNotFoundError, 'teacher: configs/none.py'),
    (dict(teacher=__file__), ValueError, f'teacher: {__file__}'),
    (dict(teacher=dict(type='Recognizer3D')), ConfigError, 'teacher: type'),
    (dict(teacher=dict(type='CGRKD', teacher={}, student={})), ConfigError, 'teacher: type'),
    (dict(teacher=recognizer(16, backbone=dict(type='ResNet', depth=18))), ConfigError, 'teacher: backbone.graph_cfg'),
    (dict(student=dict(recognizer(), type=OwnRecognizer)), ConfigError, 'student: type'),
    (dict(student=recognizer(cls_head=None)), ConfigError, 'student: cls_head'),
    (dict(student=recognizer(cls_head=dict(type='TargetHead', in_channels=12, outputs=dict(
        a=dict(type='CORNOutput', num_grades=2))))), ConfigError, 'student: cls_head: TargetHead'),
])
def test_models_that_are_no_pair_are_refused(tmp_path, options, error, field):
    with pytest.raises(error, match=field):
        distiller(tmp_path, load=False, **options)


def test_the_teacher_may_be_a_subclass_or_a_student(tmp_path):
    distiller(tmp_path, teacher=dict(recognizer(16, in_channels=2), type=OwnRecognizer))
    student = distiller(tmp_path, student=recognizer(16, in_channels=2))
    torch.save(dict(state_dict=student.state_dict()), tmp_path / 'teacher.pth')
    teacher = distiller(tmp_path, load=False).teacher
    teacher.load()
    for name, value in teacher.network.state_dict().items():
        assert torch.equal(value, student.state_dict()[name]), name


@pytest.mark.parametrize('content', [None, 'text', [1], dict(state_dict=None), dict(state_dict=[1], meta=[1]),
                                     dict(state_dict={3: torch.ones(1)}), dict(state_dict={'weight': torch.ones(1)})])
def test_a_checkpoint_that_is_none_of_the_teacher_is_refused(tmp_path, content):
    path = tmp_path / 'teacher.pth'
    if content == 'text':
        path.write_text(content)
    elif content is not None:
        torch.save(content, path)
    model = distiller(tmp_path, 'LogitKD', load=False)
    with pytest.raises(ConfigError, match=f'teacher_ckpt: {path}'):
        model.teacher.load()
    with pytest.raises(ConfigError, match='DistillationHook'):  # which would have loaded it
        model.loss(*batch())

"""CGRKD and the distillers beside it, on real models of a few channels."""
import copy

import pytest
import torch
from mmaction.models.recognizers import RecognizerGCN
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample

from dynstg_mm.skeletons import LAYOUTS

from .setup import batch, distiller, recognizer

KINDS = ('CGRKD', 'LogitKD', 'FitNet', 'RKD')


def distill_losses(model, data=None):
    return {name: value for name, value in model.loss(*(data or batch())).items()
            if name.startswith('loss_') and name != 'loss_cls'}


@pytest.mark.parametrize('kind', KINDS)
def test_teacher_that_is_the_student_teaches_nothing(tmp_path, kind):
    model = distiller(tmp_path, kind, recognizer(), recognizer()).eval()
    model.load_teacher()
    model.load_state_dict(model.teacher.state_dict(), strict=False)
    if hasattr(model, 'distill_projection'):
        torch.nn.init.eye_(model.distill_projection.weight)
        torch.nn.init.zeros_(model.distill_projection.bias)
    model.loss(*batch())  # fills a memory
    losses = distill_losses(model, batch(seed=1))
    assert losses and all(value.abs() < 1e-5 for value in losses.values()), losses


@pytest.mark.parametrize('kind', KINDS)
def test_a_step_leaves_the_teacher_as_it_was_and_trains_the_student(tmp_path, kind):
    model = distiller(tmp_path, kind).train()
    model.load_teacher()
    before = copy.deepcopy(model.teacher.state_dict())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for seed in range(2):
        losses = distill_losses(model, batch(seed=seed))
        sum(losses.values()).backward()
    assert all(value > 0 for value in losses.values()), losses
    gradients = [value.grad for name, value in model.named_parameters() if name.startswith('backbone.')]
    assert sum(gradient is not None and bool(gradient.abs().max() > 0) for gradient in gradients) > 10
    optimizer.step()
    assert not model.teacher.training
    assert all((value == before[name]).all() for name, value in model.teacher.state_dict().items())
    held = {id(value) for value in model.parameters()}
    assert not any('teacher' in name for name in model.state_dict())
    assert not held & {id(value) for value in model.teacher.parameters()}


@pytest.mark.parametrize('kind', KINDS)
def test_student_loads_in_the_plain_recognizer(tmp_path, kind):
    model = distiller(tmp_path, kind).eval()
    plain = MODELS.build(recognizer()).eval()
    missing, unexpected = plain.load_state_dict(model.state_dict(), strict=False)
    assert not missing and all(name.startswith('distill_') for name in unexpected)
    inputs, samples = batch()
    assert (plain(inputs, mode='tensor') == model(inputs, mode='tensor')).all()


@pytest.mark.parametrize('off', ['logit', 'batch', 'memory'])
def test_terms_switch_off_and_weigh(tmp_path, off):
    terms = ('logit', 'batch', 'memory')

    def losses(**weights):
        model = distiller(tmp_path, **{f'{term}_weight': weights.get(term, 1.) for term in terms}).eval()
        model.loss(*batch())
        return distill_losses(model, batch(seed=1))
    full, part, double = losses(), losses(**{off: 0}), losses(**{off: 2.})
    assert set(full) == {f'loss_{term}' for term in terms} and set(part) == set(full) - {f'loss_{off}'}
    held = distiller(tmp_path, **{f'{off}_weight': 0}).state_dict()
    assert ('distill_memory' in held) == (off != 'memory')  # nor does it take room, or must a resumed run have its size
    for name in full:
        torch.testing.assert_close(double[name], full[name] * (2 if name == f'loss_{off}' else 1))


def test_memory_holds_the_teachers_nodes_by_class(tmp_path):
    model = distiller(tmp_path, memory_size=48).eval()
    inputs, samples = batch()
    model.loss(inputs, samples)
    features, _ = model.teacher.extract_feat(inputs)
    joints = torch.nn.functional.normalize(features.mean((1, 3)).transpose(1, 2), dim=-1)  # clip, joint, channel
    for label in (0, 1):  # clips 0 and 2 are of class 0, 1 and 3 of class 1; 48 of their 50 joints, the latest, stay
        assert model.distill_filled[0, label] == 48
        torch.testing.assert_close(model.distill_memory[0, label], joints[label::2].flatten(0, 1)[-48:])
    assert (model.distill_filled[1] == 2 * features.shape[3]).all()
    restored = distiller(tmp_path, memory_size=48)
    restored.load_state_dict(model.state_dict())
    assert (restored.distill_memory == model.distill_memory).all()


def test_memory_waits_for_every_class_and_weighs_them_alike(tmp_path):
    model = distiller(tmp_path).eval()
    one_class = (batch()[0], [ActionDataSample().set_gt_label(0) for _ in range(4)])
    for _ in range(2):
        assert distill_losses(model, one_class)['loss_memory'] == 0
    for seed in (1, 2):
        found = distill_losses(model, batch(seed=seed))['loss_memory']
    assert found > 0


@pytest.mark.parametrize('options', [{}, dict(pairwise=True), dict(nodes=['limb', 'joint']), dict(temperature=1e-5)])
def test_relations_of_a_batch_are_those_to_all_other_clips(tmp_path, options):
    """The one matrix product against a plain loop over clips, by the equation of the method."""
    model = distiller(tmp_path, batch_weight=1., memory_weight=0, logit_weight=0, **{'temperature': 0.3, **options}).eval()
    inputs, samples = batch()
    found = distill_losses(model, (inputs, samples))['loss_batch']
    own, taught = model.extract_feat(inputs)[0].mean(1), model.teacher.extract_feat(inputs)[0].mean(1)
    own = model.distill_projection(own.movedim(1, -1)).movedim(-1, 1)
    limbs = [*LAYOUTS['body_25']['limbs'].values(), list(range(25))]
    nodes_of = dict(joint=lambda x: x.mean(1).T, frame=lambda x: x.mean(2).T,
                    limb=lambda x: torch.stack([x.mean(1)[:, limb].mean(1) for limb in limbs]))
    total, kinds, temperature = 0, options.get('nodes', list(nodes_of)), options.get('temperature', 0.3)
    for kind in kinds:
        nodes = nodes_of[kind]
        graphs = [[torch.nn.functional.normalize(nodes(x), dim=-1) for x in part] for part in (own, taught)]
        rows = []
        for i in range(4):
            every = [[j] for j in range(4)]
            for others in every if options.get('pairwise') else [[j for j in range(4) if j != i]]:
                student, teacher = ((part[i] @ torch.cat([part[j] for j in others]).T / temperature).log_softmax(-1)
                                    for part in graphs)
                rows.append((teacher.exp() * (teacher - student)).sum(-1).mean())
        total += sum(rows) / len(rows)
    torch.testing.assert_close(found, total / len(kinds), atol=1e-5, rtol=1e-5)


def test_fitnet_regresses_features_joint_by_joint(tmp_path):
    model = distiller(tmp_path, 'FitNet', feature_weight=2.).eval()
    inputs, samples = batch()
    own, taught = (part.extract_feat(inputs)[0].mean(1) for part in (model, model.teacher))
    weight, bias = model.distill_projection.weight, model.distill_projection.bias
    squares = [((weight @ own[clip, :, frame, joint] + bias - taught[clip, :, frame, joint])**2).mean()
               for clip in range(4) for frame in range(own.shape[2]) for joint in range(25)]
    torch.testing.assert_close(distill_losses(model, (inputs, samples)), dict(loss_feature=2 * sum(squares) / len(squares)))


def test_rkd_is_that_of_the_paper(tmp_path):
    model = distiller(tmp_path, 'RKD').eval()
    inputs, samples = batch()
    found = distill_losses(model, (inputs, samples))
    clips = [part.extract_feat(inputs)[0].mean((1, 3, 4)) for part in (model, model.teacher)]
    distances, angles = [], []
    for part in clips:
        pairs = torch.stack([(part[i] - part[j]).norm() for i in range(4) for j in range(i + 1, 4)])
        distances.append(pairs / pairs.mean())
        angles.append(torch.stack([torch.nn.functional.cosine_similarity(
            part[i] - part[j], part[k] - part[j], dim=0) if j not in (i, k) else torch.zeros(())
            for j in range(4) for i in range(4) for k in range(4)]))
    huber = torch.nn.functional.smooth_l1_loss
    torch.testing.assert_close(found['loss_distance'], 25 * huber(*distances), atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(found['loss_angle'], 50 * huber(*angles), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize('kind, teacher, student', [
    ('CGRKD', 'STGCN', 'DynSTGMamba'), ('CGRKD', 'DynSTGMamba', 'STGCN'), ('CGRKD', 'AAGCN', 'STGCN'),
    ('LogitKD', 'STGCN', 'DynSTGMamba'), ('FitNet', 'STGCN', 'DynSTGMamba'), ('RKD', 'STGCN', 'DynSTGMamba')])
def test_any_pair_of_backbones(tmp_path, kind, teacher, student):
    def build(name):
        if name == 'DynSTGMamba':
            return recognizer()
        mode = 'stgcn_spatial' if name == 'STGCN' else 'spatial'
        backbone = dict(type=name, base_channels=8, num_stages=2, inflate_stages=[], down_stages=[2], in_channels=2,
                        graph_cfg=dict(layout='body_25', mode=mode), data_bn_type='VC')
        return recognizer(8, backbone=backbone)
    losses = distill_losses(distiller(tmp_path, kind, build(teacher), build(student)).train())
    assert losses and all(value.isfinite() for value in losses.values())


@pytest.mark.parametrize('kind', KINDS)
def test_a_student_of_another_skeleton(tmp_path, kind):
    """The sample brings what the teacher sees; limbs and frames carry the relations."""
    student = recognizer()
    student['backbone'] = dict(student['backbone'], graph_cfg=dict(layout='gait_13'))
    model = distiller(tmp_path, kind, student=student).eval()
    inputs, samples = batch()
    names = [name for name in distill_losses(model, seen_by_both(inputs)) if name != 'loss_memory']  # it has filled
    before, again = (distill_losses(model, seen_by_both(inputs)) for _ in range(2))
    feet = inputs.clone()
    feet[..., 19:, :] += torch.randn(feet[..., 19:, :].shape, generator=torch.Generator().manual_seed(1))
    other = distill_losses(model, (inputs[..., :13, :], seen_by_both(feet)[1]))  # which the student does not see
    assert names and all(before[name].isfinite() and before[name] == again[name] for name in names)
    assert all(other[name] != before[name] for name in names)
    if kind == 'CGRKD':
        assert model.kinds == ('frame', 'limb')


def seen_by_both(inputs):
    """A batch whose samples bring all joints to the teacher."""
    _, samples = batch(len(inputs))
    for clip, sample in zip(inputs, samples):
        sample.set_field(clip.numpy(), 'teacher_inputs')
    return inputs[..., :13, :], samples


def test_the_same_skeleton_is_known_by_its_names(tmp_path):
    def student(layout):
        model = recognizer()
        model['backbone'] = dict(model['backbone'], graph_cfg=dict(layout=layout))
        return model
    own = LAYOUTS['body_25']
    listed = {**own, 'joints': list(own['joints'])}  # as a JSON file has them
    assert distiller(tmp_path, student=student(listed)).kinds == ('joint', 'frame', 'limb')
    unnamed, chain = (dict(num_node=25, inward=inward, center=0) for inward in (
        [(joint, 0) for joint in range(1, 25)], [(joint, joint - 1) for joint in range(1, 25)]))
    teacher = recognizer(16)
    teacher['backbone'] = dict(teacher['backbone'], graph_cfg=dict(layout=unnamed))
    for kind in ('CGRKD', 'FitNet'):
        distiller(tmp_path, kind, teacher, student(dict(unnamed)))
        with pytest.raises(ValueError, match='relations between different skeletons need limbs of the same name'):
            distiller(tmp_path, kind, teacher, student(chain))


@pytest.mark.parametrize('kind', KINDS)
def test_several_windows_of_a_clip(tmp_path, kind):
    model = distiller(tmp_path, kind).eval()
    inputs, samples = batch()
    whole = model.loss(inputs.repeat(1, 2, 1, 1, 1, 1), samples)
    torch.testing.assert_close(whole['loss_cls'], model.loss(inputs, samples)['loss_cls'])
    assert all(value.isfinite() for name, value in whole.items() if name.startswith('loss'))


@pytest.mark.parametrize('kind', KINDS)
def test_unlabelled_windows_are_learnt_by_what_the_teacher_says(tmp_path, kind):
    options = dict(memory_size=64) if kind == 'CGRKD' else {}
    inputs, samples = batch(8)
    whole = distill_losses(distiller(tmp_path, kind, **options).eval(), (inputs, samples))
    for sample, window in zip(samples, inputs[4:]):
        sample.set_field(window.numpy(), 'unlabelled_inputs')
    model = distiller(tmp_path, kind, **options).eval()
    losses = model.loss(inputs[:4], samples[:4])
    plain = MODELS.build(recognizer()).eval()
    plain.load_state_dict(model.state_dict(), strict=False)
    torch.testing.assert_close(losses['loss_cls'], plain.loss(inputs[:4], samples[:4])['loss_cls'])
    assert whole
    for name, value in whole.items():
        torch.testing.assert_close(losses[name], value)
    if kind == 'CGRKD':
        assert model.distill_filled[0].tolist() == [50, 50]  # the joints of the labelled clips
    for sample in samples[:4]:
        sample.set_field(sample.unlabelled_inputs[..., :13, :], 'unlabelled_inputs')
    with pytest.raises(ValueError, match=r'unlabelled_inputs: windows \(M, T, V, C\) of \(1, 16, 13, 2\); the labelled'):
        model.loss(inputs[:4], samples[:4])


def test_a_cached_teacher_says_what_it_says_without_a_cache(tmp_path):
    inputs, samples = batch()
    told = distiller(tmp_path).teach(inputs, samples)
    model = distiller(tmp_path)
    model.cache_teacher()
    for part in (slice(0, 3), slice(None), slice(None)):
        again = model.teach(inputs[part], samples[part])
        torch.testing.assert_close(again.features, told.features[part])
        torch.testing.assert_close(again.scores, told.scores[part])


def test_one_clip_has_no_relations_of_the_literature(tmp_path):
    assert all(value == 0 for value in distill_losses(distiller(tmp_path, 'RKD').eval(), batch(1)).values())


def test_how_often_the_teacher_is_right_is_logged(tmp_path):
    model = distiller(tmp_path).eval()
    inputs, samples = batch()
    model.load_teacher()
    expected = (model.teacher(inputs, stage='head').argmax(-1) == torch.tensor([0, 1, 0, 1])).float().mean()
    assert model.loss(inputs, samples)['teacher_acc'] == expected


@pytest.mark.parametrize('kind, option, message', [
    ('CGRKD', dict(memory_size=0), 'memory_size: 0; expected a whole number from 1; memory_weight=0 switches'),
    ('CGRKD', dict(temperature=0), 'temperature: 0; expected a number from 1e-06'),
    ('LogitKD', dict(logit_temperature=-1), 'logit_temperature: -1'),
    ('RKD', dict(angle_weight=-1.), 'angle_weight: -1.0; expected a number from 0'),
    ('FitNet', dict(feature_weight='1'), "feature_weight: '1'"),
    ('CGRKD', dict(memory_size=2.5), 'memory_size: 2.5; expected a whole number from 1'),
    ('CGRKD', dict(batch_weight=float('inf')), 'batch_weight: inf; expected a number from 0'),
    ('CGRKD', dict(pairwise='no'), "pairwise: 'no'; expected True or False"),
    ('CGRKD', dict(nodes=3, batch_weight=0, memory_weight=0), 'nodes: 3; expected one or more of joint, frame, limb'),
    ('CGRKD', dict(nodes=3), 'nodes: 3; expected one or more of joint, frame, limb'),
    ('RKD', dict(distance_weight=0, angle_weight=0), 'distance_weight, angle_weight: 0; expected one above 0'),
    ('CGRKD', dict(nodes=['joint', 'limbs']), r"nodes: \['joint', 'limbs'\]; expected one or more of joint, frame, limb"),
])
def test_wrong_options_are_named(tmp_path, kind, option, message):
    with pytest.raises(ValueError, match=message):
        distiller(tmp_path, kind, **option)


def test_half_precision(tmp_path):
    model = distiller(tmp_path).train()
    for seed in (0, 1):  # the memory is empty first
        with torch.autocast('cpu', dtype=torch.bfloat16):
            losses = distill_losses(model, batch(seed=seed))
        sum(losses.values()).backward()
    assert losses['loss_memory'] > 0
    assert all(value.dtype == torch.float32 and value.isfinite() for value in losses.values())


def test_wrong_teacher_is_named(tmp_path):
    with pytest.raises(ValueError, match='student: 2 classes; the teacher has 3'):
        distiller(tmp_path, teacher=recognizer(16, cls_head=dict(type='GCNHead', num_classes=3, in_channels=16)))
    model = distiller(tmp_path)
    for path, error in (('nowhere.pth', FileNotFoundError), ('torchvision://nowhere', ValueError)):
        model.teacher_ckpt = path
        with pytest.raises(error, match=f'teacher_ckpt: {path}'):
            model.load_teacher()
    with pytest.raises(ValueError, match='default_hooks: no DistillationHook'):
        distiller(tmp_path, ckpt=model).loss(*batch())
    (tmp_path / 'config.py').write_text('model = dict(type=name)')
    with pytest.raises(ValueError, match="teacher: .*config.py: no config file .*name 'name' is not defined"):
        distiller(tmp_path, teacher=str(tmp_path / 'config.py'), ckpt=model)
    torch.save(dict(state_dict=distiller(tmp_path, student=recognizer(16)).state_dict()), tmp_path / 'teacher.pth')
    distiller(tmp_path, ckpt=model).load_teacher()  # a student is a teacher, too
    other = distiller(tmp_path, teacher=recognizer(20), ckpt=model)
    with pytest.raises(ValueError, match='teacher.pth: of another architecture'):
        other.load_teacher()
    for content in ([1], dict(state_dict=None), dict(state_dict=[1], meta=[1]), dict(state_dict={3: torch.ones(1)})):
        torch.save(content, tmp_path / 'teacher.pth')
        with pytest.raises(ValueError, match='teacher_ckpt: .*teacher.pth: state_dict: missing; expected a checkpoint'):
            other.load_teacher()
    (tmp_path / 'teacher.pth').write_text('no checkpoint')
    with pytest.raises(ValueError, match='teacher_ckpt: .*teacher.pth: not loaded'):
        other.load_teacher()
    with pytest.raises(FileNotFoundError, match='teacher: configs/none.py: no such config'):
        distiller(tmp_path, teacher='configs/none.py', ckpt=model)
    class OwnRecognizer(RecognizerGCN):
        pass
    with pytest.raises(ValueError, match='student: .*OwnRecognizer.*; expected RecognizerGCN itself'):
        distiller(tmp_path, student=dict(recognizer(), type=OwnRecognizer))
    distiller(tmp_path, teacher=dict(recognizer(16), type=OwnRecognizer))
    with pytest.raises(ValueError, match='teacher: Recognizer3D; expected the config of a RecognizerGCN'):
        distiller(tmp_path, teacher=dict(type='Recognizer3D'), ckpt=model)
    with pytest.raises(ValueError, match='student: cls_head: missing'):
        distiller(tmp_path, student=recognizer(cls_head=None), ckpt=model)
    with pytest.raises(ValueError, match='teacher: backbone.graph_cfg: missing'):
        distiller(tmp_path, 'CGRKD', teacher=recognizer(16, backbone=dict(type='ResNet', depth=18)), ckpt=model)

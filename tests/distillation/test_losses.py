"""The losses against their equations, on real models of a few channels."""
import pytest
import torch
from torch.nn.functional import cosine_similarity, normalize, smooth_l1_loss

from dynstg_mm.distillation import LogitLoss, Outputs
from dynstg_mm.errors import ConfigError
from dynstg_mm.skeletons import LAYOUTS

from .small_models import batch, distillation_losses, distiller

TERMS = ('logit', 'batch', 'memory')


@pytest.mark.parametrize('off', TERMS)
def test_terms_switch_off_and_weigh(tmp_path, off):
    def losses(**weights):
        model = distiller(tmp_path, **{f'{term}_weight': weights.get(term, 1.) for term in TERMS})
        model.loss(*batch())
        return distillation_losses(model, batch(seed=1))
    full, part, double = losses(), losses(**{off: 0}), losses(**{off: 2.})
    assert set(full) == {f'loss_{term}' for term in TERMS} and set(part) == set(full) - {f'loss_{off}'}
    for name in full:
        torch.testing.assert_close(double[name], full[name] * (2 if name == f'loss_{off}' else 1))


@pytest.mark.parametrize('off', [('batch', ), ('memory', ), ('batch', 'memory')])
def test_terms_that_are_off_leave_no_parameter_without_a_gradient_and_no_memory(tmp_path, off):
    """Distributed training would stop at its second step, and a resumed run would need a memory of the same size."""
    model = distiller(tmp_path, **{f'{term}_weight': 0 for term in off}).train()
    losses = model.loss(*batch())
    sum(value for name, value in losses.items() if name.startswith('loss')).backward()
    assert all(value.grad is not None for value in model.parameters())
    assert any('memory' in name for name in model.state_dict()) == ('memory' not in off)


def test_softened_scores():
    ours, theirs = torch.tensor([[1., 2.], [0., 3.]]), torch.tensor([[2., 0.], [1., 1.]])
    student, teacher = (Outputs(torch.zeros(2, 1, 1, 1, 1), scores) for scores in (ours, theirs))
    p, q = (theirs / 3).softmax(-1), (ours / 3).softmax(-1)
    expected = 0.5 * 9 * (p * (p / q).log()).sum() / 2
    torch.testing.assert_close(LogitLoss(0.5, 3.)(student, teacher, torch.zeros(2)), expected)


@pytest.mark.parametrize('options', [{}, dict(pairwise=True), dict(nodes=['limb', 'joint']), dict(temperature=1e-5)])
def test_relations_in_the_batch_are_those_to_all_other_clips(tmp_path, options):
    """The single matrix product against a plain loop over clips."""
    options = {'temperature': 0.3, **options}
    model = distiller(tmp_path, batch_weight=1., memory_weight=0, logit_weight=0, **options)
    inputs, samples = batch()
    loss = distillation_losses(model, (inputs, samples))['loss_batch']
    ours, theirs = model.extract_feat(inputs)[0].mean(1), model.teacher(inputs)[0].mean(1)
    ours = model.distill_projection(ours.movedim(1, -1)).movedim(-1, 1)
    limbs = [*LAYOUTS['body_25']['limbs'].values(), list(range(25))]
    nodes_of = dict(joint=lambda x: x.mean(1).T, frame=lambda x: x.mean(2).T,
                    limb=lambda x: torch.stack([x.mean(1)[:, limb].mean(1) for limb in limbs]))
    total, kinds = 0, options.get('nodes', list(nodes_of))
    for kind in kinds:
        graphs = [[normalize(nodes_of[kind](x), dim=-1) for x in part] for part in (ours, theirs)]
        rows = []
        for i in range(4):
            others = [[j] for j in range(4)] if options.get('pairwise') else [[j for j in range(4) if j != i]]
            for group in others:
                student, teacher = (
                    (part[i] @ torch.cat([part[j] for j in group]).T / options['temperature']).log_softmax(-1)
                    for part in graphs)
                rows.append((teacher.exp() * (teacher - student)).sum(-1).mean())
        total += sum(rows) / len(rows)
    torch.testing.assert_close(loss, total / len(kinds), atol=1e-5, rtol=1e-5)


def test_feature_loss_compares_joint_by_joint(tmp_path):
    model = distiller(tmp_path, 'FitNet', feature_weight=2.)
    inputs, samples = batch()
    ours, theirs = model.extract_feat(inputs)[0].mean(1), model.teacher(inputs)[0].mean(1)
    weight, bias = model.distill_projection.weight, model.distill_projection.bias
    squares = [((weight @ ours[clip, :, frame, joint] + bias - theirs[clip, :, frame, joint])**2).mean()
               for clip in range(4) for frame in range(ours.shape[2]) for joint in range(25)]
    losses = distillation_losses(model, (inputs, samples))
    torch.testing.assert_close(losses, dict(loss_feature=2 * sum(squares) / len(squares)))


def test_distances_and_angles_between_clips(tmp_path):
    model = distiller(tmp_path, 'RKD')
    inputs, samples = batch()
    losses = distillation_losses(model, (inputs, samples))
    distances, angles = [], []
    for clips in (features.mean((1, 3, 4)) for features in (model.extract_feat(inputs)[0], model.teacher(inputs)[0])):
        pairs = torch.stack([(clips[i] - clips[j]).norm() for i in range(4) for j in range(i + 1, 4)])
        distances.append(pairs / pairs.mean())
        angles.append(torch.stack([
            cosine_similarity(clips[i] - clips[j], clips[k] - clips[j], dim=0) if j not in (i, k) else torch.zeros(())
            for j in range(4) for i in range(4) for k in range(4)]))
    torch.testing.assert_close(losses['loss_distance'], 25 * smooth_l1_loss(*distances), atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(losses['loss_angle'], 50 * smooth_l1_loss(*angles), atol=1e-4, rtol=1e-3)
    assert all(value == 0 for value in distillation_losses(model, batch(1)).values())  # one clip has no relations


@pytest.mark.parametrize('method, options, field', [
    ('CGRKD', dict(memory_size=0), 'memory loss: memory: 0'),
    ('CGRKD', dict(memory_size=2.5), 'memory loss: memory: 2.5'),
    ('CGRKD', dict(temperature=0), 'batch loss: temperature: 0'),
    ('CGRKD', dict(batch_weight=float('inf')), 'batch loss: weight: inf'),
    ('CGRKD', dict(pairwise='no'), "batch loss: pairwise: 'no'"),
    ('CGRKD', dict(nodes=3, batch_weight=0, memory_weight=0), 'batch loss: nodes: 3'),
    ('CGRKD', dict(nodes=['joint', 'limbs']), 'batch loss: nodes: '),
    ('Distiller', dict(losses=[dict(type='LogitLoss', name='keys')]), 'keys loss: name'),
    ('Distiller', dict(losses=[dict(type='RelationLoss', memory=8, pairwise=True)]), 'memory loss: pairwise'),
    ('LogitKD', dict(logit_temperature=-1), 'logit loss: temperature: -1'),
    ('FitNet', dict(feature_weight='1'), "feature loss: weight: '1'"),
    ('RKD', dict(angle_weight=-1.), 'angle loss: weight: -1'),
    ('RKD', dict(distance_weight=0, angle_weight=0), 'distance loss: weight, angle loss: weight: 0'),
])
def test_wrong_options_are_refused(tmp_path, method, options, field):
    with pytest.raises(ConfigError, match=field):
        distiller(tmp_path, method, load=False, **options)

"""Distillation in whole runs: what is checked before one starts, how it goes on after a stop, and in two processes."""
import copy
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.runner import Runner, load_checkpoint

from ..conftest import ROOT
from .setup import DISTRIBUTED, batch, distiller, recognizer, steps

CONFIG = ROOT / 'configs/cgrkd/cgrkd-large-to-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'


@pytest.fixture
def runner(tmp_path, monkeypatch):
    """Build a runner of a shipped config with small models; `meta` goes into the teacher's checkpoint."""
    monkeypatch.chdir(ROOT)

    def build(meta=None, work='work', teacher=None, **options):
        config = Config.fromfile(CONFIG)
        for name, width in (('student', 12), ('teacher', 16)):
            model = recognizer(width, cls_head=dict(type='GaitHead', num_classes=4, in_channels=width))
            model['backbone']['in_channels'] = 4
            config.model[name] = model
        config.model.teacher = teacher or config.model.teacher
        path = tmp_path / 'teacher.pth'
        if not path.exists():
            torch.manual_seed(5)
            torch.save(dict(state_dict=MODELS.build(copy.deepcopy(config.model.teacher)).state_dict(),
                            meta=dict(dataset_meta=meta or {})), path)
        config.val_cfg = config.val_dataloader = config.val_evaluator = None
        config.merge_from_dict({
            'model.teacher_ckpt': str(path), 'work_dir': str(tmp_path / work),
            **({} if 'model.type' in options else {'model.memory_size': 64}),
            'train_cfg.max_epochs': 2, 'train_dataloader.batch_size': 4,
            'train_dataloader.dataset.indices': [0, 30, 60, 90, 1, 31, 61, 91], **options})
        return Runner.from_cfg(config)

    return build


def with_walks(keys=('unlabelled_inputs', ), steps=()):
    """Options by which a sample brings a window of another clip, whose label is not read; `keys` are packed, and `steps`
    are further ones of the sample's own pipeline."""
    config = Config.fromfile(CONFIG)
    data, pipeline = config.train_dataloader.dataset, config.train_pipeline
    walks = dict(type='UnlabelledWindows', dataset=dict(data, pipeline=pipeline))
    packed = dict(pipeline[-1], algorithm_keys=keys)
    return {'train_dataloader.dataset.pipeline': [*pipeline[:-1], *steps, walks, packed]}


@pytest.mark.parametrize('wrapper', [{}, {'optim_wrapper.type': 'AmpOptimWrapper', 'optim_wrapper.dtype': 'bfloat16'}])
def test_a_resumed_run_is_the_run_that_was_never_stopped(runner, tmp_path, monkeypatch, wrapper):
    # MMEngine's wrapper asserts that there is a GPU; what it does in bfloat16 a CPU does as well
    monkeypatch.setattr('mmengine.optim.optimizer.amp_optimizer_wrapper.is_cuda_available', lambda: True)
    wrapper = {**wrapper, **with_walks()}
    whole = runner(work='whole', **wrapper)
    whole.train()
    runner(work='parts', **{'train_cfg.max_epochs': 1}, **wrapper).train()
    parts = runner(work='parts', resume=True, **wrapper)
    parts.train()
    assert parts.epoch == 2 and (parts.model.distill_filled > 0).all()
    for name, value in whole.model.state_dict().items():
        torch.testing.assert_close(parts.model.state_dict()[name], value, atol=0, rtol=0, msg=name)
    logged = [value for value in whole.message_hub.log_scalars if value.startswith('train/loss')]
    assert set(logged) == {'train/loss', 'train/loss_cls', 'train/loss_logit', 'train/loss_batch', 'train/loss_memory'}
    names = load_checkpoint(MODELS.build(dict(recognizer())), str(tmp_path / 'whole/epoch_2.pth'))['state_dict']
    assert not any('teacher' in name for name in names) and 'distill_memory' in names


def test_a_run_goes_on_with_the_same_distiller_and_teacher_only(runner, tmp_path):
    """What another one has put into the memory, or learnt, would be mixed with its own."""
    runner(**{'train_cfg.max_epochs': 1}).train()
    other = tmp_path / 'other.pth'
    torch.save(dict(state_dict=MODELS.build(recognizer(16, cls_head=dict(
        type='GaitHead', num_classes=4, in_channels=16), backbone=dict(recognizer(16)['backbone'], in_channels=4))).state_dict()),
        other)
    for options, message in (({'model.teacher_ckpt': str(other)}, 'model.teacher_ckpt: weights '),
                             ({'model.memory_size': 32}, r'memory_size or weights: a memory of \[3, 4, 32, 16\]'),
                             ({'model.type': 'FitNet'}, 'model.type: FitNet; .* with CGRKD'),
                             ({'model.student.backbone.depths': [1, 2]}, 'model.student: .* parameters in .* begun with'),
                             ({'train_dataloader.dataset.split': 'val', 'train_dataloader.dataset.indices': [0, 6, 12, 18]},
                              'synthetic_gait.pkl, val; the run was begun with synthetic_gait.pkl, train'),
                             ({'load_from': str(tmp_path / 'teacher.pth')}, 'resume: the checkpoint is of no run of a dist')):
        with pytest.raises(ValueError, match=message):
            runner(resume=True, **options).train()


def test_a_run_from_the_weights_of_another_begins_with_an_empty_memory(runner, tmp_path):
    first = runner(**{'train_cfg.max_epochs': 1})
    first.train()
    run = runner(work='next', load_from=str(tmp_path / 'work/epoch_1.pth'), **{
        'train_cfg.max_epochs': 1, 'train_dataloader.dataset.indices': [2, 32, 62, 92]})
    run.train()
    assert first.model.distill_filled[0].tolist() == [50] * 4 and run.model.distill_filled[0].tolist() == [25] * 4
    assert (run.model.distill_memory[0].norm(dim=-1) > 0.5).sum(-1).tolist() == [25] * 4


def test_a_cached_teacher_is_asked_once_about_a_window(runner):
    """And says the same in a run that was stopped, to the last digit."""
    pipeline = Config.fromfile(CONFIG).test_pipeline  # 5 windows of each of the 8 clips
    runs, seen = {}, {}
    for name, stops in (('whole', [2]), ('parts', [1, 2])):
        for epochs in stops:
            run = runs[name] = runner(work=name, resume=epochs > stops[0], **{
                'train_dataloader.dataset.pipeline': pipeline, 'default_hooks.distillation.cache_teacher': True,
                'train_cfg.max_epochs': epochs})
            count = seen.setdefault((name, epochs), [])
            run.model.teacher.backbone.register_forward_hook(lambda _, inputs, __, count=count: count.append(len(inputs[0])))
            run.train()
    # the first clip is shown before training, to see whether the teacher is able to
    assert {key: sum(count) for key, count in seen.items()} == {('whole', 2): 45, ('parts', 1): 45, ('parts', 2): 45}
    for name, value in runs['whole'].model.state_dict().items():
        torch.testing.assert_close(runs['parts'].model.state_dict()[name], value, atol=0, rtol=0, msg=name)


def test_a_cache_of_windows_that_are_drawn_anew_is_refused(runner):
    with pytest.raises(ValueError, match='cache_teacher: the training pipeline shows other windows of synthetic_normal.* each'):
        runner(**{'default_hooks.distillation.cache_teacher': True}).train()
    with pytest.raises(ValueError, match="cache_teacher: 'yes'; expected True or False"):
        runner(**{'default_hooks.distillation.cache_teacher': 'yes'})


@pytest.mark.parametrize('meta, options, message', [
    (dict(classes=['a', 'b', 'c', 'd']), {}, 'teacher.pth: classes a, b, c, d; the student has normal, parkinson'),
    (dict(source=['synthetic_gait.pkl', 'test']), {},
     'source synthetic_gait.pkl, test; the student has synthetic_gait.pkl, train, and the teacher may have seen'),
    ({}, {'train_dataloader.dataset.indices': [0, 30, 60, 61]}, 'dataset: no clip of class osteoarthritis'),
    ({}, {'model.student.cls_head.num_classes': 5, 'model.teacher.cls_head.num_classes': 5},
     r'model.cls_head.num_classes: 5; the training data has 4 classes \(normal'),
    ({}, {'model.teacher_ckpt': 'nowhere/epoch_20.pth'}, 'teacher_ckpt: nowhere/epoch_20.pth: no such checkpoint'),
])
def test_what_does_not_fit_is_named_before_training_starts(runner, tmp_path, meta, options, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        runner(meta, **options).train()
    assert not list((tmp_path / 'work').glob('*.pth'))


def test_a_teacher_whose_training_has_failed_is_named(runner, tmp_path):
    run = runner()
    checkpoint = torch.load(tmp_path / 'teacher.pth', weights_only=True)
    for value in checkpoint['state_dict'].values():
        value.fill_(float('nan') if value.is_floating_point() else 0)
    torch.save(checkpoint, tmp_path / 'teacher.pth')
    with pytest.raises(ValueError, match='teacher_ckpt: .*teacher.pth: its scores of synthetic_normal.* are no finite'):
        run.train()


def test_a_teacher_that_cannot_see_the_samples_is_named(runner):
    other = recognizer(16, cls_head=dict(type='GaitHead', num_classes=4, in_channels=16))
    other['backbone'].update(in_channels=3)
    with pytest.raises(ValueError, match='teacher: it cannot see samples of the shape .1, 1, 1, 64, 25, 4.*TeacherInput'):
        runner(teacher=other).train()


def test_a_student_that_cannot_see_the_samples_is_named(runner):
    with pytest.raises(ValueError, match='student: it cannot see samples of the shape .1, 1, 1, 64, 25, 4.*TeacherInput'):
        runner(**{'model.student.backbone.in_channels': 3}).train()


@pytest.mark.parametrize('kind', ['CGRKD', 'LogitKD'])
def test_a_teacher_of_another_skeleton_with_as_many_joints_is_named(runner, kind):
    other = recognizer(16, cls_head=dict(type='GaitHead', num_classes=4, in_channels=16))
    other['backbone'].update(in_channels=4, graph_cfg=dict(layout='nturgb+d'))
    with pytest.raises(ValueError, match="teacher: its skeleton has other joints than the student's; .* needs TeacherInput"):
        runner(teacher=other, **{'model.type': kind}).train()


@pytest.mark.parametrize('options, message', [
    (dict(keys=()), "{'unlabelled_inputs': 0}; expected as many of each, by PackActionInputs"),
    (dict(keys=('teacher_inputs', 'unlabelled_inputs'), steps=[dict(type='TeacherInput', transforms=[])]),
     "{'unlabelled_inputs': 1, 'unlabelled_teacher_inputs': 0}; .* whose own pipeline needs TeacherInput, too"),
])
def test_windows_without_labels_that_reach_one_network_or_none_are_named(runner, options, message):
    with pytest.raises(ValueError, match='train_dataloader.dataset.pipeline: windows without labels: ' + message):
        runner(**with_walks(**options)).train()


def test_clips_without_a_name_are_told_by_their_number(runner):
    pipeline = [*Config.fromfile(CONFIG).train_pipeline[:-1], dict(type='PackActionInputs', meta_keys=())]
    with pytest.raises(ValueError, match='cache_teacher: the training pipeline shows other windows of clip 0 each time'):
        runner(**{'train_dataloader.dataset.pipeline': pipeline, 'default_hooks.distillation.cache_teacher': True}).train()


@pytest.mark.parametrize('off', [('batch', ), ('memory', ), ('batch', 'memory')])
def test_terms_that_are_off_leave_no_parameter_without_gradient(tmp_path, off):
    """Or distributed runs would stop at their second step."""
    model = distiller(tmp_path, **{f'{term}_weight': 0 for term in off}).train()
    losses = model.loss(*batch())
    sum(value for name, value in losses.items() if name.startswith('loss')).backward()
    assert all(value.grad is not None for name, value in model.named_parameters())


def test_a_teacher_of_other_data_may_be_of_any_part_of_it(runner, tmp_path):
    run = runner(dict(source=['motion_capture.pkl', 'all']), **{'train_cfg.max_epochs': 1})
    run.train()
    assert run.epoch == 1
    log = next(tmp_path.rglob('*.log')).read_text()
    assert 'learnt from motion_capture.pkl, the student learns from' in log


def test_the_hook_wants_a_distiller(runner):
    plain = recognizer(12, cls_head=dict(type='GaitHead', num_classes=4, in_channels=12))
    plain['backbone']['in_channels'] = 4
    with pytest.raises(ValueError, match='DistillationHook: the model is a RecognizerGCN'):
        run = runner()
        run.model = MODELS.build(plain)
        run.call_hook('before_train')


def test_two_processes_learn_what_one_does_from_the_whole_batch(tmp_path):
    distiller(tmp_path)
    for kind, options in DISTRIBUTED.items():
        steps(0, 1, tmp_path, kind, **options)
    subprocess.run([sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', '2', '-m',
                    'tests.distillation.setup', str(tmp_path)], cwd=ROOT, check=True,  # which torchrun is
                   env=dict(os.environ, CUDA_VISIBLE_DEVICES=''))
    for kind in DISTRIBUTED:
        whole, *parts = (torch.load(tmp_path / f'{kind}_{name}.pt', weights_only=True) for name in (
            '0_of_1', '0_of_2', '1_of_2'))
        for step in (0, 1):
            for name, value in whole['losses'][step].items():
                assert np.mean([part['losses'][step][name] for part in parts]) == pytest.approx(value, rel=1e-4), (kind, name)
        assert kind != 'CGRKD' or whole['losses'][1]['loss_memory'] > 0
        for part in parts:
            torch.testing.assert_close(part['memory'], whole['memory'])
            for name, value in whole['gradients'].items():
                torch.testing.assert_close(part['gradients'][name], value, atol=1e-6, rtol=1e-3, msg=f'{kind} {name}')

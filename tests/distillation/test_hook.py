"""What the hook checks before training."""
from types import SimpleNamespace

import pytest
import torch
from mmaction.registry import DATASETS, HOOKS, MODELS

from dynstg_mm.distillation.checks import check_every_class, check_resumed, check_teacher_data
from dynstg_mm.errors import ConfigError, DataError

from .small_models import distiller, recognizer, write_teacher


@pytest.fixture
def before_train(distilled_config):
    """Build model and data of the shipped config with small models, and run the hook before training."""
    def run(teacher=None, change=lambda model: None, **options):
        config = distilled_config(teacher=teacher, **options)
        model, dataset = MODELS.build(config.model), DATASETS.build(config.train_dataloader.dataset)
        change(model)
        runner = SimpleNamespace(model=model, train_dataloader=SimpleNamespace(dataset=dataset), _resume=False)
        HOOKS.build(config.default_hooks.distillation).before_train(runner)
        return model
    return run


def other_teacher(**options):
    head = dict(type='GaitHead', num_classes=4, in_channels=16)
    return recognizer(16, cls_head=head, **{'in_channels': 4, **options})


def break_weights(model):
    """Let the teacher's checkpoint hold what a failed training leaves."""
    checkpoint = torch.load(model.teacher.checkpoint, weights_only=True)
    for value in checkpoint['state_dict'].values():
        value.fill_(float('nan') if value.is_floating_point() else 0)
    torch.save(checkpoint, model.teacher.checkpoint)


@pytest.mark.parametrize('field, options', [
    ('model.cls_head.num_classes', {'model.student.cls_head.num_classes': 5, 'model.teacher.cls_head.num_classes': 5}),
    ('teacher_ckpt: nowhere.pth', {'model.teacher_ckpt': 'nowhere.pth'}),
    ('teacher_ckpt: .*teacher.pth', dict(change=break_weights)),
    ('teacher: cannot process .*TeacherInput', dict(teacher=other_teacher(in_channels=3))),
    ('student: cannot process .*TeacherInput', {'model.student.backbone.in_channels': 3}),
    ('teacher: backbone.graph_cfg.layout', dict(teacher=other_teacher(layout='nturgb+d'))),  # as many joints
    ('teacher: backbone.graph_cfg.layout', {'teacher': other_teacher(layout='nturgb+d'), 'model.type': 'LogitKD'}),
    ("cache_teacher: 'yes'", {'default_hooks.distillation.cache_teacher': 'yes'}),
    ('cache_teacher: .* synthetic_normal', {'default_hooks.distillation.cache_teacher': True}),
    ('model is a RecognizerGCN', {'model': dict(recognizer(), _delete_=True)}),
])
def test_what_does_not_fit_is_refused(before_train, field, options):
    with pytest.raises(ValueError, match=field):
        before_train(**options)


def test_a_clip_without_a_name_is_reported_by_its_number(before_train, shipped_config):
    options = {'train_dataloader.dataset.pipeline': [*shipped_config.train_pipeline[:-1],
                                                     dict(type='PackActionInputs', meta_keys=())],
               'default_hooks.distillation.cache_teacher': True}
    with pytest.raises(ConfigError, match='cache_teacher: .* clip 0'):
        before_train(**options)


@pytest.mark.parametrize('keys, transforms, counts', [
    ((), [], "{'unlabelled_inputs': 0}"),
    (('teacher_inputs', 'unlabelled_inputs'), [dict(type='TeacherInput', transforms=[])],
     "{'unlabelled_inputs': 1, 'unlabelled_teacher_inputs': 0}"),
    (('unlabelled_inputs', ), [], None),
])
def test_unlabelled_windows_must_reach_both_networks(before_train, shipped_config, keys, transforms, counts):
    options = unlabelled_windows(shipped_config, keys, transforms)
    if counts is None:
        assert before_train(**options).teacher.digest
        return
    with pytest.raises(ConfigError, match='train_dataloader.dataset.pipeline: .*' + counts):
        before_train(**options)


def unlabelled_windows(config, keys=('unlabelled_inputs', ), transforms=()):
    """Options by which a sample holds a window of another clip, whose label is not read.

    Args:
        keys: What PackActionInputs packs.
        transforms: Further transforms of the sample's own pipeline.
    """
    pipeline = config.train_pipeline
    added = dict(type='UnlabelledWindows', dataset=dict(config.train_dataloader.dataset, pipeline=pipeline))
    packed = dict(pipeline[-1], algorithm_keys=keys)
    return {'train_dataloader.dataset.pipeline': [*pipeline[:-1], *transforms, added, packed]}


@pytest.mark.parametrize('taught, own, outcome', [
    (dict(classes=['a', 'b'], source=['f.pkl', 'train']), dict(classes=('a', 'b'), source=('f.pkl', 'train')), None),
    (dict(classes=['b', 'a']), dict(classes=('a', 'b')), ConfigError),
    (dict(classes=['a'], source=['f.pkl', 'test']), dict(classes=('a', ), source=('f.pkl', 'train')), ConfigError),
    (dict(classes=['a'], source=['mocap.pkl', 'all']), dict(classes=('a', ), source=('f.pkl', 'train')), 'mocap.pkl'),
    ({}, dict(classes=('a', ), source=('f.pkl', 'train')), 'classes: not recorded'),
])
def test_the_teachers_classes_and_fold_must_be_the_students(taught, own, outcome, monkeypatch):
    warnings = []
    logger = SimpleNamespace(warning=warnings.append)
    monkeypatch.setattr('dynstg_mm.distillation.checks.MMLogger.get_current_instance', lambda: logger)
    if outcome is ConfigError:
        with pytest.raises(ConfigError, match='teacher.pth'):
            check_teacher_data('teacher.pth', taught, own)
        return
    check_teacher_data('teacher.pth', taught, own)
    assert any(outcome in warning for warning in warnings) if outcome else not warnings


def test_every_class_needs_a_clip():
    class Clips(list):
        metainfo = dict(classes=('normal', 'osteoarthritis'))
        get_data_info = list.__getitem__
    check_every_class(Clips([dict(label=0), dict(label=1)]), 2)
    check_every_class([0], 2)  # a data set without get_data_info
    with pytest.raises(DataError, match='osteoarthritis'):
        check_every_class(Clips([dict(label=0)]), 2)


@pytest.mark.parametrize('field, options', [
    (None, dict(temperature=1., batch_weight=0)),
    ('model.losses', dict(memory_size=16)),
    ('model.losses', dict(method='FitNet')),
    ('model.losses', dict(memory_weight=0)),
    ('model.student', dict(student=recognizer(14, in_channels=2))),
    ('model.teacher_ckpt', dict(seed=1)),
    ('train_dataloader.dataset', dict(part='val')),
    ('load_from', dict(checkpoint={})),
])
def test_a_run_resumes_with_the_same_teacher_student_losses_and_data_only(tmp_path, field, options):
    def settings(seed=0, part='train', **options):
        torch.manual_seed(seed)
        write_teacher(tmp_path / 'teacher.pth', recognizer(16, in_channels=2))
        model = distiller(tmp_path, load=False, **options)
        model.teacher.load()
        return model, SimpleNamespace(metainfo=dict(source=('gait.pkl', part)))
    meta = dict(dataset_meta=dict(source=['gait.pkl', 'train']))
    checkpoint = options.get('checkpoint', dict(distillation=settings()[0].fingerprint(), meta=meta))
    model, dataset = settings(**{key: value for key, value in options.items() if key != 'checkpoint'})
    if field is None:
        check_resumed(model, dataset, checkpoint)
        return
    with pytest.raises(ConfigError, match=f'resume: .*{field}'):
        check_resumed(model, dataset, checkpoint)

"""Every config builds, and takes a training step and a test on the sample."""
import hashlib
import itertools

import numpy as np
import pytest
import torch
from mmaction.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.runner import Runner

from .conftest import ROOT

# These change another config's data set and number of classes, and nothing that trains.
DERIVED = ('koa-pd-nm-keypoint-2d', 'koa-stage-keypoint-2d', 'koa-stage-gait13-keypoint-2d', 'msnd-by-clip-keypoint-3d')
LONGER = '-w64-90e_'  # these train for three times as long as another config
SAMPLE = 'data/synthetic_gait/synthetic_gait.pkl'
CONFIGS = sorted(path for path in (ROOT / 'configs').glob('*/*.py') if not path.parent.name.startswith('_'))


@pytest.fixture
def file_of(annotation_file):
    """The sample's clips in the form of a data set that is not shipped, with one fold."""

    def write(dataset):

        def change(data):
            if 'split' in dataset:
                data['split'] = {f'{dataset.split}_fold0_{part}': names for part, names in data['split'].items()}
            three = dataset.get('layout') == 'msnd'
            for clip in data['annotations']:
                clip['gait_parameters'] = np.zeros(509 if three else 353, np.float32)
                if three:  # 25 joints as well; a third coordinate makes them 3-D
                    clip['keypoint'] = np.concatenate([clip['keypoint'], clip['keypoint'][..., :1] / 2], -1)
                else:
                    clip['label'] %= 2

        return annotation_file(change, 'folds.pkl')

    return write


def weights_of(model, path):
    """Write a checkpoint with random weights of that model; returns its path."""
    torch.save(dict(state_dict=MODELS.build(model).state_dict()), path)
    return str(path)


# Of the pretrained ones, which differ from others in where they start, the test below looks at the weights.
TRAINED = [path for path in CONFIGS if not path.stem.endswith(DERIVED) and 'large-pretrained' not in path.stem
           and not path.stem.startswith(('stgcn-jointdropout', 'cgrkd-large-to-small-jointdropout'))
           and not ('pretrained' in path.stem and 'gait13' in path.stem)]


@pytest.mark.parametrize('path', TRAINED, ids=lambda path: path.stem)
def test_config_trains_and_tests(path, tmp_path, file_of, monkeypatch):
    monkeypatch.chdir(ROOT)
    config = Config.fromfile(path)
    shrunk = dict(work_dir=str(tmp_path), **{'train_cfg.max_epochs': 1, 'train_dataloader.batch_size': 2,
                                             'train_dataloader.dataset.indices': 2})
    for part in ('train', 'val', 'test'):
        if config.get(f'{part}_dataloader') is None:
            continue
        shrunk[f'{part}_dataloader.dataset.indices'] = 2
        if config[f'{part}_dataloader'].dataset.ann_file != SAMPLE:
            shrunk[f'{part}_dataloader.dataset.ann_file'] = file_of(config[f'{part}_dataloader'].dataset)
        for step in config[f'{part}_dataloader'].dataset.pipeline:
            if 'num_clips' in step:
                step.num_clips = 2
            if step.type == 'UnlabelledWindows':
                step.dataset.ann_file = SAMPLE
    if config.model.type == 'CGRKD':  # wants a clip of every class
        chosen = [0, 30, 60, 90] if config.train_dataloader.dataset.ann_file == SAMPLE else [0, 2, 4, 6]
        shrunk.update({'train_dataloader.dataset.indices': chosen, 'train_dataloader.batch_size': len(chosen)})
        shrunk['model.teacher_ckpt'] = weights_of(Config.fromfile(config.model.teacher).model, tmp_path / 'teacher.pth')
    config.merge_from_dict(shrunk)
    runner = Runner.from_cfg(config)
    runner.train()
    assert runner.iter == 1 and (tmp_path / 'epoch_1.pth').is_file()
    if config.get('test_dataloader') is None:  # it pretrains
        return
    metrics = runner.test()
    assert 0 <= metrics['gait/macro_f1'] <= 1 and 0 <= metrics['gait/subject_accuracy'] <= 1


@pytest.mark.parametrize('size, task, walks', [
    *itertools.product(['small', 'large'], ['30e_koa-nm-keypoint-2d', '60e_msnd-keypoint-3d'], ['']),
    ('small', '30e_koa-nm-gait13-keypoint-2d', 'gait13-')])
def test_pretrained_weights_are_whole_and_where_training_starts(size, task, walks, monkeypatch):
    monkeypatch.chdir(ROOT)
    folder = ROOT / 'configs/dynstg_mamba'
    config = Config.fromfile(folder / f'dynstg-mamba-{size}-pretrained_1xb16-joint-w64-{task}.py')
    path = ROOT / config.model.backbone.init_cfg.checkpoint
    assert path.stem.endswith(f'-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}')
    weights = torch.load(path, weights_only=True)['state_dict']
    walks = f'8e_synthetic-walks-{walks}keypoint-{task[-2:]}'
    MODELS.build(Config.fromfile(folder / f'dynstg-mamba-{size}_1xb16-joint-w64-{walks}.py').model).load_state_dict(weights)
    model = MODELS.build(config.model)
    model.init_weights()
    for name, value in model.backbone.state_dict().items():
        assert torch.equal(value, weights[f'backbone.{name}']), name


@pytest.mark.parametrize('path', [path for path in CONFIGS if path.stem.endswith(DERIVED) and LONGER not in path.stem],
                         ids=lambda path: path.stem)
def test_derived_config_scores_the_classes_of_its_data_set(path):
    config = Config.fromfile(path)
    base = Config.fromfile(path.parent / config_base(path))
    student, of_base = (cfg.model.get('student', cfg.model) for cfg in (config, base))
    student.cls_head.num_classes = of_base.cls_head.num_classes
    for model in (config.model, base.model):
        model.pop('teacher', None), model.pop('teacher_ckpt', None)
    assert config.model == base.model and config.train_cfg == base.train_cfg
    model = Config.fromfile(path).model
    num_classes = model.get('student', model).cls_head.num_classes
    if 'teacher' in model:
        assert Config.fromfile(ROOT / model.teacher).model.cls_head.num_classes == num_classes
    for part, test_mode in (('train', False), ('test', True)):
        dataset = config[f'{part}_dataloader'].dataset
        assert len(DATASETS.get(dataset.type).METAINFO['classes']) == num_classes
        assert dataset.pipeline == base[f'{part}_dataloader'].dataset.pipeline
        assert dataset.get('test_mode', False) == test_mode
        assert dataset.get('shared_subjects', False) == ('by-clip' in path.stem)


@pytest.mark.parametrize('path', [path for path in CONFIGS if LONGER in path.stem], ids=lambda path: path.stem)
def test_longer_config_differs_in_its_schedule_alone(path):
    config, base = Config.fromfile(path), Config.fromfile(path.parent / path.name.replace('-90e_', '-30e_'))
    base.train_cfg.max_epochs = base.param_scheduler[-1].end = 90
    base.param_scheduler[-1].T_max = 90 - base.param_scheduler[-1].begin
    assert dict(config.items()) == dict(base.items())


@pytest.mark.parametrize('path', [path for path in CONFIGS if '-jointdropout_' in path.stem], ids=lambda path: path.stem)
def test_config_that_loses_joints_differs_in_that_alone(path):
    config, base = Config.fromfile(path), Config.fromfile(path.parent / path.name.replace('-jointdropout', ''))
    for pipeline in pipelines_of(config.train_dataloader):
        lost = pipeline.pop([step.type for step in pipeline].index('PoseDecode') + 1)
        assert lost == dict(type='RandomJointDropout', prob=0.5, share=(0.1, 0.5))
    for field in ('teacher', 'teacher_ckpt'):
        if field in config.model:
            config.model[field] = config.model[field].replace('-jointdropout', '')
    for field in ('model', 'train_dataloader', 'test_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler'):
        assert config[field] == base[field], field


def pipelines_of(loader):
    """Of what a network is trained with: the windows, and walks beside them."""
    pipeline = loader.dataset.pipeline
    return [pipeline, *(step.dataset.pipeline for step in pipeline if step.type == 'UnlabelledWindows')]


def config_base(path):
    return path.name.replace('koa-pd-nm', 'koa-nm').replace('koa-stage', 'koa-nm').replace('msnd-by-clip', 'msnd')


def test_there_is_a_config_of_every_model_on_every_data_set():
    names = {path.stem for path in CONFIGS}
    for model in ('dynstg-mamba-small', 'dynstg-mamba-large', 'df-stgnn', 'cgrkd-large-to-small', 'stgcn', 'stgcnpp',
                  'aagcn'):
        for data in ('20e_synthetic-gait-keypoint-2d', '30e_koa-nm-keypoint-2d', '60e_msnd-keypoint-3d'):
            assert f'{model}_1xb16-joint-w64-{data}' in names
    for model in ('dynstg-mamba-small_1xb16-joint', 'dynstg-mamba-large_1xb16-joint', 'stgcn_1xb16-joint',
                  'stgcnpp_1xb16-joint', 'aagcn_1xb16-joint', 'slowonly_r50_1xb16'):
        for data in ('koa-pd-nm-keypoint-2d', 'koa-stage-keypoint-2d'):
            assert f'{model}-w64-30e_{data}' in names

"""Every config builds, and takes a training step and a test on the sample; options reach every place they should."""
import hashlib
import itertools
import re
from argparse import Namespace

import numpy as np
import pytest
import torch
from mmaction.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.runner import Runner

from dynstg_mm.config import apply_options, load_config, parse_cfg_options, read_config, resolve_config
from dynstg_mm.errors import ConfigError
from dynstg_mm.files import resolve_shipped

from .conftest import ROOT, SAMPLE

CONFIGS = sorted(path for path in (ROOT / 'configs').glob('*/*.py') if path.parent.name != '_base_'
                 and '-u100-' not in path.stem)  # of published action sets: test_action_configs.py
FOLDER = ROOT / 'configs/dynstg_mamba'
KOA = FOLDER / 'dynstg-mamba-small_1xb16-joint-w64-60e_koa-keypoint-2d.py'
CGRKD = ROOT / 'configs/cgrkd/cgrkd-large-to-small_1xb16-joint-w64-60e_koa-keypoint-2d.py'
CGRKD_GAIT13 = ROOT / 'configs/cgrkd/cgrkd-large-to-small_1xb16-joint-w64-60e_koa-gait13-keypoint-2d.py'
STGCN = ROOT / 'configs/stgcn/stgcn_1xb16-joint-w64-30e_koa-keypoint-2d.py'

pytestmark = pytest.mark.usefixtures('read_once')


def resolve(path, *options):
    return resolve_config(path, parse_cfg_options(options))


def networks(config):
    """The models of a config that score: one, or a student and its teacher."""
    parts = (config.model, config.model.get('student'), config.model.get('teacher'))
    return [part for part in parts if part and 'backbone' in part]


def pipelines(node, step):
    """Lists of transforms anywhere below a node of a config that have a step of this type."""
    if isinstance(node, dict):
        node = list(node.values())
    elif isinstance(node, list) and step in types(node):
        yield node
    if isinstance(node, (list, tuple)):
        for part in node:
            yield from pipelines(part, step)


def types(pipeline):
    return [part.get('type') if isinstance(part, dict) else None for part in pipeline]


# Training

@pytest.fixture
def file_of(annotation_file):
    """The sample's clips in the form of a data set that is not shipped, with one fold."""

    def write(dataset):

        def change(data):
            if 'split' in dataset:
                data['split'] = {f'{dataset.split}_fold0_{part}': names for part, names in data['split'].items()}
            gait_13 = dataset.type in ('ActedGaitDataset', 'CAREPDDataset')  # the file has more joints
            three = gait_13 or dataset.get('layout') in ('msnd', 'kinect')
            for clip in data['annotations']:
                clip['gait_parameters'] = np.zeros(509 if three else 353, np.float32)
                data['layout'] = 'nturgb+d' if gait_13 else 'msnd' if three else 'body_25'
                if dataset.get('layout') == 'kinect':
                    data['layout'] = 'kinect'
                    for field in ('keypoint', 'keypoint_score'):
                        clip[field] = clip[field][:, :, :20]
                if three:  # 25 joints as well; a third coordinate makes them 3-D
                    clip['keypoint'] = np.concatenate([clip['keypoint'], clip['keypoint'][..., :1] / 2], -1)
                else:
                    clip['label'] %= 2

        return annotation_file(change, 'folds.pkl')

    return write


# `large-pretrained` is `large` with weights that a test below loads.
@pytest.mark.parametrize('path', [path for path in CONFIGS if 'large-pretrained' not in path.stem],
                         ids=lambda path: path.stem)
def test_config_trains_and_tests(path, tmp_path, file_of, monkeypatch):
    monkeypatch.chdir(tmp_path)  # shipped files are found from anywhere
    config = Config.fromfile(path)  # as MMAction2's own tools read it
    shrunk = dict(work_dir=str(tmp_path), **{'train_cfg.max_epochs': 1, 'train_dataloader.batch_size': 2,
                                             'train_dataloader.dataset.indices': 2})
    for part in ('train', 'val', 'test'):
        if config.get(f'{part}_dataloader') is None:
            continue
        dataset = config[f'{part}_dataloader'].dataset
        shrunk[f'{part}_dataloader.dataset.indices'] = 2
        shrunk[f'{part}_dataloader.dataset.serialize_data'] = False  # MMEngine would collect garbage, 0.2 s every time
        shrunk[f'{part}_dataloader.dataset.ann_file'] = str(SAMPLE if is_sample(dataset) else file_of(dataset))
        for step in dataset.pipeline:
            if 'num_clips' in step:
                step.num_clips = 2
            if step.type == 'UnlabelledWindows':
                step.dataset.update(ann_file=str(SAMPLE), serialize_data=False)
    if config.model.type == 'CGRKD':  # needs a clip of every class
        chosen = [0, 30, 60, 90] if is_sample(config.train_dataloader.dataset) else [0, 2, 4, 6]
        shrunk.update({'train_dataloader.dataset.indices': chosen, 'train_dataloader.batch_size': len(chosen),
                       'model.teacher_ckpt': f'{tmp_path}/teacher{{task_folder}}.pth'})
        teacher = MODELS.build(read_config(config.model.teacher).model)
        torch.save(dict(state_dict=teacher.state_dict()), tmp_path / 'teacher.pth')
    config.merge_from_dict(shrunk)
    runner = Runner.from_cfg(config)
    runner.train()
    assert runner.iter == 1 and (tmp_path / 'epoch_1.pth').is_file()
    if config.get('test_dataloader') is None:  # pretraining
        return
    metrics = runner.test()
    score, of_people = ('mae', 'coverage') if 'cadence' in path.stem else ('macro_f1', 'accuracy')
    assert metrics[f'gait/{score}'] >= 0 and 0 <= metrics[f'gait/subject_{of_people}'] <= 1


def is_sample(dataset):
    return dataset.ann_file == 'data/synthetic_gait/synthetic_gait.pkl'


@pytest.mark.parametrize('size, data, walks', [
    ('small', '60e_koa-keypoint-2d', ''), ('large', '30e_koa-keypoint-2d', ''), ('small', '60e_msnd-keypoint-3d', ''),
    ('large', '60e_msnd-keypoint-3d', ''), ('small', '60e_koa-gait13-keypoint-2d', 'gait13-')])
def test_pretrained_weights_are_complete_and_where_training_starts(size, data, walks, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    config = Config.fromfile(FOLDER / f'dynstg-mamba-{size}-pretrained_1xb16-joint-w64-{data}.py')
    path = resolve_shipped(config.model.backbone.init_cfg.checkpoint)
    with open(path, 'rb') as file:
        assert f'-{hashlib.sha256(file.read()).hexdigest()[:8]}.pth' in str(path)
    weights = torch.load(path, weights_only=True)['state_dict']
    pretraining = FOLDER / f'dynstg-mamba-{size}_1xb16-joint-w64-8e_synthetic-walks-{walks}keypoint-{data[-2:]}.py'
    MODELS.build(Config.fromfile(pretraining).model).load_state_dict(weights)
    model = MODELS.build(config.model)
    model.init_weights()
    for name, value in model.backbone.state_dict().items():
        assert torch.equal(value, weights[f'backbone.{name}']), name


def test_there_is_a_config_of_every_model_on_every_data_set():
    names = {re.sub(r'-\d+e_', '_', path.stem) for path in CONFIGS}  # whatever the epochs
    data_sets = ('synthetic-gait-keypoint-2d', 'koa-keypoint-2d', 'msnd-keypoint-3d')
    models = ('dynstg-mamba-small', 'dynstg-mamba-large', 'df-stgnn', 'cgrkd-large-to-small', 'stgcn', 'stgcnpp',
              'aagcn')
    assert names >= {f'{model}_1xb16-joint-w64_{data}' for model, data in itertools.product(models, data_sets)}
    assert names >= {f'slowonly_r50_1xb16-w64_{data}' for data in data_sets[1:]} and len(names) <= 64


# Options

TASKS = dict(koa_nm=('koa_nm', 2), koa_pd_nm=('three_class', 3), koa_stage=('koa_stage', 3), msnd=('msnd', 4),
             msnd_by_clip=('msnd_by_clip', 4), care_pd_lodo=('care_pd_lodo', 4), **{
                 f'care_pd_{name}{task}': (f'care_pd_{name}{split}', 4) for name in ('', 'mida_') for task, split in (
                     ('bmclab', 'BMCLab'), ('3dgait', '3DGait'), ('pdgam', 'PD-GaM' + '_fixed' * (not name)),
                     ('tsdu', 'T-SDU-PD' + '_loso' * (not name)))}, acted_gait=('acted_gait_sensor3', 6), **{
                 name: (name, 6) for name in ('acted_gait_all_sensors', *(f'acted_gait_unseen_sensor{sensor}'
                                                                          for sensor in (1, 3, 5)))})


@pytest.mark.parametrize('path', [path for path in CONFIGS if any(
    f'_{data}-' in path.stem for data in ('koa', 'msnd', 'acted-gait', 'care-pd'))],
                         ids=lambda path: path.stem)
def test_task_and_fold_reach_data_and_networks_and_nothing_else(path):
    default = resolve(path)
    assert set(default.tasks) == {task for task in TASKS if task.partition('_')[0] in path.stem}
    for task in default.tasks:
        config, (split, classes) = resolve(path, f'task={task}', 'fold=3'), TASKS[task]
        assert config.task == task and config.fold == 3 and config.num_classes == classes
        for part, test_mode in (('train', False), ('test', True)):
            dataset, before = config[f'{part}_dataloader'].dataset, default[f'{part}_dataloader'].dataset
            assert len(DATASETS.get(dataset.type).METAINFO['classes']) == classes
            assert (dataset.split, dataset.fold, dataset.get('test_mode', False)) == (split, 3, test_mode)
            assert dataset.get('shared_subjects', False) == (task == 'msnd_by_clip')
            assert dataset.pipeline == before.pipeline and dataset.layout == before.layout
        for network, before in zip(networks(config), networks(default)):
            assert network.cls_head.pop('num_classes') == classes
            before.cls_head.pop('num_classes', None)
            assert network == before
        assert config.param_scheduler == default.param_scheduler and config.train_cfg == default.train_cfg


def test_fold_all_leaves_nothing_to_test():
    config = resolve(CGRKD, 'task=koa_stage', 'fold=all', 'model.teacher_ckpt=runs/fold{fold}/epoch_30.pth')
    dataset = config.train_dataloader.dataset
    assert (config.fold, dataset.fold, dataset.split) == ('all', 'all', 'koa_stage')
    assert config.test_dataloader is None and config.test_cfg is None and config.test_evaluator is None
    assert config.model.teacher_ckpt == 'runs/foldall/epoch_30.pth'


@pytest.mark.parametrize('path, feats, channels', [
    (KOA, 'b,bm', 4), (KOA, 'jm', 2), (KOA, 'j,a,rd', 5), (CGRKD_GAIT13, 'a,am', 2)],
    ids=['bone', 'motion', 'mixed', 'student-and-teacher'])
def test_networks_see_the_feats_that_the_pipelines_make(path, feats, channels, annotation_file):
    config, path = resolve(path, f'feats={feats}'), annotation_file(lambda data: data.update(layout='body_25'))
    assert config.feats == feats.split(',')
    assert [network.backbone.in_channels for network in networks(config)] == [channels] * len(networks(config))
    for step in list(pipelines(config.train_dataloader, 'UnlabelledWindows')):
        del step[types(step).index('UnlabelledWindows')]
    for part in ('train', 'test'):
        dataset = config[f'{part}_dataloader'].dataset
        data = DATASETS.build(dict(dataset, type='SyntheticGaitDataset', ann_file=path, split=part, fold=None,
                                   pipeline=[]))
        results = Compose([*dataset.pipeline[:-1]])(data[0])
        assert results['keypoint'].shape[-1] == channels
        if 'teacher_inputs' in results:
            assert results['teacher_inputs'].shape[-1] == channels
    for network in networks(config):
        MODELS.build(network)


@pytest.mark.parametrize('option, step, config', [
    ('joint_dropout', dict(type='RandomJointDropout', prob=0.5, share=(0.1, 0.5)), STGCN),
    ('proportions', dict(type='RandomProportions', spread=0.5), STGCN),
    ('joint_dropout', dict(type='RandomJointDropout', prob=0.5, share=(0.1, 0.5)), CGRKD),
    ('joint_dropout', dict(type='RandomJointDropout', prob=0.5, share=(0.1, 0.5)), CGRKD_GAIT13)],
    ids=['lost joints', 'proportions', 'distilled', 'gait13'])
def test_augmentation_is_in_all_training_pipelines_and_nowhere_else(option, step, config):
    changed, default = resolve(config, f'{option}=0.5'), resolve(config)
    found = list(pipelines(changed.train_dataloader, step['type']))
    assert len(found) == len(list(pipelines(changed.train_dataloader, 'PoseDecode')))
    assert not list(pipelines(changed.test_dataloader, step['type']))
    for pipeline in found:
        assert pipeline.pop(types(pipeline).index('PoseDecode') + 1) == step
    for field in ('model', 'train_dataloader', 'test_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler'):
        assert changed[field] == default[field], field
    again = apply_options(resolve(config, f'{option}=0.5'), {option: 0})
    assert again.train_dataloader == default.train_dataloader


def test_lost_joints_are_filled_before_proportions_change():
    for options in (['joint_dropout=0.5'], ['proportions=0.3', 'joint_dropout=0.5'], ['proportions=0.3']):
        (pipeline, ) = pipelines(resolve(KOA, *options).train_dataloader, 'PoseDecode')
        names = types(pipeline)
        lost = ['RandomJointDropout'] if 'joint_dropout=0.5' in options else []
        start = names.index('PoseDecode') + 1
        assert names[start:start + len(lost) + 2] == [*lost, 'RandomProportions', 'MirrorDirection']
        (step, ) = (one for one in pipeline if one.type == 'RandomProportions')
        assert step.spread == (0.3 if 'proportions=0.3' in options else 0.1)
    assert 'RandomProportions' not in types(resolve(KOA, 'proportions=0').train_dataloader.dataset.pipeline)


@pytest.mark.parametrize('path', [KOA, CGRKD], ids=['plain', 'distilled'])
def test_split_layout_and_sampler_of_several_sites(path):
    config = resolve(path, 'split=koa_leave_site_out', 'layout=gait_13', 'balance=site,label', 'fold=1')
    for part in (config.train_dataloader, config.test_dataloader):
        assert (part.dataset.split, part.dataset.fold, part.dataset.layout) == ('koa_leave_site_out', 1, 'gait_13')
    assert all(network.backbone.graph_cfg.layout == 'gait_13' for network in networks(config))
    assert config.train_dataloader.sampler == dict(type='BalancedSampler', by=['site', 'label'])
    assert config.test_dataloader.sampler.type == 'DefaultSampler'


def test_short_clips_reach_every_sampler():
    config = resolve(CGRKD_GAIT13, 'short_clips=drop')
    samplers = [step for part in ('train', 'test') for pipeline in pipelines(config[f'{part}_dataloader'],
                'SampleWindows') for step in pipeline if step.type == 'SampleWindows']
    assert [step.short_clips for step in samplers] == ['drop'] * 3


@pytest.mark.parametrize('path', [path for path in CONFIGS if 'gait13' in path.stem], ids=lambda path: path.stem)
def test_gait13_network_sees_13_joints_about_their_own_pelvis(path):
    config = resolve(path)
    assert networks(config)[0].backbone.graph_cfg.layout == 'gait_13'
    for part in ('train', 'test'):
        dataset = (config.get(f'{part}_dataloader') or {}).get('dataset')
        for pipeline in pipelines(dataset, 'SampleWindows') if dataset else ():
            names = types(pipeline)
            if dataset.layout != 'gait_13':
                assert pipeline[names.index('MapLayout')].layout == 'gait_13'
                assert 'CenterSkeleton' in names[names.index('MapLayout'):]


def test_setting_named_in_full_wins_over_a_short_option():
    config = resolve(KOA, 'train_dataloader.dataset.split=mine', 'task=koa_stage', 'model.cls_head.num_classes=7')
    assert config.train_dataloader.dataset.split == 'mine' and config.test_dataloader.dataset.split == 'koa_stage'
    assert config.model.cls_head.num_classes == 7


@pytest.mark.parametrize('path', [path for path in CONFIGS if 'cgrkd' in path.stem], ids=lambda path: path.stem)
def test_teacher_is_looked_for_where_training_it_writes_by_default(path):
    student, seen = read_config(path), set()
    for task in (None, *(student.get('tasks') or ())):
        options = {} if task is None else dict(task=task)
        teacher = load_config(Namespace(config=student.model.teacher, work_dir=None, cfg_options=options,
                                        launcher='none', local_rank=0))
        written = f'{teacher.work_dir}/epoch_{teacher.train_cfg.max_epochs}.pth'
        assert f'./{resolve_config(path, options).model.teacher_ckpt}' == written
        seen.add(written)
    assert len(seen) == max(1, len(student.get('tasks') or ()))


def test_task_of_a_config_is_its_first():
    for path in CONFIGS:
        config = read_config(path)
        assert config.get('task') == next(iter(config.get('tasks') or {}), None), path


def test_teacher_checkpoint_follows_the_run():
    path = 'x/{task}/{seed}/{fold}.pth'
    config = resolve_config(CGRKD, {'task': 'koa_stage', 'fold': 2, 'model.teacher_ckpt': path}, seed=4)
    assert config.model.teacher_ckpt == 'x/koa_stage/4/2.pth'
    with pytest.raises(ConfigError, match='teacher_ckpt.*fold'):
        resolve_config(ROOT / 'configs/cgrkd/cgrkd-large-to-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py',
                       {'model.teacher_ckpt': '{fold}.pth'})


@pytest.mark.parametrize('options, named', [
    ('task=koa', 'task: koa; .*koa_nm, koa_pd_nm, koa_stage'),
    ('fold=-1', 'fold: -1'),
    ('fold=one', 'fold: .one'),
    ('feats=j,x', 'feats: .*x'),
    ('feats=', 'feats: '),
    ('short_clips=cut', 'short_clips: .cut'),
    ('split=3', 'split: 3'),
    ('layout=koala', 'layout: .*koala'),
    ('joint_dropout=2', 'joint_dropout: 2'),
    ('joint_dropout=True', 'joint_dropout: True'),
    ('proportions=0.6', 'proportions: 0.6'),
    ('modle.backbone.size=large', 'modle'),
    ('model=small', 'model: .small'),
    ('train_cfg.max_epochs.x=1', 'max_epochs.x: '),
    ('train_dataloader.dataset.pipeline.99.type=PoseDecode', 'pipeline.99'),
    ('param_scheduler.0.type=PoseDecode', 'param_scheduler.0'),
])
def test_wrong_option_is_named(options, named):
    with pytest.raises(ConfigError, match=named):
        resolve(KOA, options)


@pytest.mark.parametrize('path, option, named', [
    ('dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d', 'task=koa_nm', 'task'),
    ('dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d', 'fold=0', 'fold'),
    ('posec3d/slowonly_r50_1xb16-w64-30e_koa-keypoint-2d', 'feats=b', 'feats'),
])
def test_option_that_a_config_cannot_have_is_named(path, option, named):
    with pytest.raises(ConfigError, match=f'{named}: .*{path}'):
        resolve(ROOT / f'configs/{path}.py', option)


@pytest.mark.parametrize('line, named', [("task = 'koa_stage'", 'task: koa_stage'), ('fold = 2', 'fold: 2')])
def test_derived_config_cannot_set_what_its_base_has_filled_in(line, named, tmp_path):
    path = tmp_path / 'derived.py'
    path.write_text(f"_base_ = '{KOA}'\n{line}\n")
    with pytest.raises(ConfigError, match=f'derived.py: {named}'):
        resolve(path)
    assert resolve(path, 'task=koa_stage', 'fold=2').test_dataloader.dataset.split == 'koa_stage'


def test_resolved_config_is_dumped_as_it_was_run(tmp_path):
    config = resolve(CGRKD, 'task=koa_stage', 'fold=2', 'feats=b,bm', 'joint_dropout=0.5')
    config.dump(tmp_path / 'dumped.py')
    again = resolve(tmp_path / 'dumped.py')
    for field in ('task', 'fold', 'feats', 'joint_dropout', 'model', 'train_dataloader', 'test_dataloader'):
        assert again[field] == config[field], field

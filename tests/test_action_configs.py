"""Every config of a published action set: it builds, trains a step and tests on a file of the published form."""
import pickle
from pathlib import Path

import mmaction
import numpy as np
import pytest
import torch
from mmaction.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.runner import Runner

from dynstg_mm.config import parse_cfg_options, read_config, resolve_config
from dynstg_mm.errors import ClipError, ConfigError, DataError
from dynstg_mm.files import dump_pickle
from dynstg_mm.safe_pickle import load_pickle

from .conftest import ROOT

CONFIGS = sorted((ROOT / 'configs').glob('*/*-u100-*.py'))
SMALL = next(path for path in CONFIGS if 'dynstg-mamba-small' in path.stem and '-2d' in path.stem)
STOCK = Path(mmaction.__file__).parent / '.mim/configs/skeleton'
CLASSES = dict(ntu60=60, ntu120=120, gym=99, k400=400, ucf101=101, hmdb51=51, diving48=48)
SPLITS = {'gym': {'train', 'val'}, 'k400': {'train', 'val'}, 'diving48': {'train', 'test'}, **{
    f'{name}_split{part}': {f'train{part}', f'test{part}'} for name in ('ucf101', 'hmdb51') for part in (1, 2, 3)}}

pytestmark = pytest.mark.usefixtures('read_once')


def resolve(path, *options):
    return resolve_config(str(path), parse_cfg_options(options))


def innermost(loader):
    data = loader.dataset
    return data.dataset if data.type == 'RepeatDataset' else data


def write_file(folder, data, test, clips=4):
    """A file with the fields of the published ones: two persons in every second clip, one in the others."""
    rng, compressed = np.random.default_rng(0), 'data_prefix' in data
    joints = 25 if data.layout == 'nturgb+d' else 17
    annotations = []
    for index in range(clips):
        frames, persons = 12 + 15 * (index % 4), 1 + index % 2  # shorter and longer than a window
        clip = dict(frame_dir=f'S001C{index:03}', label=index % data.num_classes, total_frames=frames)
        keypoint = rng.normal(size=(persons, frames, joints, 3)).astype(np.float16)
        if compressed:
            clip.update(frame_inds=np.repeat(np.arange(frames), persons).astype(np.int16), img_shape=(340, 256),
                        original_shape=(340, 256), box_score=rng.random(frames * persons).astype(np.float16),
                        valid=dict.fromkeys((0.5, 0.6, 0.7, 0.8, 0.9), frames), raw_file='kpfiles')
            (folder / 'kpfiles').mkdir(exist_ok=True)
            people = keypoint.swapaxes(0, 1).reshape(-1, joints, 3)
            dump_pickle(dict(keypoint=people), folder / f'kpfiles/{clip["frame_dir"]}.pkl')
        elif joints == 17:
            clip.update(keypoint=500 + 100 * keypoint[..., :2], keypoint_score=np.abs(keypoint[..., 2]),
                        img_shape=(1080, 1920), original_shape=(1080, 1920))
        else:
            clip['keypoint'] = keypoint
        annotations.append(clip)
    names = [clip['frame_dir'] for clip in annotations]
    path = folder / Path(data.ann_file).name
    dump_pickle(dict(split={data.split: [*names[:-1], 'nobody'], test: names[-2:]}, annotations=annotations), path)
    return str(path)


def shrunk(config, folder, clips=4, **options):
    """The config on a small file of its form: one step on all clips but one, a test on two clips of two videos."""
    path = write_file(folder, innermost(config.train_dataloader), config.test_dataloader.dataset.split, clips)
    for part in (config.train_dataloader, config.val_dataloader, config.test_dataloader):
        part.update(num_workers=0, persistent_workers=False)
        data = innermost(part)
        data.update(ann_file=path, serialize_data=False)
        if 'data_prefix' in data:
            data.data_prefix.skeleton = str(folder / 'kpfiles')
        for step in data.pipeline:
            if step.type == 'UniformSampleFrames':
                step.update(clip_len=20, num_clips=min(2, step.get('num_clips', 1)))
    config.train_dataloader.update(batch_size=clips - 1)
    config.train_dataloader.dataset.times = 1
    config.merge_from_dict({'work_dir': str(folder), 'train_cfg.max_epochs': 1, **options})
    return config


# Build

def test_there_is_a_config_of_every_model_on_2d_and_3d_skeletons():
    models = ('cgrkd-large-to-small', 'cgrkd-stgcnpp-to-small', 'df-stgnn', 'dynstg-mamba-large', 'dynstg-mamba-small',
              'stg-mamba-stgcn', 'stg-mamba-stgcnpp', 'stgcn', 'stgcnpp')
    assert {path.stem for path in CONFIGS} == {
        f'{model}_8xb16-joint-u100-80e_ntu60-xsub-keypoint-{dims}d' for model in models for dims in (2, 3)}


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem.replace('_8xb16-joint-u100-80e', ''))
def test_config_builds_for_every_task_and_stream(path):
    default = resolve(path)
    assert default.task == next(iter(default.tasks)) == 'ntu60_xsub'
    names = CLASSES if '-2d' in path.stem else ('ntu60', 'ntu120')
    assert {task.partition('_')[0] for task in default.tasks} == set(names)
    for task in default.tasks:
        config, classes = resolve(path, f'task={task}', 'feats=b,bm'), CLASSES[task.partition('_')[0]]
        model = config.model
        for network in (model, model.get('student'), model.get('teacher')):
            if network and 'cls_head' in network:
                assert network.cls_head.num_classes == classes
        splits = set()
        for part in (config.train_dataloader, config.val_dataloader, config.test_dataloader):
            data = innermost(part)
            assert data.num_classes == classes and data.ann_file.startswith(f'data/skeleton/{task.partition("_")[0]}_')
            assert ('data_prefix' in data) == (task == 'k400')
            steps = {step.type: step for step in data.pipeline}
            assert steps['GenSkeFeat'].feats == ['b', 'bm']
            assert steps['FormatGCNInput'].num_person == (1 if task == 'gym' else 2)
            splits.add(data.split)
        protocol = task.partition('_')[2]
        assert splits == SPLITS.get(task, {f'{protocol}_train', f'{protocol}_val'})
    MODELS.build(default.model)


# Train and test

def trained(config):
    runner = Runner.from_cfg(config)
    runner.train()
    assert runner.iter == 1
    metrics = runner.test()
    assert set(metrics) == {'acc/top1', 'acc/top5', 'acc/mean1'} and all(0 <= value <= 1 for value in metrics.values())
    return runner


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem.replace('_8xb16-joint-u100-80e', ''))
def test_config_trains_and_tests(path, tmp_path):
    config = Config.fromfile(path)  # as MMAction2's own tools read it
    if config.model.type == 'CGRKD':
        teacher = MODELS.build(read_config(config.model.teacher).model)
        torch.save(dict(state_dict=teacher.state_dict()), tmp_path / 'teacher.pth')
        config.model.teacher_ckpt = str(tmp_path / 'teacher{task_folder}.pth')
    clips = 61 if config.model.type == 'CGRKD' else 4  # one of every class
    runner = trained(shrunk(config, tmp_path, clips))
    for name, value in runner.model.named_parameters():
        assert value.isfinite().all(), name


@pytest.mark.parametrize('task', ['ntu120_xset', 'gym', 'k400', 'diving48', 'ucf101_split2', 'hmdb51_split3'])
def test_other_sets_train_and_test(task, tmp_path):
    runner = trained(shrunk(resolve(SMALL, f'task={task}', 'feats=bm'), tmp_path))
    sample = runner.test_dataloader.dataset[1]
    assert sample['inputs'].shape == (2, 1 if task == 'gym' else 2, 20, 17, 3)  # clips, persons, frames, joints
    assert runner.model.cls_head.num_classes == CLASSES[task.partition('_')[0]]


def test_missing_person_is_zeros_and_clips_are_averaged(tmp_path):
    runner = Runner.from_cfg(shrunk(resolve(SMALL), tmp_path))
    alone, both = (runner.test_dataloader.dataset[index] for index in (0, 1))
    assert alone['inputs'][:, 0].any() and not alone['inputs'][:, 1].any() and both['inputs'][:, 1].any()
    runner.model.eval()
    sample, = runner.model.test_step(dict(inputs=[both['inputs']], data_samples=[both['data_samples']]))
    with torch.no_grad():
        features, _ = runner.model.extract_feat(both['inputs'][None].float())
        scores = runner.model.cls_head(features).softmax(-1)
    assert len(scores) == 2
    torch.testing.assert_close(sample.pred_score, scores.mean(0))


# Parity with MMAction2

@pytest.mark.parametrize('name', ['stgcn', 'stgcnpp'])
@pytest.mark.parametrize('dims', [2, 3])
@pytest.mark.parametrize('feats, stream', [('j', 'joint'), ('bm', 'bone-motion')])
def test_stock_networks_are_trained_as_by_mmaction(name, dims, feats, stream):
    end = f'u100-80e_ntu60-xsub-keypoint-{dims}d.py'
    ours = resolve(ROOT / f'configs/{name}/{name}_8xb16-joint-{end}', f'feats={feats}')
    theirs = Config.fromfile(STOCK / f'{name}/{name}_8xb16-{stream}-{end}')
    assert ours.model.backbone.pop('in_channels') == 3  # the default
    assert ours.model == theirs.model and ours.optim_wrapper.optimizer == theirs.optim_wrapper.optimizer
    assert ours.train_cfg.max_epochs == theirs.train_cfg.max_epochs and ours.auto_scale_lr == theirs.auto_scale_lr
    assert ours.train_dataloader.dataset.times == theirs.train_dataloader.dataset.times
    for part in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        data, stock = innermost(ours[part]), innermost(theirs[part])
        *steps, pack = data.pipeline
        assert pack.type == 'PackActionInputs' and [*steps, dict(type='PackActionInputs')] == stock.pipeline
        assert (data.ann_file, data.split) == (stock.ann_file, stock.split)
        assert ours[part].batch_size == theirs[part].batch_size


# The data set

@pytest.mark.parametrize('task', ['ntu60_xview', 'k400'])
def test_clips_are_those_of_mmaction(task, tmp_path):
    config = shrunk(resolve(SMALL, f'task={task}'), tmp_path, clips=6)
    for loader in (config.train_dataloader, config.test_dataloader):
        data = innermost(loader)
        data.pipeline = [dict(type='PoseDecode')]
        ours = DATASETS.build(data)
        stock = {name: value for name, value in data.items() if name not in ('layout', 'num_classes')}
        decompress = [dict(type='DecompressPose', max_person=2)] if task == 'k400' else []
        theirs = DATASETS.build(dict(stock, type='PoseDataset', pipeline=[*decompress, *data.pipeline]))
        assert len(ours) == len(theirs) > 1
        for index in range(len(ours)):
            for field in ('keypoint', 'keypoint_score', 'label', 'frame_dir', 'total_frames', 'img_shape'):
                np.testing.assert_array_equal(ours[index][field], theirs[index][field])


def broken(folder, change, task='ntu60_xsub'):
    config = shrunk(resolve(SMALL, f'task={task}'), folder)
    data = innermost(config.train_dataloader)
    content = load_pickle(data.ann_file)
    change(content)
    dump_pickle(content, data.ann_file)
    dataset = DATASETS.build(dict(data, pipeline=[]))
    return [dataset.get_data_info(index) for index in range(len(dataset))]


@pytest.mark.parametrize('change, error, field', [
    (lambda data: data['annotations'][1].update(label=60), ClipError, 'clip S001C001: label: 60'),
    (lambda data: data['annotations'][0].update(label='run'), ClipError, 'label: .run'),
    (lambda data: data['annotations'][0].update(total_frames=13), ClipError, 'total_frames: 13'),
    (lambda data: data['annotations'][0].pop('total_frames'), ClipError, 'total_frames: missing'),
    (lambda data: data['annotations'][0].pop('keypoint'), ClipError, 'keypoint: missing'),
    (lambda data: data['annotations'][0].update(keypoint=np.zeros((1, 12, 25, 2)), keypoint_score=None), ClipError,
     'keypoint: 25 joints; expected 17'),
    (lambda data: data['annotations'][0].update(keypoint_score=np.zeros((1, 12, 16))), ClipError, 'keypoint_score: '),
    (lambda data: data['split'].pop('xsub_train'), DataError, 'split xsub_train: missing'),
    (lambda data: data['split'].update(xsub_train=['nobody']), DataError, 'split xsub_train: '),
])
def test_what_is_wrong_with_a_file_is_named(change, error, field, tmp_path):
    with pytest.raises(error, match=f'ntu60_2d.pkl: .*{field}'):
        broken(tmp_path, change)


@pytest.mark.parametrize('change, field', [
    (lambda data: data['annotations'][1].update(frame_inds=np.zeros(3, int)), 'clip S001C001: frame_inds: '),
    (lambda data: data['annotations'][1].update(keypoint=np.zeros((2, 12, 17, 2))), 'clip S001C001: keypoint: '),
    (lambda data: data['annotations'][1].update(keypoint=np.zeros((0, 17, 3)), frame_inds=np.zeros(0, int)),
     'clip S001C001: keypoint: nobody'),
    (lambda data: data['annotations'][1].update(keypoint=np.zeros((2, 18, 3)), frame_inds=np.zeros(2, int)),
     'clip S001C001: keypoint: 18 joints'),
])
def test_what_is_wrong_with_compressed_keypoints_is_named(change, field, tmp_path):
    with pytest.raises(ClipError, match=field):
        broken(tmp_path, change, 'k400')


def test_missing_or_hostile_file_of_keypoints_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'S001C001\.pkl'):
        broken(tmp_path, lambda data: (tmp_path / 'kpfiles/S001C001.pkl').unlink(), 'k400')
    with pytest.raises(DataError, match=r'S001C001\.pkl: refused'):
        broken(tmp_path, lambda data: (tmp_path / 'kpfiles/S001C001.pkl').write_bytes(pickle.dumps(print)), 'k400')
    with pytest.raises(DataError, match=r'S001C001\.pkl: a list'):
        broken(tmp_path, lambda data: dump_pickle([], tmp_path / 'kpfiles/S001C001.pkl'), 'k400')


@pytest.mark.parametrize('option, field', [
    ('task=ucf101', 'task: ucf101'), ('feats=a', 'feats: .a'), ('fold=0', 'fold: '), ('layout=coco', 'layout: ')])
def test_wrong_option_is_named(option, field):
    with pytest.raises(ConfigError, match=field):
        resolve(SMALL, option)

"""Every config builds, and takes a training step and a test on the sample."""
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmaction.registry import DATASETS, MODELS

from .conftest import ROOT

# These change another config's data set and number of classes, and nothing that trains.
DERIVED = ('koa-pd-nm-keypoint-2d', 'koa-stage-keypoint-2d', 'msnd-by-clip-keypoint-3d')
CONFIGS = sorted(path for path in (ROOT / 'configs').glob('*/*.py') if not path.parent.name.startswith('_'))


@pytest.fixture
def file_of(annotation_file):
    """The sample's clips in the form of a data set that is not shipped, with one fold."""

    def write(dataset):

        def change(data):
            data['split'] = {f'{dataset.split}_fold0_{part}': names for part, names in data['split'].items()}
            for clip in data['annotations']:
                if dataset.type == 'MSNDDataset':  # 25 joints as well; a third coordinate makes them 3-D
                    clip['keypoint'] = np.concatenate([clip['keypoint'], clip['keypoint'][..., :1] / 2], -1)
                else:
                    clip['label'] %= 2

        return annotation_file(change, 'folds.pkl')

    return write


@pytest.mark.parametrize('path', [path for path in CONFIGS if not path.stem.endswith(DERIVED)],
                         ids=lambda path: path.stem)
def test_config_trains_and_tests(path, tmp_path, file_of, monkeypatch):
    monkeypatch.chdir(ROOT)
    config = Config.fromfile(path)
    shrunk = dict(work_dir=str(tmp_path), **{'train_cfg.max_epochs': 1, 'train_dataloader.batch_size': 2,
                                             'train_dataloader.dataset.indices': 2})
    for part in ('train', 'val', 'test'):
        if config.get(f'{part}_dataloader') is None:
            continue
        shrunk[f'{part}_dataloader.dataset.indices'] = 2
        if 'fold' in config[f'{part}_dataloader'].dataset:
            shrunk[f'{part}_dataloader.dataset.ann_file'] = file_of(config[f'{part}_dataloader'].dataset)
    if config.model.type == 'CGRKD':
        shrunk['model.teacher_ckpt'] = str(tmp_path / 'teacher.pth')
        torch.save(dict(state_dict=MODELS.build(Config.fromfile(config.model.teacher).model).state_dict()),
                   tmp_path / 'teacher.pth')
    config.merge_from_dict(shrunk)
    runner = Runner.from_cfg(config)
    runner.train()
    assert runner.iter == 1 and (tmp_path / 'epoch_1.pth').is_file()
    metrics = runner.test()
    assert 0 <= metrics['gait/macro_f1'] <= 1 and 0 <= metrics['gait/subject_accuracy'] <= 1


@pytest.mark.parametrize('path', [path for path in CONFIGS if path.stem.endswith(DERIVED)], ids=lambda path: path.stem)
def test_derived_config_scores_the_classes_of_its_data_set(path):
    config = Config.fromfile(path)
    base = Config.fromfile(path.parent / config_base(path))
    config.model.cls_head.num_classes = base.model.cls_head.num_classes
    assert config.model == base.model and config.train_cfg == base.train_cfg
    num_classes = Config.fromfile(path).model.cls_head.num_classes
    for part, test_mode in (('train', False), ('test', True)):
        dataset = config[f'{part}_dataloader'].dataset
        assert len(DATASETS.get(dataset.type).METAINFO['classes']) == num_classes
        assert dataset.pipeline == base[f'{part}_dataloader'].dataset.pipeline
        assert dataset.get('test_mode', False) == test_mode
        assert dataset.get('shared_subjects', False) == ('by-clip' in path.stem)


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

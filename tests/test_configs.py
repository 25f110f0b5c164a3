"""Every config builds, and takes a training step and a test on the sample."""
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmaction.registry import MODELS

from .conftest import ROOT

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


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
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


def test_there_is_a_config_of_every_model_on_every_data_set():
    names = {path.stem for path in CONFIGS}
    for model in ('dynstg-mamba-small', 'dynstg-mamba-large', 'df-stgnn', 'cgrkd-large-to-small', 'stgcn', 'stgcnpp',
                  'aagcn'):
        for data in ('20e_synthetic-gait-keypoint-2d', '30e_koa-nm-keypoint-2d', '60e_msnd-keypoint-3d'):
            assert f'{model}_1xb16-joint-w64-{data}' in names

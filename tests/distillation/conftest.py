"""A runner of a shipped config with small models."""
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from ..conftest import ROOT
from .small_models import recognizer, write_teacher

CONFIG = ROOT / 'configs/cgrkd/cgrkd-large-to-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'


@pytest.fixture(scope='session')
def shipped_config():
    return Config.fromfile(CONFIG)


@pytest.fixture
def distilled_config(shipped_config, tmp_path, monkeypatch):
    """The shipped config with small models and 8 clips; the teacher's checkpoint is written once."""
    monkeypatch.chdir(ROOT)

    def settings(work='work', teacher=None, meta=None, **options):
        config = Config(shipped_config.to_dict())
        head = dict(type='GaitHead', num_classes=4)
        config.model.student = recognizer(12, in_channels=4, cls_head=dict(head, in_channels=12))
        config.model.teacher = teacher or recognizer(16, in_channels=4, cls_head=dict(head, in_channels=16))
        path = tmp_path / 'teacher.pth'
        if not path.exists():
            torch.manual_seed(5)
            write_teacher(path, config.model.teacher, **(meta or {}))
        config.val_cfg = config.val_dataloader = config.val_evaluator = None
        config.merge_from_dict({
            'model.teacher_ckpt': str(path), 'work_dir': str(tmp_path / work),
            **({} if 'model.type' in options else {'model.memory_size': 64}),
            'train_cfg.max_epochs': 2, 'train_dataloader.batch_size': 4,
            'train_dataloader.dataset.indices': [0, 30, 60, 90, 1, 31, 61, 91], **options})
        return config
    return settings


@pytest.fixture
def runner(distilled_config):
    return lambda *args, **options: Runner.from_cfg(distilled_config(*args, **options))

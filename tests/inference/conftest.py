"""A tiny model with random weights, and its checkpoint."""
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.registry import DefaultScope

from dynstg_mm.config import apply_options, read_config

from ..conftest import ROOT

CONFIG = ROOT / 'configs/dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'
TINY = {'model.backbone.base_channels': [8, 8], 'model.backbone.depths': [1, 1], 'model.cls_head.in_channels': 8}
CLASSES = ('normal', 'parkinson', 'ataxia', 'osteoarthritis')


@pytest.fixture(scope='session')
def checkpoint(tmp_path_factory):
    """Checkpoint of the tiny model."""
    path = tmp_path_factory.mktemp('model') / 'tiny.pth'
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmaction'):
        network = MODELS.build(apply_options(read_config(str(CONFIG)), TINY).model)
    network.cls_head.fc.weight.data.normal_(std=2)  # else all classes have nearly the same score
    torch.save(dict(state_dict=network.state_dict(), meta=dict(dataset_meta=dict(classes=CLASSES))), path)
    return path

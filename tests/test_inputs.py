"""What a checkpoint records about the input of its model, and how a config that differs is refused."""
import dataclasses

import pytest
import torch
from mmaction.registry import DATASETS

from dynstg_mm.config import parse_cfg_options, resolve_config
from dynstg_mm.errors import ConfigError
from dynstg_mm.inputs import ModelInputs
from dynstg_mm.skeletons import LAYOUTS

from .conftest import ROOT

SMALL = 'dynstg_mamba/dynstg-mamba-small'
WALKS = ('normal', 'parkinson', 'ataxia', 'osteoarthritis')


def inputs_of(name, *options):
    return ModelInputs.from_config(resolve_config(ROOT / f'configs/{name}.py', parse_cfg_options(options)))


@pytest.mark.parametrize('name, expected', [
    (f'{SMALL}_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d',
     ModelInputs('body_25', ('j', 'jm'), 2, 25., 64, WALKS)),
    (f'{SMALL}_1xb16-joint-w64-60e_msnd-keypoint-3d', ModelInputs(
        'msnd', ('j', 'jm'), 3, 25., 64, ('Healthy', 'Joint Problem', 'Muscle Weakness', 'Neurological Defect'))),
    ('cgrkd/cgrkd-large-to-small_1xb16-joint-w64-60e_koa-gait13-keypoint-2d',
     ModelInputs('gait_13', ('j', 'jm'), 2, 25., 64, ('NM', 'KOA'))),
    (f'{SMALL}_1xb16-joint-w64-8e_synthetic-walks-gait13-keypoint-2d',  # has only training data
     ModelInputs('gait_13', ('j', 'jm'), 2, 25., 64, WALKS)),
    ('posec3d/slowonly_r50_1xb16-w64-30e_koa-keypoint-2d', ModelInputs('body_25', None, 2, 25., 64, ('NM', 'KOA'))),
], ids=['2-d', '3-d', 'distilled', 'pretrained', 'heat-maps'])
def test_inputs_of_shipped_configs(name, expected):
    assert inputs_of(name) == expected


def test_options_and_data_set_count(tmp_path, annotation_file):
    config = resolve_config(ROOT / f'configs/{SMALL}_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py',
                            parse_cfg_options(['feats=b,a', 'test_dataloader.dataset.pipeline.3.duration=1.28']))
    own = dict(LAYOUTS['body_25'], limbs=dict(body=list(range(25))), center=1)
    path = annotation_file(lambda data: data.update(layout=own, classes=[*WALKS]))
    del config.test_dataloader.dataset['layout']
    config.test_dataloader.dataset.ann_file = path
    inputs = ModelInputs.from_config(config, DATASETS.build(config.test_dataloader.dataset))
    assert inputs.features == ('b', 'a') and inputs.window_frames == 32
    assert inputs.layout['limbs'] == dict(body=list(range(25))) and inputs.joints == own['joints']
    torch.save(dict(meta=dict(inputs=inputs.to_dict())), tmp_path / 'a.pth')
    assert ModelInputs.from_checkpoint(str(tmp_path / 'a.pth')) == inputs


def test_a_checkpoint_without_a_record_is_accepted():
    assert ModelInputs.from_checkpoint(dict(state_dict={})) is None
    assert ModelInputs.from_checkpoint(dict(meta=None)) is None
    known = ModelInputs('body_25', ('j', ), 2, 25., 64)
    known.check(ModelInputs(), 'a.pth')
    ModelInputs().check(known, 'a.pth')


@pytest.mark.parametrize('record', [3, dict(layout='none'), dict(layout=3), dict(features=4)])
def test_a_damaged_record_is_refused(record):
    with pytest.raises(ConfigError, match='meta.inputs'):
        ModelInputs.from_checkpoint(dict(meta=dict(inputs=record)))


@pytest.mark.parametrize('change, named', [
    (dict(layout='gait_13'), 'joints'), (dict(features=('b', 'bm')), 'features'), (dict(dims=3), 'coordinates'),
    (dict(rate=50.), 'frames per second'), (dict(window_frames=32), 'window'),
    (dict(normalization=1), 'normalisation')])
def test_other_input_is_refused(change, named):
    inputs = ModelInputs('body_25', ('j', 'jm'), 2, 25., 64, WALKS)
    inputs.check(dataclasses.replace(inputs, classes=('a', 'b')), 'a.pth')  # only the names
    with pytest.raises(ConfigError, match=f'a.pth: .*{named}'):
        inputs.check(dataclasses.replace(inputs, **change), 'a.pth')

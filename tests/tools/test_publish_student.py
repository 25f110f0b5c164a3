"""tools/convert/publish_student.py on a student distilled by the shipped config's models."""
import hashlib
import sys

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.runner import load_checkpoint

from dynstg_mm.inputs import ModelInputs

from ..conftest import ROOT, run_script

TOOL = 'tools/convert/publish_student.py'
CONFIG = ROOT / 'configs/cgrkd/cgrkd-large-to-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'
INPUTS = ModelInputs('body_25', ('j', 'jm'), 2, 25., 64)


@pytest.fixture
def distilled(tmp_path, monkeypatch):
    """A checkpoint as a run of the config leaves it."""
    monkeypatch.chdir(ROOT)
    model = MODELS.build(Config.fromfile(CONFIG).model)
    path = tmp_path / 'epoch_20.pth'
    meta = dict(cfg=Config.fromfile(CONFIG).pretty_text,
                dataset_meta=dict(classes=('a', 'b', 'c', 'd'), source=('gait.pkl', 'train')),
                inputs=INPUTS.to_dict())
    torch.save(dict(state_dict=model.state_dict(), optimizer={}, meta=meta), path)
    return path


def test_the_student_alone_is_written_and_loads(distilled, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', [TOOL, str(CONFIG), str(distilled), '--out', str(tmp_path / 'out/small.pth')])
    run_script(str(ROOT / TOOL))
    path, = (tmp_path / 'out').iterdir()
    assert f'{path}: 7' in capsys.readouterr().out and path.stat().st_size < 1e6
    assert path.name == f'small-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth'
    assert b'teacher' not in path.read_bytes() and b'distill' not in path.read_bytes()
    plain = MODELS.build(Config.fromfile(CONFIG).model.student)
    found = load_checkpoint(plain, str(path), strict=True)
    assert set(found) == {'state_dict', 'meta'} and found['meta'] == dict(
        dataset_meta=dict(classes=('a', 'b', 'c', 'd'), source=('gait.pkl', 'train')), inputs=INPUTS.to_dict())
    before = torch.load(distilled, weights_only=True)['state_dict']
    assert all((value == before[name]).all() for name, value in plain.state_dict().items())


def test_wrong_input_is_one_clear_line(distilled, tmp_path, error_of):
    stgcn = 'configs/stgcn/stgcn_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'
    out = ('--out', tmp_path / 'out.pth')
    assert f'{distilled}: backbone.' in error_of(TOOL, stgcn, distilled, *out)
    assert 'nowhere.pth: no such checkpoint' in error_of(TOOL, CONFIG, tmp_path / 'nowhere.pth', *out)
    torch.save([1, 2], tmp_path / 'list.pth')
    assert 'list.pth: state_dict: missing' in error_of(TOOL, CONFIG, tmp_path / 'list.pth', *out)
    assert '--out: small;' in error_of(TOOL, CONFIG, distilled, '--out', 'small')
    assert 'default_runtime.py: model: missing' in error_of(TOOL, 'configs/_base_/default_runtime.py', distilled, *out)
    assert 'none.py: no such config' in error_of(TOOL, 'none.py', distilled, *out)
    assert f'{distilled}: backbone.' in error_of(
        TOOL, CONFIG, distilled, *out, '--cfg-options', 'model.student.backbone.base_channels=[8,8,8]',
        'model.student.cls_head.in_channels=8')
    assert 'model: 3; expected a dict' in error_of(TOOL, CONFIG, distilled, *out, '--cfg-options', 'model=3')
    assert 'student: README.md: not a config file' in error_of(TOOL, CONFIG, distilled, *out, '--cfg-options',
                                                                     'model.student=README.md')
    checkpoint = torch.load(distilled, weights_only=True)
    checkpoint['state_dict']['cls_head.fc.weight'].fill_(float('nan'))
    torch.save(checkpoint, tmp_path / 'failed.pth')
    assert 'failed.pth: cls_head.fc.weight' in error_of(TOOL, CONFIG, tmp_path / 'failed.pth', *out)
    assert not list(tmp_path.glob('out*.pth'))

import os
import pickle
import subprocess
import sys
from pathlib import Path

import mmaction  # after compat, which lets it import beside any mmcv
import mmengine
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.fileio import get_file_backend
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader, save_checkpoint
from mmengine.utils import get_installed_path, is_installed, package_utils

from dynstg_mm import compat


def python(code, **environment):
    return subprocess.run([sys.executable, '-c', code], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, **environment})


def test_mmaction_models_import_in_a_fresh_process():
    done = python('import dynstg_mm, mmaction.models, mmaction.datasets; print(mmaction.models.STGCN)')
    assert done.returncode == 0 and 'STGCN' in done.stdout


def test_missing_mmcv_says_what_to_type():
    done = python('import importlib.util as u; find = u.find_spec\n'
                  'u.find_spec = lambda name, *rest: None if name == "mmcv" else find(name, *rest)\n'
                  'import dynstg_mm')
    assert 'pip install "mmcv-lite>=2.0.0,<2.2.0"' in done.stdout.splitlines()[-1]


def test_packages_are_found_without_pkg_resources():
    assert Path(get_installed_path('mmaction2')).name == 'mmaction'
    assert Path(get_installed_path('mmengine')) == Path(mmengine.__file__).parent
    assert is_installed('mmaction2') and is_installed('torch') and not is_installed('no_such_package')


def test_working_package_lookup_is_left_alone(monkeypatch):
    def works(package):
        return str(Path(mmengine.__file__).parent)

    monkeypatch.setattr(package_utils, 'get_installed_path', works)
    compat._package_lookup_without_pkg_resources()
    assert package_utils.get_installed_path is works


def test_mmaction_config_is_inherited(tmp_path):
    if not (Path(mmaction.__file__).parent / '.mim').is_dir():
        pytest.skip('this MMAction2 is a bare checkout, without the configs that an installation brings')
    path = tmp_path / 'child.py'
    path.write_text("_base_ = 'mmaction::skeleton/stgcn/stgcn_8xb16-joint-u100-80e_ntu60-xsub-keypoint-2d.py'\n")
    assert Config.fromfile(path).model.backbone.type == 'STGCN'


def test_drn_says_why_it_is_missing():
    from mmaction.models.localizers import DRN
    if 'dynstg_mm' not in DRN.__module__:
        pytest.skip('this MMAction2 has its own DRN')
    with pytest.raises(ImportError, match='2714'):
        DRN()


def test_own_drn_is_left_alone(tmp_path):
    for package in ('mmaction/models/localizers/drn', 'torchvision'):
        (tmp_path / package).mkdir(parents=True)
    for file in ('mmaction/__init__.py', 'torchvision/__init__.py'):
        (tmp_path / file).write_text('')
    (tmp_path / 'mmaction/registry.py').write_text('MODELS = None')
    done = python('import sys, types\n'
                  'sys.modules["dynstg_mm"] = package = types.ModuleType("dynstg_mm")\n'
                  f'package.__path__ = [{str(Path(compat.__file__).parent)!r}]\n'
                  'from dynstg_mm import compat\n'
                  'compat._stand_in_for_missing_drn()\n'
                  'print("mmaction.models.localizers.drn" in sys.modules)', PYTHONPATH=str(tmp_path))
    assert done.stdout.strip().endswith('False'), done.stdout


@pytest.mark.parametrize('missing', [True, False])
def test_vindlu_is_left_out_beside_a_newer_transformers(tmp_path, missing):
    """MMAction2 takes any distribution of that name for one that it can import from."""
    package, record = tmp_path / 'transformers', tmp_path / 'transformers-5.17.0.dist-info'
    for folder in (package, record):
        folder.mkdir()
    (record / 'METADATA').write_text('Metadata-Version: 2.1\nName: transformers\nVersion: 5.17.0\n')
    (package / '__init__.py').write_text('')
    names = ['apply_chunking_to_forward', 'find_pruneable_heads_and_indices', 'prune_linear_layer'][missing:]
    (package / 'modeling_utils.py').write_text(f'from .pytorch_utils import {", ".join(names)}')
    done = python('import dynstg_mm\n'
                  'from mmaction.registry import MODELS\n'
                  'print(MODELS.get("STGCN"))\n'
                  'MODELS.build(dict(type="VindLUVQA"))', PYTHONPATH=str(tmp_path))
    if missing:
        assert 'STGCN' in done.stdout and 'VindLUVQA needs apply_chunking_to_forward of' in done.stdout
    else:  # nothing of it is touched: MMAction2 imports, and fails on what this stand-in of ours lacks
        assert "No module named 'transformers.models'" in done.stdout


def test_checkpoint_with_logs_and_scalars_loads(tmp_path):
    history = HistoryBuffer()
    history.update(0.5)
    path = str(tmp_path / 'epoch_1.pth')
    save_checkpoint(dict(state_dict=dict(w=torch.ones(2)), message_hub=dict(log_scalars=dict(loss=history)),
                         meta=dict(best=np.float64(0.25), count=np.int64(3), epoch=1)), path)
    back = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    assert back['message_hub']['log_scalars']['loss'].current() == 0.5
    assert back['meta']['best'] == 0.25 and back['meta']['count'] == 3


@pytest.mark.parametrize('call', [(os.system, ('touch {}',)), (getattr, (HistoryBuffer, '__init__'))])
def test_hostile_checkpoint_is_refused_and_not_executed(tmp_path, call):
    touched = tmp_path / 'touched'

    class Hostile:

        def __reduce__(self):
            function, arguments = call
            return function, tuple(a.format(touched) if isinstance(a, str) else a for a in arguments)

    path = tmp_path / 'hostile.pth'
    torch.save(dict(state_dict={}, meta=Hostile()), path)
    with pytest.raises(Exception, match='hostile.pth: not loaded'):
        CheckpointLoader.load_checkpoint(str(path), map_location='cpu')
    assert not touched.exists()


@pytest.mark.parametrize('share', [0, .01, .3, .6, .99])
def test_part_of_a_checkpoint_is_named(tmp_path, share):
    path = tmp_path / 'part.pth'
    torch.save(dict(state_dict=dict(w=torch.zeros(100, 100))), path)
    content = path.read_bytes()
    path.write_bytes(content[:int(share * len(content))])
    with pytest.raises(pickle.UnpicklingError, match='part.pth: not loaded'):
        CheckpointLoader.load_checkpoint(str(path), map_location='cpu')


def test_checkpoints_are_written_whole(tmp_path):
    path = tmp_path / 'sub' / 'epoch_1.pth'
    backend = get_file_backend(str(path))
    backend.put(b'whole', str(path))
    with pytest.raises(TypeError):
        backend.put('not bytes', str(path))
    assert path.read_bytes() == b'whole' and len(list(path.parent.iterdir())) == 1


def test_applying_twice_changes_nothing():
    before = package_utils.is_installed, get_file_backend('x').__class__
    compat.apply()
    assert (package_utils.is_installed, get_file_backend('x').__class__) == before


def test_scores_in_bfloat16_have_a_loss_and_an_accuracy():
    from mmaction.registry import MODELS
    from mmaction.structures import ActionDataSample
    head = MODELS.build(dict(type='GCNHead', num_classes=3, in_channels=4))
    scores = torch.tensor([[0.5, 2, -1], [1, 0, 0.25]], dtype=torch.bfloat16, requires_grad=True)
    losses = head.loss_by_feat(scores, [ActionDataSample().set_gt_label(label) for label in (1, 2)])
    expected = torch.nn.functional.cross_entropy(scores.float(), torch.tensor([1, 2]))
    torch.testing.assert_close(losses['loss_cls'], expected)
    assert losses['top1_acc'] == 0.5

import importlib.util
import inspect
import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import mmaction
import mmengine
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.fileio import get_file_backend
from mmengine.hooks import CheckpointHook
from mmengine.logging import HistoryBuffer, MessageHub, MMLogger
from mmengine.runner import CheckpointLoader, save_checkpoint
from mmengine.utils import get_installed_path, is_installed

from dynstg_mm import compat, import_hooks
from dynstg_mm.compat import find_packages, missing_drn, newer_transformers
from dynstg_mm.errors import ConfigError


def python(code, **environment):
    """Output of code in a process of its own."""
    done = subprocess.run([sys.executable, '-c', code], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, **environment})
    return done.stdout


def test_patches_and_types_reach_modules_that_were_imported_before():
    """MMAction2's own tools/train.py imports the runner first, and dynstg_mm by `custom_imports`."""
    output = python("""
from mmengine.runner import Runner
from mmaction.registry import DATASETS
DATASETS.get('PoseDataset')
from mmengine.utils import import_modules_from_strings
import_modules_from_strings(**dict(imports='dynstg_mm'))
from mmengine.fileio import get_file_backend
from mmengine.hooks import checkpoint_hook
from mmengine.runner import CheckpointLoader
print(CheckpointLoader._schemes[''].__module__, type(get_file_backend('x')).__module__, checkpoint_hook.open.__module__)
from mmaction.registry import DATASETS, HOOKS, METRICS, MODELS, TRANSFORMS
print([registry.get(name).__module__.partition('.')[0] for registry, name in (
    (DATASETS, 'GaitDataset'), (HOOKS, 'EpochSeedHook'), (METRICS, 'GaitMetric'), (MODELS, 'DynSTGMamba'),
    (MODELS, 'CGRKD'), (TRANSFORMS, 'MapLayout'), (MODELS, 'STGCN'))])
from mmaction.models.heads.base import BaseHead
from mmengine.utils import is_installed
print(BaseHead.loss_by_feat.__wrapped__ is not None, is_installed('mmaction2'))
""")
    assert output.splitlines()[-3:] == [
        'dynstg_mm.compat.safe_checkpoints dynstg_mm.compat.whole_files dynstg_mm.files',
        str(['dynstg_mm'] * 6 + ['mmaction']), 'True True'], output


def test_importing_the_package_imports_nothing_heavy():
    output = python('import dynstg_mm, sys; print({"torch", "numpy", "mmengine"} & set(sys.modules))')
    assert output == 'set()\n'


def test_patches_can_be_left_out(monkeypatch):
    code = """
import dynstg_mm
from mmengine.fileio import get_file_backend
from mmengine.runner import CheckpointLoader
print(CheckpointLoader._schemes[''].__module__, type(get_file_backend('x')).__module__)
"""

    def skipped(names):
        monkeypatch.setenv('DYNSTG_SKIP_PATCHES', names)
        return compat.skipped_patches()

    assert python(code, DYNSTG_SKIP_PATCHES='whole_files, missing_drn') == (
        'dynstg_mm.compat.safe_checkpoints mmengine.fileio.backends.local_backend\n')
    assert skipped('all') == set(compat.PATCHES) and skipped('') == set()
    with pytest.raises(ConfigError, match='DYNSTG_SKIP_PATCHES: whole:'):
        skipped('whole_files,whole')


@pytest.mark.parametrize('module, command', [('mmcv', 'mmcv-lite>=2.0.0,<2.2.0'), ('mmengine', 'onedl-mmengine')])
def test_missing_part_of_the_stack_names_the_command_that_installs_it(monkeypatch, module, command):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None if name == module else find(name))
    with pytest.raises(ImportError, match=command):
        compat.require_stack()


def test_rival_distributions_are_named(monkeypatch):
    monkeypatch.setattr(compat, '_is_distribution', lambda name: name in ('mmengine', 'onedl-mmengine', 'mmcv'))
    with pytest.warns(UserWarning, match='mmengine and onedl-mmengine are both installed'):
        compat.require_stack()


def test_hooks_run_when_a_module_is_imported_and_at_once_when_it_is(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / 'waited_for.py').write_text('value = 1')
    seen = []
    import_hooks.when_imported('waited_for', lambda module: seen.append(module.value))
    import_hooks.wrap_import('waited_for', lambda execute, module: (execute(module), seen.append('around')))
    assert not seen
    import waited_for
    assert seen == [1, 'around'] and inspect.getsource(waited_for) == 'value = 1\n'
    import_hooks.when_imported('waited_for', lambda module: seen.append('at once'))
    assert seen[2:] == ['at once']
    monkeypatch.delitem(sys.modules, 'waited_for')


def test_packages_are_found_without_pkg_resources():
    assert Path(get_installed_path('mmaction2')).name == 'mmaction'
    assert Path(get_installed_path('mmengine')) == Path(mmengine.__file__).parent
    assert is_installed('mmaction2') and is_installed('torch') and not is_installed('no_such_package')


def test_lookup_without_pkg_resources_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / 'repaired.py').write_text('def is_installed(package): pass')
    import repaired
    before = repaired.is_installed
    find_packages._do_without_pkg_resources(repaired)
    assert repaired.is_installed is before


def test_mmaction_config_is_inherited(tmp_path):
    if not (Path(mmaction.__file__).parent / '.mim').is_dir():
        pytest.skip('this MMAction2 is a bare checkout, without the configs that an installation brings')
    path = tmp_path / 'child.py'
    path.write_text("_base_ = 'mmaction::skeleton/stgcn/stgcn_8xb16-joint-u100-80e_ntu60-xsub-keypoint-2d.py'\n")
    assert Config.fromfile(path).model.backbone.type == 'STGCN'


def test_missing_drn_is_explained():
    from mmaction.models.localizers import DRN
    if 'dynstg_mm' not in DRN.__module__:
        pytest.skip('this MMAction2 has its own DRN')
    with pytest.raises(ImportError, match='2714'):
        DRN()


def test_own_drn_is_left_alone(tmp_path, monkeypatch):
    (tmp_path / 'localizers/drn').mkdir(parents=True)
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: 'torchvision')
    monkeypatch.setattr(missing_drn, '_register_stand_in', None)
    executed = []
    missing_drn._import_without_drn(executed.append, SimpleNamespace(__path__=[str(tmp_path)]))
    assert len(executed) == 1


def test_vindlu_is_left_out_with_a_newer_transformers(tmp_path, monkeypatch):
    """MMAction2 assumes that any distribution of that name has what it imports."""
    package, record = tmp_path / 'transformers', tmp_path / 'transformers-5.17.0.dist-info'
    for folder in (package, record):
        folder.mkdir()
    (record / 'METADATA').write_text('Metadata-Version: 2.1\nName: transformers\nVersion: 5.17.0\n')
    (package / '__init__.py').write_text('')
    (package / 'modeling_utils.py').write_text(f'from .pytorch_utils import {", ".join(newer_transformers.NEEDED[1:])}')
    output = python('import dynstg_mm\n'
                    'from mmaction.registry import MODELS\n'
                    'print(MODELS.get("STGCN"))\n'
                    'MODELS.build(dict(type="VindLUVQA"))', PYTHONPATH=str(tmp_path))
    assert 'STGCN' in output and 'VindLUVQA needs apply_chunking_to_forward of' in output

    (package / 'modeling_utils.py').write_text(f'from .pytorch_utils import {", ".join(newer_transformers.NEEDED)}')
    monkeypatch.setattr(newer_transformers, 'module_folder', lambda name: str(package))
    dependency = SimpleNamespace(WITH_MULTIMODAL=True)
    newer_transformers._leave_out_vindlu(dependency)
    assert dependency == SimpleNamespace(WITH_MULTIMODAL=True)  # an older transformers is left alone


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


@pytest.mark.parametrize('moved', [True, False])
def test_latest_checkpoint_is_the_one_beside_the_pointer(moved, tmp_path):
    first, folder = tmp_path / 'first', tmp_path / 'second'
    for path in (first, folder):
        path.mkdir()
    (first / 'epoch_1.pth').touch()
    (folder / 'last_checkpoint').write_text(f'{first}/epoch_1.pth')
    if moved:
        (folder / 'epoch_1.pth').touch()
    for module in (mmengine.runner, mmengine.runner.runner, mmengine.runner.checkpoint):
        assert module.find_latest_checkpoint(str(folder)) == str((folder if moved else first) / 'epoch_1.pth')
    assert mmengine.runner.find_latest_checkpoint(str(first)) is None


@pytest.mark.parametrize('save_best', ['acc', ['acc', 'f1']])
def test_best_checkpoint_of_the_run_that_was_copied_is_kept(save_best, tmp_path):
    hub = MessageHub(f'copied-{len(save_best)}')
    for name in ('best_ckpt', 'best_ckpt_acc'):
        hub.update_info(name, '/first/best_acc_epoch_1.pth')
    hook = CheckpointHook(save_best=save_best, rule='greater')
    hook.before_train(SimpleNamespace(work_dir=str(tmp_path), message_hub=hub, logger=MMLogger.get_current_instance()))
    expected = f'{tmp_path}/best_acc_epoch_1.pth'
    if isinstance(save_best, str):
        assert hook.best_ckpt_path == expected
    else:
        assert hook.best_ckpt_path_dict == dict(acc=expected, f1=None)


def test_scores_in_bfloat16_have_a_loss_and_an_accuracy():
    from mmaction.registry import MODELS
    from mmaction.structures import ActionDataSample
    head = MODELS.build(dict(type='GCNHead', num_classes=3, in_channels=4))
    scores = torch.tensor([[0.5, 2, -1], [1, 0, 0.25]], dtype=torch.bfloat16, requires_grad=True)
    losses = head.loss_by_feat(scores, [ActionDataSample().set_gt_label(label) for label in (1, 2)])
    expected = torch.nn.functional.cross_entropy(scores.float(), torch.tensor([1, 2]))
    torch.testing.assert_close(losses['loss_cls'], expected)
    assert losses['top1_acc'] == 0.5

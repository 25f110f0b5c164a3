import os
import re
import socket
import subprocess
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.runner import CheckpointLoader

from dynstg_mm.errors import ConfigError
from dynstg_mm.files import atomic_open, dump_pickle, existing_file, resolve_shipped, shipped_configs
from dynstg_mm.safe_pickle import load_pickle


def test_folder_in_place_of_a_file_is_named(tmp_path):
    with pytest.raises(IsADirectoryError) as raised, atomic_open(tmp_path):
        pass
    assert raised.value.filename == str(tmp_path) and not list(tmp_path.parent.glob('.*.part'))


def test_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / 'out.pkl'
    dump_pickle([1], path)
    with pytest.raises(RuntimeError):
        with atomic_open(path, 'wb') as file:
            file.write(b'half')
            raise RuntimeError
    assert load_pickle(path) == [1]
    assert [entry.name for entry in tmp_path.iterdir()] == ['out.pkl']


def test_two_processes_write_the_same_file_and_a_dead_one_is_cleared_away(tmp_path):
    path = tmp_path / 'out.txt'
    dead = subprocess.Popen(['true'])
    dead.wait()
    (tmp_path / f'.out.txt.{socket.gethostname()}.{dead.pid}.part').write_text('half')
    (tmp_path / f'.out.txt.{socket.gethostname()}.1.part').write_text('process 1 is alive')
    with atomic_open(path) as file:
        file.write('whole')
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [f'.out.txt.{socket.gethostname()}.1.part', 'out.txt']


@pytest.mark.parametrize('path, hint', [
    ('TMP/walk_2.csv', 'TMP/walk_1.csv'), ('walk_2.csv', 'walk_1.csv'), ('other.csv', 'CWD'), ('none/walk.csv', 'CWD'),
    ('TMP/none/below/walk.csv', 'no folder TMP/none'), ('TMP/other.csv', 'TMP has no file')])
def test_missing_file_is_named_with_what_to_do(path, hint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'walk_1.csv').touch()
    path, hint = path.replace('TMP', str(tmp_path)), hint.replace('TMP', str(tmp_path)).replace('CWD', os.getcwd())
    with pytest.raises(FileNotFoundError, match=f'^{re.escape(path)}: .*{re.escape(hint)}'):
        existing_file(path)
    with pytest.raises(FileNotFoundError, match='; do this'):
        existing_file(path, hint='do this')


def test_shipped_files_are_found_by_name_and_other_paths_stay():
    path = resolve_shipped('dynstg_mm::_base_/default_runtime.py')
    assert path.is_absolute() and path.is_file()
    assert resolve_shipped('configs/mine.py') == Path('configs/mine.py')
    with pytest.raises(ConfigError, match='dynstg_mm::_base_/default_run.py: .*dynstg_mm::_base_/default_runtime.py'):
        resolve_shipped('dynstg_mm::_base_/default_run.py')


def test_shipped_configs_and_weights_are_used_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    base = 'dynstg_mm::dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'
    Path('mine.py').write_text(f'_base_ = {base!r}\nmodel = dict(cls_head=dict(num_classes=2))')
    model = Config.fromfile('mine.py').model
    assert model.backbone.type == 'DynSTGMamba' and model.cls_head.num_classes == 2 and '_scope_' not in model
    weights = next((shipped_configs() / 'dynstg_mamba/pretrained').glob('*.pth')).name
    assert 'state_dict' in CheckpointLoader.load_checkpoint(f'dynstg_mm::dynstg_mamba/pretrained/{weights}')

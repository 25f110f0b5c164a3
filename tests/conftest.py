import copy
import functools
import gc
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

if not torch.cuda.is_available():  # test our GPU kernel in Triton's interpreter, which is chosen before the import
    os.environ.setdefault('TRITON_INTERPRET', '1')

from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope
from mmengine.visualization import Visualizer

import dynstg_mm  # noqa: F401
from dynstg_mm.config import read_config
from dynstg_mm.files import dump_pickle
from dynstg_mm.safe_pickle import load_pickle

if hasattr(os, 'register_at_fork'):
    # A forked process must not collect what waits for threads of its parent, such as the frames of a video.
    os.register_at_fork(after_in_child=gc.freeze)

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / 'data/synthetic_gait/synthetic_gait.pkl'


def pytest_collection_finish():
    """Import what forked tools need, and leave it out of all collections of garbage."""
    import mmaction.datasets
    import mmaction.models  # noqa: F401
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def mmaction_scope():
    """Look up types in MMAction2's registries, as `default_scope` does in a run."""
    with DefaultScope.overwrite_default_scope('mmaction'):
        yield


@pytest.fixture(scope='session', autouse=True)
def quick_mmengine():
    """Leave out what MMEngine does often and tests do not need.

    It formats a config with yapf whenever it logs or saves it: half a second each, five times a run. It collects
    garbage for every data set: half a second each, after some hundred tests.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmengine.config.config.FormatCode', lambda text, **options: (text, True))
        patch.setattr('mmengine.dataset.base_dataset.gc', SimpleNamespace(collect=lambda: 0))
        yield


_read_config = functools.lru_cache(read_config)


@pytest.fixture
def read_once(monkeypatch):
    """Read every config once; MMEngine needs 0.1 s for a config with its bases."""
    monkeypatch.setattr('dynstg_mm.config.read_config', lambda *names: copy.deepcopy(_read_config(*map(str, names))))


@pytest.fixture(scope='session')
def sample():
    return load_pickle(SAMPLE)


@pytest.fixture
def annotation_file(sample, tmp_path):
    """Write the first clips of each class as an annotation file, changed by `change`."""

    def write(change=lambda data: None, name='gait.pkl'):
        clips = [dict(clip) for clip in sample['annotations'] if clip['frame_dir'][-4:-2] in ('00', '01')]
        for clip in clips:
            clip['keypoint'] = clip['keypoint'].astype(np.float32)
        data = dict(annotations=clips, split=dict(
            train=[clip['frame_dir'] for clip in clips if '_00_' in clip['frame_dir']],
            test=[clip['frame_dir'] for clip in clips if '_01_' in clip['frame_dir']]))
        change(data)
        path = tmp_path / name
        dump_pickle(data, path)
        return str(path)

    return write


@pytest.fixture
def run_tool():
    """Run a script of the project in a process of its own; returns the finished process, output as text.

    The process is forked, which saves the seconds of the imports. `fresh=True` starts a new one; so does a GPU in use,
    which a forked process could not use.
    """

    def run(*arguments, fresh=False):
        arguments = list(map(str, arguments))
        if fresh or sys.platform != 'linux' or torch.cuda.is_initialized():
            environment = dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=str(ROOT))
            return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=240)
        with tempfile.TemporaryFile() as output:
            child = os.fork()
            if child == 0:
                _be_the_tool(arguments, output.fileno())
            status = os.waitpid(child, 0)[1]
            output.seek(0)
            return subprocess.CompletedProcess(arguments, os.waitstatus_to_exitcode(status), output.read().decode())

    return run


def _be_the_tool(arguments, output):
    """Run the script in this process, with its output in that file, and exit with its status."""
    status = 1
    try:
        signal.alarm(240)
        for number, name in ((1, 'stdout'), (2, 'stderr')):
            os.dup2(output, number)
            setattr(sys, name, open(number, 'w', buffering=1, closefd=False))
        torch.set_num_threads(1)  # a forked process has none of its parent's threads, and would wait for them
        for manager in (MMLogger, MessageHub, Visualizer, DefaultScope):  # left by earlier tests
            manager._instance_dict.clear()
        os.chdir(ROOT)
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name='__main__')
        status = 0
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


def run_script(path):
    """Run a script of the project in this process with the arguments in sys.argv; it must succeed."""
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(path), run_name='__main__')
    assert not stopped.value.code, stopped.value.code


@pytest.fixture
def error_of(monkeypatch):
    """Run a script of the project in this process; it must end with one line of error, which is returned."""

    def run(script, *arguments):
        monkeypatch.chdir(ROOT)
        monkeypatch.setattr(sys, 'argv', [str(script), *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            runpy.run_path(str(ROOT / script), run_name='__main__')
        line = stopped.value.code
        assert isinstance(line, str) and line.startswith('error: ') and '\n' not in line
        return line

    return run

"""How commands end: one line for what a user has caused, a traceback for a bug."""
import subprocess
import sys

import pytest
from mmengine.config import Config

from dynstg_mm.commands.common import one_line_errors, wrong_settings
from dynstg_mm.errors import ConfigError, DataError


@pytest.mark.parametrize('error, seen', [
    (ValueError, ConfigError), (AssertionError, ConfigError), (ImportError, ConfigError), (DataError, DataError),
    (KeyError, KeyError), (TypeError, TypeError)])
def test_only_what_a_library_refuses_is_an_error_of_the_config(error, seen):
    with pytest.raises(seen) as raised, wrong_settings(Config()):
        raise error('x')
    assert type(raised.value) is seen


def test_missing_file_of_the_system_is_named_with_what_to_do(tmp_path):
    with pytest.raises(SystemExit, match=f'^error: {tmp_path}/none/x: .*{tmp_path}/none'), one_line_errors():
        open(tmp_path / 'none/x')


def test_a_file_where_a_folder_is_expected_is_named(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(SystemExit, match=f'^error: {tmp_path}/file: '), one_line_errors():
        (tmp_path / 'file/a/b').mkdir(parents=True)


def test_bug_keeps_its_traceback():
    with pytest.raises(ValueError), one_line_errors():
        raise ValueError('x')


def test_a_closed_pipe_is_no_error():
    command = ('from dynstg_mm.commands.common import one_line_errors\n'
               'with one_line_errors():\n    for _ in range(99999): print("a line", flush=True)')
    with subprocess.Popen([sys.executable, '-c', command], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        run.stdout.readline()
        run.stdout.close()
        assert run.stderr.read() == b'' and run.wait() == 141


def interrupted():
    raise KeyboardInterrupt


def interrupted_in_a_dump():
    """As MMEngine does when Ctrl-C arrives while it formats a config."""
    try:
        interrupted()
    except BaseException:
        raise SyntaxError('Failed to format the config file') from None


@pytest.mark.parametrize('work', [interrupted, interrupted_in_a_dump])
def test_ctrl_c_is_one_line_and_says_what_to_do(work, capsys):
    with pytest.raises(SystemExit) as ended, one_line_errors('stopped; resume it'):
        work()
    assert ended.value.code == 130 and capsys.readouterr().err == 'stopped; resume it\n'

"""`python -m dynstg_mm`."""
import subprocess
import sys

from dynstg_mm.__main__ import COMMANDS, main

from .conftest import ROOT


def test_every_command_is_listed(capsys):
    assert main([]) == 0
    listed = capsys.readouterr().out
    assert all(f'  {name} ' in listed for name in COMMANDS)
    with_main = {path.stem for path in (ROOT / 'dynstg_mm/commands').glob('*.py') if 'def main(' in path.read_text()}
    assert with_main == {name.replace('-', '_') for name in COMMANDS}


def test_unknown_command_is_reported_with_the_nearest(capsys):
    assert main(['trian']) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: trian: ') and 'train' in error and error.count('\n') == 1


def test_help_of_every_command_is_quick():
    """Importing torch or the OpenMMLab stack would cost seconds."""
    code = '''
import sys
from dynstg_mm.__main__ import COMMANDS, main
for name in COMMANDS:
    try:
        main([name, '-h'])
    except SystemExit as stop:
        assert not stop.code, name
    assert not {'torch', 'mmengine', 'numba', 'pandas'} & set(sys.modules), name
'''
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(f'usage: dynstg_mm {name} ' in done.stdout for name in COMMANDS)

"""The notebooks run from top to bottom in a kernel of their own, and are kept without outputs."""
import os
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from .conftest import ROOT

NOTEBOOKS = sorted((ROOT / 'docs/notebooks').glob('*.ipynb'))


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, monkeypatch, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == 'code']
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    monkeypatch.setenv('PATH', f'{os.path.dirname(sys.executable)}{os.pathsep}{os.environ["PATH"]}')
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    monkeypatch.setenv('TMPDIR', str(tmp_path))
    monkeypatch.delenv('MPLBACKEND', raising=False)
    folder = dict(metadata=dict(path=path.parent))
    NotebookClient(notebook, timeout=300, kernel_name='python3', resources=folder).execute()
    shown = {kind for cell in cells for output in cell.outputs for kind in output.get('data', ())}
    assert {'image/png', 'text/html'} <= shown
    printed = ''.join(output.text for cell in cells for output in cell.outputs if output.output_type == 'stream')
    assert '| small' in printed and 'st-gcn' in printed and 'error' not in printed.lower(), printed

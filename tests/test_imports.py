"""Imports run one way: ops -> layers -> models, skeletons -> models and datasets; data never imports models."""
import ast
import sys
from importlib.util import resolve_name
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / 'dynstg_mm'
FORBIDDEN = {
    'ops': ('layers', 'models', 'datasets', 'benchmark', 'importers', 'audit', 'distillation', 'commands', 'mmengine', 'mmaction', 'mmcv'),
    'layers': ('models', 'datasets', 'benchmark', 'importers', 'audit', 'distillation', 'commands', 'mmengine', 'mmaction', 'mmcv'),
    'models': ('datasets', 'benchmark', 'importers', 'audit', 'distillation', 'commands'),
    'distillation': ('datasets', 'benchmark', 'importers', 'audit', 'commands'),
    'datasets': ('models', 'layers', 'ops', 'benchmark', 'importers', 'audit', 'distillation', 'commands'),
    'importers': ('models', 'layers', 'ops', 'benchmark', 'audit', 'distillation', 'commands'),
    'audit': ('models', 'layers', 'ops', 'importers', 'distillation', 'commands'),
    'benchmark': ('layers', 'ops', 'importers', 'audit'),
}


def imported(path):
    """Names of what a file imports, relative ones by their place in the package."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            inside = '.'.join(['dynstg_mm', *path.relative_to(PACKAGE).parts[:-1]])
            module = resolve_name('.' * node.level + (node.module or ''), inside)
            names = [f'{module}.{alias.name}' for alias in node.names]
        for name in names:
            yield name.split('.')[1 if name.startswith('dynstg_mm.') else 0]


def test_every_way_to_import_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], 'PACKAGE', tmp_path)
    (tmp_path / 'ops').mkdir()
    path = tmp_path / 'ops/some.py'
    for line in ('from .. import models', 'from ..models import cgrkd', 'from ..models.cgrkd import CGRKD',
                 'import dynstg_mm.models', 'from dynstg_mm.models import cgrkd', 'from dynstg_mm import models'):
        path.write_text(line)
        assert list(imported(path)) == ['models'], line
    path.write_text('from .graph import limb_pool\nfrom . import graph\nimport torch.nn\n')
    assert list(imported(path)) == ['ops', 'ops', 'torch']


@pytest.mark.parametrize('folder', FORBIDDEN)
def test_imports_run_one_way(folder):
    paths = list((PACKAGE / folder).rglob('*.py'))
    assert paths
    for path in paths:
        assert not set(imported(path)) & set(FORBIDDEN[folder]), path

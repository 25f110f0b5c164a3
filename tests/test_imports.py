"""Imports run one way: ops -> layers -> models, skeletons -> models and datasets; data never imports models."""
import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / 'dynstg_mm'
FORBIDDEN = {
    'ops': ('layers', 'models', 'datasets', 'evaluation', 'mmengine', 'mmaction', 'mmcv'),
    'layers': ('models', 'datasets', 'evaluation', 'mmengine', 'mmaction', 'mmcv'),
    'models': ('datasets', 'evaluation'),
    'datasets': ('models', 'layers', 'ops', 'evaluation'),
    'evaluation': ('models', 'layers', 'ops', 'datasets'),
    'audit': ('models', 'layers', 'ops'),
}


def imported(path):
    """Names of what a file imports, relative ones by their place in the package."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split('.')[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 1:
                yield path.parent.name
            else:
                yield (node.module or '').split('.')[0]


@pytest.mark.parametrize('folder', FORBIDDEN)
def test_imports_run_one_way(folder):
    paths = list((PACKAGE / folder).rglob('*.py'))
    assert paths
    for path in paths:
        assert not set(imported(path)) & set(FORBIDDEN[folder]), path

"""Sphinx configuration:  bash tools/build_docs.sh  builds the site into docs/_build/html, with warnings as errors.

Everything on the site is local: no web fonts, no CDN. Equations become MathML when the site is built.
"""
import pkgutil
import re
import sys
from pathlib import Path

from docutils.nodes import SkipNode
from latex2mathml.converter import convert

root = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(root))

project = 'dynstg_mm'
author = 'The dynstg_mm authors'
copyright = author
release = version = re.search(r"__version__ = '(.+)'", (root / 'dynstg_mm/__init__.py').read_text())[1]

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon', 'sphinx_copybutton']
exclude_patterns = ['_build']
myst_enable_extensions = ['colon_fence', 'dollarmath']
myst_heading_anchors = 3

autodoc_inherit_docstrings = False
autodoc_member_order = 'bysource'
autodoc_typehints = 'description'
autodoc_typehints_description_target = 'documented'
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True  # autodoc lists the fields of a NamedTuple already

html_theme = 'furo'
html_title = f'dynstg_mm {release}'
html_static_path = ['_static']
html_css_files = ['site.css']
html_copy_source = False
html_show_sphinx = False
html_math_renderer = 'mathml'
copybutton_exclude = '.linenos, .gp, .go'


def inline_equation(translator, node):
    translator.body.append(convert(node.astext(), display='inline'))
    raise SkipNode


def block_equation(translator, node):
    translator.body.append(f'<div class="equation">{convert(node.astext(), display="block")}</div>')
    raise SkipNode


ROOMS = {  # package -> what it is
    'skeletons': 'Layouts as data, mapping joints by name',
    'gait': 'Geometry and gait parameters of a walk',
    'ops': 'Pure functions on tensors: selective scan, temporal filter, graph operations',
    'layers': 'Blocks of the networks, plain PyTorch',
    'models': 'Backbones and heads for MMAction2',
    'distillation': 'Distillers, losses, memory, hook',
    'datasets': 'Annotation files, data sets, transforms',
    'importers': 'Readers of other formats, and the converter',
    'audit': 'What is wrong with an annotation file',
    'estimators': 'Pose estimators, from pictures to keypoints',
    'benchmark': 'Plans, results, statistics, tables',
    'inference': 'Answers about recordings, doubts, explanations, pages',
}
UNDOCUMENTED = {'cpu', 'numba', 'triton', 'mamba'}  # kernels

API_INDEX = """# API

Generated from the docstrings. `import dynstg_mm` registers in `mmaction.registry` everything that a config names.

| package | content |
| --- | --- |
{rows}

Imports run one way: skeletons, gait, ops and estimators import none of the rooms above them; layers import ops; models
import layers; distillation imports models; datasets, importers and audit import skeletons and gait; benchmark imports
these, and inference imports all.

```{{toctree}}
:hidden:

{pages}
```
"""


def write_api_pages():
    """Write docs/api: a page for each room of the package, from the docstrings of its modules."""
    folder = root / 'docs/api'
    folder.mkdir(exist_ok=True)
    for room in ROOMS:
        modules = [f'dynstg_mm.{room}', *(
            module.name for module in pkgutil.walk_packages([str(root / 'dynstg_mm' / room)], f'dynstg_mm.{room}.')
            if not UNDOCUMENTED & set(module.name.split('.')))]
        parts = [f'# dynstg_mm.{room}\n']
        for module in modules:
            heading = '' if module.count('.') == 1 else f'## {module.removeprefix("dynstg_mm.")}\n\n'
            parts.append(f'{heading}```{{eval-rst}}\n.. automodule:: {module}\n   :members:\n   :ignore-module-all:\n'
                         '   :show-inheritance:\n```\n')
        (folder / f'{room}.md').write_text('\n'.join(parts))
    rows = '\n'.join(f'| [`dynstg_mm.{room}`]({room}.md) | {summary} |' for room, summary in ROOMS.items())
    (folder / 'index.md').write_text(API_INDEX.format(rows=rows, pages='\n'.join(ROOMS)))


def setup(app):
    write_api_pages()
    app.add_html_math_renderer('mathml', (inline_equation, None), (block_equation, None))

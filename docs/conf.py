"""Sphinx configuration:  bash tools/build_docs.sh  builds the site into docs/_build/html, with warnings as errors.

Everything on the site is local: no web fonts, no CDN. Equations become MathML when the site is built.
"""
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

autodoc_member_order = 'bysource'
autodoc_typehints = 'description'
autodoc_typehints_description_target = 'documented'
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False

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


def setup(app):
    app.add_html_math_renderer('mathml', (inline_equation, None), (block_equation, None))

"""Rules for the whole package: imports run one way, and public signatures have types."""
import ast
import functools
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / 'dynstg_mm'
# What every room may import.
BASE = {'errors', 'extras', 'files', 'progress', 'safe_pickle', 'text'}
# Room -> the rooms that it may import, by itself or by what it imports; commands may import all.
ALLOWED = {
    'errors': set(),
    'extras': {'errors'},
    'text': set(),
    'progress': set(),
    'files': {'errors'},
    'safe_pickle': {'errors', 'files'},
    'import_hooks': set(),
    'compat': BASE | {'import_hooks', 'skeletons'},
    'registration': BASE | {'import_hooks'},
    '__init__': BASE | {'compat', 'import_hooks', 'registration', 'skeletons'},
    '__main__': set(),
    'skeletons': BASE,
    'gait': BASE | {'skeletons'},
    'ops': BASE,
    'layers': BASE | {'ops'},
    'models': BASE | {'layers', 'ops', 'skeletons'},
    'datasets': BASE | {'gait', 'skeletons'},
    'config': BASE | {'datasets', 'gait', 'skeletons'},
    'config_check': BASE,
    'validation_check': BASE,
    'hooks': BASE,
    'inputs': BASE | {'config', 'datasets', 'gait', 'hooks', 'skeletons'},
    'schedules': BASE,
    'statistics': BASE,
    'scale_statistics': BASE | {'statistics'},
    'diagnostic_statistics': BASE | {'statistics'},
    'distillation': BASE | {'config', 'datasets', 'gait', 'hooks', 'inputs', 'layers', 'models', 'ops', 'skeletons'},
    'video': BASE,
    'skeleton_figure': BASE | {'gait', 'skeletons'},
    'estimators': BASE,
    'importers': BASE | {'datasets', 'estimators', 'gait', 'skeleton_figure', 'skeletons', 'video'},
    'benchmark': BASE | {'config', 'config_check', 'datasets', 'diagnostic_statistics', 'distillation', 'gait', 'hooks',
                         'layers', 'models', 'ops', 'scale_statistics', 'skeletons', 'statistics', 'validation_check'},
    'audit': BASE | {'datasets', 'gait', 'skeleton_figure', 'skeletons', 'statistics'},
    'inference': BASE | {'audit', 'benchmark', 'config', 'config_check', 'datasets', 'diagnostic_statistics',
                         'distillation', 'estimators',
                         'gait', 'hooks', 'importers', 'inputs', 'layers', 'models', 'ops', 'scale_statistics',
                         'skeleton_figure', 'skeletons', 'statistics', 'validation_check', 'video'},
}
TORCH_ONLY = ('ops', 'layers')  # rooms without MMEngine, mmcv and MMAction2


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def room(module):
    """`ops` for `dynstg_mm.ops.graph`."""
    return module.split('.')[1] if '.' in module else '__init__'


@functools.cache
def sources():
    """Name of every module of the package and its syntax tree."""
    return {module_name(path): ast.parse(path.read_text(encoding='utf-8'))
            for path in PACKAGE.rglob('*.py') if '.mim' not in path.parts}


def for_types_only(tree):
    """Nodes that only a type checker reads."""
    return {id(node) for block in ast.walk(tree)
            if isinstance(block, ast.If) and ast.unparse(block.test).endswith('TYPE_CHECKING')
            for statement in block.body for node in ast.walk(statement)}


def imported(tree):
    """Full names of what a module imports, inside functions too; `from a import b` gives a and a.b."""
    ignored = for_types_only(tree)
    for node in ast.walk(tree):
        if id(node) in ignored:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'line {node.lineno}: a relative import'
            yield node.module
            yield from (f'{node.module}.{alias.name}' for alias in node.names)


@functools.cache
def imported_modules(module):
    """Modules of the package that a module imports, each with the packages above it, whose `__init__` runs too."""
    names = {'.'.join(name.split('.')[:depth]) for name in imported(sources()[module])
             for depth in range(2, name.count('.') + 2) if name.startswith('dynstg_mm.')}
    return names & set(sources())


def reached_modules(module):
    """All modules that are imported with a module, each with the one that imports it."""
    reached, waiting = {}, [module]
    while waiting:
        current = waiting.pop()
        for name in imported_modules(current) - set(reached):
            reached[name] = current
            waiting.append(name)
    return reached


@functools.cache
def registered():
    """Type name of every class that is registered, and its room."""
    return {node.name: room(module) for module, tree in sources().items() for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef) and any('register_module' in ast.unparse(decorator)
                                                      for decorator in node.decorator_list)}


def test_all_ways_to_import_are_seen():
    tree = ast.parse('import dynstg_mm.models\n'
                     'from typing import TYPE_CHECKING\n'
                     'if TYPE_CHECKING:\n'
                     '    import dynstg_mm.commands\n'
                     'def late():\n'
                     '    from dynstg_mm.audit import report\n')
    assert [name for name in imported(tree) if name.startswith('dynstg_mm')] == [
        'dynstg_mm.models', 'dynstg_mm.audit', 'dynstg_mm.audit.report']
    assert {'dynstg_mm.layers', 'dynstg_mm.ops'} <= set(reached_modules('dynstg_mm.models'))  # through other modules
    assert registered()['DynSTGMamba'] == 'models'


def test_every_room_has_its_rule():
    assert {room(module) for module in sources()} - {'commands', 'registry', 'utils'} == set(ALLOWED)


@pytest.mark.parametrize('name', ALLOWED)
def test_imports_run_one_way(name):
    for module in sources():
        if room(module) == name:
            for reached, importer in reached_modules(module).items():
                assert room(reached) in ALLOWED[name] | {name}, f'{module}: {importer} imports {reached}'


@pytest.mark.parametrize('name', ALLOWED)
def test_types_of_upper_rooms_are_not_looked_up(name):
    types = registered()
    for module, tree in sources().items():
        if room(module) == name:
            named = {node.value for node in ast.walk(tree)
                     if isinstance(node, ast.Constant) and isinstance(node.value, str)}
            upper = {text for text in named & set(types) if types[text] not in ALLOWED[name] | {name}}
            assert not upper, f'{module}: {upper}'


@pytest.mark.parametrize('name', TORCH_ONLY)
def test_layers_and_ops_do_without_the_openmmlab_stack(name):
    for module, tree in sources().items():
        if room(module) == name:
            assert not {part.partition('.')[0] for part in imported(tree)} & {'mmengine', 'mmcv', 'mmaction'}, module


def public_functions(node, names=()):
    """Public functions and methods, and the `__init__` of public classes, as pairs of name and node."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef) and not child.name.startswith('_'):
            yield from public_functions(child, (*names, child.name))
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if not child.name.startswith('_') or child.name == '__init__':
                yield '.'.join((*names, child.name)), child


def without_type(function):
    """Names of the arguments that have no type, and `return`."""
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args]
    if named and named[0].arg in ('self', 'cls', 'ctx'):
        del named[0]
    named += [*arguments.kwonlyargs, *filter(None, (arguments.vararg, arguments.kwarg))]
    missing = [argument.arg for argument in named if argument.annotation is None]
    return missing + ['return'] * (function.returns is None and function.name != '__init__')


def test_a_missing_type_is_seen():
    tree = ast.parse('class A:\n    def f(self, x: int, y, *z) -> int: pass\n    def _g(self, x): pass\n'
                     'def h(x: int): pass')
    assert {name: without_type(node) for name, node in public_functions(tree)} == {
        'A.f': ['y', 'z'], 'h': ['return']}


@pytest.mark.parametrize('name', [*ALLOWED, 'commands', 'registry', 'utils'])
def test_public_signatures_have_types(name):
    faults = [f'{module}.{function}: {missing}' for module, tree in sources().items() if room(module) == name
              for function, node in public_functions(tree) if (missing := without_type(node))]
    assert not faults, '\n'.join(faults)

"""Run code around the import of another module.

MMAction2 takes seconds to import. Patches and registrations wait here until their module is imported. So
`import dynstg_mm` and `-h` stay quick, and the module is still never used without its patches.
"""
import functools
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

Execute = Callable[[ModuleType], None]


class _Finder(importlib.abc.MetaPathFinder):
    """Finds modules as the other finders do, and wraps the execution of those that have wrappers."""

    def __init__(self) -> None:
        self.wrappers: dict[str, list[Callable[[Execute, Any], None]]] = {}

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
                  ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self.wrappers:
            return None
        specs = (finder.find_spec(fullname, path, target) for finder in sys.meta_path if finder is not self)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is not None and spec.loader is not None:
            loader = spec.loader
            execute = loader.exec_module
            for wrapper in self.wrappers[fullname]:
                execute = functools.partial(wrapper, execute)
            loader.exec_module = execute  # type: ignore[method-assign]  # of this loader, which has one module
        return spec


_FINDER = _Finder()


def wrap_import(name: str, wrapper: Callable[[Execute, Any], None]) -> None:
    """Call `wrapper(execute, module)` when a module is imported; it has to call `execute(module)`.

    Does nothing for a module that is imported already.

    Args:
        name: Full name of the module.
        wrapper: Runs instead of the module's code, which it executes itself.
    """
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    if name not in sys.modules:
        _FINDER.wrappers.setdefault(name, []).append(wrapper)


def when_imported(name: str, hook: Callable[[Any], None]) -> None:
    """Call `hook(module)` right after a module is imported; at once if it is imported already.

    Args:
        name: Full name of the module.
        hook: What to do with the module.
    """

    def wrapper(execute: Execute, module: ModuleType) -> None:
        execute(module)
        hook(module)

    if name in sys.modules:
        hook(sys.modules[name])
    else:
        wrap_import(name, wrapper)

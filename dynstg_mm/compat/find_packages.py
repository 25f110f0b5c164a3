"""MMEngine finds packages with pkg_resources, which setuptools 82 removed (open-mmlab/mmengine#1676).

Without it neither `_base_ = 'mmaction::...'` nor `get_config` works; with older setuptools they warn. Does nothing if
MMEngine no longer uses pkg_resources.
"""
import importlib.metadata
import importlib.util
import inspect
import os
import sys
from typing import Any

from dynstg_mm.import_hooks import when_imported


def apply() -> None:
    when_imported('mmengine.utils.package_utils', _do_without_pkg_resources)


def _do_without_pkg_resources(package_utils: Any) -> None:
    if 'pkg_resources' not in inspect.getsource(package_utils):
        return
    for function in (is_installed, get_installed_path, package2module):
        _replace(getattr(package_utils, function.__name__), function)
        setattr(package_utils, function.__name__, function)


def is_installed(package: str) -> bool:
    """Whether `package` is an installed distribution or an importable module."""
    try:
        importlib.metadata.distribution(package)
        return True
    except importlib.metadata.PackageNotFoundError:
        return module_folder(package) is not None


def get_installed_path(package: str) -> str:
    """Folder of the module `package`, or of the module of the distribution `package`."""
    folder = module_folder(package) or module_folder(package2module(package))
    if folder is None:
        raise importlib.metadata.PackageNotFoundError(package)
    return folder


def package2module(package: str) -> str:
    """Name of the first top-level module of the distribution `package`."""
    names = (importlib.metadata.distribution(package).read_text('top_level.txt') or '').split()
    if not names:
        raise ValueError(f'can not infer the module name of {package}')
    return names[0]


def module_folder(name: str) -> str | None:
    """Folder of an importable module, or None."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    return os.path.dirname(spec.origin) if spec and spec.origin else None


def _replace(old: object, new: object) -> None:
    """Replace a function in every mm module that has imported it by name."""
    for name, module in list(sys.modules.items()):
        if name.startswith(('mmengine', 'mmcv', 'mmaction')) and vars(module).get(new.__name__) is old:  # type: ignore[attr-defined]
            setattr(module, new.__name__, new)  # type: ignore[attr-defined]

"""MMAction2's wheel lacks `mmaction.models.localizers.drn`, so `mmaction.models` fails (open-mmlab/mmaction2#2714).

The main branch has it, but there it imports torchvision, which MMAction2 does not declare. Does nothing when both the
folder and torchvision are installed.
"""
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

from dynstg_mm.import_hooks import Execute, wrap_import

NAME = 'mmaction.models.localizers.drn'


def apply() -> None:
    wrap_import('mmaction.models', _import_without_drn)


def _import_without_drn(execute: Execute, models: Any) -> None:
    missing = [] if (Path(models.__path__[0]) / 'localizers' / 'drn').is_dir() else [NAME]
    missing += [] if importlib.util.find_spec('torchvision') else ['torchvision']
    if missing:
        _register_stand_in(missing)
    execute(models)


def _register_stand_in(missing: list[str]) -> None:
    from mmaction.registry import MODELS

    @MODELS.register_module()
    class DRN:
        """Stand-in whose error explains why the temporal localizer DRN cannot be built."""

        def __init__(self, *args: object, **kwargs: object) -> None:
            raise ImportError(f'DRN needs {" and ".join(missing)}, not found here (open-mmlab/mmaction2#2714).')

    package, module = types.ModuleType(NAME), types.ModuleType(f'{NAME}.drn')
    package.__path__ = []
    module.DRN = DRN  # type: ignore[attr-defined]
    sys.modules.update({NAME: package, f'{NAME}.drn': module})

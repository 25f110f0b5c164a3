"""MMAction2's `PoseCompact` uses `np.Inf`, which NumPy 2 removed, so its PoseC3D configs fail (no issue upstream).

The module that has `PoseCompact` gets the name back. Does nothing with NumPy 1.
"""
import types
from typing import Any

from dynstg_mm.import_hooks import when_imported


def apply() -> None:
    when_imported('mmaction.datasets.transforms.pose_transforms', _with_inf)


def _with_inf(module: Any) -> None:
    if hasattr(module.np, 'Inf'):
        return
    numpy = types.ModuleType('numpy')
    vars(numpy).update(vars(module.np), Inf=module.np.inf)
    module.np = numpy

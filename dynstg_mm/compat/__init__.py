"""Patches that let MMAction2 1.2 run on today's Python stack.

`apply()` runs once, when `dynstg_mm` is imported. Each patch is one file: its docstring names the upstream issue and
the condition under which it does nothing, so that a fixed MMAction2, MMEngine or fork is left alone. A patch takes
effect when the module that it concerns is imported, or at once if it is imported already.

To run without the patches, set `DYNSTG_SKIP_PATCHES=all`, or name those to leave out:

    DYNSTG_SKIP_PATCHES=distributed_cpu,whole_files python -m dynstg_mm train CONFIG

One defect needs no patch: `importlib_metadata`, which MMAction2 imports without declaring it, is a requirement of ours.
"""
import functools
import importlib
import importlib.metadata
import importlib.util
import os
import warnings

from dynstg_mm.errors import ConfigError

PATCHES = ('find_packages', 'accept_newer_mmcv', 'missing_drn', 'newer_transformers', 'safe_checkpoints', 'whole_files',
           'moved_runs', 'distributed_cpu', 'bfloat16_scores', 'layouts_by_name', 'skeleton_inferencer',
           'numpy_inf')

# Module -> the command that installs it.
STACK = {
    'mmengine': 'pip install "mmengine>=0.10.7,<1"  (or its continuation onedl-mmengine, never both)',
    'mmcv': 'pip install "mmcv-lite>=2.0.0,<2.2.0"  (no compiler needed; or mmcv or onedl-mmcv, never two of them)',
    'mmaction': 'pip install "mmaction2>=1.2.0,<2"',
}
# Distributions that provide the same module, and so overwrite each other's files.
RIVALS = {'mmengine': ('mmengine', 'mmengine-lite', 'onedl-mmengine'), 'mmcv': ('mmcv', 'mmcv-lite', 'onedl-mmcv')}


@functools.cache
def apply() -> None:
    """Apply the patches that this environment needs and the user has not switched off."""
    require_stack()
    # mmcv-lite warns about an operator that no skeleton model uses, on every import and in every worker.
    warnings.filterwarnings('ignore', message='Fail to import ``MultiScaleDeformableAttention``')
    skipped = skipped_patches()
    for name in PATCHES:
        if name not in skipped:
            importlib.import_module(f'dynstg_mm.compat.{name}').apply()


def skipped_patches() -> set[str]:
    """The patches that `DYNSTG_SKIP_PATCHES` leaves out.

    Raises:
        ConfigError: It names something that is no patch.
    """
    names = {name.strip() for name in os.environ.get('DYNSTG_SKIP_PATCHES', '').split(',')} - {''}
    unknown = names - {'all', *PATCHES}
    if unknown:
        raise ConfigError(f'DYNSTG_SKIP_PATCHES: {min(unknown)}: no such patch; expected all, or some of '
                          f'{", ".join(PATCHES)}.')
    return set(PATCHES) if 'all' in names else names


def require_stack() -> None:
    """Check that the OpenMMLab stack is installed, and warn if two distributions provide the same module.

    Raises:
        ImportError: MMEngine, mmcv or MMAction2 is missing; the message has the command that installs it.
    """
    for module, command in STACK.items():
        if importlib.util.find_spec(module) is None:
            raise ImportError(f'dynstg_mm needs {module}, which is not installed here. Type:  {command}')
    for names in RIVALS.values():
        installed = [name for name in names if _is_distribution(name)]
        if len(installed) > 1:
            warnings.warn(f'{" and ".join(installed)} are both installed and overwrite each other\'s files. Keep one:  '
                          f'pip uninstall {" ".join(installed)}  and install one of them again.', stacklevel=2)


def _is_distribution(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
        return True
    except importlib.metadata.PackageNotFoundError:
        return False

"""Register the modules, configs and weights of this package with MMEngine and MMAction2."""
import importlib
from typing import Any

from dynstg_mm.files import SHIPPED, resolve_shipped
from dynstg_mm.import_hooks import when_imported

# Registry of MMAction2 -> our modules that register into it; imported at the registry's first look-up.
LOCATIONS = {
    'MODELS': ('dynstg_mm.models', 'dynstg_mm.distillation'),
    'DATASETS': ('dynstg_mm.datasets.catalog', 'dynstg_mm.datasets.action_dataset'),
    'DATA_SAMPLERS': ('dynstg_mm.datasets.samplers', ),
    'TRANSFORMS': ('dynstg_mm.datasets.transforms', ),
    'METRICS': ('dynstg_mm.benchmark.metric', ),
    'PARAM_SCHEDULERS': ('dynstg_mm.schedules', ),
    'HOOKS': ('dynstg_mm.hooks', 'dynstg_mm.inputs', 'dynstg_mm.distillation'),
    'INFERENCERS': ('dynstg_mm.inference.inferencer', ),
}


def register() -> None:
    """Register everything, each part when the MM module that it changes is imported."""
    when_imported('mmaction.registry', _add_locations)
    when_imported('mmengine.config.config', _find_shipped_configs)
    when_imported('mmengine.config.utils', _name_the_package)
    when_imported('mmengine.runner.checkpoint', _load_shipped_weights)
    when_imported('mmaction.apis.inference', _compare_inputs)


def _add_locations(registries: Any) -> None:
    for name, modules in LOCATIONS.items():
        registry = getattr(registries, name)
        registry._locations = [*registry._locations, *modules]
        if registry._imported:  # otherwise it would not read its locations again
            registry._imported = False
            registry.import_from_location()


def _compare_inputs(inference: Any) -> None:
    """`init_recognizer` compares what a checkpoint records with its config."""
    importlib.import_module('dynstg_mm.inputs').compare_when_loaded(inference)


def _name_the_package(utils: Any) -> None:
    """`mmengine.hub` accepts only packages in this list."""
    utils.MODULE2PACKAGE['dynstg_mm'] = 'dynstg_mm'


def _find_shipped_configs(module: Any) -> None:
    """`_base_ = 'dynstg_mm::...'` names a shipped config, without the scope that MMEngine would add to its types."""
    find = module.Config._get_cfg_path

    def find_shipped_first(cfg_path: str, filename: str) -> tuple[str, str | None]:
        if cfg_path.startswith(SHIPPED):
            return str(resolve_shipped(cfg_path)), None
        return find(cfg_path, filename)

    module.Config._get_cfg_path = staticmethod(find_shipped_first)


def _load_shipped_weights(checkpoint: Any) -> None:
    loaders = checkpoint.CheckpointLoader

    def load_from_shipped(filename: str, map_location: object) -> object:
        path = str(resolve_shipped(filename))
        return loaders._get_checkpoint_loader(path)(path, map_location)

    loaders.register_scheme(prefixes=SHIPPED, loader=load_from_shipped, force=True)

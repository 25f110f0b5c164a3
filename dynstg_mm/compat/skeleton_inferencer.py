"""MMAction2's inferencer takes the config of a skeleton model, and then fails at whatever it is given.

It decodes videos, frames and arrays of images (open-mmlab/mmaction2#2287, #2874). With this patch it refuses such a
config, in one line that names what to use instead. Does nothing to other configs.
"""
import functools
from typing import Any

from dynstg_mm.errors import ConfigError
from dynstg_mm.import_hooks import when_imported


def apply() -> None:
    when_imported('mmaction.apis.inferencers.actionrecog_inferencer', _refuse_skeleton_configs)


def _refuse_skeleton_configs(module: Any) -> None:
    inferencer = module.ActionRecogInferencer
    build = inferencer._init_pipeline

    @functools.wraps(build)
    def build_for_images(self: Any, cfg: Any) -> Any:
        steps = (cfg.get('test_dataloader') or {}).get('dataset', {}).get('pipeline') or []
        if any(step.get('type') == 'PoseDecode' for step in steps):
            raise ConfigError('test_dataloader.dataset.pipeline: that of a skeleton model, but MMAction2\'s inferencer '
                              'reads images; use dynstg_mm.inference.GaitInferencer or python -m dynstg_mm predict.')
        return build(self, cfg)

    inferencer._init_pipeline = build_for_images

"""MMEngine keeps absolute paths of checkpoints, so a run whose folder was moved or copied does not resume.

No issue upstream. Does nothing if the files are where the paths say.
"""
import functools
import os
from typing import Any

from dynstg_mm.import_hooks import when_imported


def apply() -> None:
    for name in ('mmengine.runner.checkpoint', 'mmengine.runner.runner', 'mmengine.runner._flexible_runner',
                 'mmengine.runner'):  # each has the function by name, if it was imported before
        when_imported(name, _look_beside_the_pointer)
    when_imported('mmengine.hooks.checkpoint_hook', _keep_to_the_folder)


def _look_beside_the_pointer(module: Any) -> None:
    find = module.find_latest_checkpoint
    if hasattr(find, '__wrapped__'):
        return

    @functools.wraps(find)
    def find_in_its_folder(path: str) -> str | None:
        named = find(path)
        beside = os.path.join(path, os.path.basename(named or ''))
        return beside if os.path.isfile(beside) else named

    module.find_latest_checkpoint = find_in_its_folder


def _keep_to_the_folder(module: Any) -> None:
    """The best checkpoint that a better one replaces is this run's, never that of the run it was copied from."""
    before_train = module.CheckpointHook.before_train

    @functools.wraps(before_train)
    def before_train_in_its_folder(self: Any, runner: Any) -> None:
        before_train(self, runner)
        if self.save_best is not None:
            if len(self.key_indicators) == 1:
                self.best_ckpt_path = _moved(self.best_ckpt_path, self.out_dir)
            else:
                self.best_ckpt_path_dict = {name: _moved(path, self.out_dir)
                                            for name, path in self.best_ckpt_path_dict.items()}

    module.CheckpointHook.before_train = before_train_in_its_folder


def _moved(path: str | None, folder: str) -> str | None:
    return path and os.path.join(folder, os.path.basename(path))

"""The hook that checks and loads the teacher before training."""
from __future__ import annotations

from collections.abc import Sequence

from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from dynstg_mm.config import fill_placeholders
from dynstg_mm.distillation import checks
from dynstg_mm.distillation.distiller import Distiller
from dynstg_mm.errors import ConfigError
from dynstg_mm.hooks import check_classes


@HOOKS.register_module()
class DistillationHook(Hook):
    """Loads the teacher of a `Distiller`, and stops a run whose teacher, student and data do not fit.

    For the checks and their reasons, see `distillation.checks`.

    Args:
        cache_teacher: Compute the teacher's outputs for a window once and keep them in main memory. This saves the time
            of the teacher from the second epoch on if the pipeline gives the same windows in every epoch. A window
            takes 4 * M * C * T * V bytes of the teacher's last features, 154 kB for `large` and 64 frames of 25 joints.

    Raises:
        ConfigError: See `distillation.checks`.
        DataError: A class has no training clip.
    """

    def __init__(self, cache_teacher: bool = False) -> None:
        if not isinstance(cache_teacher, bool):
            raise ConfigError(f'DistillationHook: cache_teacher: {cache_teacher!r}; expected True or False.')
        self.cache_teacher = cache_teacher

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Record the values that a resumed run must share with this one."""
        checkpoint['distillation'] = distiller_of(runner).fingerprint()

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare a run that resumes with the one that wrote the checkpoint."""
        if runner._resume:
            model = distiller_of(runner)
            _load_teacher(runner)
            checks.check_resumed(model, runner.train_dataloader.dataset, checkpoint)

    def before_train(self, runner: Runner) -> None:
        """Load the teacher, and check it, the student and the data on one sample."""
        model, dataset = distiller_of(runner), runner.train_dataloader.dataset
        num_classes = model.cls_head.num_classes
        check_classes(num_classes, dataset)
        data = _load_teacher(runner)
        checks.check_teacher_data(model.teacher.checkpoint, data, getattr(dataset, 'metainfo', {}))
        checks.check_every_class(dataset, num_classes)
        if not runner._resume:  # weights loaded from another run come with a memory of other clips
            model.clear_memory()
        batch = checks.batch_of(model, dataset, 0)
        checks.check_skeletons(model, batch)
        checks.check_unlabelled_windows(dataset, batch)
        checks.check_inputs(model, batch)
        if self.cache_teacher:
            checks.check_repeatable(model, dataset)
            model.teacher.cache_outputs()


def _load_teacher(runner: Runner) -> dict[str, Sequence[str]]:
    teacher = distiller_of(runner).teacher
    if isinstance(teacher.checkpoint, str) and '{' in teacher.checkpoint:  # in MMAction2's own tools
        teacher.checkpoint = fill_placeholders(runner.cfg).model.teacher_ckpt
    return teacher.load()


def distiller_of(runner: Runner) -> Distiller:
    """The distiller that a runner trains; ConfigError if its model is none."""
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    if not isinstance(model, Distiller):
        raise ConfigError(f'DistillationHook: the model is a {type(model).__name__}; expected a Distiller, e.g. CGRKD.')
    return model

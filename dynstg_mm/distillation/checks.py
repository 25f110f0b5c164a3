"""Checks before a distilled run starts or resumes, one function each."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from mmengine.logging import MMLogger

from dynstg_mm.distillation.distiller import Distiller, join_windows, teacher_windows
from dynstg_mm.distillation.teacher import shorten
from dynstg_mm.errors import ConfigError, DataError
from dynstg_mm.hooks import training_data

TWO_INPUTS = ('If the teacher needs another skeleton or other features than the student, put TeacherInput into the '
              "pipeline, then the student's own transforms, and PackActionInputs(algorithm_keys=('teacher_inputs', )).")
CLIPS_TRIED = 16  # a random transform may by chance leave one clip unchanged


def check_resumed(model: Distiller, dataset: Any, checkpoint: dict) -> None:
    """Check that a resumed run has the teacher, student, losses and data that it was started with.

    Raises:
        ConfigError: One of them differs.
    """
    started = checkpoint.get('distillation')
    if not isinstance(started, dict):
        raise ConfigError('resume: the checkpoint is not from a distilled run; use load_from without resume to start '
                          'from its weights.')
    for field, value in model.fingerprint().items():
        if started.get(field) != value:
            raise ConfigError(f'resume: model.{field}: {value}; the run was started with {started.get(field)}.')
    source, started_source = (', '.join(value) if value else None for value in (
        getattr(dataset, 'metainfo', {}).get('source'), training_data(checkpoint.get('meta')).get('source')))
    if source != started_source:
        raise ConfigError(f'resume: train_dataloader.dataset: {source}; the run was started with {started_source}.')


def check_teacher_data(teacher_ckpt: str, taught: dict[str, Sequence[str]], own: dict[str, Any]) -> None:
    """Check that teacher and student were trained on the same classes, and on the same part of a file.

    A teacher of other classes teaches wrong labels, and one of another fold may have seen the student's test subjects.
    Unknown data, and a teacher trained on another file, only cause a warning.

    Args:
        teacher_ckpt: Path of the teacher's checkpoint.
        taught: What the checkpoint records about the teacher's data, from `Teacher.load`.
        own: `metainfo` of the student's training data.

    Raises:
        ConfigError: The classes differ, or the part of the same file.
    """
    warn = MMLogger.get_current_instance().warning
    for field, risk in (('classes', 'the labels may mean different classes'),
                        ('source', 'the teacher may have seen subjects that the student is tested on')):
        theirs, ours = taught.get(field), own.get(field)
        if not theirs or not ours:
            warn(f'teacher_ckpt: {teacher_ckpt}: {field}: not recorded for the teacher or the data; {risk}.')
        elif field == 'source' and theirs[0] != ours[0]:
            warn(f'teacher_ckpt: {teacher_ckpt}: trained on {theirs[0]}, the student on {ours[0]}; if both contain the '
                 f'same subjects, {risk}.')
        elif list(theirs) != list(ours):
            raise ConfigError(f'teacher_ckpt: {teacher_ckpt}: {field}: {", ".join(theirs)}; the student has '
                              f'{", ".join(ours)}, so {risk}. Use the teacher of the same fold and task.')


def check_every_class(dataset: Any, num_classes: int) -> None:
    """Check that every class has a clip; the memory gives no loss until it holds nodes of every class.

    Raises:
        DataError: A class has no clip.
    """
    if not hasattr(dataset, 'get_data_info'):
        return
    missing = list(range(num_classes))
    for index in range(len(dataset)):
        if not missing:  # a large data set need not be read to its end
            return
        label = int(dataset.get_data_info(index)['label'])
        missing = [other for other in missing if other != label]
    if missing:
        names = getattr(dataset, 'metainfo', {}).get('classes') or range(num_classes)
        raise DataError(f'train_dataloader.dataset: no clip of class {names[missing[0]]}; expected clips of all.')


def check_skeletons(model: Distiller, batch: dict) -> None:
    """Check that both networks have the same joints, if they get the same input.

    A teacher with as many joints in another order would accept the student's input and compute nonsense.

    Raises:
        ConfigError: The skeletons differ, and the samples have no input for the teacher.
    """
    if not model.may_share_inputs and 'teacher_inputs' not in batch['data_samples'][0]:
        raise ConfigError("teacher: backbone.graph_cfg.layout: other joints than the student's. " + TWO_INPUTS)


def check_unlabelled_windows(dataset: Any, batch: dict) -> None:
    """Check that unlabelled windows reach both networks: keys that PackActionInputs does not pack are silently lost.

    Raises:
        ConfigError: A network does not get the unlabelled windows of the pipeline.
    """
    while not hasattr(dataset, 'pipeline') and hasattr(dataset, 'dataset'):  # in a RepeatDataset
        dataset = dataset.dataset
    transforms = getattr(getattr(dataset, 'pipeline', None), 'transforms', ())
    wanted = any(type(step).__name__ == 'UnlabelledWindows' and step.num_windows for step in transforms)
    sample = batch['data_samples'][0]
    two_inputs = 'teacher_inputs' in sample
    keys = ['unlabelled_inputs', *(['unlabelled_teacher_inputs'] if two_inputs else [])]
    counts = {key: len(sample.get(key, ())) for key in keys}
    if len({*counts.values()}) > 1 or wanted and not all(counts.values()):
        raise ConfigError(f'train_dataloader.dataset.pipeline: unlabelled windows: {counts}; expected equal numbers. '
                          f'Use PackActionInputs(algorithm_keys=(..., {", ".join(map(repr, keys))})) after '
                          'UnlabelledWindows' + (', and TeacherInput in its own pipeline.' if two_inputs else '.'))


def check_inputs(model: Distiller, batch: dict) -> None:
    """Check that both networks can process the samples, which otherwise fails with an error of PyTorch.

    Raises:
        ConfigError: One of the networks cannot process the batch, or the teacher's scores are not finite.
    """
    windows = dict(teacher=teacher_windows(**batch), student=join_windows(**batch, field='unlabelled_inputs'))
    role, training = 'teacher', model.training
    model.eval()
    try:
        with torch.no_grad():
            _, scores = model.teacher(windows[role])
            role = 'student'
            model.extract_feat(windows[role])
    except (RuntimeError, ValueError, IndexError) as error:
        shape = tuple(windows[role].shape[2:])
        raise ConfigError(f'{role}: cannot process windows (persons, frames, joints, channels) of {shape} '
                          f'({shorten(error)}). {TWO_INPUTS}') from None
    finally:
        model.train(training)
    if not scores.isfinite().all():
        raise ConfigError(f'teacher_ckpt: {model.teacher.checkpoint}: its scores for {name_of(batch, 0)} are not '
                          'finite; expected a teacher whose training has not diverged.')


def check_repeatable(model: Distiller, dataset: Any) -> None:
    """Check that windows are the same in every epoch; otherwise a cache of the teacher's outputs only fills the memory.

    Raises:
        ConfigError: A clip gives another window the second time.
    """
    for index in range(min(len(dataset), CLIPS_TRIED)):
        first, second = (batch_of(model, dataset, index) for _ in range(2))
        if not torch.equal(teacher_windows(**first), teacher_windows(**second)):
            raise ConfigError(f'cache_teacher: the training pipeline draws another window of {name_of(first, index)} '
                              'each time; expected a pipeline without random transforms, such as that of a test, or '
                              'cache_teacher=False.')


def batch_of(model: Distiller, dataset: Any, index: int) -> dict:
    """A batch of one sample, as the model gets it: `inputs` and `data_samples`."""
    return model.data_preprocessor(pseudo_collate([dataset[index]]), training=False)


def name_of(batch: dict, index: int) -> str:
    """Name of the only clip of a batch, or its number, because MMAction2's pipelines do not keep the name."""
    return batch['data_samples'][0].get('frame_dir', f'clip {index}')

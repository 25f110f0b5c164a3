"""Test the checkpoints of a cross-validation on other recordings, of the same people or at another site."""
from __future__ import annotations

import copy
import dataclasses
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmaction.registry import DATASETS
from mmengine.config import Config

from dynstg_mm.benchmark.checkpoints import load_model, score_clips
from dynstg_mm.benchmark.results import Clip, Results
from dynstg_mm.benchmark.runs import Run
from dynstg_mm.datasets.annotation_file import AnnotationFile
from dynstg_mm.datasets.folds import folds_of, split_task
from dynstg_mm.datasets.gait_dataset import gait_data_sets, listing
from dynstg_mm.datasets.named_files import TaskFile
from dynstg_mm.datasets.site_folds import deal_people
from dynstg_mm.datasets.targets import Target
from dynstg_mm.errors import ConfigError
from dynstg_mm.text import few

OPTION = '--test-on'


@dataclasses.dataclass(frozen=True)
class OtherTest:
    """What the models of a cross-validation are tested on besides their own test clips."""

    file: str
    data: dict[Run, dict[str, Any]]  # settings of the data set that each run is tested on
    clips: dict[int, list[Clip]]  # of each fold, with `clip`, `subject`, `label` and `targets`, their values by name

    def tests(self, target: Target | None = None) -> dict[int, list[Clip]]:
        """The test clips of each fold, with their class, or with their value of a target if they have one."""
        if target is None:
            return {fold: [{field: clip[field] for field in ('clip', 'subject', 'label')} for clip in clips]
                    for fold, clips in self.clips.items()}
        number = float if target.is_numeric else int
        return {fold: [dict(clip=clip['clip'], subject=clip['subject'], label=number(clip['targets'][target.name]))
                       for clip in clips if not math.isnan(clip['targets'][target.name])]
                for fold, clips in self.clips.items()}


def plan_test(runs: Sequence[Run], other: TaskFile, classes: Sequence[str] | None,
              renamed: Mapping[str, str] | None = None) -> OtherTest:
    """Whom the models of every fold are tested on in another file; nothing has to be trained for it.

    If the file has folds of the models' own task, or of the task that is given, with their numbers, each fold is tested
    on its own people there: the same people by another pose estimator, or others. Otherwise all people of the task, or
    of the file, are dealt to the folds by class, so that everybody is tested once. No fold tests a person whom its
    models saw.

    Args:
        runs: The runs.
        other: The file, perhaps with a task.
        classes: The classes of the models; None if they score targets.
        renamed: Name of a class in the file -> its name among `classes`; clips of a class that becomes empty are left
            out.

    Raises:
        ConfigError, DataError: The file cannot be used, or a person was seen in training.
    """
    file = AnnotationFile.read(other.file)
    places = _class_places(file, classes, renamed or {})
    own = runs[0].record['config']['test_dataloader']['dataset']
    folds = sorted({int(run.fold) for run in runs})
    task = other.task or str(own['split'])
    same_folds = set(folds) <= set(folds_of(file.split_names, task))
    names = None if other.task is None and not same_folds else _members(file, task)
    data: dict[Run, dict[str, Any]] = {}
    tested: dict[int, list[Clip]] = {}
    listed: dict[str, list[Clip]] = {}
    for run in runs:
        settings = dict(copy.deepcopy(run.record['config']['test_dataloader']['dataset']), ann_file=other.file)
        settings |= dict(split=task) if same_folds else dict(split=None, fold=None)
        if file.classes is not None and places is not None:
            settings['metainfo'] = dict(classes=list(file.classes))
        key = json.dumps(listing(settings), sort_keys=True, default=str)
        if key not in listed:
            listed[key] = list(_clips(settings, places))
        clips = chosen = [clip for clip in listed[key] if clip['label'] is not None
                          and (names is None or clip['clip'] in names)]
        if not same_folds:
            people = deal_people(chosen, len(folds))[folds.index(int(run.fold))]
            clips = [clip for clip in chosen if clip['subject'] in people]
        if not clips:
            raise ConfigError(f'{OPTION}: {other.file}: nobody is left for fold {run.fold}; expected at least '
                              f'{len(folds)} people.')
        data[run] = dict(settings, indices=[clip['index'] for clip in clips])
        if run.fold not in tested:
            tested[int(run.fold)] = clips
            _check_people(run, other.file, {clip['subject'] for clip in chosen})
    return OtherTest(other.file, data, tested)


def _class_places(file: AnnotationFile, classes: Sequence[str] | None,
                  renamed: Mapping[str, str]) -> list[int | None] | None:
    """Number of each class of the file among those of the models, None for one that is left out.

    None if the labels mean the same in both, as far as their names say.
    """
    theirs = file.classes
    unknown = [name for name in renamed if name not in (theirs or ())]
    if unknown:
        raise ConfigError(f'--test-classes: {unknown[0]}; the classes of {file.path} are {few(theirs or ())}.')
    if theirs is None or classes is None:
        return None
    numbered = list(classes) == [str(index) for index in range(len(classes))]
    if not renamed and (numbered or tuple(theirs[:len(classes)]) == tuple(classes)):
        return None
    names = [renamed.get(name, name) for name in theirs]
    foreign = [name for name in names if name and name not in classes]
    if foreign:
        raise ConfigError(f'{OPTION}: {file.path}: classes: {foreign[0]}; the models know {", ".join(classes)}. '
                          f'--test-classes {foreign[0]}=... maps it by name, and {foreign[0]}= leaves it out.')
    return [list(classes).index(name) if name else None for name in names]


def _members(file: AnnotationFile, task: str) -> set[str]:
    """Clips of a task; ConfigError if the file has no such task."""
    members = {clip for split, clips in file.splits.items() if split_task(split) == task for clip in clips}
    if not members:
        known = dict.fromkeys(map(split_task, file.split_names))
        raise ConfigError(f'{OPTION}: {file.path}: no task {task}; tasks of the file: {few(known, like=task)}.')
    return members


def _clips(settings: Mapping[str, Any], places: Sequence[int | None] | None) -> Iterator[Clip]:
    """All clips of a data set, with their place in it, and their class among those of the models."""
    dataset = DATASETS.build(listing(settings))
    for index in range(len(dataset)):
        clip = dataset.get_data_info(index)
        if clip.get('subject') is None:
            raise ConfigError(f'{OPTION}: {settings["ann_file"]}: clip {clip["frame_dir"]}: subject: missing; expected '
                              'who walks.')
        label = int(clip['label'])
        yield dict(clip=clip['frame_dir'], subject=clip['subject'], index=index,
                   label=label if places is None else places[label],
                   targets=dict(zip(dataset.targets, clip.get('targets', ()))))


def _check_people(run: Run, file: str, people: set[str]) -> None:
    """ConfigError if models of a run's fold see one of these people in training."""
    for trained in gait_data_sets(run.record['config']['train_dataloader']['dataset']):
        seen = {trained.get_data_info(index)['subject'] for index in range(len(trained))}
        known = sorted(people & seen)
        if known:
            raise ConfigError(f'{OPTION}: {file}: fold {run.fold} tests {few(known)}, whom its models saw in training; '
                              f'expected other people, or the folds of {trained.ann_file}. Different people need '
                              'different names.')


def results_on(runs: Sequence[Run], other: OtherTest, about: Results) -> Results:
    """Results of all runs that have a checkpoint on other recordings.

    Args:
        runs: The runs.
        other: From `plan_test`.
        about: Results on the own file, for classes, seeds and facts about the models.
    """
    results = Results.of_folds(about.classes, other.tests(about.target), about.seeds, command=about.command,
                               versions=about.versions, target=about.target)
    for name in dict.fromkeys(run.model.name for run in runs):
        predictions: dict[int, list[Clip]] = {seed: [] for seed in about.seeds}
        for run in runs:
            checkpoint = run.checkpoint()
            if run.model.name == name and checkpoint is not None:
                cfg = Config(copy.deepcopy(run.record['config']))
                predictions[run.seed] += score_clips(load_model(cfg, checkpoint), cfg, other.data[run], about.target)
        facts = about.models[name]
        results.add_model(name, list(predictions.values()), config=facts.config, options=facts.options,
                          cost=facts.cost)
    return results

"""Test the checkpoints of a cross-validation on other recordings of the same people."""
from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmaction.registry import DATASETS
from mmengine.config import Config

from dynstg_mm.benchmark.checkpoints import load_model, score_clips
from dynstg_mm.benchmark.plan import test_clips
from dynstg_mm.benchmark.results import Clip, Results
from dynstg_mm.benchmark.runs import Run
from dynstg_mm.datasets.gait_dataset import listing
from dynstg_mm.datasets.targets import Target
from dynstg_mm.errors import ConfigError
from dynstg_mm.files import existing_file
from dynstg_mm.text import few


def named_files(texts: Sequence[str], option: str = '--test-on') -> dict[str, str]:
    """Annotation files by name.

    Args:
        texts: `FILE` or `NAME=FILE`; the default name is that of the file.
        option: Where they were given, for the message.

    Raises:
        ConfigError: A name is taken.
        FileNotFoundError: There is no such file.
    """
    files: dict[str, str] = {}
    for text in texts:
        name, _, file = text.rpartition('=')
        name = name or Path(file).stem
        if name in files or '/' in name:
            raise ConfigError(f'{option}: {text}: name {name!r}; expected another name before the =.')
        files[name] = str(existing_file(file, 'annotation file'))
    return files


def results_on(runs: Sequence[Run], file: str, about: Results) -> Results:
    """Results of all runs that have a checkpoint, each on the test people of its fold in another file.

    Args:
        runs: The runs.
        file: Annotation file with folds of the same name; a fold tests no person whom the models of that fold saw.
        about: Results on the own file, for classes, seeds and facts about the models.

    Raises:
        ConfigError, DataError: The file cannot be used, or a person was seen in training.
    """
    datasets = {run: _other_dataset(run, file) for run in runs}
    tests: dict[int, list[Clip]] = {}
    for run in runs:
        if run.fold not in tests:
            tests[int(run.fold)] = _check_people(run, datasets[run], about.target)
    results = Results.of_folds(about.classes, tests, about.seeds, command=about.command, versions=about.versions,
                               target=about.target)
    for name in dict.fromkeys(run.model.name for run in runs):
        predictions: dict[int, list[Clip]] = {seed: [] for seed in about.seeds}
        for run in runs:
            checkpoint = run.checkpoint()
            if run.model.name == name and checkpoint is not None:
                cfg = Config(copy.deepcopy(run.record['config']))
                predictions[run.seed] += score_clips(load_model(cfg, checkpoint), cfg, datasets[run], about.target)
        facts = about.models[name]
        results.add_model(name, list(predictions.values()), config=facts.config, options=facts.options,
                          cost=facts.cost)
    return results


def _other_dataset(run: Run, file: str) -> dict[str, Any]:
    """Settings of a run's test data set with the clips of another file."""
    return dict(copy.deepcopy(run.record['config']['test_dataloader']['dataset']), ann_file=file)


def _check_people(run: Run, dataset: Mapping[str, Any], target: Target | None) -> list[Clip]:
    """Test clips of a fold; ConfigError if a model of that fold saw one of the people."""
    own = run.record['config']['test_dataloader']['dataset']
    tested, trained = (DATASETS.build(listing(settings)) for settings in (dataset, dict(own, test_mode=False)))
    clips = [tested.get_data_info(index) for index in range(len(tested))]
    seen = {trained.get_data_info(index)['subject'] for index in range(len(trained))}
    known = sorted({clip['subject'] for clip in clips} & seen)
    if known:
        raise ConfigError(f'--test-on: {dataset["ann_file"]}: fold {run.fold} tests {few(known)}, whom its models saw '
                          f'in training; expected the folds of {own["ann_file"]}.')
    return test_clips(tested, target)

"""The runs of a cross-validation: one model, seed and fold each, everything its result depends on, and its files."""
from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from dynstg_mm.benchmark.cost import code_version, versions
from dynstg_mm.benchmark.predictions import read_predictions, read_train_summary, training_cost
from dynstg_mm.benchmark.results import Clip, Results
from dynstg_mm.config import apply_options, checkpoints_of, parse_cfg_options, read_config, resolve_config
from dynstg_mm.datasets.folds import EVERYBODY
from dynstg_mm.datasets.targets import Target
from dynstg_mm.errors import ConfigError, ResultsError, UserError
from dynstg_mm.files import read_json, write_json

NOTES = dict(type='object', properties=dict(record=dict(type='object'), seconds=dict(type='number')))  # of run.json
KEPT = dict(type='object', required=['record'], properties=dict(record=dict(
    type='object', required=['config'], properties=dict(config=dict(
        type='object', required=['model', 'test_dataloader'])))))  # what a test needs of it

ONLY_FOLD = 0  # of a config with one split for training and one for the test


@dataclasses.dataclass(frozen=True)
class Model:
    """A config with options of its own.

    Args:
        name: The name in tables.
        config: Path of the config.
        options: `key=value` settings.
    """

    name: str
    config: str
    options: tuple[str, ...] = ()

    def settings(self, fold: int | str | None = None, seed: int = 0) -> Config:
        """The resolved config, for a fold and a seed if they are given."""
        chosen = () if fold is None else self.fold_options(fold)
        return resolve_config(self.config, parse_cfg_options([*self.options, *chosen]), seed=seed)

    def with_options(self, options: Iterable[str]) -> Model:
        """The same model with further options."""
        return dataclasses.replace(self, options=(*self.options, *options))

    def fold_options(self, fold: int | str) -> list[str]:
        """The option that chooses a fold; none for the only one of a config whose test data have no folds."""
        return [f'fold={fold}'] if fold != ONLY_FOLD or self.has_folds else []

    @functools.cached_property
    def has_folds(self) -> bool:
        """Whether the test data set has folds."""
        cfg = apply_options(read_config(self.config), parse_cfg_options(self.options))
        return 'fold' in ((cfg.get('test_dataloader') or {}).get('dataset') or {})


@dataclasses.dataclass(frozen=True)
class Run:
    """One model, seed and fold, in a folder of its own.

    Args:
        model: The model.
        seed: The training seed.
        fold: The fold that is tested, or `EVERYBODY`, which trains on all people and is not tested.
        folder: Where its files are.
        record: Everything that its result depends on.
    """

    model: Model
    seed: int
    fold: int | str
    folder: Path
    record: dict[str, Any] = dataclasses.field(hash=False)

    def __str__(self) -> str:
        return f'{self.model.name}, seed {self.seed}, fold {self.fold}'

    def commands(self, checkpoint: str | Path = 'CHECKPOINT') -> tuple[list[str], list[str]]:
        """Arguments of the processes for training and testing."""
        package = [sys.executable, '-m', 'dynstg_mm']
        options = [*self.model.fold_options(self.fold), *self.model.options]
        common = ['--work-dir', str(self.folder), *(['--cfg-options', *options] if options else [])]
        return ([*package, 'train', self.model.config, '--seed', str(self.seed), '--no-validate', *common],
                [*package, 'test', self.model.config, str(checkpoint), *common])

    def notes(self) -> dict[str, Any]:
        """Content of run.json; empty if there is none."""
        try:
            return read_json(self.folder / 'run.json', NOTES, ConfigError)
        except FileNotFoundError:
            return {}
        except ConfigError as error:
            raise ConfigError(f'{error} Delete {self.folder} to rerun it.') from None

    def note(self, **values: Any) -> None:
        """Add values to run.json."""
        write_json(self.folder / 'run.json', {**self.notes(), 'record': self.record, **values}, indent=1)

    @property
    def is_tested(self) -> bool:
        """Whether a test follows the training."""
        return self.fold != EVERYBODY

    def done(self) -> bool:
        """Whether it has been tested, or trained if there is no test."""
        if self.is_tested:
            return (self.folder / 'predictions.json').is_file()
        return (self.folder / 'train_summary.json').is_file() and self.checkpoint() is not None

    def checkpoint(self) -> Path | None:
        """Its last checkpoint, if it was kept. The folder may have been moved since."""
        latest = self.folder / 'last_checkpoint'
        path = self.folder / Path(latest.read_text().strip()).name if latest.is_file() else latest
        return path if path.is_file() and path != latest else None


def plan_runs(models: Sequence[Model], seeds: Sequence[int], folds: Sequence[int | str], out: str | Path) -> list[Run]:
    """All runs. The first seed of all models comes first, so that a stopped call leaves comparable results.

    Raises:
        ConfigError: A config names a file that does not exist.
    """
    digests: dict[str, str] = {}
    runs, code = [], code_version()
    for seed, model, fold in itertools.product(seeds, models, folds):
        cfg = model.settings(fold, seed)
        tested = (cfg.get('test_dataloader') or {}).get('dataset', {})
        files = [*_data_files([cfg.train_dataloader.dataset, tested, cfg.model]),
                 *checkpoints_of(cfg.model)]
        for field, path in files:
            if not Path(path).is_file():
                raise ConfigError(f'{model.config}: {field}: {path}: no such file; data/README.md explains how to get '
                                  'or make the data files.')
            if path not in digests:
                digests[path] = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        record = dict(config=cfg.to_dict(), data={path: digests[path] for path in sorted({path for _, path in files})},
                      seed=seed, fold=fold, dynstg_mm=code)
        folder = Path(out) / f'runs/{model.name}/seed{seed}/fold{fold}'
        runs.append(Run(model, seed, fold, folder, json.loads(json.dumps(record, default=str))))
    return runs


def kept_runs(folder: str | Path, model: str, seeds: Sequence[int] | None = None) -> list[Run]:
    """The tested runs of a model, with their checkpoints, as their folders record them.

    Args:
        folder: The --out of `release`, or of `cross-validate --keep-checkpoints`.
        model: Name of the model.
        seeds: Training seeds; None takes all.

    Returns:
        The runs, ordered by seed and fold.

    Raises:
        ResultsError: There are none, or one has no checkpoint or is not finished.
    """
    runs = []
    for notes in Path(folder).glob(f'runs/{model}/seed*/fold[0-9]*/run.json'):
        seed, fold = (int(re.sub(r'\D', '', name)) for name in notes.parts[-3:-1])
        if seeds and seed not in seeds:
            continue
        run = Run(Model(model, ''), seed, fold, notes.parent, {})
        if run.checkpoint() is None or not run.done():
            raise ResultsError(f'{notes.parent}: no checkpoint of a finished run; cross-validate --keep-checkpoints '
                               'with a new --out keeps it, and --seeds leaves out what is not finished.')
        runs.append(dataclasses.replace(run, record=read_json(notes, KEPT, ResultsError)['record']))
    if not runs:
        raise ResultsError(f'{folder}: runs/{model}: no runs{" with these seeds" if seeds else ""}; expected the '
                           '--out of cross-validate.')
    return sorted(runs, key=lambda run: (run.seed, run.fold))


def _data_files(settings: Any) -> Iterator[tuple[str, str]]:
    """Annotation files and layouts in nested settings, each with its field."""
    for key, value in settings.items() if isinstance(settings, dict) else enumerate(settings):
        if isinstance(value, str) and (key == 'ann_file' or key == 'layout' and value.endswith('.json')):
            yield key, value
        elif isinstance(value, (dict, list, tuple)):
            yield from _data_files(value)


def settle_old_runs(runs: Sequence[Run], redo: bool) -> None:
    """Refuse earlier runs with other settings, data or code; with `redo`, delete them instead.

    Raises:
        ConfigError: There are such runs, or one that would be deleted is the teacher of another model.
    """
    outdated = {}
    for run in runs:
        old = _without_folder(run.notes().get('record', {} if run.done() else None))
        new = _without_folder(run.record)
        if old is not None and old != new:
            outdated[run.folder.resolve()] = run
            if not redo:
                raise ConfigError(f'{run.folder}: was run with another {first_difference(old, new)}. --redo '
                                  'deletes and reruns it; another --out keeps it.')
    for run in runs:
        for file in run.record['data']:
            teacher = next((outdated[folder] for folder in Path(file).resolve().parents if folder in outdated), None)
            if teacher is not None:
                raise ConfigError(f'{run}: {file}: belongs to {teacher}, which --redo would delete; run '
                                  f'{teacher.model.name} alone first, then {run.model.name}.')
    for run in outdated.values():
        shutil.rmtree(run.folder)


def _without_folder(record: Any) -> Any:
    """A record as if the checkpoints of teachers were in the current folder: the results may have been moved since.

    What these files contain is compared by their digests.
    """
    return json.loads(re.sub(r'"[^"]*/(?=runs/[^/"]+/seed\d+/fold\w+/)', '"', json.dumps(record)))


def first_difference(old: Any, new: Any, path: str = '') -> str:
    """The first place where two nested values differ, in words."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            if old.get(key) != new.get(key):
                return first_difference(old.get(key), new.get(key), f'{path}.{key}' if path else key)
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new)):
            if one != other:
                return first_difference(one, other, f'{path}[{index}]')
    return f'{path}: {_shortened(old)}, now {_shortened(new)}'


def _shortened(value: Any) -> str:
    text = str(value)
    return text if len(text) < 60 else text[:57] + '...'


def collect(runs: Sequence[Run], failed: dict[Run, str], classes: Sequence[str], tests: Mapping[int, Iterable[Clip]],
            seeds: Sequence[int], command: str, target: Target | None = None) -> Results:
    """Results of all models: scores, learning curves and costs of the runs that are done.

    Args:
        runs: All runs.
        failed: Why runs failed; a run whose files cannot be read is added.
        classes: Names of the classes.
        tests: Test clips of each fold.
        seeds: The training seeds.
        command: The call.
        target: What is scored, if not the classes.
    """
    results = Results.of_folds(classes, tests, seeds, command=command, versions=versions(), target=target)
    for model in dict.fromkeys(run.model for run in runs):
        own = [run for run in runs if run.model is model]
        predictions: dict[int, list[Clip]] = {seed: [] for seed in seeds}
        curves, summaries = {}, []
        for run in own:
            if run in failed:
                continue
            try:
                clips = read_predictions(run.folder / 'predictions.json', target)[1]
                summary = read_train_summary(run.folder / 'train_summary.json')
            except (OSError, UserError) as error:  # one damaged file must not prevent the table of the others
                failed[run] = f'{error} Delete {run.folder} to rerun it.'
                continue
            predictions[run.seed] += clips
            curves[run.seed, run.fold] = learning_curve(run.folder)
            summaries.append(dict(summary, resumed=run.notes().get('resumed', False)))
        results.add_model(
            model.name, list(predictions.values()), config=model.config, options=list(model.options),
            commands=[shown_command(part) for part in own[0].commands()], cost=training_cost(summaries), curves=curves,
            failed=[dict(seed=run.seed, fold=run.fold, error=failed[run]) for run in own if run in failed])
    return results


def shown_command(command: Sequence[str]) -> str:
    """A command as a user would type it."""
    here = f'{os.getcwd()}{os.sep}'
    return shlex.join('python' if part == sys.executable else part.removeprefix(here) for part in command)


def learning_curve(folder: Path) -> list[float]:
    """Training loss of every epoch, as last logged in it, to 4 digits; all parts of a resumed run."""
    losses = {}
    for path in sorted(folder.glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            try:
                logged = json.loads(line)
            except ValueError:  # half a line, left by a run that was killed
                continue
            if 'loss' in logged and 'epoch' in logged:
                losses[logged['epoch']] = float(f'{logged["loss"]:.4g}')
    return [losses[epoch] for epoch in sorted(losses)]

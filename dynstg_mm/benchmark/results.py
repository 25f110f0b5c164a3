"""Results of a cross-validation: every clip's scores in one tidy table, from which any metric can be computed later."""
from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dynstg_mm.benchmark.schema import COLUMNS, FORMAT, SCHEMA, results_fault
from dynstg_mm.datasets.targets import Target
from dynstg_mm.errors import ConfigError, ResultsError
from dynstg_mm.files import atomic_open, read_json
from dynstg_mm.scale_statistics import pooled_number

UNKNOWN_SEED = -1  # null in the file: predictions in a folder do not record their seed
ROW = ('model', 'seed', 'fold', 'clip', 'subject', 'label')  # the first columns of the table

Clip = dict[str, Any]


@dataclasses.dataclass
class Facts:
    """Facts about a model besides its scores.

    Args:
        kind: 'model', 'ensemble' or 'control'.
        config, options, commands: How it was trained.
        failed: The runs without scores, each with `seed`, `fold`, `error`.
        cost: Parameters, multiply-adds, training time, latency.
        curves: Training loss of every epoch, by (seed, fold).
        note: Why a control has no scores.
        members: The models whose scores an ensemble averages.
        over_seeds: Whether the ensemble also averages over the seeds (a deep ensemble: Lakshminarayanan 2017, arXiv
            1612.01474). It is then one system, with the same scores for every seed.
    """

    kind: str = 'model'
    config: str | None = None
    options: list[str] | None = None
    commands: list[str] | None = None
    failed: list[dict[str, Any]] | None = None
    cost: dict[str, Any] | None = None
    curves: dict[tuple[int, int], list[float]] | None = None
    note: str | None = None
    members: list[str] | None = None
    over_seeds: bool = False


@dataclasses.dataclass
class Results:
    """Scores of several models on the same clips, folds and seeds.

    Args:
        classes: Names of the classes, in the order of the labels.
        seeds: The training seeds, `UNKNOWN_SEED` among them.
        clips: The test clips: an index of clip names and the columns `subject`, `label`, `fold`, in the order of the
            folds.
        table: A row for every (model, seed, fold, clip) that has scores, with `subject`, `label` and one column a
            class: `score_0`, `score_1`, ... Ensembles are not in it; `scores` computes them.
        models: Facts about each model, in the order of the rows of a report.
        baseline: The model that the others are compared with.
        command: The commands that made the results, a line each.
        versions: Versions of the software, and the machine.
        leaking: Subjects who are also tested in folds that are not in these results.
        target: The target whose grades or numbers these are; None for classes. The scores of a number are its value
            and the ends of its 90 % interval, and its `label` is the true value.
    """

    classes: list[str]
    seeds: list[int]
    clips: pd.DataFrame
    table: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    models: dict[str, Facts] = dataclasses.field(default_factory=dict)
    baseline: str | None = None
    command: str = ''
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    leaking: list[str] = dataclasses.field(default_factory=list)
    target: Target | None = None

    def __post_init__(self) -> None:
        if self.table.empty:
            self.table = pd.DataFrame(columns=[*ROW, *self.score_columns])

    @classmethod
    def of_folds(cls, classes: Sequence[str], folds: Mapping[int, Iterable[Clip]], seeds: Iterable[int],
                 **about: Any) -> Results:
        """Results without a model yet.

        Args:
            classes: Names of the classes.
            folds: Test clips of each fold, with `clip`, `subject`, `label`.
            seeds: The training seeds.
            **about: Further fields.
        """
        rows = [(clip['clip'], str(clip['subject']), clip['label'], fold)
                for fold, clips in folds.items() for clip in clips]
        clips = pd.DataFrame(rows, columns=['clip', 'subject', 'label', 'fold']).set_index('clip')
        return cls(list(classes), list(seeds), clips, **about)

    @property
    def is_numeric(self) -> bool:
        """Whether the scores are of a number."""
        return self.target is not None and self.target.is_numeric

    @property
    def has_scale(self) -> bool:
        """Whether the scores are of a number, or of grades in order."""
        return self.target is not None and self.target.type != 'nominal'

    @property
    def score_columns(self) -> list[str]:
        """Names of the columns of scores in the table."""
        return [f'score_{index}' for index in range(len(self.classes))]

    @property
    def folds(self) -> list[int]:
        """The folds, in the order of the clips."""
        return self.clips.fold.unique().tolist()

    def add_model(self, name: str, predictions: Sequence[Iterable[Clip]], **facts: Any) -> None:
        """Add a model, or replace it. Scores are rounded to 4 digits.

        Args:
            name: Name of the model.
            predictions: For each seed, the clips with `clip` and `score` (C,), in any order. A clip without a
                prediction has no scores.
            **facts: Fields of `Facts`.
        """
        self._set_scores(name, [(seed, clip['clip'], _rounded(clip['score']))
                                for seed, clips in zip(self.seeds, predictions) for clip in clips])
        self.models[name] = Facts(**facts)

    def _set_scores(self, name: str, rows: list[tuple[int, str, list[float]]]) -> None:
        """Put (seed, clip, scores) into the table."""
        seeds, names, scores = zip(*rows) if rows else ((), (), ())
        about = self.clips.loc[list(names)]
        new = pd.DataFrame(dict(model=name, seed=seeds, fold=about.fold.to_numpy(), clip=names,
                                subject=about.subject.to_numpy(), label=about.label.to_numpy()))
        new[self.score_columns] = np.reshape(scores, (len(rows), len(self.classes)))
        old = self.table[self.table.model != name]
        self.table = pd.concat([old, new], ignore_index=True) if len(old) else new

    def add_ensemble(self, name: str, members: Iterable[str], *, over_seeds: bool = False) -> None:
        """Add the mean of the scores of several models, seed by seed or also over the seeds."""
        self.models[name] = Facts('ensemble', members=list(members), over_seeds=over_seeds)

    def scores(self, name: str) -> np.ndarray:
        """Scores of a model.

        Returns:
            (S, N, C) for the seeds, the clips and the classes; NaN where there is none.
        """
        facts = self.models[name]
        if facts.members:
            mean = self._mean(np.array([self.scores(member) for member in facts.members]))
            return np.broadcast_to(self._mean(mean), mean.shape) if facts.over_seeds else mean
        wanted = pd.MultiIndex.from_product([self.seeds, self.clips.index])
        rows = self.table[self.table.model == name].set_index(['seed', 'clip'])[self.score_columns]
        return rows.reindex(wanted).to_numpy(float).reshape(len(self.seeds), len(self.clips), -1)

    def _mean(self, scores: np.ndarray) -> np.ndarray:
        return pooled_number(scores) if self.is_numeric else np.asarray(scores.mean(0))

    def is_complete(self, name: str) -> bool:
        """Whether a model has scores for every clip and seed."""
        return not np.isnan(self.scores(name)).any()

    def complete(self) -> list[str]:
        """Names of the models that have scores for every clip and seed."""
        return [name for name in self.models if self.is_complete(name)]

    def by_fold(self, name: str) -> list[list[list[Clip]]]:
        """Clips of a model as `[seed][fold][clip]`, each with `clip`, `subject`, `label`, `score`."""
        rows, places = self._clip_rows(), [np.flatnonzero(self.clips.fold == fold) for fold in self.folds]
        return [[[dict(rows[place], score=scores[place]) for place in part] for part in places]
                for scores in self.scores(name).tolist()]

    def pooled(self, name: str) -> list[list[Clip]]:
        """Clips of a model from all folds together, a list for each seed, as `statistics` takes them."""
        return [[clip for fold in folds for clip in fold] for folds in self.by_fold(name)]

    def tests(self) -> dict[int, list[Clip]]:
        """Test clips of each fold, with `clip`, `subject`, `label`."""
        tests: dict[int, list[Clip]] = {fold: [] for fold in self.folds}
        for fold, clip in zip(self.clips.fold, self._clip_rows()):
            tests[fold].append(clip)
        return tests

    def leaking_subjects(self) -> list[str]:
        """Subjects who are tested in several folds: models of one fold saw them in training."""
        folds = self.clips.groupby('subject', sort=False).fold.nunique()
        return [subject for subject, count in folds.items() if count > 1 or subject in self.leaking]

    def _clip_rows(self) -> list[Clip]:
        return self.clips.drop(columns='fold').reset_index().to_dict('records')

    def select(self, models: Sequence[str] | None = None, seeds: Sequence[int] | None = None,
               folds: Sequence[int] | None = None, *, source: str = 'results') -> Results:
        """Some of the models, seeds and folds; None keeps all.

        Models keep their order, seeds take that of the argument.

        Raises:
            ResultsError: One is missing or duplicated, or an ensemble would lose a member. The message names `source`.
        """
        for field, asked, known in (('models', models, list(self.models)), ('seeds', seeds, self.seeds),
                                    ('folds', folds, self.folds)):
            unknown = [value for value in asked or () if value not in known]
            if unknown:
                raise ResultsError(f'{source}: {field}: no {listed(unknown)}; expected some of {listed(known)}.')
            if len(set(asked or ())) < len(asked or ()):
                raise ResultsError(f'{source}: {field}: {listed(asked or ())}; expected each once.')
        names = [name for name in self.models if models is None or name in models]
        for name in names:
            lost = [member for member in self.models[name].members or () if member not in names]
            if lost:
                raise ResultsError(f'{source}: {name} averages {listed(lost)}; select {listed(lost)} as well.')
        seeds, leaking = list(self.seeds if seeds is None else seeds), self.leaking
        if folds is not None:
            leaking = self.leaking_subjects()
        folds = self.folds if folds is None else folds
        if len(seeds) == 1:  # nothing to average over
            names = [name for name in names if not self.models[name].over_seeds]
        facts = {name: self.models[name] for name in names}
        for name, fact in facts.items():
            facts[name] = dataclasses.replace(
                fact, curves=fact.curves and {place: curve for place, curve in fact.curves.items()
                                              if place[0] in seeds and place[1] in folds},
                failed=fact.failed and [run for run in fact.failed if run['seed'] in seeds and run['fold'] in folds])
        table = self.table[self.table.model.isin(names) & self.table.seed.isin(seeds) & self.table.fold.isin(folds)]
        return dataclasses.replace(self, seeds=seeds, clips=self.clips[self.clips.fold.isin(folds)], models=facts,
                                   baseline=self.baseline if self.baseline in facts else None,
                                   table=table.reset_index(drop=True), leaking=leaking)

    def rename(self, prefix: str) -> Results:
        """The same results with `prefix-` before the names of all models except controls."""
        names = {name: name if facts.kind == 'control' else f'{prefix}-{name}' for name, facts in self.models.items()}
        models = {names[name]: dataclasses.replace(
            facts, members=facts.members and [names[member] for member in facts.members])
            for name, facts in self.models.items()}
        return dataclasses.replace(self, models=models, table=self.table.assign(model=self.table.model.map(names)),
                                   baseline=names.get(self.baseline or ''))

    @classmethod
    def read(cls, path: str | Path) -> Results:
        """Read and check a results.json.

        Raises:
            FileNotFoundError: There is no such file.
            ResultsError: It is not a file of results. The message names the field and what was expected.
        """
        content = read_json(path, SCHEMA, ResultsError)
        fault = results_fault(content)
        if fault:
            raise ResultsError(f'{path}: {fault}')
        clips = pd.DataFrame({column: content['clips'][column] for column in COLUMNS}).set_index('name')
        clips = clips.rename_axis('clip').sort_values('fold', key=lambda fold: pd.factorize(fold)[0], kind='stable')
        about = {field: content[field] for field in ('baseline', 'command', 'versions', 'leaking') if field in content}
        if 'target' in content:
            described = dict(content['target'])
            try:
                about['target'] = Target.of(described.pop('name'), described, 'target')
            except ConfigError as error:
                raise ResultsError(f'{path}: {error}') from None
        results = cls(content['classes'], [UNKNOWN_SEED if seed is None else seed for seed in content['seeds']], clips,
                      **about)
        for name, model in content['models'].items():
            scores, curves = model.pop('scores', ()), model.pop('curves', None)
            results._set_scores(name, [(seed, clip, score) for seed, part in zip(results.seeds, scores)
                                       for clip, score in zip(content['clips']['name'], part) if score is not None])
            results.models[name] = Facts(**{field.name: model[field.name] for field in dataclasses.fields(Facts)
                                            if field.name in model})
            if curves is not None:
                results.models[name].curves = {(seed, fold): curve for seed, part in zip(results.seeds, curves)
                                               for fold, curve in zip(dict.fromkeys(content['clips']['fold']), part)}
        return results

    def write(self, path: str | Path) -> None:
        """Write a results.json, a line for each model, whole or not at all."""
        def compact(value: Any) -> str:
            return json.dumps(value, separators=(',', ':'), ensure_ascii=False)
        content = dict(
            format=FORMAT, classes=self.classes, baseline=self.baseline,
            seeds=[None if seed == UNKNOWN_SEED else seed for seed in self.seeds],
            clips=self.clips.rename_axis('name').reset_index()[list(COLUMNS)].to_dict('list'),
            target=None if self.target is None else dict(name=self.target.name, **self.target.to_dict()),
            command=self.command, versions=self.versions, leaking=self.leaking)
        parts = [f'{compact(key)}:{compact(value)}' for key, value in content.items() if value]
        models = ',\n'.join(f'{compact(name)}:{compact(self._model_content(name))}' for name in self.models)
        with atomic_open(path, encoding='utf-8') as file:
            file.write('{\n' + ',\n'.join([*parts, '"models":{\n' + models + '\n}']) + '\n}\n')

    def _model_content(self, name: str) -> dict[str, Any]:
        """A model as it is in the file."""
        facts = self.models[name]
        content = {key: value for key, value in dataclasses.asdict(facts).items()
                   if key != 'curves' and value is not None and value is not False}
        if facts.curves is not None:
            content['curves'] = [[facts.curves.get((seed, fold), []) for fold in self.folds] for seed in self.seeds]
        if facts.kind != 'ensemble':
            scores = self.scores(name)
            missing = np.isnan(scores).any(-1)
            content['scores'] = [] if missing.all() else [
                [None if absent else values for values, absent in zip(*part)] for part in zip(scores.tolist(), missing)]
        return content


def _rounded(score: Sequence[float]) -> list[float]:
    """The scores of a clip to 4 digits, or more where that would change which one is the largest."""
    for digits in (4, 6, 8):
        short = [float(f'{value:.{digits}g}') for value in score]
        if np.argmax(short) == np.argmax(score) and short.count(max(short)) == 1:
            return short
    return [float(value) for value in score]


def listed(values: Iterable[Any]) -> str:
    """Values in a message, the unknown seed by name."""
    return ', '.join('unknown' if value == UNKNOWN_SEED else str(value) for value in values)

"""How much models lose on corrupted recordings: lost joints, noise, a lower frame rate, shorter clips."""
from __future__ import annotations

import copy
import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from dynstg_mm.benchmark.figures import MARKERS, new_figure
from dynstg_mm.benchmark.merge import merged_versions, united
from dynstg_mm.benchmark.results import Clip
from dynstg_mm.benchmark.runs import Run, kept_runs
from dynstg_mm.benchmark.schema import INTEGERS, TEXT, TEXTS, score_fault
from dynstg_mm.benchmark.tables import Rows, interval_cells
from dynstg_mm.errors import ResultsError
from dynstg_mm.files import read_json, write_json
from dynstg_mm.progress import with_bar
from dynstg_mm.statistics import mean_scores, share_of_loss

# corruption -> title, transform, its argument, values from mild to severe
CORRUPTIONS: dict[str, tuple[str, str, str, tuple[float, ...]]] = dict(
    joints=('joints lost, share of the time', 'LoseJoints', 'share', (0.1, 0.2, 0.3, 0.4, 0.5)),
    noise=('noise [leg lengths]', 'AddNoise', 'sigma', (0.01, 0.02, 0.05, 0.1)),
    rate=('frames per second', 'LowerRate', 'rate', (20, 15, 12, 10)),
    seconds=('length of the clip [s]', 'CutClip', 'seconds', (2.5, 2, 1.5, 1)))
ORIGINAL = 'original'
FORMAT = 'dynstg_mm robustness 1'
COLUMNS = ('clip', 'subject', 'label')
SCHEMA = dict(type='object', required=['format', 'kinds', 'baseline', 'clips', 'models'], properties=dict(
    format=dict(const=FORMAT, description=f'{FORMAT!r}, as the command robustness writes it'),
    kinds=dict(type='array', minItems=1, uniqueItems=True,
               items=dict(enum=list(CORRUPTIONS), description=f'one of {", ".join(CORRUPTIONS)}')),
    baseline=TEXT, command=TEXT, versions=dict(type='object', additionalProperties=TEXT),
    clips=dict(type='object', required=COLUMNS,
               properties=dict(clip=dict(TEXTS, minItems=1), subject=TEXTS, label=INTEGERS)),
    models=dict(type='object', minProperties=1, additionalProperties=dict(  # [condition][seed][clip][class]
        type='array', minItems=1, description='a list of conditions', items=dict(
            type='array', minItems=1, items=dict(type='array', items=dict(type='array')))))))


def conditions(kinds: Sequence[str]) -> list[tuple[str, float | None]]:
    """Pairs of corruption and value; the original recordings, without a value, come first."""
    return [(ORIGINAL, None), *((kind, value) for kind in kinds for value in CORRUPTIONS[kind][3])]


def condition_title(kind: str, value: float | None) -> str:
    """A condition in words."""
    return kind if value is None else f'{CORRUPTIONS[kind][0]}: {value:g}'


@dataclasses.dataclass
class Robustness:
    """Scores of several models on corrupted recordings.

    Args:
        kinds: The corruptions.
        baseline: The model whose loss the other losses are compared with.
        clips: Columns `clip`, `subject`, `label`.
        models: Name -> scores as `[condition][seed][clip][class]`, the conditions as in `conditions`.
        command: The commands that made it, a line each.
        versions: Versions of the software, and the machine.
    """

    kinds: list[str]
    baseline: str
    clips: dict[str, list[Any]]
    models: dict[str, list[Any]]
    command: str = ''
    versions: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def seeds(self) -> int:
        """Number of training seeds."""
        return len(self.models[self.baseline][0])

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.models[self.baseline][0][0][0])

    def pooled(self, name: str, condition: int = 0) -> list[list[Clip]]:
        """Clips of a model under a condition, a list for each seed, as `statistics` takes them."""
        rows = [dict(zip(COLUMNS, row)) for row in zip(*(self.clips[column] for column in COLUMNS))]
        return [[dict(row, score=score) for row, score in zip(rows, scores)] for scores in self.models[name][condition]]

    @classmethod
    def read(cls, path: str | Path) -> Robustness:
        """Read and check a robustness.json.

        Raises:
            FileNotFoundError: There is no such file.
            ResultsError: It is not such a file. The message names the field and what was expected.
        """
        content = read_json(path, SCHEMA, ResultsError)
        fault = _fault(content)
        if fault:
            raise ResultsError(f'{path}: {fault}')
        return cls(**{field.name: content[field.name] for field in dataclasses.fields(cls) if field.name in content})

    def write(self, path: str | Path) -> None:
        """Write a robustness.json, whole or not at all."""
        write_json(path, dict(format=FORMAT, **dataclasses.asdict(self)), separators=(',', ':'))

    def merge(self, other: Robustness, source: str) -> Robustness:
        """These models and others, under the same conditions.

        Raises:
            ResultsError: The clips, corruptions or seeds differ, or a model is in both. The message names `source`,
                where `other` is from.
        """
        for field in ('clips', 'kinds', 'seeds'):
            if getattr(other, field) != getattr(self, field):
                raise ResultsError(f'{source}: {field}: not those of the first file; expected the same.')
        both = [name for name in other.models if name in self.models]
        if both:
            raise ResultsError(f'{source}: models: {both[0]} is in more than one file.')
        return dataclasses.replace(self, models={**self.models, **other.models},
                                   command=united(self.command, other.command, '\n'),
                                   versions=merged_versions(self.versions, other.versions))

    def select(self, models: Sequence[str] | None = None, kinds: Sequence[str] | None = None,
               baseline: str | None = None) -> Robustness:
        """Some of the models and corruptions, in the order of the arguments; None keeps all.

        Raises:
            ResultsError: One is missing or duplicated.
        """
        models, kinds = list(models or self.models), list(kinds or self.kinds)
        baseline = baseline or (self.baseline if self.baseline in models else models[-1])
        for field, asked, known in (('models', models, list(self.models)), ('kinds', kinds, self.kinds),
                                    ('baseline', [baseline], models)):
            if not set(asked) <= set(known) or len(set(asked)) < len(asked):
                raise ResultsError(f'--{field}: {" ".join(asked)}; expected {", ".join(known)}, each at most once.')
        places = [conditions(self.kinds).index(condition) for condition in conditions(kinds)]
        return dataclasses.replace(self, kinds=kinds, baseline=baseline,
                                   models={name: [self.models[name][place] for place in places] for name in models})

    def rows(self) -> Rows:
        """Macro-F1 of every model under every condition, and its loss as a share of the baseline's.

        Returns:
            Cells, the header first.
        """
        others = [name for name in self.models if name != self.baseline]
        rows = [['recordings', *self.models, *(f'loss, {name} / {self.baseline}' for name in others)]]
        for place, condition in enumerate(conditions(self.kinds)):
            rows.append([condition_title(*condition), *(self.score_cell(name, place) for name in self.models),
                         *(self.loss_cell(name, place) for name in others)])
        return rows

    def score_cell(self, name: str, condition: int) -> str:
        """Macro-F1 with its interval, as a cell."""
        return interval_cells(self.pooled(name, condition), self.classes)['macro_f1']

    def loss_cell(self, name: str, condition: int) -> str:
        """A model's loss of macro-F1 as a share of the baseline's, as a cell; empty if the baseline loses nothing."""
        if condition == 0:
            return ''
        ours, theirs = ((self.pooled(one), self.pooled(one, condition)) for one in (name, self.baseline))
        share = share_of_loss(ours, theirs, self.classes)
        return '{:.2f} [{:.2f}, {:.2f}]'.format(*share) if share else ''

    def draw(self, file: IO[bytes]) -> None:
        """Draw a PNG: a panel for each corruption, a line for each model."""
        figure = new_figure(3.2 * len(self.kinds))
        panels = figure.subplots(1, len(self.kinds), sharey=True, squeeze=False)[0]
        places = conditions(self.kinds)
        scores = {name: [mean_scores(self.pooled(name, place), self.classes)['macro_f1']
                         for place in range(len(places))] for name in self.models}
        for axes, kind in zip(panels, self.kinds):
            chosen = [0, *(place for place, (own, _) in enumerate(places) if own == kind)]
            labels = [ORIGINAL, *(f'{value:g}' for value in CORRUPTIONS[kind][3])]
            for name, marker in zip(scores, itertools.cycle(MARKERS)):
                axes.plot(labels, [scores[name][place] for place in chosen], marker=marker, label=name)
            axes.set_xlabel(CORRUPTIONS[kind][0])
            axes.tick_params(axis='x', labelrotation=30)
            axes.grid(alpha=0.3)
        panels[0].set_ylabel('macro-F1')
        figure.legend(*panels[0].get_legend_handles_labels(), loc='outside upper center', ncols=min(len(scores), 4))
        figure.savefig(file, format='png', dpi=130)


def _fault(content: dict[str, Any]) -> str | None:
    """The first inconsistency in a robustness.json, or None."""
    clips, models, places = content['clips'], content['models'], len(conditions(content['kinds']))
    count, baseline = len(clips['clip']), content['baseline']
    if {len(column) for column in clips.values()} != {count}:
        return 'clips: expected columns of the same length.'
    if baseline not in models:
        return f'baseline: {baseline!r}; expected one of {", ".join(models)}.'
    seeds = len(models[baseline][0])
    classes = next((len(score) for place in models[baseline] for seed in place for score in seed), 0)
    if not all(0 <= label < classes for label in clips['label']):
        return f'clips.label: expected numbers from 0 to {classes - 1}.'
    for name, scores in models.items():
        if len(scores) != places or {len(place) for place in scores} != {seeds}:
            return f'models.{name}: expected {places} conditions with {seeds} seeds each.'
        fault = score_fault([seed for place in scores for seed in place], count, classes)
        if fault:
            return f'models.{name}: {fault}'
    return None


def measure(folder: str | Path, models: Sequence[str], kinds: Sequence[str], baseline: str,
            seeds: Sequence[int] | None = None, command: str = '') -> Robustness:
    """Test the checkpoints of a cross-validation on corrupted recordings, each on its own fold.

    Args:
        folder: The --out of `cross-validate --keep-checkpoints`.
        models: Names of its models.
        kinds: The corruptions.
        baseline: One of the models.
        seeds: Training seeds; None takes all.
        command: The command, to be recorded.

    Raises:
        ResultsError: A run has no checkpoint, or the models have different seeds and folds.
        ConfigError: The weights of a checkpoint do not fit its config.
    """
    from dynstg_mm.benchmark.cost import versions
    runs = {name: kept_runs(folder, name, seeds) for name in models}
    parts = {name: [(run.seed, run.fold) for run in runs[name]] for name in models}
    for name in models:
        if parts[name] != parts[baseline]:
            raise ResultsError(f'{folder}: {name} has other seeds or folds than {baseline}; expected the same.')
    places = {seed: place for place, seed in enumerate(dict.fromkeys(run.seed for run in runs[baseline]))}
    tested: dict[str, list[list[list[Clip]]]] = {name: [[[] for _ in places] for _ in conditions(kinds)]
                                                 for name in models}
    for run in with_bar([run for name in models for run in runs[name]], 'runs'):
        for clips, more in zip(tested[run.model.name], _test_all(run, kinds)):
            clips[places[run.seed]] += more
    first = tested[baseline][0][0]
    return Robustness(
        list(kinds), baseline, {column: [clip[column] for clip in first] for column in COLUMNS},
        {name: [[[clip['score'] for clip in seed] for seed in place] for place in found]
         for name, found in tested.items()}, command, versions())


def _test_all(run: Run, kinds: Sequence[str]) -> list[list[Clip]]:
    """Clips with the scores of a run's checkpoint, under every condition."""
    from mmengine.config import Config

    from dynstg_mm.benchmark.checkpoints import load_model, score_clips
    cfg, checkpoint = Config(run.record['config']), run.checkpoint()
    assert checkpoint is not None
    model = load_model(cfg, checkpoint)
    tested = [score_clips(model, cfg, corrupted(cfg.test_dataloader.dataset.to_dict(), *condition))
              for condition in conditions(kinds)]
    for clip in itertools.chain(*tested):
        clip['score'] = [round(score, 5) for score in clip['score']]
    return tested


def corrupted(dataset: dict[str, Any], kind: str, value: float | None) -> dict[str, Any]:
    """Settings of a test data set with a corruption added.

    Joints are lost, and clips cut, only while the person is visible, so that every clip can still be tested. A clip
    that is shorter than a window becomes one window.

    Args:
        dataset: Settings of the data set.
        kind: A key of `CORRUPTIONS`, or `ORIGINAL`.
        value: Its strength.
    """
    dataset = copy.deepcopy(dataset)
    if kind == ORIGINAL or value is None:
        return dataset
    _, name, argument, _ = CORRUPTIONS[kind]
    steps = dataset['pipeline']
    added: list[dict[str, Any]] = [{'type': name, argument: value}]
    fills = [index for index, step in enumerate(steps) if step['type'] == 'FillMissingJoints']
    place = fills[0] + 1 if kind in ('joints', 'seconds') and fills else 0
    if kind == 'joints' and fills:
        added.append(dict(steps[fills[0]], min_joints=0.01))
    if kind == 'noise':
        added[0]['rate'] = next((step['rate'] for step in steps if step['type'] == 'ResampleRate'), None)
    for step in steps:
        if kind == 'seconds' and step['type'] == 'SampleWindows' and value < step['duration']:
            step.update(duration=value, num_clips=1)
    steps[place:place] = added
    return dataset

"""Generate tables and metafiles from the published results, configs/*/results/*.json.

A Markdown file marks a table by two comments, and only the text between them is replaced:

    <!-- begin results: dynstg_mamba/koa-nm -->
    <!-- end results -->
"""
from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from dynstg_mm.benchmark.ablation import ablation_rows
from dynstg_mm.benchmark.answers import CODES, OWN, read_answers
from dynstg_mm.benchmark.explanations import read_checks
from dynstg_mm.benchmark.filters import filter_summary, read_filters
from dynstg_mm.benchmark.results import Results
from dynstg_mm.benchmark.robustness import Robustness, condition_title, conditions
from dynstg_mm.benchmark.runs import Model
from dynstg_mm.benchmark.tables import COST, Rows, cost_rows, difference_rows, in_order, interval_cells, speed_rows
from dynstg_mm.errors import ConfigError, ResultsError
from dynstg_mm.files import SHIPPED, read_json
from dynstg_mm.statistics import by_subject, mean_scores, paired_difference
from dynstg_mm.text import few, markdown

BLOCK = re.compile(r'(<!-- begin results: (?P<table>[^\n]*?) -->\n)(?P<body>.*?)(<!-- end results -->)', re.S)
MARK = re.compile(r'<!-- (begin results: [^\n]*|end results) -->')
ROBUSTNESS = 'dynstg_mamba/robustness'
DOUBTS = 'configs/zoo/doubts.json'
DOUBTS_SCHEMA: dict[str, Any] = dict(type='object', required=['rows'], properties=dict(rows=dict(
    type='array', items=dict(type='object', required=['recordings', 'count', 'refused', 'doubted', 'codes']))))
SPEED_SCHEMA: dict[str, Any] = dict(type='object', required=['options'], properties=dict(options=dict(
    type='object', required=['layouts', 'batch_size', 'baseline'])))
EXPLANATIONS = 'configs/zoo/explanations.json'
FILTERS = 'configs/dynstg_mamba/filters.json'
ABLATION = 'configs/dynstg_mamba/ablation'  # results.json of each task
ANSWERS = 'configs/zoo/answers.json'
SPEED = 'configs/benchmark/ntu/benchmark.json'  # written by the command benchmark

DATASETS = {'koa-nm': 'KOA-NM', 'koa-nm-jointdropout': 'KOA-NM', 'koa-pd-nm': 'KOA-PD-NM', 'koa-stage': 'KOA stage',
            'msnd': 'MSND', 'msnd-by-clip': 'MSND (by clip, people known)'}
SUMMARY = ('small', 'small-pretrained', 'st-gcn', 'posec3d', 'gait features + extra-trees', 'metadata only')
SUMMARY_COLUMNS = {'koa-nm': 'KOA-NM', 'koa-pd-nm': 'three classes', 'koa-stage': 'stages', 'msnd': 'MSND'}
GOALS = (  # task, file, teacher, student alone, CGRKD, other distillers
    ('KOA-NM, joints lost', 'koa-nm-jointdropout', 'large-pretrained-jointdropout', 'small-pretrained-jointdropout',
     'cgrkd-jointdropout', ('logit-kd-jointdropout', 'fitnet-jointdropout', 'rkd-jointdropout')),
    ('KOA-NM', 'koa-nm', 'large-pretrained', 'small-pretrained', 'cgrkd', ('logit-kd', 'fitnet', 'rkd')),
    ('three classes, 90 epochs', 'koa-pd-nm', 'large-pretrained', 'small-pretrained-90e', 'cgrkd-90e',
     ('fitnet-90e', )),
    ('three classes', 'koa-pd-nm', 'large-pretrained', 'small-pretrained', 'cgrkd', ('logit-kd', 'fitnet', 'rkd')),
    ('stages, 90 epochs', 'koa-stage', 'large-pretrained', 'small-pretrained-90e', 'cgrkd-90e', ('fitnet-90e', )),
    ('stages', 'koa-stage', 'large-pretrained', 'small-pretrained', 'cgrkd', ('logit-kd', 'fitnet', 'rkd')),
    ('KOA-NM, joints lost, 13 joints', 'koa-nm-jointdropout', 'large-pretrained-jointdropout',
     'small-pretrained-gait13-jointdropout', 'cgrkd-gait13-jointdropout', ()),
    ('KOA-NM, 13 joints', 'koa-nm', 'large-pretrained', 'small-pretrained-gait13', 'cgrkd-gait13', ()),
    ('stages, 13 joints', 'koa-stage', 'large-pretrained', 'small-pretrained-gait13', 'cgrkd-gait13', ()))

DYNSTG_MAMBA = ('https://arxiv.org/abs/2503.13156', 'DynSTG-Mamba: Dynamic Spatio-Temporal Graph Mamba with '
                'Cross-Graph Knowledge Distillation for Gait Disorders Recognition')
COLLECTIONS = {  # folder of the configs -> name, URL and title of the paper
    'aagcn': ('AAGCN', 'https://arxiv.org/abs/1912.06971',
              'Skeleton-Based Action Recognition with Multi-Stream Adaptive Graph Convolutional Networks'),
    'blockgcn': ('BlockGCN', 'https://arxiv.org/abs/2305.11468',
                 'BlockGCN: Redefine Topology Awareness for Skeleton-Based Action Recognition'),
    'cgrkd': ('CGRKD', *DYNSTG_MAMBA),
    'ctrgcn': ('CTR-GCN', 'https://arxiv.org/abs/2107.12213',
               'Channel-wise Topology Refinement Graph Convolution for Skeleton-Based Action Recognition'),
    'df_stgnn': ('DF-STGNN', *DYNSTG_MAMBA),
    'dynstg_mamba': ('DynSTG-Mamba', *DYNSTG_MAMBA),
    'efficientgcn': ('EfficientGCN', 'https://arxiv.org/abs/2106.15125',
                     'Constructing Stronger and Faster Baselines for Skeleton-based Action Recognition'),
    'posec3d': ('PoseC3D', 'https://arxiv.org/abs/2104.13586', 'Revisiting Skeleton-based Action Recognition'),
    'stgcn': ('ST-GCN', 'https://arxiv.org/abs/1801.07455',
              'Spatial Temporal Graph Convolutional Networks for Skeleton-Based Action Recognition'),
    'stgcnpp': ('ST-GCN++', 'https://arxiv.org/abs/2205.09443',
                'PYSKL: Towards Good Practices for Skeleton Action Recognition')}


# results of a task, trained on the keypoints of one pose estimator and tested on those of another
ESTIMATORS = re.compile(r'zoo/(?P<task>.+)-(?P<trained>\w+)-to-(?P<tested>\w+)')


class Published:
    """The published results of a repository.

    Args:
        root: Folder of the repository.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.paths = {f'{path.parts[-3]}/{path.stem}': path
                      for path in sorted(self.root.glob('configs/*/results/*.json'))}
        if not self.paths:
            raise ConfigError(f'{root}: no configs/*/results/*.json; expected the folder of the repository.')
        self.made: dict[str, str] = {}
        self.read = functools.cache(self._read)
        self.tables: dict[str, Callable[[], Rows]] = dict(summary=self.summary_rows)
        if any(f'cgrkd/{name}' in self.paths for _, name, *_ in GOALS):
            self.tables['goals'] = self.goal_rows
        if ROBUSTNESS in self.paths:
            self.tables['robustness'] = self.robustness_rows
            self.tables['robustness:loss'] = functools.partial(self.robustness_rows, loss=True)
        if (self.root / DOUBTS).is_file():
            self.tables['doubts'] = self.doubt_rows
        if (self.root / ANSWERS).is_file():
            self.tables['answers'] = self.answer_rows
            self.tables['answers:doubts'] = self.answer_doubt_rows
            self.tables['answers:strangers'] = self.stranger_rows
        if (self.root / FILTERS).is_file():
            self.tables['filters'] = lambda: filter_summary(read_filters(self.root / FILTERS))
        if (self.root / ABLATION).is_dir():
            self.tables['ablation'] = self.ablation_rows
        if (self.root / EXPLANATIONS).is_file():
            self.tables['explanations'] = self.explanation_rows
            self.tables['explanations:joints'] = self.altered_joint_rows
        if (self.root / SPEED).is_file():
            for layout in read_json(self.root / SPEED, SPEED_SCHEMA)['options']['layouts']:
                self.tables[f'speed:{layout}'] = functools.partial(self.speed_rows, layout)
        if any(ESTIMATORS.fullmatch(name) for name in self.paths):
            self.tables['estimators'] = self.estimator_rows
        for name in self.results():
            self.tables[name] = functools.partial(self.score_rows, name)
            self.tables[f'{name}:subject'] = functools.partial(self.score_rows, name, per_subject=True)
            self.tables[f'{name}:differences'] = functools.partial(self.differences, name)
            self.tables[f'{name}:cost'] = functools.partial(self.costs, name)

    def _read(self, name: str) -> Results:
        if name not in self.paths:
            path = self.root / 'configs' / name.replace('/', '/results/')
            raise ResultsError(f'{path}.json: no such file; expected, since a table of the documents is made from it.')
        return Results.read(self.paths[name])

    def results(self) -> list[str]:
        """Names of the files of results, such as `dynstg_mamba/koa-nm`."""
        return [name for name in self.paths if name != ROBUSTNESS]

    def score_rows(self, name: str, per_subject: bool = False) -> Rows:
        """Macro-F1, accuracy and log-loss of every complete model, with intervals."""
        results = self.read(name)
        several = len(results.seeds) > 1
        rows = [['model', 'macro-F1 [95 %]', *['sd over seeds'] * several, 'accuracy [95 %]', 'log-loss [95 %]']]
        for model in in_order(results):
            if results.is_complete(model):
                seeds: Sequence[Any] = results.pooled(model)
                seeds = [by_subject(clips) for clips in seeds] if per_subject else seeds
                cells = interval_cells(seeds, len(results.classes))
                by_seed = [mean_scores([clips], len(results.classes))['macro_f1'] for clips in seeds]
                deviation = f'{np.std(by_seed, ddof=1):.3f}' if several and not results.models[model].over_seeds else ''
                rows.append([model, cells['macro_f1'], *[deviation] * several, cells['accuracy'], cells['log_loss']])
        return rows

    def differences(self, name: str) -> Rows:
        """Paired differences of macro-F1 and log-loss to the file's baseline."""
        results = self.read(name)
        return difference_rows(results, results.baseline or next(iter(results.models)), ('macro_f1', 'log_loss'))

    def costs(self, name: str) -> Rows:
        """Costs of the models."""
        return cost_rows(self.read(name))

    def summary_rows(self) -> Rows:
        """Macro-F1 of a few models on the four tasks."""
        tables = [self.read(f'dynstg_mamba/{name}') for name in SUMMARY_COLUMNS]
        rows = [['model', 'parameters', *SUMMARY_COLUMNS.values()]]
        for model in SUMMARY:
            parameters = (tables[0].models[model].cost or {}).get('parameters')
            rows.append([model, COST['parameters'][1](parameters) if parameters else '',
                         *(interval_cells(table.pooled(model), len(table.classes))['macro_f1'] for table in tables)])
        return rows

    def ablation_rows(self) -> Rows:
        """What each element of `small` is worth on several tasks."""
        return ablation_rows({path.stem: Results.read(path) for path in sorted((self.root / ABLATION).glob('*.json'))})

    def estimator_rows(self) -> Rows:
        """Scores of people, by the pose estimators of training and test."""
        rows = [['task', 'model', 'trained on, tested on', 'people', 'macro-F1 [95 %]', 'log-loss [95 %]']]
        for name, match in ((name, ESTIMATORS.fullmatch(name)) for name in self.paths):
            results = self.read(name) if match else None
            for model in results.models if results else ():
                if match and results and results.models[model].kind == 'model':
                    people = [by_subject(clips) for clips in results.pooled(model)]
                    cells = interval_cells(people, len(results.classes))
                    rows.append([DATASETS[match['task']], model, f'{match["trained"]}, {match["tested"]}',
                                 str(len(people[0])), cells['macro_f1'], cells['log_loss']])
        return rows

    def goal_rows(self) -> Rows:
        """CGRKD compared with its teacher, the student alone and other distillers. Bold: the mean reaches the goal."""
        rows = [['task', 'teacher', 'student alone', 'CGRKD (share of the teacher; goal: 99 %)',
                 'points above the student (goal: 1.5)', 'points above the best other distiller (goal: 0)']]
        for task, name, teacher, student, model, others in GOALS:
            if f'cgrkd/{name}' not in self.paths:
                continue
            results = self.read(f'cgrkd/{name}')
            means = {one: mean_scores(results.pooled(one), len(results.classes))['macro_f1']
                     for one in (teacher, student, model, *others)}
            share = means[model] / means[teacher]
            kept = f' ({_bold(f"{100 * share:.1f} %", share >= .99)})' if others else ''  # no goal across skeletons
            cells = [f'{means[model]:.3f}{kept}', self._points(results, model, student, goal=.015 if others else 0.)]
            if others:
                best = max(others, key=means.__getitem__)
                named = best.removesuffix('-90e').removesuffix('-jointdropout')
                cells.append(f'{self._points(results, model, best)} ({named})')
            rows.append([task, f'{means[teacher]:.3f}', f'{means[student]:.3f}', *cells, *[''] * (not others)])
        return rows

    @staticmethod
    def _points(results: Results, model: str, other: str, goal: float = 0.) -> str:
        """Difference of macro-F1 in points, its interval and p-value; bold if it reaches the goal."""
        value, low, high, p_value = paired_difference(results.pooled(model), results.pooled(other),
                                                      len(results.classes))['macro_f1']
        points = _bold(f'{100 * value:+.1f}', value > 0 and value >= goal)
        return f'{points} [{100 * low:.1f}, {100 * high:.1f}], p {p_value:.2g}'

    def robustness_rows(self, loss: bool = False) -> Rows:
        """Macro-F1 of every model on the original and on the worst recordings of each kind.

        Args:
            loss: Instead, the loss of macro-F1 as a share of the baseline's.
        """
        content = Robustness.read(self.paths[ROBUSTNESS])
        places = conditions(content.kinds)
        worst = [max(place for place, (own, _) in enumerate(places) if own == kind) for kind in content.kinds]
        chosen = worst if loss else [0, *worst]
        cell = content.loss_cell if loss else content.score_cell
        return [['model', *(condition_title(*places[place]) for place in chosen)],
                *([name, *(cell(name, place) for place in chosen)] for name in content.models
                  if not loss or name != content.baseline)]

    def speed_rows(self, layout: str) -> Rows:
        """Sizes and speed of the models on windows of NTU RGB+D's form."""
        content = read_json(self.root / SPEED, SPEED_SCHEMA)
        options = content['options']
        return speed_rows(content[f'models_{layout}'], layout, options['batch_size'], options['baseline'])

    def doubt_rows(self) -> Rows:
        """What check-doubts wrote: how often recordings are refused or doubted, and why."""
        rows = [['recordings', 'number', 'refused', 'refused or doubted', 'why']]
        for row in read_json(self.root / DOUBTS, DOUBTS_SCHEMA)['rows']:
            shares = (f'{100 * row[key]:.1f} %' for key in ('refused', 'doubted'))
            why = ', '.join(f'{code} {100 * share:.1f} %' for code, share in row['codes'].items())
            rows.append([row['recordings'], str(row['count']), *shares, why])
        return rows

    def _answers(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The rows of check-answers, each with its name."""
        for model, content in read_answers(self.root / ANSWERS).items():
            for row in content['rows']:
                yield model if row['recordings'] == OWN else f'{model}, {row["recordings"]}', row

    def answer_rows(self) -> Rows:
        """Scores of answers about people left out."""
        rows = [['recordings', 'people', 'macro-F1 [95 %]', 'accuracy [95 %]', 'true class in the set', 'refused']]
        for name, row in self._answers():
            scores = ('{:.3f} [{:.3f}, {:.3f}]'.format(*row[key]) for key in ('macro_f1', 'accuracy'))
            shares = (f'{100 * row[key]:.1f} %' for key in ('covered', 'refused'))
            rows.append([name, str(row['people']), *scores, *shares])
        return rows

    def answer_doubt_rows(self) -> Rows:
        """How many of the right and of the wrong answers have a doubt that needs a model; not on walks that are cut."""
        rows = [['recordings', 'answers', *CODES, 'any of them']]
        for name, row in self._answers():
            for side in ('right', 'wrong') if 'cut to' not in name else ():
                count = row[side]['answers']
                rows.append([name, f'{count} {side}', *(
                    f'{row[side][code]} ({row[side][code] / max(count, 1):.0%})' for code in (*CODES, 'any'))])
        return rows

    def stranger_rows(self) -> Rows:
        """How well walks of other data sets are told from those of people left out."""
        rows = [['model', 'walks of', 'recordings', 'AUC, features', 'AUC, gait parameters']]
        for model, content in read_answers(self.root / ANSWERS).items():
            rows += [[model, name, str(row['recordings']), f'{row["features"]:.3f}', f'{row["gait"]:.3f}']
                     for name, row in content['strangers'].items()]
        return rows

    def explanation_rows(self) -> Rows:
        """Deletion curves of explanations, and their correlation with those of random weights."""
        models = read_checks(self.root / EXPLANATIONS)['models']
        rows = [['model', 'walks', 'largest first', 'random order', 'lower', 'passes', 'correlation']]
        for name, row in models.items():
            areas = (f'{row[key]:.3f}' for key in ('area', 'random_area'))
            shares = (f'{100 * row[key]:.0f} %' for key in ('lower', 'holds'))
            rows.append([name, str(row['clips']), *areas, *shares, f'{round(row["correlation"], 2) + 0.:.2f}'])
        return rows

    def altered_joint_rows(self) -> Rows:
        """How often an explanation names the joint that was altered."""
        joints = read_checks(self.root / EXPLANATIONS)['joints']
        return [['altered joint', 'held-out walks', 'recognised', 'joint named', 'limb named'],
                *([name.replace('_', ' '), *(str(row[key]) for key in ('clips', 'recognised', 'joint', 'limb'))]
                  for name, row in joints.items())]

    def replaced(self, path: Path) -> str:
        """Text of a Markdown file with its tables regenerated.

        Raises:
            ConfigError: A table is unknown, or a begin or end mark is missing.
        """
        text = path.read_text(encoding='utf-8')
        marks = [match[1].split(':')[0].split()[0] for match in MARK.finditer(text)]
        if marks != ['begin', 'end'] * (len(marks) // 2):
            raise ConfigError(f'{path}: expected pairs of <!-- begin results: ID --> and <!-- end results -->.')

        def table(match: re.Match[str]) -> str:
            name = match['table'].strip()
            if name not in self.tables:
                raise ConfigError(f'{path}: results: {name}: no such table; there are {few(self.tables, name)}.')
            return f'{match[1]}\n{self.markdown(name)}\n\n{match[4]}'
        return BLOCK.sub(table, text)

    def markdown(self, name: str) -> str:
        """A table as Markdown."""
        if name not in self.made:
            self.made[name] = markdown(self.tables[name]())
        return self.made[name]

    def documents(self) -> Iterator[Path]:
        """The Markdown files that may hold tables."""
        for pattern in ('README.md', 'data/README.md', 'docs/**/*.md', 'configs/*/README.md'):
            yield from sorted(self.root.glob(pattern))

    def metafiles(self) -> Iterator[tuple[Path, str]]:
        """Path and text of every metafile."""
        for folder, (collection, url, title) in COLLECTIONS.items():
            if (self.root / 'configs' / folder).is_dir():
                models = [*self._models(folder, collection), *self._pretrained(folder, collection)]
                if not models:  # without results yet
                    continue
                content = dict(Collections=[dict(Name=collection, README=self._readme(folder),
                                                 Paper=dict(URL=url, Title=title))], Models=models)
                yield self.root / f'configs/{folder}/metafile.yml', yaml.safe_dump(content, sort_keys=False, width=120,
                                                                                   allow_unicode=True)

    def _readme(self, folder: str) -> str:
        own = f'configs/{folder}/README.md'
        return own if (self.root / own).is_file() else 'configs/dynstg_mamba/README.md'

    def _models(self, folder: str, collection: str) -> list[dict[str, Any]]:
        """Entries of the configs of a folder, as they are or with joint dropout, and their results on every task.

        If a config is in several tables, the one in its own folder counts; among equals, the one with the most seeds.
        """
        entries: dict[str, dict[str, Any]] = {}
        measured: dict[tuple[str, str], tuple[bool, int]] = {}
        for name in self.results():
            results, (own, _, stem) = self.read(name), name.partition('/')
            for model, facts in results.models.items():
                options = [option for option in facts.options or ()
                           if not option.startswith(('task=', 'model.teacher_ckpt='))]
                if not (facts.kind == 'model' and facts.config and Path(facts.config).parent.name == folder
                        and stem in DATASETS and results.is_complete(model)
                        and all(option.startswith('joint_dropout=') for option in options)):
                    continue
                key = Path(facts.config).stem + '-joint-dropout' * bool(options)
                rank = own == folder, len(results.seeds)
                if rank > measured.get((key, DATASETS[stem]), (False, 0)):
                    measured[key, DATASETS[stem]] = rank
                    if key not in entries:
                        entries[key] = _entry(key, collection, facts.config, options, facts.cost or {}, self.root)
                    entry = entries[key]
                    entry['Results'] = [part for part in entry['Results'] if part['Dataset'] != DATASETS[stem]]
                    entry['Results'].append(_result(DATASETS[stem], results, model))
        for entry in entries.values():
            entry['Results'].sort(key=lambda part: list(DATASETS.values()).index(part['Dataset']))
            entry['Metadata']['Training Data'] = [part['Dataset'] for part in entry['Results']]
        return [entries[key] for key in sorted(entries)]

    def _pretrained(self, folder: str, collection: str) -> Iterator[dict[str, Any]]:
        """Entries of the configs whose weights are shipped."""
        for config in sorted((self.root / 'configs' / folder).glob('*_*-*e_synthetic-walks*-keypoint-?d.py')):
            stem, _, view = config.stem.partition('-keypoint-')
            name = re.sub(r'_.*-(\d+e)_', r'_\1_', stem) + ('-msnd' if view == '3d' else '')
            for weights in sorted((self.root / 'configs' / folder / 'pretrained').glob(f'{name}-????????.pth')):
                entry = _entry(config.stem, collection, f'configs/{folder}/{config.name}', [], {}, self.root)
                entry['Metadata']['Training Data'] = ['synthetic walks']
                yield {**{key: value for key, value in entry.items() if key != 'Results'},
                       'Weights': f'{SHIPPED}{folder}/pretrained/{weights.name}'}


def _bold(text: str, reached: bool) -> str:
    return f'**{text}**' if reached else text


def _entry(name: str, collection: str, config: str, options: list[str], cost: dict[str, Any],
           root: Path) -> dict[str, Any]:
    """A model of a metafile, without results yet."""
    cfg = Model(name, str(root / config), tuple(options)).settings()
    student = cfg.model.get('student') or cfg.model
    metadata = {'Architecture': student.backbone.type, 'Batch Size': cfg.train_dataloader.batch_size,
                'Epochs': cfg.train_cfg.max_epochs, **({'Options': options} if options else {})}
    if cost:
        metadata |= {'FLOPs': f'{cost["multiply_adds"] / 1e9:.3f}G', 'Parameters': f'{cost["parameters"] / 1e6:.3f}M',
                     'Training Resources': '1 CPU core'}
    return {'Name': name, 'Config': config, 'In Collection': collection, 'Metadata': metadata, 'Results': []}


def _result(dataset: str, results: Results, model: str) -> dict[str, Any]:
    """Scores of a model on one task, as in a metafile."""
    scores = mean_scores(results.pooled(model), len(results.classes))
    return {'Dataset': dataset, 'Task': 'Skeleton-based Gait Disorder Recognition', 'Metrics': {
        'Top 1 Accuracy': round(100 * scores['accuracy'], 2), 'Macro-F1': round(scores['macro_f1'], 4),
        'Macro-Recall': round(scores['macro_recall'], 4)}}

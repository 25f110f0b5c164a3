"""Make the weights of a task: cross-validate a recipe, train it on everybody, and add what answers need.

A recipe is an experiment file with a section `release`. Its first model is published, or the one that is named::

    release:
      name: KOA-NM, 13 joints                # title of the card
      config: ../dynstg_mamba/NAME.py        # loads the weights; default: the model's own
      dataset: KOA-PD-NM, the knee and the healthy group
      estimator: OpenPose                    # of the training keypoints
      recordings: Walks filmed from the side, ...
      others: {MediaPipe: data/koa_pd_nm/mediapipe.pkl}    # the same people by other estimators
      strangers: {MSND: data/msnd/side.pkl}                # walks of other data sets, without folds
"""
from __future__ import annotations

import contextlib
import os
import tempfile
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmaction.utils import register_all_modules
from mmengine.config import Config

from dynstg_mm.benchmark.baselines import METADATA, TREES
from dynstg_mm.benchmark.cost import versions
from dynstg_mm.benchmark.cross_validation import cross_validate, quiet
from dynstg_mm.benchmark.experiment import calls_with_teachers, plan_calls, read_experiment
from dynstg_mm.benchmark.launch import Processes, execute, locked
from dynstg_mm.benchmark.plan import check_tests, choose_folds, name_models
from dynstg_mm.benchmark.results import Results
from dynstg_mm.benchmark.runs import Run, plan_runs, settle_old_runs
from dynstg_mm.datasets.annotation_file import AnnotationFile
from dynstg_mm.datasets.folds import EVERYBODY
from dynstg_mm.distillation.publish import plain_checkpoint, write_checkpoint
from dynstg_mm.errors import ClipError, ConfigError
from dynstg_mm.files import dump_pickle
from dynstg_mm.gait.joint_map import in_skeleton
from dynstg_mm.gait.spatiotemporal import gait_report
from dynstg_mm.inference import figures
from dynstg_mm.inference.calibration import Calibration
from dynstg_mm.inference.conformal import Conformal
from dynstg_mm.inference.gait_values import from_the_side, gait_values, reference
from dynstg_mm.inference.out_of_fold import OutOfFold, distances_of, features_of_everybody, out_of_fold
from dynstg_mm.inference.training_record import FIELD, TrainingRecord
from dynstg_mm.inference.unlike import Space, Unlike
from dynstg_mm.inference.zoo import write_entry
from dynstg_mm.inputs import ModelInputs
from dynstg_mm.skeletons import Layout

COVERAGE = 0.9
OPTIONAL: dict[str, Any] = dict(
    name=None, config=None, dataset=None, estimator=None, recordings=None, others={}, strangers={})


def release(args: Namespace, command: str) -> int:
    """Make the weights, the card and the metafile entry of a recipe.

    Args:
        args: Options of `python -m dynstg_mm cross-validate`, with one experiment file, and `zoo`, the folder to
            write to.
        command: The command, for the card.

    Returns:
        0, or 1 if a run failed.

    Raises:
        UserError: The recipe, an option or the data cannot be used.
    """
    recipe, = args.configs
    content = read_experiment(recipe)
    args.models = args.models or list(content['models'])[:1]
    if args.seeds is None:
        args.seeds = content.get('seeds', [0])[:1]
    about = {**OPTIONAL, **content.get('release', {})}
    args.test_on = [f'{name}={file}' for name, file in about['others'].items() if os.path.isfile(file)]
    args.keep_checkpoints = True
    for call in plan_calls(args):
        if cross_validate(call, command):
            return 1
    with quiet():
        runs, final = train_on_everybody(args)
        if final is None:
            return 1
        record = make_record(args, about, runs, final, command)
        print(publish(args, about, runs[0], final, record, Path(recipe).stem))
    return 0


def train_on_everybody(args: Namespace) -> tuple[list[Run], Run | None]:
    """Train the recipe, its teacher first, on all people.

    Returns:
        The runs of the folds, and that on everybody; None if it failed.
    """
    register_all_modules(init_default_scope=True)
    out = Path(args.out)
    with locked(out) as lock:
        for call in calls_with_teachers(args):
            models = name_models(call.configs, call.cfg_options, call.model_options)
            everybody = plan_runs(models, call.seeds, [EVERYBODY], out)
            settle_old_runs(everybody, call.redo)
            failed = execute(everybody, Processes(args.jobs, True, lock), args.jobs)
            if failed:
                return [], None
        tests = check_tests(models)[1]
        runs = plan_runs(models, call.seeds, choose_folds(call.folds, tests, models[0]), out)
        settle_old_runs(runs, False)
    return runs, everybody[-1]


def make_record(args: Namespace, about: Mapping[str, Any], runs: Sequence[Run], final: Run,
                command: str) -> TrainingRecord:
    """Fit everything that an answer needs, and measure what the card states."""
    found = out_of_fold(runs)
    classes = Results.read(Path(args.out) / 'results.json').classes
    temperature = Calibration.fit(found.scores, found.labels, found.people)
    sets = Conformal.fit(temperature.apply(found.scores), found.labels, found.people, COVERAGE)
    features = Unlike.fit(features_of_everybody(final, runs[0]), found.distances, found.people)
    gait = _Gait(runs, found)
    people = {name: len({person for person, label in zip(found.people, found.labels) if label == index})
              for index, name in enumerate(classes)}
    measured = dict(
        _figures(args, about, found, classes), strangers=_strangers(about, runs, found, gait), folds=len(runs),
        seed=final.seed, recordings=about['recordings'], title=about['name'], command=command, versions=versions())
    return TrainingRecord(temperature, sets, features, gait.unlike(), gait.reference(classes), about['estimator'],
                          about['dataset'], people, measured)


class _Gait:
    """Gait parameters of the training recordings in the model's skeleton."""

    def __init__(self, runs: Sequence[Run], found: OutOfFold) -> None:
        cfg = Config(runs[0].record['config'])
        inputs = ModelInputs.from_config(cfg)
        file = AnnotationFile.read(cfg.test_dataloader.dataset.ann_file)
        layout, target = file.layout or cfg.test_dataloader.dataset.layout, inputs.layout
        if layout is None or target is None:
            raise ConfigError(f'{file.path}: layout: missing; gait parameters need the skeleton.')
        self.layout: str | Layout = layout
        self.target: str | Layout = target
        self.found = found
        self.clips = [file.clips[name] for name in found.names]
        rows = [gait_values(clip, layout, target, pad=True) for clip in self.clips]
        self.names = list(rows[0])
        self.table = np.array([[row[name] for name in self.names] for row in rows])
        self.distances = np.empty(len(rows))
        self.spaces: list[Space] = []
        for fold in np.unique(found.folds):
            tested = found.folds == fold
            self.spaces.append(Space.fit(self.table[~tested]))
            self.distances[tested] = self.spaces[-1].distance(self.table[tested])

    def unlike(self) -> Unlike:
        """Distances from all training recordings."""
        return Unlike.fit(self.table, self.distances, self.found.people, names=self.names)

    def reference(self, classes: Sequence[str]) -> dict[str, dict[str, dict[str, Any]]]:
        """Percentiles of the parameters that people read, of each class."""
        groups: dict[str, dict[str, list[dict[str, Any]]]] = {name: {} for name in classes}
        for clip, person, label in zip(self.clips, self.found.people, self.found.labels):
            records = gait_report(in_skeleton(clip, self.layout, self.target), self.target)
            groups[classes[label]].setdefault(person, []).extend(records)
        return {name: reference(people) for name, people in groups.items()}


def _figures(args: Namespace, about: Mapping[str, Any], found: OutOfFold, classes: Sequence[str]) -> dict[str, Any]:
    """Scores by person, controls, other estimators, calibration and sets."""
    results = Results.read(Path(args.out) / 'results.json')
    probabilities, p_values = figures.nested(found, COVERAGE)
    own = {clip['clip']: clip for clip in found.clips}
    controls = {name: figures.score_figures(results.pooled(name)[0], len(classes))
                for name in (METADATA, *TREES) if name in results.models and results.is_complete(name)}
    others: dict[str, Any] = {}
    for name in about['others']:
        file = Path(args.out) / 'test_on' / name / 'results.json'
        if file.is_file():
            other = Results.read(file)
            clips = other.pooled(args.models[0])[0]
            others[name] = dict(figures.score_figures(clips, len(classes)), own=figures.score_figures(
                figures.paired_people(own, clips), len(classes)), sets=figures.shifted_coverage(found, clips, COVERAGE))
    return dict(scores=figures.score_figures(found.clips, len(classes)), controls=controls, others=others,
                calibration=figures.calibration_figures(found, probabilities),
                sets=figures.set_figures(found, p_values, classes, COVERAGE))


def _strangers(about: Mapping[str, Any], runs: Sequence[Run], found: OutOfFold, gait: _Gait) -> dict[str, Any]:
    """How well the distances tell walks of other data sets from those of people left out."""
    measured: dict[str, Any] = {}
    for name, path in about['strangers'].items():
        if not os.path.isfile(path):
            continue
        clips, rows = _other_walks(path, gait)
        with tempfile.NamedTemporaryFile(suffix='.pkl') as copy:
            dump_pickle(dict(annotations=clips, layout=gait.target), copy.name)
            far = distances_of(runs, dict(type='GaitDataset', ann_file=copy.name))
        measured[name] = dict(
            recordings=len(clips), features=figures.mean_auc(found, found.distances, far),
            gait=figures.mean_auc(found, gait.distances, [space.distance(rows) for space in gait.spaces]))
    return measured


def _other_walks(path: str, gait: _Gait) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Walks of another data set, from the side and in the model's skeleton, and their gait parameters.

    Those that cannot be measured are left out, such as one that is shorter than a window.
    """
    file = AnnotationFile.read(path)
    layout = file.layout or gait.layout
    clips, rows = [], []
    for clip in file.clips.values():
        seen = in_skeleton(from_the_side(dict(clip, label=0), layout), layout, gait.target)
        with contextlib.suppress(ClipError):
            rows.append(list(gait_values(seen, gait.target, gait.target).values()))
            clips.append(seen)
    return clips, np.array(rows)


def publish(args: Namespace, about: Mapping[str, Any], fold: Run, final: Run, record: TrainingRecord,
            name: str) -> str:
    """Write weights, card and metafile entry.

    Returns:
        One line with the files.
    """
    checkpoint = final.checkpoint()
    assert checkpoint is not None
    content, _ = plain_checkpoint(Config(fold.record['config']), str(checkpoint))
    content['meta'][FIELD] = record.to_dict()
    zoo = Path(args.zoo or args.out)
    for old in zoo.glob(f'{name}-????????.pth'):
        old.unlink()
    path = write_checkpoint(content, zoo / f'{name}.pth')
    config = about['config'] or fold.model.config
    options = [option for option in fold.model.options if not option.startswith(('model.', 'joint_dropout='))]
    card = write_entry(zoo, name, config, options, path, record)
    return f'{path}: {path.stat().st_size / 1e6:.2f} MB; {card}'

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

import os
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmaction.utils import register_all_modules
from mmengine.config import Config

from dynstg_mm.benchmark.baselines import METADATA, TREES
from dynstg_mm.benchmark.cost import versions
from dynstg_mm.benchmark.cross_validation import cross_validate, quiet
from dynstg_mm.benchmark.experiment import calls_with_teachers, plan_calls, read_experiment
from dynstg_mm.benchmark.launch import Processes, execute, locked
from dynstg_mm.benchmark.plan import all_tests, check_tests, choose_folds, name_models
from dynstg_mm.benchmark.results import Results
from dynstg_mm.benchmark.runs import Run, plan_runs, settle_old_runs
from dynstg_mm.datasets.folds import EVERYBODY
from dynstg_mm.distillation.publish import plain_checkpoint, write_checkpoint
from dynstg_mm.inference import figures
from dynstg_mm.inference.calibration import Calibration
from dynstg_mm.inference.conformal import Conformal
from dynstg_mm.inference.out_of_fold import OutOfFold, features_of_everybody, out_of_fold
from dynstg_mm.inference.strangers import stranger_figures
from dynstg_mm.inference.training_gait import TrainingGait
from dynstg_mm.inference.training_record import FIELD, TrainingRecord
from dynstg_mm.inference.unlike import Unlike
from dynstg_mm.inference.zoo import write_entry

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
        folds = choose_folds(call.folds, all_tests(check_tests(models)), models[0])
        runs = plan_runs(models, call.seeds, folds, out)
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
    gait = TrainingGait(runs, found)
    people = {name: len({person for person, label in zip(found.people, found.labels) if label == index})
              for index, name in enumerate(classes)}
    strangers = {name: stranger_figures(file, runs, found, gait) for name, file in about['strangers'].items()
                 if os.path.isfile(file)}
    measured = dict(
        _figures(args, about, found, classes), strangers=strangers, folds=len(runs),
        seed=final.seed, recordings=about['recordings'], title=about['name'], command=command, versions=versions())
    return TrainingRecord(temperature, sets, features, gait.unlike(), gait.reference(classes), about['estimator'],
                          about['dataset'], people, measured)


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
    path = write_checkpoint(content, zoo / f'{name}.pth')
    config = about['config'] or fold.model.config
    options = [option for option in fold.model.options if not option.startswith(('model.', 'joint_dropout='))]
    card = write_entry(zoo, name, config, options, path, record)
    for old in zoo.glob(f'{name}-????????.pth'):  # at last, so that the entry never names a file that is gone
        if old != path:
            old.unlink()
    return f'{path}: {path.stat().st_size / 1e6:.2f} MB; {card}'

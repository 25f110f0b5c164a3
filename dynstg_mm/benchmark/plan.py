"""Cross-validation: every config on every fold with every seed, each run in processes of its own."""
import contextlib
import hashlib
import itertools
import json
import os
import re
import shlex
import sys
from pathlib import Path

from mmaction.registry import DATASETS
from mmaction.utils import register_all_modules
from mmengine.logging import MMLogger

from dynstg_mm.benchmark.baselines import CONTROLS, add_controls
from dynstg_mm.benchmark.cost import code_version, measure_costs, versions
from dynstg_mm.benchmark.launch import Launcher, Model, Run, execute, locked, settle_old_runs
from dynstg_mm.benchmark.page import write_report
from dynstg_mm.benchmark.results import (
    NAME,
    TRAIN_SUMMARY,
    add_ensembles,
    add_model,
    clips_of,
    is_complete,
    leaking_subjects,
    name_ensembles,
    new_results,
    read_predictions,
    read_results,
    training_cost,
    write_results,
)
from dynstg_mm.commands.common import check_parts
from dynstg_mm.config import checkpoints_of, parse_cfg_options
from dynstg_mm.errors import ConfigError
from dynstg_mm.files import read_json
from dynstg_mm.safe_pickle import load_pickle

OWN = ('fold', 'work_dir', 'randomness.seed')  # settings that are this tool's to give


@contextlib.contextmanager
def quiet():
    """Keep data sets and models that are built only to look at them from telling about it."""
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel('WARNING')
    try:
        yield
    finally:
        logger.setLevel(level)


@quiet()
def cross_validate(args, command):
    """Train and test all that was asked for, and write results.json, results.md, results.html and results.png.

    Args:
        args (Namespace): Options of python -m dynstg_mm cross-validate.
        command (str): The call, for the page.

    Returns:
        int: 0, or 1 where a run has failed.

    Raises:
        ValueError: Something does not fit; nothing has been run then.
        KeyboardInterrupt: It was stopped; the runs have ended, and the next call goes on.
    """
    register_all_modules(init_default_scope=True)
    models = name_models(args.configs, args.cfg_options, args.model_options)
    baseline = args.baseline or models[0].name
    controls = [] if args.no_controls else CONTROLS
    names = [*(model.name for model in models), *controls]
    ensembles = name_ensembles(names, args.ensemble, args.seed_ensemble, args.seeds)
    if baseline not in [*names, *ensembles]:
        raise ConfigError(f'--baseline: {baseline!r}; expected one of {", ".join([*names, *ensembles])}.')
    if len(set(args.seeds)) < len(args.seeds):
        raise ConfigError('--seeds: a seed stands there twice.')
    if not all(0 <= seed < 2**32 for seed in args.seeds):
        raise ConfigError(f'--seeds: {" ".join(map(str, args.seeds))}; expected numbers from 0 to 2^32 - 1.')
    if args.srun_args and args.launcher != 'slurm':
        raise ConfigError('--srun-args: is for --launcher slurm.')
    classes, tests = check_tests(models)
    folds = choose_folds(args.folds, tests, models[0])
    runs = plan_runs(models, args.seeds, folds, args.out)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    with locked(out) as lock:
        settle_old_runs(runs, args.redo)
        tell_what_goes(out, {*names, *ensembles}, args.seeds, folds)
        if args.keep_checkpoints:
            tell_what_is_gone(runs)
        launcher = Launcher(args.jobs, args.launcher, args.srun_args, args.keep_checkpoints, lock)
        failed = execute(runs, launcher)
        results = collect(runs, failed, classes, {fold: tests[fold] for fold in folds}, args.seeds, launcher, command)
        results['leaking'] = leaking_subjects(new_results(classes, tests, args.seeds))
        write_results(results, out / 'results.json')  # what took long, before anything else can go wrong
        add_costs(results, models, folds[0])
        if controls:
            data = models[0].settings().test_dataloader.dataset
            add_controls(results, data.ann_file, tests=tests, layout=data.get('layout'))
        add_ensembles(results, ensembles)
        write_results(results, out / 'results.json')
        names = write_report(results, out, baseline)
    print(f'{out}: results.json, {", ".join(names)}')
    return 1 if failed else 0


def tell_what_goes(out, names, seeds, folds):
    """Say what an earlier call's results.json has that the one of this call will not have."""
    try:
        earlier = read_results(out / 'results.json')
    except (OSError, ValueError):
        return
    gone = [*(name for name in earlier['models'] if name not in names),
            *(f'seed {seed}' for seed in earlier['seeds'] if seed not in seeds),
            *(f'fold {fold}' for fold in clips_of(earlier) if fold not in folds)]
    if gone:
        print(f'{out}/results.json: is written anew, without {", ".join(gone)} of an earlier call; what was run stays in '
              f'{out}/runs.', file=sys.stderr)


def tell_what_is_gone(runs):
    """Say which runs are done and have no checkpoint to keep."""
    gone = [run.folder for run in runs if run.done() and not run.folder.joinpath('last_checkpoint').is_file()]
    if gone:
        print(f'--keep-checkpoints: {len(gone)} runs were done without it, and their checkpoints are gone; delete '
              f'{gone[0]}{" and the others" if len(gone) > 1 else ""}, or take another --out.', file=sys.stderr)


def name_models(configs, options, model_options):
    """Models of `CONFIG` or `NAME=CONFIG`, with the options for all and each one's own."""
    models, own = {}, {}
    for text in itertools.chain(options, *model_options):
        key, _, value = text.partition('=')
        if not re.fullmatch(r'[a-z_]\w*(\.\w+)+', key) and value.endswith('.py') and os.path.isfile(value):
            raise ConfigError(f'{text}: stands behind --cfg-options or --model-options, which take it for a '
                                       'setting; configs stand before them.')
    for name, *rest in model_options:
        if not rest:
            raise ConfigError(f'--model-options {name}: expected KEY=VALUE behind the name.')
        own.setdefault(name, []).extend(rest)
    for text in configs:
        name, _, config = text.rpartition('=')
        stem = name or Path(config).stem.partition('_')[0]
        name = name or next(name for name in itertools.chain([stem], (f'{stem}-{k}' for k in itertools.count(2)))
                            if name not in models)
        if name in models or not re.fullmatch(NAME, name):
            raise ConfigError(f'{text}: the name {name!r}; expected letters, digits and any of . + - _, and '
                                       'another name for every config.')
        models[name] = Model(name, config, (*options, *own.pop(name, ())))
        taken = [key for key in parse_cfg_options(models[name].options) or {} if key in OWN]
        if taken:
            raise ConfigError(f'--cfg-options: {taken[0]}: is set for every run; use --folds, --seeds, --out.')
    if own:
        raise ConfigError(f'--model-options: {next(iter(own))!r}; expected one of {", ".join(models)}.')
    return list(models.values())


def check_tests(models):
    """What every model tests, which must be the same.

    Returns:
        tuple[list[str], dict[int, list[dict]]]: Classes, and of every fold in the file the test clips, with `clip`,
        `subject`, `label`.
    """
    read, sides, first = {}, set(), None
    for model in models:
        cfg = model.settings()
        data, outputs = _checked_data(model, cfg)
        key = _without(data.to_dict(), 'pipeline', 'fold')
        if key not in read:
            read[key] = _read_tests(model, data, _folds_of_file(model, data))
        classes, tests = read[key]
        both = _without(cfg.train_dataloader.dataset.to_dict(), 'pipeline', 'fold'), key
        if both not in sides:
            sides.add(both)
            for fold in tests:
                check_parts(model.settings(fold), ['test'])
        classes = classes or [str(index) for index in range(outputs or 2)]
        if outputs not in (None, len(classes)):
            raise ConfigError(f'{model.config}: model.cls_head.num_classes: {outputs}; {data.ann_file} has '
                                       f'{len(classes)} classes ({", ".join(classes)}).')
        if first is None:
            first = classes, tests
        elif classes != first[0]:
            raise ConfigError(f'{model.config}: classes {", ".join(classes)}; {models[0].config} has '
                                       f'{", ".join(first[0])}.')
        elif tests != first[1]:
            _tell_difference(model, data, tests, models[0], first[1])
    return first


def _without(settings, *names):
    """Settings as a text, without these."""
    return json.dumps({name: value for name, value in settings.items() if name not in names}, default=str)


def _checked_data(model, cfg):
    """The config's test data set, and the number of classes that the head scores."""
    if not (cfg.get('train_dataloader') or {}).get('dataset'):
        raise ConfigError(f'{model.config}: train_dataloader.dataset: missing; expected what to train with.')
    data = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    for field in ('ann_file', 'split', 'fold'):
        if data.get(field) is None:
            raise ConfigError(f'{model.config}: test_dataloader.dataset.{field}: missing; expected a '
                                       'GaitDataset with ann_file, split and fold.')
    evaluators = cfg.get('test_evaluator') or []
    evaluators = evaluators if isinstance(evaluators, (list, tuple)) else [evaluators]
    if not any(evaluator['type'] == 'GaitMetric' and not evaluator.get('out_file') for evaluator in evaluators):
        raise ConfigError(f'{model.config}: test_evaluator: expected a GaitMetric without out_file.')
    recognizer = cfg.model.get('student') or cfg.model
    return data, (recognizer.get('cls_head') or {}).get('num_classes')


def _folds_of_file(model, data):
    content = load_pickle(data.ann_file)
    splits = (content.get('split') if isinstance(content, dict) else None) or {}
    found = [re.fullmatch(re.escape(str(data.split)) + r'_fold(\d+)_test', str(name)) for name in splits]
    folds = sorted(int(match[1]) for match in found if match)
    if not folds:
        raise ConfigError(f'{data.ann_file}: split {data.split}_fold<k>_test: not in the file, and '
                                   f'{model.config} names it; it has {", ".join(sorted(map(str, splits))) or "none"}.')
    return folds


def _read_tests(model, data, folds):
    """Classes (or None) and test clips of every fold, read by the data set itself, which checks them."""
    tests, classes, where = {}, None, {}
    for fold in folds:
        dataset = DATASETS.build(dict(data, fold=fold, pipeline=[], serialize_data=False))
        classes = dataset.metainfo.get('classes')
        clips = [dataset.get_data_info(index) for index in range(len(dataset))]
        for clip in clips:
            if clip.get('subject') is None:
                raise ConfigError(f'{data.ann_file}: clip {clip["frame_dir"]}: subject: missing; intervals '
                                           'are by subject.')
            if where.setdefault(clip['frame_dir'], fold) != fold:
                raise ConfigError(f'{data.ann_file}: clip {clip["frame_dir"]}: is tested in folds '
                                           f'{where[clip["frame_dir"]]} and {fold} of {data.split}; expected one.')
        tests[fold] = sorted((dict(clip=clip['frame_dir'], subject=str(clip['subject']), label=int(clip['label']))
                              for clip in clips), key=lambda clip: clip['clip'])
    return classes and list(classes), tests


def _tell_difference(model, data, tests, other, expected):
    for fold in sorted({*tests, *expected}):
        ours, theirs = ({clip['clip']: clip for clip in part.get(fold, [])} for part in (tests, expected))
        for clip in {**ours, **theirs}:
            if ours.get(clip) != theirs.get(clip):
                raise ConfigError(
                    f'{model.config}: {data.ann_file}: fold {fold}, clip {clip}: {_in_words(ours.get(clip))}; for '
                    f'{other.config} it is {_in_words(theirs.get(clip))}. All must test the same clips.')


def _in_words(clip):
    return 'not tested' if clip is None else f'label {clip["label"]}, subject {clip["subject"]}'


def choose_folds(texts, tests, model):
    """Numbers of `all` or of a list of folds, which must test enough for a score with an interval."""
    if 'all' in texts:
        if len(texts) > 1:
            raise ConfigError(f'--folds: {" ".join(texts)}; expected all alone, or numbers.')
        folds = list(tests)
    else:
        wrong = [text for text in texts if not text.isdigit() or int(text) not in tests]
        if wrong or len(set(texts)) < len(texts):
            raise ConfigError(f'--folds: {" ".join(wrong or texts)}; expected all, or different ones of '
                                       f'{", ".join(map(str, tests))} ({model.config}).')
        folds = sorted(map(int, texts))
    for field in ('subject', 'label'):
        found = {clip[field] for fold in folds for clip in tests[fold]}
        if len(found) < 2:
            raise ConfigError(f'--folds: all test clips have the {field} {found.pop()}; expected two.')
    return folds


def plan_runs(models, seeds, folds, out):
    """The runs, the first seed of all models first, so that a stopped call leaves something to look at."""
    digests, runs, code = {}, [], code_version()
    for seed, model, fold in itertools.product(seeds, models, folds):
        cfg = model.settings(fold, seed)
        files = [*files_of([cfg.train_dataloader.dataset, cfg.test_dataloader.dataset, cfg.model]),
                 *checkpoints_of(cfg.model)]
        for field, path in files:
            if not Path(path).is_file():
                raise ConfigError(f'{model.config}: {field}: {path}: no such file; data/README.md tells how data '
                                           'files are got or made.')
        files = {path for _, path in files}
        for file in files - set(digests):
            digests[file] = hashlib.sha256(Path(file).read_bytes()).hexdigest()
        record = dict(config=cfg.to_dict(), data={file: digests[file] for file in sorted(files)}, seed=seed, fold=fold,
                      dynstg_mm=code)
        record = json.loads(json.dumps(record, default=str))
        runs.append(Run(model, seed, fold, Path(out) / f'runs/{model.name}/seed{seed}/fold{fold}', record))
    return runs


def files_of(settings):
    """Annotation files and layouts that nested settings name, each with its field."""
    for key, value in settings.items() if isinstance(settings, dict) else enumerate(settings):
        if isinstance(value, str) and (key == 'ann_file' or key == 'layout' and value.endswith('.json')):
            yield key, value
        elif isinstance(value, (dict, list, tuple)):
            yield from files_of(value)


def collect(runs, failed, classes, tests, seeds, launcher, command):
    """Results of all models, with the scores, learning curves and costs of the runs that are done."""
    results = new_results(classes, tests, seeds, command=command, versions=versions())
    for model in dict.fromkeys(run.model for run in runs):
        predictions, curves, summaries, errors = ([[] for _ in seeds], [[] for _ in seeds], [], [])
        for run in (run for run in runs if run.model is model):
            place = seeds.index(run.seed)
            curves[place].append([])  # one a fold; those of a run that failed stay empty
            if run in failed:
                errors.append(dict(seed=run.seed, fold=run.fold, error=failed[run]))
                continue
            try:
                clips = read_predictions(run.folder / 'predictions.json')[1]
                summary = read_json(run.folder / 'train_summary.json', TRAIN_SUMMARY)
            except (OSError, ValueError) as error:  # one spoilt file is not worth losing the others' table
                failed[run] = f'{error} Delete {run.folder}, and it is run anew.'
                errors.append(dict(seed=run.seed, fold=run.fold, error=failed[run]))
                continue
            predictions[place] += clips
            curves[place][-1] = learning_curve(run.folder)
            summaries.append(dict(summary, resumed=run.notes().get('resumed', False)))
        example = next(run for run in runs if run.model is model)
        add_model(results, model.name, predictions, config=model.config, options=list(model.options),
                  commands=[shown_command(part) for part in launcher.commands(example)], failed=errors,
                  cost=training_cost(summaries), curves=curves)
    return results


def shown_command(command):
    """A command as one would type it."""
    here = f'{os.getcwd()}{os.sep}'
    return shlex.join('python' if part == sys.executable else part.removeprefix(here) for part in command)


def learning_curve(folder):
    """Training loss of every epoch, as last logged in it, to 4 digits; of a resumed run, all its parts."""
    losses = {}
    for path in sorted(folder.glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            try:
                logged = json.loads(line)
            except ValueError:  # half a line, of a run that was killed; a curve is not worth losing the scores
                continue
            if 'loss' in logged and 'epoch' in logged:
                losses[logged['epoch']] = float(f'{logged["loss"]:.4g}')
    return [losses[epoch] for epoch in sorted(losses)]


def add_costs(results, models, fold):
    """Add what can be measured without training, of all models that are complete, in this process."""
    complete = {model.name: model.settings(fold) for model in models if is_complete(results, model.name)}
    for name, cost in measure_costs(complete).items():
        results['models'][name].setdefault('cost', {}).update(cost)

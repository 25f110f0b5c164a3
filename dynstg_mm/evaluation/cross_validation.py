"""Cross-validation: every config on every fold with every seed, each run in processes of its own."""
import collections
import contextlib
import dataclasses
import fcntl
import hashlib
import itertools
import json
import os
import queue
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import torch
from mmengine.logging import MMLogger
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from mmaction.registry import DATASETS
from mmaction.utils import register_all_modules

from ..cli import merge_cfg_options, parse_cfg_options, read_config
from ..fileio import atomic_open, load_pickle
from .cost import measure_costs, versions
from .page import write_page
from .report import add_controls, write_tables
from .results import (add_ensemble, add_model, is_complete, new_results, read_predictions, training_cost,
                      write_results)

OWN = ('fold', 'work_dir', 'randomness.seed')  # settings that are this tool's to give
THREADS = ('OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'NUMBA_NUM_THREADS')


class CrossValidationError(ValueError):
    """The configs, options or folders cannot be run together; the message says what was expected."""


@dataclasses.dataclass(frozen=True)
class Model:
    """A config with options of its own."""
    name: str
    config: str
    options: tuple

    def settings(self, fold=None):
        """The resolved config, of a fold where one is given."""
        options = dict(parse_cfg_options(self.options) or {}, **({} if fold is None else dict(fold=fold)))
        return merge_cfg_options(read_config(self.config), options)


@dataclasses.dataclass(frozen=True)
class Run:
    """One model, seed and fold, in a folder of its own; `record` is all that its result depends on."""
    model: Model
    seed: int
    fold: int
    folder: Path
    record: dict = dataclasses.field(hash=False)

    def __str__(self):
        return f'{self.model.name}, seed {self.seed}, fold {self.fold}'

    def notes(self):
        """What run.json says, an empty dict where there is none."""
        try:
            return json.loads((self.folder / 'run.json').read_text())
        except (FileNotFoundError, ValueError):
            return {}

    def note(self, **values):
        """Put values into run.json."""
        with atomic_open(self.folder / 'run.json') as file:
            json.dump({**self.notes(), 'record': self.record, **values}, file, indent=1)

    def done(self):
        return (self.folder / 'predictions.json').is_file()


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
def cross_validate(args, tools, command):
    """Train and test all that was asked for, and write results.json, results.md and results.html.

    Args:
        args (Namespace): Options of tools/cross_validate.py.
        tools (Path): The folder of train.py and test.py.
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
    ensembles = name_ensembles(args.ensemble, models, baseline)
    if len(set(args.seeds)) < len(args.seeds):
        raise CrossValidationError('--seeds: a seed stands there twice.')
    classes, tests = check_tests(models)
    folds = choose_folds(args.folds, tests, models[0])
    runs = plan_runs(models, args.seeds, folds, args.out)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    with locked(out) as lock:
        settle_old_runs(runs, args.redo)
        launcher = Launcher(tools, args.jobs, args.launcher, args.srun_args, args.keep_checkpoints, lock)
        failed = execute(runs, launcher)
        results = collect(runs, failed, classes, {fold: tests[fold] for fold in folds}, args.seeds, launcher, command)
        for name, members in ensembles.items():
            add_ensemble(results, name, members)
        write_results(results, out / 'results.json')  # what took long, before anything else can go wrong
        add_costs(results, models, folds[0])
        if not args.no_controls:
            data = models[0].settings().test_dataloader.dataset
            add_controls(results, data.ann_file, tests=tests, layout=data.get('layout'))
        write_results(results, out / 'results.json')
        shown = baseline if is_complete(results, baseline) else None
        print(write_tables(results, out / 'results.md', shown))
        write_page(results, out / 'results.html', shown)
    print(f'{out}: results.json, results.md, results.html')
    return 1 if failed else 0


def name_models(configs, options, model_options):
    """Models of `CONFIG` or `NAME=CONFIG`, with the options for all and each one's own."""
    models, own = {}, {name: rest for name, *rest in model_options}
    for text in configs:
        name, _, config = text.rpartition('=')
        stem = name or Path(config).stem.partition('_')[0]
        name = name or next(name for name in itertools.chain([stem], (f'{stem}-{k}' for k in itertools.count(2)))
                            if name not in models)
        if name in models or not re.fullmatch(r'[\w.+-]+', name):
            raise CrossValidationError(f'{text}: the name {name!r}; expected letters, digits and any of . + - _, and '
                                       'another name for every config.')
        models[name] = Model(name, config, (*options, *own.pop(name, ())))
        taken = [key for key in parse_cfg_options(models[name].options) or {} if key in OWN]
        if taken:
            raise CrossValidationError(f'--cfg-options: {taken[0]}: is set for every run; use --folds, --seeds, --out.')
    if own:
        raise CrossValidationError(f'--model-options: {next(iter(own))!r}; expected one of {", ".join(models)}.')
    return list(models.values())


def name_ensembles(texts, models, baseline):
    """Ensembles of `NAME=a,b,c`; also checks the name of the baseline."""
    names, ensembles = [model.name for model in models], {}
    for text in texts:
        name, _, members = text.partition('=')
        unknown = [member for member in members.split(',') if member not in names]
        if not name or name in names or name in ensembles or unknown:
            raise CrossValidationError(f'--ensemble: {text}: expected a new name, = and some of {", ".join(names)}.')
        ensembles[name] = members.split(',')
    if baseline not in names and baseline not in ensembles:
        raise CrossValidationError(f'--baseline: {baseline!r}; expected one of {", ".join([*names, *ensembles])}.')
    return ensembles


def check_tests(models):
    """What every model tests, which must be the same.

    Returns:
        tuple[list[str], dict[int, list[dict]]]: Classes, and of every fold in the file the test clips, with `clip`,
        `subject`, `label`.
    """
    read, first = {}, None
    for model in models:
        data, outputs = _checked_data(model, model.settings())
        key = json.dumps({name: value for name, value in data.to_dict().items() if name not in ('pipeline', 'fold')},
                         default=str)
        if key not in read:
            read[key] = _read_tests(model, data, _folds_of_file(model, data))
        classes, tests = read[key]
        classes = classes or [str(index) for index in range(outputs or 2)]
        if outputs not in (None, len(classes)):
            raise CrossValidationError(f'{model.config}: model.cls_head.num_classes: {outputs}; {data.ann_file} has '
                                       f'{len(classes)} classes ({", ".join(classes)}).')
        if first is None:
            first = classes, tests
        elif classes != first[0]:
            raise CrossValidationError(f'{model.config}: classes {", ".join(classes)}; {models[0].config} has '
                                       f'{", ".join(first[0])}.')
        elif tests != first[1]:
            _tell_difference(model, data, tests, models[0], first[1])
    return first


def _checked_data(model, cfg):
    """The config's test data set, and the number of classes that the head scores."""
    if not (cfg.get('train_dataloader') or {}).get('dataset'):
        raise CrossValidationError(f'{model.config}: train_dataloader.dataset: missing; there is nothing to train with.')
    data = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    for field in ('ann_file', 'split', 'fold'):
        if data.get(field) is None:
            raise CrossValidationError(f'{model.config}: test_dataloader.dataset.{field}: missing; expected a '
                                       'GaitDataset with ann_file, split and fold.')
    evaluators = cfg.get('test_evaluator') or []
    evaluators = evaluators if isinstance(evaluators, (list, tuple)) else [evaluators]
    if not any(evaluator['type'] == 'GaitMetric' and not evaluator.get('out_file') for evaluator in evaluators):
        raise CrossValidationError(f'{model.config}: test_evaluator: expected a GaitMetric without out_file.')
    return data, (cfg.model.get('cls_head') or {}).get('num_classes')


def _folds_of_file(model, data):
    content = load_pickle(data.ann_file)
    splits = (content.get('split') if isinstance(content, dict) else None) or {}
    found = [re.fullmatch(re.escape(str(data.split)) + r'_fold(\d+)_test', str(name)) for name in splits]
    folds = sorted(int(match[1]) for match in found if match)
    if not folds:
        raise CrossValidationError(f'{data.ann_file}: split {data.split}_fold<k>_test: not in the file, and '
                                   f'{model.config} names it; it has {", ".join(sorted(map(str, splits))) or "none"}.')
    return folds


def _read_tests(model, data, folds):
    """Classes (or None) and test clips of every fold, read by the data set itself, which checks them."""
    tests, classes, where = {}, None, {}
    for fold in folds:
        dataset = DATASETS.build(dict(data, fold=fold, pipeline=[]))
        classes = dataset.metainfo.get('classes')
        clips = [dataset.get_data_info(index) for index in range(len(dataset))]
        for clip in clips:
            if clip.get('subject') is None:
                raise CrossValidationError(f'{data.ann_file}: clip {clip["frame_dir"]}: subject: missing; intervals are '
                                           'by subject.')
            if where.setdefault(clip['frame_dir'], fold) != fold:
                raise CrossValidationError(f'{data.ann_file}: clip {clip["frame_dir"]}: is tested in folds '
                                           f'{where[clip["frame_dir"]]} and {fold} of {data.split}; expected one.')
        tests[fold] = sorted((dict(clip=clip['frame_dir'], subject=str(clip['subject']), label=int(clip['label']))
                              for clip in clips), key=lambda clip: clip['clip'])
    return classes and list(classes), tests


def _tell_difference(model, data, tests, other, expected):
    for fold in sorted({*tests, *expected}):
        ours, theirs = ({clip['clip']: clip for clip in part.get(fold, [])} for part in (tests, expected))
        for clip in {**ours, **theirs}:
            if ours.get(clip) != theirs.get(clip):
                raise CrossValidationError(
                    f'{model.config}: {data.ann_file}: fold {fold}, clip {clip}: {_in_words(ours.get(clip))}; for '
                    f'{other.config} it is {_in_words(theirs.get(clip))}. All must test the same clips.')


def _in_words(clip):
    return 'not tested' if clip is None else f'label {clip["label"]}, subject {clip["subject"]}'


def choose_folds(texts, tests, model):
    """Numbers of `all` or of a list of folds, which must test enough for a score with an interval."""
    if texts == ['all']:
        folds = list(tests)
    else:
        wrong = [text for text in texts if not text.isdigit() or int(text) not in tests]
        if wrong or len(set(texts)) < len(texts):
            raise CrossValidationError(f'--folds: {" ".join(wrong or texts)}; expected all, or different ones of '
                                       f'{", ".join(map(str, tests))} ({model.config}).')
        folds = sorted(map(int, texts))
    for field in ('subject', 'label'):
        found = {clip[field] for fold in folds for clip in tests[fold]}
        if len(found) < 2:
            raise CrossValidationError(f'--folds: all test clips have the {field} {found.pop()}; expected two at least.')
    return folds


def plan_runs(models, seeds, folds, out):
    """The runs, the first seed of all models first, so that a stopped call leaves something to look at."""
    digests, runs = {}, []
    for seed, model, fold in itertools.product(seeds, models, folds):
        cfg = model.settings(fold)
        files = {cfg[part].dataset.ann_file for part in ('train_dataloader', 'test_dataloader')
                 if 'ann_file' in cfg[part].dataset}
        for file in files - set(digests):
            digests[file] = hashlib.sha256(Path(file).read_bytes()).hexdigest()
        record = dict(config=cfg.to_dict(), data={file: digests[file] for file in sorted(files)}, seed=seed, fold=fold,
                      dynstg_mm=versions()['dynstg_mm'])
        record = json.loads(json.dumps(record, default=str))
        runs.append(Run(model, seed, fold, Path(out) / f'runs/{model.name}/seed{seed}/fold{fold}', record))
    return runs


def settle_old_runs(runs, redo):
    """Refuse, or with `redo` delete, what was run with other settings, data or another version."""
    for run in runs:
        old = run.notes().get('record')
        if old is None and run.done():
            old = {}
        if old is not None and old != run.record:
            if not redo:
                raise CrossValidationError(f'{run.folder}: was run with another {first_difference(old, run.record)}; '
                                           '--redo deletes it and runs it anew, another --out keeps it.')
            shutil.rmtree(run.folder)


def first_difference(old, new, path=''):
    """The first place where two nested values differ, in words."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            if old.get(key) != new.get(key):
                return first_difference(old.get(key), new.get(key), f'{path}.{key}' if path else key)
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new)):
            if one != other:
                return first_difference(one, other, f'{path}[{index}]')
    return f'{path}: {_shown(old)}, now {_shown(new)}'


def _shown(value):
    text = str(value)
    return text if len(text) < 60 else text[:57] + '...'


@contextlib.contextmanager
def locked(out):
    """Hold a folder for this call and the processes it starts, which the lock is handed to."""
    with open(out / '.lock', 'w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CrossValidationError(f'{out}: is in use by another call, or by runs that a killed one has left '
                                       'behind; wait for it, end it, or take another --out.') from None
        yield file.fileno()


class Stopped(Exception):
    """The call was stopped while a process ran, or before it was started."""


class Launcher:
    """Starts the processes of the runs and ends them.

    Args:
        tools (Path): The folder of train.py and test.py.
        jobs (int): Processes at once; each gets as many threads as there are cores for it, and one of the GPUs.
        launcher (str): 'none', or 'slurm', where `srun` starts the processes and hands out cores and GPUs.
        srun_args (str): Options of srun.
        keep_checkpoints (bool): Keep the checkpoints of a run that was tested.
        lock (int): File descriptor that the processes hold as well.
    """

    def __init__(self, tools, jobs, launcher, srun_args, keep_checkpoints, lock):
        self.tools, self.jobs, self.lock, self.keep_checkpoints = tools, jobs, lock, keep_checkpoints
        self.slurm = launcher == 'slurm'
        if self.slurm and shutil.which('srun') is None:
            raise CrossValidationError('--launcher slurm: there is no srun on PATH.')
        self.srun = ['srun', *shlex.split(srun_args)] if self.slurm else []
        self.gpus = visible_gpus()
        self.processes, self.stopped, self.mutex = set(), False, threading.Lock()

    def commands(self, run, checkpoint='CHECKPOINT'):
        """Arguments of training and testing."""
        common = ['--work-dir', str(run.folder), *['--launcher', 'slurm'] * self.slurm,
                  '--cfg-options', f'fold={run.fold}', *run.model.options]
        python = [*self.srun, sys.executable]
        return ([*python, str(self.tools / 'train.py'), run.model.config, '--seed', str(run.seed), '--no-validate',
                 *common], [*python, str(self.tools / 'test.py'), run.model.config, str(checkpoint), *common])

    def environment(self, slot):
        """Environment of a process: its share of the cores, its GPU, or under Slurm a port that is not another's."""
        if self.slurm:
            return dict(os.environ, MASTER_PORT=str(int(os.environ.get('MASTER_PORT', 29500)) + slot))
        threads = max(1, cores() // self.jobs)
        environment = dict(os.environ, **{name: str(threads) for name in THREADS})
        if self.gpus:
            environment['CUDA_VISIBLE_DEVICES'] = self.gpus[slot % len(self.gpus)]
        return environment

    def run(self, command, log, slot):
        """Run a command to its end; raises RuntimeError with the last line of its output where it fails."""
        with open(log, 'ab') as file:
            start = file.tell()
            with self.mutex:
                if self.stopped:
                    raise Stopped
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
                                           env=self.environment(slot), start_new_session=True, pass_fds=[self.lock])
                self.processes.add(process)
            status = process.wait()
            with self.mutex:
                self.processes.discard(process)
        if self.stopped:
            raise Stopped
        if status:
            raise RuntimeError(last_line(log, start) or (f'ended by signal {-status}' if status < 0 else
                                                         f'ended with status {status} and no output'))

    def stop(self, patience=10):
        """End all processes with their children, first politely."""
        with self.mutex:
            self.stopped = True
            processes = list(self.processes)
        for kind in (signal.SIGTERM, signal.SIGKILL):
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, kind)
            deadline = time.time() + patience
            while any(process.poll() is None for process in processes) and time.time() < deadline:
                time.sleep(0.05)


def cores():
    """Cores that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()


def visible_gpus():
    """Names for CUDA_VISIBLE_DEVICES, one a GPU."""
    count = torch.cuda.device_count()
    named = [name for name in os.environ.get('CUDA_VISIBLE_DEVICES', '').split(',') if name]
    return named[:count] or [str(index) for index in range(count)]


def last_line(path, start):
    """The last line of a file behind a position that says something, at most 300 characters."""
    with open(path, 'rb') as file:
        file.seek(start)
        lines = [line.strip() for line in file.read().decode(errors='replace').splitlines() if line.strip()]
    return lines[-1][:300] if lines else ''


def perform(run, launcher, slot):
    """Train, unless that is done, and test; leaves predictions.json. Goes on from the latest checkpoint."""
    started = time.time()
    run.folder.mkdir(parents=True, exist_ok=True)
    log, latest, summary = (run.folder / name for name in ('train.log', 'last_checkpoint', 'train_summary.json'))
    train, test = launcher.commands(run)
    run.note(commands=[shlex.join(train), shlex.join(test)])
    if not (summary.is_file() and latest.is_file()):
        if latest.is_file():
            train += ['--resume']
            run.note(resumed=True)
        launcher.run(train, log, slot)
    if not latest.is_file():
        raise RuntimeError('the training has left no checkpoint; expected default_hooks.checkpoint in the config')
    checkpoint = run.folder / Path(latest.read_text().strip()).name
    launcher.run(launcher.commands(run, checkpoint)[1], log, slot)
    if not run.done():
        raise RuntimeError(f'{run.folder}: testing has left no predictions.json')
    run.note(seconds=round(time.time() - started, 1))
    if not launcher.keep_checkpoints:
        for path in [*run.folder.glob('*.pth'), latest]:
            path.unlink()


class Clock:
    """How long the runs that are left will take, from the mean duration of the finished ones of the same model."""

    def __init__(self, runs, jobs):
        self.jobs, self.took, self.left, self.started = jobs, collections.defaultdict(list), collections.Counter(), {}
        for run in runs:
            if not run.done():
                self.left[run.model.name] += 1
            elif 'seconds' in run.notes():
                self.took[run.model.name].append(run.notes()['seconds'])

    def start(self, run):
        self.started[run] = time.time()

    def finish(self, run, failed):
        if not failed:
            self.took[run.model.name].append(time.time() - self.started[run])
        self.left[run.model.name] -= 1
        del self.started[run]

    def __str__(self):
        """Hours, minutes and seconds, or dashes where nothing is known."""
        known = [seconds for took in self.took.values() for seconds in took]
        if not known:
            return '-:--:--'
        total = sum(count * _mean(self.took.get(name) or known) for name, count in self.left.items())
        for run, since in list(self.started.items()):
            total -= min(time.time() - since, _mean(self.took.get(run.model.name) or known))
        seconds = max(0, round(total / self.jobs))
        return f'{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}'


def _mean(values):
    return sum(values) / len(values)


class TimeLeft(TextColumn):
    """What the clock says, anew whenever the bar is drawn."""

    def __init__(self, clock):
        super().__init__('')
        self.clock = clock

    def render(self, task):
        self.text_format = f'{self.clock} left'
        return super().render(task)


def execute(runs, launcher):
    """Perform the runs that are not done, several at once, whatever becomes of each.

    Returns:
        dict[Run, str]: The last line of the runs that failed.

    Raises:
        KeyboardInterrupt: Ctrl-C, or the signals TERM or HUP; the processes have ended then.
    """
    waiting, failed, clock = [run for run in runs if not run.done()], {}, Clock(runs, launcher.jobs)
    slots = queue.SimpleQueue()
    for slot in range(launcher.jobs):
        slots.put(slot)

    def work(run):
        slot = slots.get()
        clock.start(run)
        try:
            perform(run, launcher, slot)
        finally:
            slots.put(slot)

    console = Console(stderr=True, highlight=False)
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeLeft(clock))
    with Progress(*columns, console=console) as bar, _signals_interrupt(), ThreadPoolExecutor(launcher.jobs) as pool:
        task = bar.add_task('runs', total=len(runs), completed=len(runs) - len(waiting))
        futures = {pool.submit(work, run): run for run in waiting}
        try:
            for future in as_completed(futures):
                run, error = futures[future], future.exception()
                if isinstance(error, (RuntimeError, OSError)):
                    failed[run] = ' '.join(str(error).split())
                elif error is not None:
                    raise error
                took = time.time() - clock.started[run]
                clock.finish(run, error is not None)
                bar.advance(task)
                bar.print(f'{run}: ' + (f'failed: {failed[run]}' if run in failed else f'done in {took:.0f} s'),
                          markup=False, soft_wrap=True)
        except BaseException:
            for future in futures:
                future.cancel()
            launcher.stop()
            raise
    return failed


@contextlib.contextmanager
def _signals_interrupt():
    """Let the signals that end a job or close a terminal do what Ctrl-C does."""
    kinds = [kind for kind in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(kind) is signal.SIG_DFL]
    for kind in kinds:
        signal.signal(kind, signal.default_int_handler)
    try:
        yield
    finally:
        for kind in kinds:
            signal.signal(kind, signal.SIG_DFL)


def collect(runs, failed, classes, tests, seeds, launcher, command):
    """Results of all models, with the scores, learning curves and costs of the runs that are done."""
    results = new_results(classes, tests, seeds, command=command, versions=versions())
    for model in dict.fromkeys(run.model for run in runs):
        predictions, curves, summaries, errors = ([[] for _ in seeds], [[] for _ in seeds], [], [])
        for run in (run for run in runs if run.model is model):
            place = seeds.index(run.seed)
            if run in failed:
                errors.append(dict(seed=run.seed, fold=run.fold, error=failed[run]))
                continue
            predictions[place] += read_predictions(run.folder / 'predictions.json')[1]
            curves[place].append(learning_curve(run.folder))
            summary = json.loads((run.folder / 'train_summary.json').read_text())
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
            logged = json.loads(line)
            if 'loss' in logged and 'epoch' in logged:
                losses[logged['epoch']] = float(f'{logged["loss"]:.4g}')
    return [losses[epoch] for epoch in sorted(losses)]


def add_costs(results, models, fold):
    """Add what can be measured without training, of all models that are complete, in this process."""
    complete = {model.name: model.settings(fold) for model in models if is_complete(results, model.name)}
    for name, cost in measure_costs(complete).items():
        results['models'][name]['cost'].update(cost)

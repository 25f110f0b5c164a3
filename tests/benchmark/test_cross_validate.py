"""A tiny model on two folds of eight synthetic people: one real run, killed and resumed; stand-ins otherwise."""
import argparse
import json
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import mmaction
import numpy as np
import pytest

import dynstg_mm
from dynstg_mm.benchmark import cross_validation, launch, slurm
from dynstg_mm.benchmark.cost import code_version
from dynstg_mm.benchmark.experiment import plan_calls
from dynstg_mm.benchmark.launch import Processes, cores, execute, how_it_ended, locked
from dynstg_mm.benchmark.plan import check_tests
from dynstg_mm.benchmark.results import Results
from dynstg_mm.benchmark.runs import Model, Run, first_difference, learning_curve, plan_runs, settle_old_runs
from dynstg_mm.benchmark.slurm import SlurmJobs
from dynstg_mm.commands.cross_validate import add_arguments, main
from dynstg_mm.datasets.folds import leave_one_subject_out, subject_folds
from dynstg_mm.errors import ConfigError
from dynstg_mm.files import dump_pickle
from dynstg_mm.safe_pickle import load_pickle
from dynstg_mm.skeletons import LAYOUTS

from ..conftest import ROOT, SAMPLE

BOOSTING = 'gait features + boosting'


def write_config(folder, name='df-stgnn_tiny.py', lines=(), change=lambda data: None):
    """Write an annotation file of two folds and a config for it; `lines` are added to the config."""
    clips = [dict(clip) for clip in load_pickle(SAMPLE)['annotations'] if clip['frame_dir'][-4:-2] in ('00', '01')]
    data = dict(annotations=clips, split=subject_folds(clips, 'gait', folds=2))
    change(data)
    file = folder / f'{name}.pkl'
    dump_pickle(data, file)
    base = next(ROOT.glob('configs/df_stgnn/df-stgnn_*synthetic-gait*.py'))
    (folder / name).write_text('\n'.join([
        f'_base_ = {str(base)!r}', f'dataset = dict(ann_file={str(file)!r}, split="gait", fold=0)',
        'train_dataloader = dict(batch_size=4, dataset=dataset)', 'test_dataloader = dict(dataset=dataset)',
        'train_cfg = dict(max_epochs=6)',
        'model = dict(backbone=dict(base_channels=[8, 8], depths=[1, 1]), cls_head=dict(in_channels=8))', *lines]))
    return folder / name


@pytest.fixture
def config(tmp_path):
    return lambda *args, **kwargs: write_config(tmp_path, *args, **kwargs)


def call(*arguments):
    """Exit status of the command."""
    return main(list(map(str, arguments)))


def error(*arguments):
    """The one line of error that the command must end with."""
    with pytest.raises(SystemExit) as stopped:
        call(*arguments)
    assert stopped.value.code.startswith('error: ') and '\n' not in stopped.value.code
    return stopped.value.code


class StandIn(Processes):
    """Writes the files of a run without training; runs of the model `unlucky` fail."""

    split = 'gait_fold{}_test'

    def perform(self, run, slot=0):
        if run.model.name == 'unlucky':
            raise RuntimeError('no node\nfor it')
        data = load_pickle(run.record['config']['test_dataloader']['dataset']['ann_file'])
        tested = data['split'][self.split.format(run.fold)]
        clips = [dict(clip=clip['frame_dir'], subject=clip['subject'], label=clip['label'],
                      score=np.random.default_rng(place).dirichlet([1] * 4).tolist())
                 for place, clip in enumerate(data['annotations']) if clip['frame_dir'] in tested]
        (run.folder / 'log/vis_data').mkdir(parents=True)
        (run.folder / 'log/vis_data/scalars.json').write_text('{"loss": 1.5, "epoch": 1}\n')
        run.note(seconds=1)
        (run.folder / 'train_summary.json').write_text(json.dumps(dict(parameters=9, cpu_seconds=60)))
        classes = ['normal', 'antalgic', 'trendelenburg', 'shuffling']
        (run.folder / 'predictions.json').write_text(json.dumps(dict(classes=classes, clips=clips)))


class Splits(StandIn):
    split = 'test'


def children_of(process):
    """Ids of the processes that a process started."""
    return [int(child) for path in Path(f'/proc/{process}/task').glob('*/children')
            for child in path.read_text().split()]


@pytest.fixture
def forks(run_tool):
    """`Processes` that forks this process, which saves the seconds of the imports."""

    class Forks(Processes):

        def call(self, command, log, slot):
            done = run_tool(f'tools/{command[3]}.py', *command[4:])
            with open(log, 'a') as file:
                file.write(done.stdout)
            assert done.returncode == 0, done.stdout

    return Forks


def test_killed_and_resumed_run_equals_one_that_was_not_stopped(tmp_path, monkeypatch, forks):
    """SIGKILL to the call, then to the process that it left running."""
    path, out = write_config(tmp_path), tmp_path / 'out'
    arguments = [path, '--seeds', 3, '--folds', 0, '--no-controls', '--out', out, '--jobs', cores()]  # one thread each
    process = os.fork()
    if process == 0:
        os.dup2(os.open(tmp_path / 'log', os.O_CREAT | os.O_WRONLY), 1)
        os.dup2(1, 2)
        os._exit(call(*arguments))
    fold = out / 'runs/df-stgnn/seed3/fold0'
    deadline = time.time() + 120
    while not (fold / 'last_checkpoint').is_file():
        assert time.time() < deadline and os.waitpid(process, os.WNOHANG)[0] == 0, (tmp_path / 'log').read_text()
        time.sleep(.02)
    left, = children_of(process)
    os.kill(left, signal.SIGSTOP)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    assert f'{out}: is in use' in error(*arguments)  # by the process that is still running
    os.killpg(left, signal.SIGKILL)
    while os.path.exists(f'/proc/{left}/fd/1'):
        time.sleep(.02)
    assert not (fold / 'train_summary.json').exists()
    out = out.rename(tmp_path / 'moved')
    fold, arguments[arguments.index('--out') + 1] = out / 'runs/df-stgnn/seed3/fold0', out
    monkeypatch.setattr(cross_validation, 'Processes', forks)
    monkeypatch.setattr(cross_validation, 'write_report', lambda *args, **options: [])
    assert call(*arguments) == 0
    log = (fold / 'train.log').read_text()
    assert 'resumed epoch: ' in log and 'gait/macro_f1' in log and not list(fold.glob('*.pth'))
    results = Results.read(out / 'results.json')
    facts = results.models['df-stgnn']
    assert [len(curve) for curve in facts.curves.values()] == [6] and results.complete() == ['df-stgnn']
    assert 0 < facts.cost['parameters'] < 20000 and facts.cost['multiply_adds'] > facts.cost['parameters']
    assert facts.cost['latency_ms'] > 0 and '--no-validate' in facts.commands[0]

    run, = plan_runs([Model('df-stgnn', str(path))], [3], [0], tmp_path / 'whole')
    assert execute([run], forks(), 1) == {}
    assert 'resumed epoch: ' not in (run.folder / 'train.log').read_text()
    whole, parts = (json.loads((folder / 'predictions.json').read_text()) for folder in (run.folder, fold))
    assert whole == parts


def test_missing_teacher_of_a_seed_and_fold_is_named_before_anything_runs(config, tmp_path):
    teacher = next(ROOT.glob('configs/df_stgnn/df-stgnn_*synthetic-gait*.py'))
    path = config(lines=[f"model = dict(type='LogitKD', _delete_=True, student=_base_.model, teacher={str(teacher)!r}, "
                         "teacher_ckpt='none/{seed}/{fold}.pth')"])
    assert 'tiny.py: teacher_ckpt: none/5/0.pth' in error(path, '--seeds', '5', '--out', tmp_path / 'out')


def test_a_slurm_job_carries_out_a_run_and_reports_why_it_failed(tmp_path, monkeypatch):
    monkeypatch.setattr(slurm, 'POLL', .1)
    run = Run(Model('a', 'nowhere.py'), 0, 0, tmp_path / 'run', {})
    jobs = SlurmJobs(tmp_path / 'slurm', ['timeout_min=5'], cluster='local')
    failed = execute([run], jobs, 1)
    assert failed[run].startswith('nowhere.py: no such config file') and run.notes()['slurm_job']


def test_all_models_are_put_together_and_what_is_done_is_not_rerun(config, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cross_validation, 'Processes', StandIn)
    path, out = config(), tmp_path / 'out'
    fold = out / 'runs/df-stgnn/seed3/fold0'
    both = [path, f'unlucky={path}', '--seeds', 3, '--out', out, '--ensemble', 'mean=df-stgnn,unlucky',
            '--ensemble', f'with-trees=df-stgnn,{BOOSTING}']
    assert call(*both) == 1
    assert 'unlucky, seed 3, fold 1: failed: no node for it (4/4)' in capsys.readouterr().err
    results = Results.read(out / 'results.json')
    assert {name: results.is_complete(name) for name in results.models} == {
        'df-stgnn': True, 'unlucky': False, 'mean': False, 'with-trees': True, 'metadata only': True,
        'gait features + extra-trees': True, BOOSTING: True}
    np.testing.assert_allclose(results.scores('with-trees'),
                               (results.scores('df-stgnn') + results.scores(BOOSTING)) / 2)
    assert [run['fold'] for run in results.models['unlucky'].failed] == [0, 1] and results.baseline == 'df-stgnn'
    assert results.models['df-stgnn'].curves == {(3, 0): [1.5], (3, 1): [1.5]} and len(results.clips) == 16
    table = (out / 'results.md').read_text()
    assert '| df-stgnn ' in table and '| incomplete' in table and 'no node for it' in table

    monkeypatch.setattr(cross_validation, 'write_report', lambda *args, **options: [])
    monkeypatch.setattr(cross_validation, 'measure_costs', lambda configs: {})
    # A run whose files are damaged counts as failed, and the message shows how to rerun it.
    summary = (fold / 'train_summary.json').read_text()
    (fold / 'train_summary.json').write_text('{')
    one = [path, '--seeds', 3, '--out', out, '--no-controls']
    assert call(*one, '--keep-checkpoints') == 1
    warned = capsys.readouterr().err
    assert 'checkpoints of 2 earlier runs' in warned and 'without unlucky, metadata only, ' in warned
    failed, = Results.read(out / 'results.json').models['df-stgnn'].failed
    assert f'{fold}/train_summary.json' in failed['error'] and f'Delete {fold}' in failed['error']
    (fold / 'train_summary.json').write_text(summary)
    notes = (fold / 'run.json').read_text()
    (fold / 'run.json').write_text('{')
    assert f'{fold}/run.json' in error(*one)
    (fold / 'run.json').write_text(notes)

    before = (fold / 'predictions.json').stat().st_mtime_ns
    assert call(*one) == 0 and (fold / 'predictions.json').stat().st_mtime_ns == before
    assert set(Results.read(out / 'results.json').models) == {'df-stgnn'}
    assert f'{fold}: was run with another config.train_cfg.max_epochs: 6, now 5' in error(
        *one, '--cfg-options', 'train_cfg.max_epochs=5')
    config(change=lambda data: data['annotations'][0].update(rate=31.))
    assert f'{fold}: was run with another data.' in error(*one)
    assert call(*one, '--redo') == 0 and (fold / 'predictions.json').stat().st_mtime_ns != before


def test_a_config_without_folds_is_tested_on_its_own_split(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cross_validation, 'Processes', Splits)
    config = next(ROOT.glob('configs/df_stgnn/df-stgnn_*synthetic-gait*.py'))
    small = ['model.backbone.base_channels=[8,8]', 'model.backbone.depths=[1,1]', 'model.cls_head.in_channels=8']
    data = load_pickle(SAMPLE)
    assert call(config, '--out', tmp_path / 'out', '--cfg-options', *small) == 0
    results = Results.read(tmp_path / 'out/results.json')
    assert results.clips.fold.unique().tolist() == [0] and set(results.clips.index) == set(data['split']['test'])
    labels = {clip['frame_dir']: clip['label'] for clip in data['annotations']}
    assert all(labels[clip] == label for clip, label in results.clips.label.items())
    assert set(results.complete()) == {'df-stgnn', *cross_validation.CONTROLS}  # these learn from the split `train`
    assert all('fold=' not in command for command in results.models['df-stgnn'].commands)
    assert 'tested once, on split test' in capsys.readouterr().err
    assert '| df-stgnn ' in (tmp_path / 'out/results.md').read_text()
    for options, field in ((['--folds', '1'], '--folds: 1'),
                           (['--cfg-options', 'test_dataloader.dataset.split=None'], 'test_dataloader.dataset.split'),
                           (['--cfg-options', 'test_dataloader.dataset.split=train'], 'split train'),
                           (['--cfg-options', 'default_hooks.stop.type=EarlyStoppingHook',
                             'default_hooks.stop.monitor=gait/macro_f1'], 'default_hooks.stop: EarlyStoppingHook')):
        assert field in error(config, '--out', tmp_path / 'other', *options)
    stock = Path(mmaction.__file__).parent / '.mim/configs/skeleton/stgcn'
    stock /= 'stgcn_8xb16-joint-u100-80e_ntu60-xsub-keypoint-2d.py'
    assert 'dataset.type: PoseDataset' in error(stock, '--out', tmp_path / 'other')


def test_teachers_have_no_results_and_drop_none(config, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cross_validation, 'Processes', StandIn)
    monkeypatch.setattr(cross_validation, 'write_report', lambda *args, **options: [])
    monkeypatch.setattr(cross_validation, 'measure_costs', lambda configs: {})
    path, out = config(), tmp_path / 'out'
    options = [str(path), '--seeds', '3', '--out', str(out), '--no-controls']
    assert call(*options) == 0
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    teachers, = plan_calls(parser.parse_args([f'large={path}', *options[1:]]))
    teachers.teaching = True
    capsys.readouterr()
    assert cross_validation.cross_validate(teachers, '') == 0
    assert 'rewritten' not in capsys.readouterr().err and set(Results.read(out / 'results.json').models) == {'df-stgnn'}
    assert (out / 'runs/large/seed3/fold1/predictions.json').is_file()


def test_a_stopped_call_ends_its_processes(tmp_path, monkeypatch):
    launcher = Processes()
    monkeypatch.setattr(launch.Progress, 'advance', lambda *args: os.kill(os.getpid(), signal.SIGTERM))

    def perform(run, slot):
        if run.fold:
            launcher.call(['sleep', '60'], tmp_path / 'log', slot)
    monkeypatch.setattr(launcher, 'perform', perform)
    runs = [Run(Model('a', ''), 0, fold, tmp_path / str(fold), {}) for fold in range(2)]
    started = time.time()
    with pytest.raises(KeyboardInterrupt):
        execute(runs, launcher, 2)
    assert time.time() - started < 30 and not [process for process in launcher.processes if process.poll() is None]


def test_only_one_call_at_a_time(config, tmp_path):
    (tmp_path / 'out').mkdir()
    with locked(tmp_path / 'out'):
        assert 'out: is in use' in error(config(), '--out', tmp_path / 'out')
    with locked(tmp_path / 'out'):  # it is free again
        pass


def test_cores_are_divided_and_gpus_handed_out():
    launcher = Processes(jobs=2)
    assert launcher.environment(0)['OMP_NUM_THREADS'] == str(max(1, len(os.sched_getaffinity(0)) // 2))
    launcher.gpus = ['4', 'GPU-abc']
    assert [launcher.environment(slot)['CUDA_VISIBLE_DEVICES'] for slot in (0, 1, 2)] == ['4', 'GPU-abc', '4']


def test_a_job_that_slurm_ended_has_failed_in_one_line(tmp_path, monkeypatch):
    jobs = SlurmJobs(tmp_path / 'slurm', cluster='local')
    job = SimpleNamespace(job_id='7', state='TIMEOUT', done=lambda: True, exception=lambda: RuntimeError('a\nb'),
                          paths=SimpleNamespace(stderr='7.err'))
    monkeypatch.setattr(jobs, 'executor', SimpleNamespace(submit=lambda *args: job))
    failed, = execute([Run(Model('a', ''), 0, 0, tmp_path / 'run', {})], jobs, 1).values()
    assert 'TIMEOUT' in failed and '7.err' in failed and '\n' not in failed


def test_a_job_in_the_queue_is_not_submitted_again(tmp_path, monkeypatch):
    jobs, submitted = SlurmJobs(tmp_path / 'slurm', cluster='local'), []
    job = SimpleNamespace(job_id='7', state='PENDING', done=lambda: True, exception=lambda: None, result=lambda: None)
    monkeypatch.setattr(jobs, 'executor', SimpleNamespace(
        submit=lambda *args: submitted.append(args) or job, folder=tmp_path,
        _executor=SimpleNamespace(job_class=lambda folder, job_id: job)))
    for _ in range(2):  # the first call was killed while it waited
        assert execute([Run(Model('a', ''), 0, 0, tmp_path / 'run', {})], jobs, 1) == {}
    assert len(submitted) == 1


@pytest.mark.parametrize('options', [['partition'], ['colour=red']])
def test_wrong_slurm_options_are_one_line(tmp_path, monkeypatch, options):
    (tmp_path / 'srun').touch(mode=0o755)
    monkeypatch.setenv('PATH', str(tmp_path), prepend=os.pathsep)
    with pytest.raises(ConfigError, match=options[0].partition('=')[0]):
        SlurmJobs(tmp_path / 'slurm', options)


def test_a_negative_seed_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(['small.py', '--out', 'out', '--seeds', '-1'])
    assert '--seeds' in capsys.readouterr().err


@pytest.mark.parametrize('arguments, field', [
    (['--folds', '0', '2'], '--folds: 0 2'),
    (['--folds', '1', '1'], '--folds: 1 1'),
    (['--folds', 'all', '0'], '--folds: all 0'),
    (['--seeds', '1', '1'], '--seeds: 1 1'),
    (['--slurm-args', 'partition=gpu'], '--slurm-args'),
    (['--launcher', 'slurm'], '--launcher slurm'),
    (['--baseline', 'st-gcn'], "--baseline: 'st-gcn'"),
    (['--ensemble', 'twice=df-stgnn,df-stgnn'], '--ensemble: twice=df-stgnn,df-stgnn'),
    (['--ensemble', 'all=df-stgnn,st'], "no model 'st'"),
    (['--seed-ensemble', 'all=df-stgnn'], '--seed-ensemble: all=df-stgnn'),
    (['--model-options', 'df-stgnn'], '--model-options df-stgnn'),
    (['--model-options', 'df-stgnn', 'modle.type=RKD'], 'modle'),
    (['--model-options', 'st-gcn', 'a=1'], "--model-options: 'st-gcn'"),
    (['--cfg-options', 'fold'], '--cfg-options: fold'),
    (['--cfg-options', 'fold=1', '--cfg-options', 'train_cfg.max_epochs=2'], '--cfg-options: fold: is set'),
    (['--model-options', 'df-stgnn', 'fold=1', '--model-options', 'df-stgnn', 'train_cfg.max_epochs=2'],
     'fold: is set'),
    (['--cfg-options', 'train_dataloader=None'], 'tiny.py: train_dataloader.dataset'),
    (['--cfg-options', 'test_dataloader.dataset.fold=None'], 'tiny.py: test_dataloader.dataset.fold'),
    (['--cfg-options', 'test_dataloader.dataset.split=walk'], 'tiny.py.pkl: split walk_fold<k>_test'),
    (['--cfg-options', 'test_dataloader.dataset.ann_file=/nowhere.pkl'], '/nowhere.pkl'),
    (['--cfg-options', 'test_evaluator.type=AccMetric'], 'tiny.py: test_evaluator'),
    (['--cfg-options', 'model.cls_head.num_classes=3'], 'tiny.py: model.cls_head.num_classes: 3'),
    (['--cfg-options', 'model.backbone.init_cfg.type=Pretrained',
      'model.backbone.init_cfg.checkpoint=none/epoch_8.pth'], 'tiny.py: checkpoint: none/epoch_8.pth'),
    (['--cfg-options', 'train_dataloader.dataset.split=other'], 'test_dataloader.dataset'),
])
def test_wrong_options_are_one_line_before_anything_runs(config, tmp_path, monkeypatch, arguments, field):
    monkeypatch.setattr(cross_validation, 'execute', None)
    path = config(change=lambda data: data['split'].update(
        {f'other_fold{fold}_train': data['split'][f'gait_fold{fold}_test'] for fold in range(2)}))
    assert field in error(path, '--out', tmp_path / 'out', *arguments)
    assert not (tmp_path / 'out/runs').exists()


@pytest.mark.parametrize('option', [['--cfg-options'], ['--model-options', 'df-stgnn']])
def test_a_config_after_the_options_is_no_setting(config, tmp_path, option):
    path = config()
    assert f'tau-0.3={path}: follows' in error(path, '--out', tmp_path / 'out', *option, 'train_cfg.max_epochs=2',
                                               f'tau-0.3={path}')
    assert not (tmp_path / 'out').exists()


def test_a_folder_above_the_runs_is_no_name(config, tmp_path):
    assert "name '..'" in error(f'..={config()}', '--out', tmp_path / 'out')


@pytest.mark.parametrize('status, line, explained', [
    (1, 'ValueError: wrong', 'ValueError: wrong'),
    (1, '', 'ended with status 1 and no output'),
    (-9, 'Saving', 'ended by SIGKILL, perhaps out of memory; its last line: Saving'),
    (-6, '', 'ended by SIGABRT and no output'),
])
def test_how_a_process_ended(status, line, explained):
    assert how_it_ended(status, line) == explained


def test_changed_code_of_a_model_is_another_run(tmp_path, monkeypatch):
    (tmp_path / 'layers').mkdir()
    monkeypatch.setattr(dynstg_mm, '__file__', str(tmp_path / '__init__.py'))
    versions = []
    for path in ('layers/scan.py', 'layers/scan.py', 'page.py'):
        (tmp_path / path).write_text(f'{len(versions)}')
        versions.append(code_version())
    assert versions[0] != versions[1] == versions[2] and versions[0].startswith(f'{dynstg_mm.__version__}+')


def test_a_changed_layout_is_another_run(config, tmp_path):
    layout = tmp_path / 'mine.json'
    layout.write_text(json.dumps(dict(LAYOUTS['body_25'], center=8)))
    models = [Model('a', str(config(lines=[
        f'model["backbone"]["graph_cfg"] = dict(layout={str(layout)!r}, mode="spatial")'])))]
    first, = plan_runs(models, [0], [0], tmp_path / 'out')
    layout.write_text(json.dumps(dict(LAYOUTS['body_25'], center=1)))
    second, = plan_runs(models, [0], [0], tmp_path / 'out')
    assert first_difference(first.record, second.record).startswith(f'data.{layout}: ')


def test_a_teacher_is_not_deleted_under_its_student(tmp_path):
    def run(name, record):
        return Run(Model(name, ''), 0, 0, tmp_path / name, dict(data={}, **record))
    old, new = run('teacher', dict(setting=1)), run('teacher', dict(setting=2))
    old.folder.mkdir()
    old.note()
    (old.folder / 'epoch_1.pth').touch()
    student = run('student', {})
    student.record['data'][str(old.folder / 'epoch_1.pth')] = 'digest'
    with pytest.raises(ConfigError, match='student, seed 0, fold 0: .*epoch_1.pth'):
        settle_old_runs([student, new], redo=True)
    assert (old.folder / 'epoch_1.pth').exists()
    settle_old_runs([new], redo=True)
    assert not old.folder.exists()


def test_folder_with_a_teacher_may_be_moved_but_not_get_another_one(tmp_path):
    def run(folder, digest):
        teacher = str(folder / 'runs/large/seed0/fold0/epoch_1.pth')
        return Run(Model('small', ''), 0, 0, folder / 'runs/small/seed0/fold0',
                   dict(config=dict(teacher_ckpt=teacher), data={teacher: digest}))
    first = run(tmp_path / 'first', 'a')
    first.folder.mkdir(parents=True)
    first.note()
    (tmp_path / 'first').rename(tmp_path / 'moved')
    settle_old_runs([run(tmp_path / 'moved', 'a')], redo=False)
    with pytest.raises(ConfigError, match='data.*: a, now b'):
        settle_old_runs([run(tmp_path / 'moved', 'b')], redo=False)


def test_half_a_line_of_a_log_is_left_out(tmp_path):
    (tmp_path / 'run/vis_data').mkdir(parents=True)
    lines = [json.dumps(dict(loss=loss, epoch=epoch)) for loss, epoch in ((2., 1), (1., 2))]
    (tmp_path / 'run/vis_data/scalars.json').write_text('\n'.join([*lines, '{"lr": 0.001, "lo']))
    assert learning_curve(tmp_path) == [2., 1.]


def test_one_person_is_not_enough_for_an_interval(config, tmp_path):
    path = config(change=lambda data: data['split'].update(leave_one_subject_out(data['annotations'], 'gait')))
    assert '--folds: all test clips have the subject' in error(path, '--folds', 0, '--out', tmp_path)


@pytest.mark.parametrize('how, left_out', [('pad', 0), ('drop', 1)])
def test_short_clips_that_models_leave_out_are_not_expected_of_them(config, how, left_out):
    def cut(data):
        clip = data['annotations'][0]
        frames = int(clip['rate'])
        clip.update(total_frames=frames, **{field: clip[field][:, :frames] for field in ('keypoint', 'keypoint_score')})

    model = Model('short', str(config(change=cut)), (f'short_clips={how}', ))
    tests = check_tests([model])[0].tests
    assert sum(map(len, tests.values())) == 16 - left_out


def relabel(data):
    clip = data['annotations'][0]
    for other in data['annotations']:
        if other['subject'] == clip['subject']:
            other['label'] = 1


@pytest.mark.parametrize('change, lines, field', [
    (relabel, [], 'fold 0, clip synthetic_normal_00_0'),
    (lambda data: data['split'].pop('gait_fold1_test'), [], 'fold 1, clip'),
    (lambda data: data['split']['gait_fold1_test'].append(data['split']['gait_fold0_test'][0]), [], 'subject'),
    (lambda data: None, ['test_dataloader["dataset"]["metainfo"] = dict(classes=("a", "b", "c", "d"))'],
     'classes a, b, c, d'),
])
def test_models_must_test_the_same_clips(config, tmp_path, change, lines, field):
    line = error(config(), f'other={config("other.py", lines, change)}', '--out', tmp_path / 'out')
    assert field in line and 'other.py' in line

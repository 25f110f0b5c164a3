"""tools/cross_validate.py: real runs of the smallest model on two folds of eight computed people."""
import json
import os
import runpy
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import dynstg_mm
from dynstg_mm.benchmark.cost import code_version
from dynstg_mm.benchmark.launch import Launcher, Model, Run, first_difference, how_it_ended, settle_old_runs
from dynstg_mm.benchmark.plan import learning_curve, plan_runs
from dynstg_mm.benchmark.results import is_complete, pooled, read_results, write_results
from dynstg_mm.datasets.folds import leave_one_subject_out, subject_folds
from dynstg_mm.errors import ConfigError
from dynstg_mm.files import dump_pickle
from dynstg_mm.skeletons import LAYOUTS

from ..conftest import ROOT

BOOSTING = 'gait features + boosting'
TOOL = ROOT / 'tools/cross_validate.py'
# Stands for Slurm's: sets what a task is told and runs it here, but has no machine for the model called `unlucky`.
SRUN = '''#!/bin/sh
case "$*" in *unlucky*) echo "srun: error: no node for it" >&2; exit 1;; esac
test "$1 $2" = "-p test" || exit 2
shift 2
export SLURM_PROCID=0 SLURM_NTASKS=1 SLURM_LOCALID=0 SLURM_NODELIST=here MASTER_ADDR=127.0.0.1
exec "$@"
'''


@pytest.fixture
def config(sample, tmp_path):
    """Write an annotation file of two folds and a config of it; options are lines of the config."""

    def write(name='df-stgnn_tiny.py', lines=(), change=lambda data: None):
        clips = [dict(clip) for clip in sample['annotations'] if clip['frame_dir'][-4:-2] in ('00', '01')]
        data = dict(annotations=clips, split=subject_folds(clips, 'gait', folds=2))
        change(data)
        file = tmp_path / f'{name}.pkl'
        dump_pickle(data, file)
        base = ROOT / 'configs/df_stgnn/df-stgnn_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'
        (tmp_path / name).write_text('\n'.join([
            f'_base_ = {str(base)!r}', f'dataset = dict(ann_file={str(file)!r}, split="gait", fold=0)',
            'train_dataloader = dict(batch_size=4, dataset=dataset)', 'test_dataloader = dict(dataset=dataset)',
            'train_cfg = dict(max_epochs=4)',
            'model = dict(backbone=dict(base_channels=[8, 8], depths=[1, 1]), cls_head=dict(in_channels=8))', *lines]))
        return tmp_path / name

    return write


def start(*arguments):
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    return subprocess.Popen([sys.executable, TOOL, *map(str, arguments)], cwd=ROOT, text=True, env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def in_this_process(monkeypatch, *arguments):
    """Exit status of the tool."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(TOOL), run_name='__main__')
    return stopped.value.code


def test_it_is_stopped_goes_on_names_what_fails_and_skips_what_is_done(config, tmp_path, monkeypatch, run_tool,
                                                                         error_of, capsys):
    path, out = config(), tmp_path / 'out'
    fold = out / 'runs/df-stgnn/seed3/fold0'
    process = start(path, '--seeds', 3, '--out', out)
    while not (fold / 'last_checkpoint').is_file():
        assert process.poll() is None, process.stdout.read()
        time.sleep(.05)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and 'stopped; the same call goes on' in output, output
    assert not (fold / 'predictions.json').exists() and list(fold.glob('*.pth'))

    # The rest through Slurm's launcher. No process of the first call is left, or its lock would be.
    (tmp_path / 'srun').write_text(SRUN)
    (tmp_path / 'srun').chmod(0o755)
    both = [path, f'unlucky={path}', '--seeds', 3, '--out', out, '--ensemble', 'mean=df-stgnn,unlucky',
            '--ensemble', f'with-trees=df-stgnn,{BOOSTING}']
    monkeypatch.setenv('PATH', f'{tmp_path}:{os.environ["PATH"]}')
    monkeypatch.setenv('MASTER_PORT', '29733')
    done = run_tool(TOOL, *both, '--jobs', 2, '--launcher', 'slurm', '--srun-args', '-p test')
    output = done.stdout
    assert done.returncode == 1, output
    assert 'unlucky, seed 3, fold 1: failed: srun: error: no node for it (' in output and '4/4, 0:00:00 left)' in output
    log = (fold / 'train.log').read_text()
    assert 'resumed epoch: ' in log and 'gait/macro_f1' in log and not list(fold.glob('*.pth'))
    assert json.loads((fold / 'train_summary.json').read_text())['epochs'] == 4
    results = read_results(out / 'results.json')
    complete = {name: is_complete(results, name) for name in results['models']}
    assert complete == {'df-stgnn': True, 'unlucky': False, 'mean': False, 'with-trees': True, 'metadata only': True,
                        'gait features + extra-trees': True, BOOSTING: True}
    own, trees, mean = (np.array([clip['score'] for clip in pooled(results, name)[0]])
                        for name in ('df-stgnn', BOOSTING, 'with-trees'))
    np.testing.assert_allclose(mean, (own + trees) / 2)
    assert [run['fold'] for run in results['models']['unlucky']['failed']] == [0, 1]
    model = results['models']['df-stgnn']
    assert [[len(curve) for curve in folds] for folds in model['curves']] == [[4, 4]]
    assert results['models']['unlucky']['curves'] == [[[], []]]  # one a fold, so that those of some can be chosen
    tested = json.loads((fold / 'predictions.json').read_text())['clips']
    for clip in tested:
        score = model['scores'][0][results['clips']['name'].index(clip['clip'])]
        assert score == pytest.approx(clip['score'], rel=1e-3)
    assert set(results['clips']['fold']) == {0, 1} and len(results['clips']['name']) == 16
    assert 0 < model['cost']['parameters'] < 20000 and model['cost']['multiply_adds'] > model['cost']['parameters']
    assert model['cost']['latency_ms'] > 0 and '--no-validate' in model['commands'][0]
    table, page = ((out / name).read_text() for name in ('results.md', 'results.html'))
    assert '| df-stgnn ' in table and '| incomplete' in table and 'no node for it' in table
    titles = ['Results', 'Differences to df-stgnn', 'Macro-F1', 'Confusion matrices', 'ROC', 'Calibration',
              'Errors by subject', 'Learning curves', 'Cost', 'Metadata control', 'Versions', 'Commands']
    places = [page.index(f'<h2>{title}</h2>') for title in titles]
    assert places == sorted(places)

    # Latency that another machine had is measured anew.
    model['cost'].update(latency_ms=1e9, seconds=5.)
    write_results(results, tmp_path / 'elsewhere.json')
    run_tool(ROOT / 'tools/analysis_tools/report.py', tmp_path / 'elsewhere.json', '--latency', '--save-results',
             tmp_path / 'here.json', '--out', tmp_path / 'report')
    cost = read_results(tmp_path / 'here.json')['models']['df-stgnn']['cost']
    assert 0 < cost['latency_ms'] < 1e6 and cost['seconds'] == 5 and cost['parameters'] == model['cost']['parameters']

    # A run whose files are spoilt is one that has failed, and says how to make it anew.
    summary = (fold / 'train_summary.json').read_text()
    (fold / 'train_summary.json').write_text('{')
    assert in_this_process(monkeypatch, path, '--seeds', 3, '--out', out, '--no-controls', '--keep-checkpoints') == 1
    told = capsys.readouterr().err
    assert '--keep-checkpoints: 2 runs were done without it, and their checkpoints are gone; delete ' in told
    assert f'{out}/results.json: is written anew, without unlucky, metadata only, ' in told
    error, = read_results(out / 'results.json')['models']['df-stgnn']['failed']
    assert f'{fold}/train_summary.json: no complete JSON file' in error['error'] and f'Delete {fold}, and' in error['error']
    (fold / 'train_summary.json').write_text(summary)
    notes = (fold / 'run.json').read_text()
    (fold / 'run.json').write_text('{')
    spoilt = error_of(TOOL, path, '--seeds', 3, '--out', out)
    assert f'{fold}/run.json: no complete JSON file' in spoilt and f'Delete {fold}, and it is run anew' in spoilt
    (fold / 'run.json').write_text(notes)

    # What is done is not run again; another setting, seed or file is not taken for done.
    before = (fold / 'predictions.json').stat().st_mtime_ns
    assert in_this_process(monkeypatch, path, '--seeds', 3, '--out', out, '--no-controls') == 0
    assert (fold / 'predictions.json').stat().st_mtime_ns == before
    assert set(read_results(out / 'results.json')['models']) == {'df-stgnn'}
    changed = error_of(TOOL, path, '--seeds', 3, '--out', out, '--cfg-options', 'train_cfg.max_epochs=5')
    assert f'{fold}: was run with another config.train_cfg.max_epochs: 4, now 5; --redo' in changed
    config(change=lambda data: data['annotations'][0].update(rate=31.))
    assert f'{fold}: was run with another data.' in error_of(TOOL, path, '--seeds', 3, '--out', out)
    assert (fold / 'predictions.json').stat().st_mtime_ns == before


def test_only_one_call_at_a_time(config, tmp_path, error_of):
    import fcntl
    (tmp_path / 'out').mkdir()
    with open(tmp_path / 'out/.lock', 'w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert 'out: is in use by another call' in error_of(TOOL, config(), '--out', tmp_path / 'out')


def test_cores_are_divided_and_gpus_handed_out():
    launcher = Launcher(2, 'none', '', False, lock=0)
    assert launcher.environment(0)['OMP_NUM_THREADS'] == str(max(1, len(os.sched_getaffinity(0)) // 2))
    launcher.gpus = ['4', 'GPU-abc']
    assert [launcher.environment(slot)['CUDA_VISIBLE_DEVICES'] for slot in (0, 1, 2)] == ['4', 'GPU-abc', '4']


@pytest.mark.parametrize('arguments, message', [
    (['--folds', '0', '2'], '--folds: 2; expected all, or different ones of 0, 1 ('),
    (['--folds', '1', '1'], '--folds: 1 1; expected all, or different ones'),
    (['--seeds', '1', '1'], '--seeds: a seed stands there twice'),
    (['--seeds', '-1'], '--seeds: -1; expected numbers from 0'),
    (['--srun-args', '-p gpu'], '--srun-args: is for --launcher slurm'),
    (['--ensemble', 'twice=df-stgnn,df-stgnn'], '--ensemble: twice=df-stgnn,df-stgnn: a model stands there twice'),
    (['--model-options', 'df-stgnn'], '--model-options df-stgnn: expected KEY=VALUE behind the name'),
    (['--baseline', 'st-gcn'], "--baseline: 'st-gcn'; expected one of df-stgnn"),
    (['--ensemble', 'all=df-stgnn,st'], "--ensemble: all=df-stgnn,st: 'st'; expected one of df-stgnn"),
    (['--seed-ensemble', 'all=df-stgnn'], '--seed-ensemble: all=df-stgnn: there is one seed only'),
    (['--folds', 'all', '0'], '--folds: all 0; expected all alone, or numbers'),
    (['--model-options', 'df-stgnn', 'modle.type=RKD'], 'tiny.py has no modle'),
    (['--model-options', 'st-gcn', 'a=1'], "--model-options: 'st-gcn'; expected one of df-stgnn"),
    (['--cfg-options', 'fold=1'], '--cfg-options: fold: is set for every run; use --folds'),
    (['--cfg-options', 'fold'], '--cfg-options: fold: expected key=value'),
    (['--launcher', 'slurm', '--srun-args', "-p 'gpu"], "--srun-args: -p 'gpu: No closing quotation"),
    (['--launcher', 'slurm'], '--launcher slurm: there is no srun on PATH'),
    (['--cfg-options', 'train_dataloader=None'], 'tiny.py: train_dataloader.dataset: missing; expected'),
    (['--cfg-options', 'test_dataloader.dataset.fold=None'], 'tiny.py: test_dataloader.dataset.fold: missing'),
    (['--cfg-options', 'test_dataloader.dataset.split=walk'], 'tiny.py.pkl: split walk_fold<k>_test: not in the file'),
    (['--cfg-options', 'test_evaluator.type=AccMetric'], 'tiny.py: test_evaluator: expected a GaitMetric'),
    (['--cfg-options', 'model.cls_head.num_classes=3'], 'tiny.py: model.cls_head.num_classes: 3; '),
    (['--cfg-options', 'model.backbone.init_cfg.checkpoint=none/epoch_8.pth'],
     'tiny.py: checkpoint: none/epoch_8.pth: no such file'),
    (['--cfg-options', 'model.teacher_ckpt=none/{seed}/{fold}.pth', '--seeds', '5'],
     'tiny.py: teacher_ckpt: none/5/0.pth: no such file'),
    (['--cfg-options', 'test_dataloader.dataset.ann_file=/nowhere.pkl'], '/nowhere.pkl: no such file'),
    (['--model-options', 'df-stgnn', 'fold=1', '--model-options', 'df-stgnn', 'train_cfg.max_epochs=2'], 'fold: is set'),
    (['--cfg-options', 'fold=1', '--cfg-options', 'train_cfg.max_epochs=2'], '--cfg-options: fold: is set'),
    (['--cfg-options', 'train_dataloader.dataset.split=other'], 'test_dataloader.dataset gait_fold0_test: clip synthetic_'),
])
def test_wrong_options_are_one_line_before_anything_runs(config, tmp_path, error_of, arguments, message):
    path = config(change=lambda data: data['split'].update(
        {f'other_fold{fold}_train': data['split'][f'gait_fold{fold}_test'] for fold in range(2)}))
    assert message in error_of(TOOL, path, '--out', tmp_path / 'out', *arguments)
    assert not (tmp_path / 'out/runs').exists()


@pytest.mark.parametrize('option', [['--cfg-options'], ['--model-options', 'df-stgnn']])
def test_a_config_behind_the_options_is_no_setting(config, tmp_path, error_of, option):
    path = config()
    message = error_of(TOOL, path, '--out', tmp_path / 'out', *option, 'train_cfg.max_epochs=2', f'tau-0.3={path}')
    assert f'tau-0.3={path}: stands behind --cfg-options or --model-options' in message
    assert not (tmp_path / 'out').exists()


def test_a_folder_above_the_runs_is_no_name(config, tmp_path, error_of):
    assert "the name '..'; expected letters" in error_of(TOOL, f'..={config()}', '--out', tmp_path / 'out')


@pytest.mark.parametrize('status, line, told', [
    (1, 'ValueError: wrong', 'ValueError: wrong'),
    (1, '', 'ended with status 1 and no output'),
    (-9, 'Saving', 'ended by SIGKILL, as where memory or time is up; its last line: Saving'),
    (137, 'Saving', 'ended with status 137, as where memory or time is up; its last line: Saving'),
    (-6, '', 'ended by SIGABRT and no output'),
])
def test_a_killed_run_is_not_told_by_its_last_line_alone(status, line, told):
    assert how_it_ended(status, line) == told


def test_changed_code_of_a_model_is_another_run(tmp_path, monkeypatch):
    (tmp_path / 'layers').mkdir()
    monkeypatch.setattr(dynstg_mm, '__file__', str(tmp_path / '__init__.py'))
    found = []
    for path in ('layers/scan.py', 'layers/scan.py', 'page.py'):
        (tmp_path / path).write_text(f'{len(found)}')
        found.append(code_version())
    assert found[0] != found[1] == found[2] and found[0].startswith(f'{dynstg_mm.__version__}+')


def test_a_changed_layout_is_another_run(config, tmp_path):
    layout = tmp_path / 'mine.json'
    layout.write_text(json.dumps(dict(LAYOUTS['body_25'], center=8)))
    lines = [f'model["backbone"]["graph_cfg"] = dict(layout={str(layout)!r}, mode="spatial")']
    models = [Model('a', str(config(lines=lines)), ())]
    first, = plan_runs(models, [0], [0], tmp_path / 'out')
    layout.write_text(json.dumps(dict(LAYOUTS['body_25'], center=1)))
    second, = plan_runs(models, [0], [0], tmp_path / 'out')
    assert first_difference(first.record, second.record).startswith(f'data.{layout}: ')


def test_a_teacher_is_not_deleted_under_its_student(tmp_path):
    def run(name, record):
        return Run(Model(name, '', ()), 0, 0, tmp_path / name, dict(data={}, **record))
    old, new = run('teacher', dict(setting=1)), run('teacher', dict(setting=2))
    old.folder.mkdir()
    old.note()
    (old.folder / 'epoch_1.pth').touch()
    student = run('student', {})
    student.record['data'][str(old.folder / 'epoch_1.pth')] = 'digest'
    with pytest.raises(ConfigError, match='student, seed 0, fold 0: .*epoch_1.pth: of teacher, seed 0, fold 0, which'):
        settle_old_runs([student, new], redo=True)
    assert (old.folder / 'epoch_1.pth').exists()
    settle_old_runs([new], redo=True)
    assert not old.folder.exists()


def test_half_a_line_of_a_log_is_left_out(tmp_path):
    (tmp_path / 'run/vis_data').mkdir(parents=True)
    lines = [json.dumps(dict(loss=loss, epoch=epoch)) for loss, epoch in ((2., 1), (1., 2))]
    (tmp_path / 'run/vis_data/scalars.json').write_text('\n'.join([*lines, '{"lr": 0.001, "lo']))
    assert learning_curve(tmp_path) == [2., 1.]


def test_one_person_is_not_enough_for_an_interval(config, tmp_path, error_of):
    path = config(change=lambda data: data['split'].update(leave_one_subject_out(data['annotations'], 'gait')))
    found = error_of(TOOL, path, '--folds', 0, '--out', tmp_path)
    assert '--folds: all test clips have the subject synthetic_' in found


def relabel(data):
    clip = data['annotations'][0]
    for other in data['annotations']:
        if other['subject'] == clip['subject']:
            other['label'] = 1


@pytest.mark.parametrize('change, lines, message', [
    (relabel, [], 'fold 0, clip synthetic_normal_00_0: label 1, subject synthetic_normal_00; for'),
    (lambda data: data['split'].pop('gait_fold1_test'), [], 'fold 1, clip'),
    (lambda data: data['split']['gait_fold1_test'].append(data['split']['gait_fold0_test'][0]), [],
     'stands in both gait_fold1_train and gait_fold1_test'),
    (lambda data: None, ['test_dataloader["dataset"]["metainfo"] = dict(classes=("a", "b", "c", "d"))'],
     'classes a, b, c, d; '),
])
def test_models_must_test_the_same_clips(config, tmp_path, error_of, change, lines, message):
    found = error_of(TOOL, config(), f'other={config("other.py", lines, change)}', '--out', tmp_path / 'out')
    assert message in found and 'other.py' in found

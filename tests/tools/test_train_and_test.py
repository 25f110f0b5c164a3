"""tools/train.py and tools/test.py in processes of their own, as a user runs them."""
import json
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import mmaction
import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope

from dynstg_mm.commands.test import may_know_the_people
from dynstg_mm.files import dump_pickle

from ..conftest import ROOT, SAMPLE

CONFIG = ROOT / 'configs/dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'
CGRKD = ROOT / 'configs/cgrkd/cgrkd-large-to-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'
KOA_CONFIG = ROOT / 'configs/dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-60e_koa-keypoint-2d.py'
TINY = ['model.backbone.base_channels=[8,8]', 'model.backbone.depths=[1,1]', 'model.cls_head.in_channels=8',
        'train_dataloader.dataset.indices=16', 'train_dataloader.batch_size=4', 'val_dataloader.dataset.indices=4',
        'test_dataloader.dataset.indices=4']


def train(*arguments, options=()):
    return ['tools/train.py', CONFIG, *arguments, '--cfg-options', *TINY, *options]


def test_train_and_test(tmp_path, run_tool):
    work, file = tmp_path / 'une démarche', tmp_path / 'Gänge 1.pkl'
    shutil.copy(SAMPLE, file)
    done = run_tool(*train('--work-dir', work, '--seed', 3, options=[
        'train_cfg.max_epochs=2', f'train_dataloader.dataset.ann_file={file}']))
    assert done.returncode == 0, done.stdout
    assert 'eta:' in done.stdout and '"seed": 3' in done.stdout.replace("'", '"') or 'seed: 3' in done.stdout
    summary = json.loads((work / 'train_summary.json').read_text())
    assert summary['epochs'] == 2 and 0 < summary['parameters'] < 20000
    done = run_tool('tools/test.py', CONFIG, work / 'epoch_2.pth', '--work-dir', work, '--dump', work / 'dump.pkl',
                    '--cfg-options', *TINY)
    assert done.returncode == 0, done.stdout
    assert 'gait/macro_f1' in done.stdout and 'predicted as normal' in done.stdout
    assert len(json.loads((work / 'predictions.json').read_text())['clips']) == 4
    tools = Path(mmaction.__file__).parent / '.mim/tools/analysis_tools'
    done = run_tool(tools / 'report_accuracy.py', '--preds', *[work / 'dump.pkl'] * 2, '--coefficients', 1, 1)
    assert done.returncode == 0 and 'Top 1 Accuracy: ' in done.stdout, done.stdout
    assert 'may know these people' not in done.stdout  # the config trains on one part and tests on the other
    assert torch.load(work / 'epoch_2.pth', weights_only=True)['meta']['inputs']['layout'] == 'body_25'
    done = run_tool('tools/test.py', CONFIG, work / 'epoch_2.pth', '--work-dir', work, '--cfg-options', *TINY,
                    f'test_dataloader.dataset.ann_file={file}', 'test_dataloader.dataset.split=train')
    assert done.returncode == 0 and 'trained on train of Gänge 1.pkl, tested on train: it may know' in done.stdout
    done = run_tool('tools/test.py', CONFIG, work / 'epoch_2.pth', '--work-dir', work, '--cfg-options', *TINY,
                    'feats=b,bm')  # as many channels
    assert done.returncode == 1 and 'epoch_2.pth: features: trained on j, jm' in done.stdout.splitlines()[-1]


def test_killed_run_resumes(tmp_path, run_tool):
    work = tmp_path / 'work'
    command = train('--work-dir', work, options=['train_cfg.max_epochs=500', 'default_hooks.logger.interval=1'])
    process = subprocess.Popen([sys.executable, *map(str, command)], cwd=ROOT, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True,
                               env=dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=str(ROOT)))
    for line in process.stdout:
        if 'Epoch(train)' in line and '[3][2/4]' in line.replace(' ', ''):  # in the middle of the third epoch
            os.kill(process.pid, signal.SIGKILL)
            break
    process.wait()
    assert process.returncode == -signal.SIGKILL
    checkpoints = sorted(path.name for path in work.glob('*.pth'))
    assert checkpoints and (work / 'last_checkpoint').read_text().endswith('.pth')
    for name in checkpoints:
        torch.load(work / name, weights_only=True)  # whole, and nothing but what the allow-list admits
    resumed = int(checkpoints[-1][len('epoch_'):-len('.pth')])
    copied = tmp_path / 'copied'  # the paths in the checkpoint and in last_checkpoint still name the first folder
    shutil.copytree(work, copied)
    before = {path.name: path.stat().st_mtime_ns for path in work.glob('*.pth')}
    done = run_tool(*train('--work-dir', copied, '--resume', options=[f'train_cfg.max_epochs={resumed + 1}']))
    assert done.returncode == 0 and f'resumed epoch: {resumed}' in done.stdout, done.stdout
    assert f'Load checkpoint from {copied}' in done.stdout or f'load from {copied}' in done.stdout.lower(), done.stdout
    assert (copied / f'epoch_{resumed + 1}.pth').is_file() and not list(copied.rglob('*.part'))
    assert {path.name: path.stat().st_mtime_ns for path in work.glob('*.pth')} == before


def test_two_processes_on_the_cpu(tmp_path):
    """A distilled run, which includes everything that a plain one does."""
    config = ROOT / 'configs/cgrkd/cgrkd-large-to-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'
    teacher, small = tmp_path / 'teacher.pth', tmp_path / 'teacher.py'
    small.write_text(f'_base_ = {str(CONFIG)!r}\nmodel = dict(backbone=dict(base_channels=[8, 16], depths=[1, 1]), '
                     'cls_head=dict(in_channels=16))')
    with DefaultScope.overwrite_default_scope('mmaction'):
        torch.save(dict(state_dict=MODELS.build(Config.fromfile(small).model).state_dict()), teacher)
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = server.getsockname()[1]  # one that nobody else uses
    environment = dict(os.environ, OMP_NUM_THREADS='1', PORT=str(port), CUDA_VISIBLE_DEVICES='',
                       PATH=f'{os.path.dirname(sys.executable)}:{os.environ["PATH"]}')
    tiny = [option.replace('model.', 'model.student.') for option in TINY]
    options = ['--work-dir', tmp_path, '--cfg-options', *tiny,
               f'train_dataloader.dataset.indices={list(range(0, 112, 7))}'.replace(' ', ''), 'train_cfg.max_epochs=1',
               f'model.teacher={small}', f'model.teacher_ckpt={teacher}']

    def run(script, *arguments):
        done = subprocess.run(['bash', f'tools/{script}', *map(str, arguments)], cwd=ROOT, env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout
        return done.stdout
    output = run('dist_train.sh', config, 2, *options)
    assert '[1][2/2]' in output and 'loss_memory' in output  # 16 clips, batches of 4, shared by two
    weights = torch.load(tmp_path / 'epoch_1.pth', weights_only=True)['state_dict']
    # 25 joints of the 4 clips of each class, from both processes
    assert (weights['distill_losses.memory.memory.written'][0] == 25 * 4).all()
    teacher.unlink()  # a test does not need it
    run('dist_test.sh', config, tmp_path / 'epoch_1.pth', 2, *options)
    clips = json.loads((tmp_path / 'predictions.json').read_text())['clips']
    assert len({clip['clip'] for clip in clips}) == 4


def ntu_file(path, clips=4):
    """A file in the format of MMAction2's NTU60 keypoints."""
    rng = np.random.default_rng(0)
    annotations = [dict(frame_dir=f'clip{index}', label=index, img_shape=(1080, 1920), original_shape=(1080, 1920),
                        total_frames=30, keypoint=rng.random((2, 30, 17, 2)).astype(np.float16) * 1000,
                        keypoint_score=rng.random((2, 30, 17)).astype(np.float16)) for index in range(clips)]
    names = [clip['frame_dir'] for clip in annotations]
    dump_pickle(dict(split=dict(xsub_train=names, xsub_val=names), annotations=annotations), path)


def test_config_of_mmaction_trains_unchanged(tmp_path, run_tool):
    import mmaction
    name = 'skeleton/stgcn/stgcn_8xb16-joint-u100-80e_ntu60-xsub-keypoint-2d.py'
    config = os.path.join(os.path.dirname(mmaction.__file__), '.mim/configs', name)
    ntu_file(tmp_path / 'ntu.pkl')
    options = [f'{part}_dataloader.{key}' for part in ('train', 'val', 'test')
               for key in ('num_workers=0', 'persistent_workers=False')]
    options += [f'train_dataloader.dataset.dataset.ann_file={tmp_path}/ntu.pkl', 'train_dataloader.dataset.times=1',
                f'val_dataloader.dataset.ann_file={tmp_path}/ntu.pkl', 'train_dataloader.batch_size=2',
                f'test_dataloader.dataset.ann_file={tmp_path}/ntu.pkl', 'train_cfg.max_epochs=1']
    done = run_tool('tools/train.py', config, '--work-dir', tmp_path / 'work', '--cfg-options', *options)
    assert done.returncode == 0 and 'acc/top1' in done.stdout, done.stdout
    assert (tmp_path / 'work/epoch_1.pth').is_file()


def broken(sample, change):
    data = dict(split={name: list(members) for name, members in sample['split'].items()},
                annotations=[dict(clip) for clip in sample['annotations']])
    change(data)
    return data


@pytest.mark.parametrize('change, options, message', [
    (lambda data: data['annotations'][0].update(keypoint=np.zeros((1, 0, 25, 2))), [],
     'clip synthetic_normal_00_0: keypoint: 1 persons in 0 frames'),
    (lambda data: data['annotations'][0].update(keypoint=np.ones((1, 90, 17, 2)), keypoint_score=None), [],
     'clip synthetic_normal_00_0: keypoint: 17 joints; expected 25'),
    (lambda data: data['annotations'][0].update(label=9), [], 'clip synthetic_normal_00_0: label: 9'),
    (lambda data: data['split'].pop('train'), [], 'broken.pkl: split train: '),
    (lambda data: None, ['train_dataloader.dataset.ann_file=/nowhere/gait.pkl'],
     '/nowhere/gait.pkl: no such file'),
    (lambda data: data['annotations'][0].update(keypoint=np.zeros((1, 90, 25, 2)), total_frames=90,
                                                keypoint_score=None),
     ['train_dataloader.batch_size=112', 'train_dataloader.num_workers=1'],
     'clip synthetic_normal_00_0: keypoint: no frame shows'),
    (lambda data: data['split'].update(own_test=data['split']['train'][:2]),
     ['test_dataloader.dataset.ann_file=PATH', 'test_dataloader.dataset.split=own_test'],
     'own_test: clip synthetic_normal_00_0: '),
    (lambda data: None, ['train_dataloader.dataset.indices=[0,1,2]'], 'train_dataloader.batch_size: 16'),
    (lambda data: None, ['fold=2'], '--cfg-options: fold: '),
    (lambda data: None, ['model.backbone.size=huge'], "size: 'huge'"),
    (lambda data: None, ['model.cls_head.num_classes=3'], 'model.cls_head.num_classes: 3'),
    (lambda data: None, ['model.backbone.type=DFSTGN'], 'model.backbone.type: DFSTGN'),
    (lambda data: None, ['default_hooks.checkpoint.intervall=2'], 'default_hooks.checkpoint.intervall: '),
    (lambda data: None, ['model.backbone.graph_cfg.mode=x'], 'Mode: x'),  # of MMAction2's Graph
    (lambda data: None, ['optim_wrapper.optimizer.lr=-1'], 'learning rate'),  # of PyTorch
    (lambda data: None, ['train_dataloader.batch_size=0'], 'batch_size=0'),
    (lambda data: None, ['val_dataloader.batch_size=0'], 'batch_size=0'),
    (lambda data: None, ['optim_wrapper=None'], 'optim_wrapper: missing'),
])
def test_wrong_data_or_setting_is_reported_in_one_line(sample, tmp_path, error_of, change, options, message):
    path = tmp_path / 'broken.pkl'
    dump_pickle(broken(sample, change), path)
    options = [f'train_dataloader.dataset.ann_file={path}', *(text.replace('PATH', str(path)) for text in options)]
    assert message in error_of('tools/train.py', CONFIG, '--work-dir', tmp_path / 'work', '--cfg-options', *options)


def test_option_without_a_value_is_named(run_tool):
    done = run_tool(ROOT / 'tools/train.py', CONFIG, '--cfg-options', 'fold')
    assert done.returncode == 2 and 'argument --cfg-options: fold: expected key=value' in done.stdout


class Hostile:
    """Touches a file when an unpickler that runs code reads it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f'touch {self.path}', )


@pytest.mark.parametrize('command, message', [
    ('tools/train.py configs/nowhere.py', 'dynstg_mm::'),
    ('tools/train.py TMP/wrog.py', 'TMP/wrong.py'),
    ('tools/train.py TMP/wrong.py', 'wrong.py: not a Python file'),
    ('tools/train.py CONFIG --cfg-options modle.type=STGCN', 'modle'),
    ('tools/train.py TMP/failing.py', 'failing.py: not a config file'),
    ('tools/train.py CONFIG --cfg-options model=3', 'model: 3; expected a dict'),
    ('tools/train.py TMP/notes.md', 'notes.md: not a config file'),
    ('tools/train.py TMP', 'TMP: is a folder'),
    ('tools/train.py TMP/empty.py', 'empty.py: model: missing'),
    ('tools/train.py CONFIG --resume', '--resume: '),
    ('tools/train.py CONFIG --no-validate --resume TMP/weights.pth', 'weights.pth: backbone.'),
    ('tools/train.py CONFIG --cfg-options load_from=TMP/weights.pth', 'weights.pth: no matrix'),
    ('tools/train.py CONFIG --cfg-options model.backbone.init_cfg.type=Pretrained '
     'model.backbone.init_cfg.checkpoint=TMP/weights.pth', 'weights.pth: no matrix'),
    ('tools/test.py CONFIG TMP/weights.pth', 'weights.pth: backbone.'),
    ('tools/test.py CONFIG TMP/list.pth', 'list.pth: state_dict: missing'),
    ('tools/test.py CONFIG TMP', 'TMP: is a folder'),
    ('tools/test.py CONFIG TMP/weights.pth --dump TMP/folder.pkl', '--dump: TMP/folder.pkl'),
    ('tools/test.py CONFIG TMP/weights.pth --show-dir TMP/show', '--show-dir: not for skeletons'),
    ('tools/test.py CONFIG TMP/weights.pth --cfg-options test_evaluator.type=GaitMetrik', 'GaitMetric'),
    ('tools/train.py CGRKD --cfg-options model.teacher=TMP/none.py', 'error: model.teacher: '),
    ('tools/train.py CGRKD --cfg-options model.teacher_ckpt=5', 'teacher_ckpt: 5'),
    ('tools/test.py CONFIG TMP/nowhere.pth', 'nowhere.pth: no such checkpoint'),
    ('tools/test.py CONFIG TMP/hostile.pth', 'hostile.pth: not loaded'),
    ('tools/test.py CONFIG TMP/short.pth', 'short.pth: not loaded'),
    ('tools/test.py CONFIG TMP/short.pth --dump out.txt', '--dump: out.txt; expected a .pkl file'),
    ('tools/train.py CONFIG --cfg-options train_dataloader.dataset.ann_file=TMP/hostile.pkl',
     'hostile.pkl: refused: it names posix.system'),
    ('tools/train.py KOA --cfg-options train_dataloader.dataset.ann_file=TMP/no.pkl '
     'test_dataloader.dataset.ann_file=TMP/no.pkl '
     'fold=7', 'no.pkl: no such file'),
])
def test_wrong_path_or_hostile_file_is_reported_in_one_line(tmp_path, error_of, command, message):
    hostile = Hostile(tmp_path / 'touched')
    (tmp_path / 'hostile.pkl').write_bytes(pickle.dumps(dict(split={}, annotations=[hostile])))
    (tmp_path / 'wrong.py').write_text('a = 1\nb = (\n')
    (tmp_path / 'failing.py').write_text('a = b\n')
    (tmp_path / 'notes.md').write_text('a = 1\n')
    (tmp_path / 'empty.py').touch()
    (tmp_path / 'folder.pkl').mkdir()
    torch.save(dict(state_dict={}, meta=hostile), tmp_path / 'hostile.pth')
    torch.save(dict(state_dict={'fc.weight': torch.ones(2, 2)}), tmp_path / 'weights.pth')
    torch.save([1], tmp_path / 'list.pth')
    (tmp_path / 'short.pth').write_bytes((tmp_path / 'hostile.pth').read_bytes()[:100])
    for word, value in (('CONFIG', CONFIG), ('CGRKD', CGRKD), ('KOA', KOA_CONFIG), ('TMP', tmp_path)):
        command, message = command.replace(word, str(value)), message.replace(word, str(value))
    script, config, *rest = command.split()
    assert message in error_of(script, config, *rest[:1 if 'test.py' in script else 0], '--work-dir', tmp_path / 'work',
                               *rest[1 if 'test.py' in script else 0:])
    assert not (tmp_path / 'touched').exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU, and --amp works')
def test_amp_without_a_gpu_is_reported_in_one_line(error_of):
    assert '--amp: needs a GPU' in error_of('tools/train.py', CONFIG, '--amp')


def test_process_ends_with_one_line_of_error(tmp_path, run_tool, monkeypatch):
    monkeypatch.setenv('OMP_DISPLAY_ENV', 'verbose')
    done = run_tool('tools/train.py', CONFIG, '--work-dir', tmp_path, '--cfg-options', 'fold=2', fresh=True)
    assert done.returncode == 1 and 'Traceback' not in done.stdout
    assert done.stdout.strip().splitlines()[-1].startswith('error: --cfg-options: fold: ')
    if 'GOMP_SPINCOUNT' in done.stdout:  # with GNU OpenMP: dynstg_mm has set how threads wait before torch was imported
        assert "GOMP_SPINCOUNT = '2000'" in done.stdout, done.stdout


@pytest.mark.parametrize('trained, tested, known', [
    (('a.pkl', 'walks_fold0_train'), ('a.pkl', 'walks_fold0_test'), False),
    (('a.pkl', 'walks_foldall_train'), ('a.pkl', 'walks_fold0_test'), True),
    (('a.pkl', 'walks_fold1_train'), ('a.pkl', 'walks_fold0_test'), True),
    (('a.pkl', 'walks_fold0_train'), ('a.pkl', 'walks_fold0_train'), True),
    (('a.pkl', 'all'), ('a.pkl', 'all'), True), (('a.pkl', 'train'), ('a.pkl', 'test'), False),
    (('a.pkl', 'walks_foldall_train'), ('b.pkl', 'walks_fold0_test'), True),  # by another pose estimator
    (('a.pkl', 'walks_fold0_train'), ('b.pkl', 'walks_fold0_test'), False),
    (('a.pkl', 'train'), ('b.pkl', 'val'), False),
    (('a.pkl', 'fold1_train'), ('b.pkl', 'fold0_test'), False),
    (('a.pkl', 'xsub_train'), ('a.pkl', 'xsub_val'), False)])
def test_a_model_may_know_the_people_that_it_is_tested_on(trained, tested, known):
    assert may_know_the_people(trained, tested) is known

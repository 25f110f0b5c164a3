"""The tools that measure and show, run as a user runs them."""
import json
import time
from argparse import Namespace

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config

from dynstg_mm.commands import speed, speed_answer

from ..conftest import ROOT

CONFIG = ROOT / 'configs/dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'
TINY = ['model.backbone.base_channels=[8,8]', 'model.backbone.depths=[1,1]', 'model.cls_head.in_channels=8']


def test_benchmark_prints_one_table_a_part_and_keeps_the_numbers(tmp_path, run_tool, monkeypatch):
    def peak_memory(bench, args, task, measure=speed.peak_memory):
        """Measured for one model and one scan, because every measurement is a process of its own."""
        return measure(bench, args, task) if task.startswith(('train:dynstg-mamba-small:', 'scan:numba:')) else 2**20

    monkeypatch.setattr(speed, 'peak_memory', peak_memory)
    done = run_tool('tools/analysis_tools/benchmark.py', '--parts', 'models', 'growth', 'scan', '--models',
                    'dynstg-mamba-small', 'stgcn', '--layouts', 'coco', '--growth-models', 'dynstg-mamba-small',
                    '--growth-frames', 8, 16, '--frames', 32, '--batch-size', 4, '--rounds', 1, '--scans',
                    '2,4,8,2', '--backends', 'numba', '--out', tmp_path)
    assert done.returncode == 0, done.stdout
    table = (tmp_path / 'benchmark.md').read_text()
    assert '| model (coco)' in table and '| t = 16' in table and '(2, 4, 8, 2)' in table and 'torch ' in table
    results = json.loads((tmp_path / 'benchmark.json').read_text())
    small, stgcn = (results['models_coco'][name] for name in ('dynstg-mamba-small', 'stgcn'))
    assert stgcn['parameters'] > 3e6 and stgcn['multiply_adds'] > 10 * small['multiply_adds'] > 0
    assert all(len(cost[key]) == 1 and cost[key][0] > 0 for cost in (small, stgcn) for key in ('latency', 'step'))
    assert 2**20 < small['memory'] < 2**30
    assert set(results['scan']['2,4,8,2']) == {'reference', 'numba'}
    assert (tmp_path / 'growth.png').stat().st_size > 5000


def test_benchmark_counts_several_persons_without_timing(tmp_path, run_tool):
    counted = []
    for persons in (1, 2):
        done = run_tool('tools/analysis_tools/benchmark.py', '--parts', 'models', '--models', 'efficientgcn-b0',
                        'aagcn', '--layouts', 'coco', '--frames', 16, '--persons', persons, '--rounds', 0,
                        '--out', tmp_path)
        assert done.returncode == 0 and 'latency' not in done.stdout, done.stdout
        counted.append(json.loads((tmp_path / 'benchmark.json').read_text())['models_coco'])
    for name, cost in counted[0].items():
        assert counted[1][name]['multiply_adds'] == pytest.approx(2 * cost['multiply_adds'], rel=1e-3)


def test_the_parts_of_an_answer_are_timed(tmp_path):
    speed_answer.write_recording(tmp_path / 'walk.csv')
    args = Namespace(answer_model='koa-nm', device='cpu')
    found = json.loads(speed_answer.answer_task(args, time.time() - 100, str(tmp_path)))
    assert set(found['first']) == set(speed_answer.PARTS) and set(found['again']) == {'read', 'answer', 'page'}
    assert all(wall > 0 for part in found.values() for wall, _ in part.values()) and found['first']['import'][0] > 100
    assert '60.00 s' in (tmp_path / 'visualizations/walk.html').read_text()
    times = dict(read=[2, 1], answer=[4, 3])
    rows = speed_answer.answer_rows(dict(new=[{'import': [9, 8], **times}] * 2, again=[times] * 3), 'koa-nm')
    cells = {row[0]: row[1:] for row in rows}
    assert cells[speed_answer.PARTS['import']] == ['9.00 (8.00)', '']
    assert cells['all but the import'] == ['6.00 (4.00)'] * 2


@pytest.mark.parametrize('options, message', [
    (['--parts', 'models', '--layouts', 'body25'], "layout: unknown name 'body25'"),
    (['--device', 'gpu'], '--device: gpu'),
    (['--out', 'setup.py'], 'setup.py: is not a folder'),
    pytest.param(['--device', 'cuda'], '--device: cuda',
                 marks=pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')),
])
def test_benchmark_names_a_wrong_option(error_of, options, message):
    assert message in error_of('tools/analysis_tools/benchmark.py', *options)


@pytest.fixture
def checkpoint(tmp_path):
    config = Config.fromfile(CONFIG)
    config.merge_from_dict({'model.backbone.base_channels': [8, 8], 'model.backbone.depths': [1, 1],
                            'model.cls_head.in_channels': 8})
    path = tmp_path / 'model.pth'
    torch.save(dict(state_dict=MODELS.build(config.model).state_dict()), path)
    return path


def test_filters_are_plotted_and_kept(tmp_path, checkpoint, run_tool, sample):
    clip = sample['split']['test'][3]
    done = run_tool('tools/analysis_tools/plot_filters.py', CONFIG, checkpoint, '--clip', clip, '--out',
                    tmp_path / 'out', '--format', 'png', 'pdf', 'svg', '--cfg-options', *TINY,
                    'test_dataloader.dataset.indices=5')
    assert done.returncode == 0 and clip in done.stdout, done.stdout
    found = np.load(tmp_path / 'out/filters.npz')
    assert found['phases_layer_0'].shape == (32, 4) and found['adjacency_layer_3'].shape == (16, 1, 25, 25)
    assert found['seconds_layer_3'].shape == (16,) and found['middle'].shape == (4, 25, 25)
    assert (tmp_path / 'out/filters.png').stat().st_size > 20000
    assert (tmp_path / 'out/filters.pdf').read_bytes().startswith(b'%PDF')
    text = (tmp_path / 'out/filters.svg').read_text()
    assert all(part in text for part in ('time [s]', 'left foot strike', 'phase 4', clip))


def test_filters_name_what_is_wrong(tmp_path, checkpoint, error_of):
    tool, out = 'tools/analysis_tools/plot_filters.py', ('--out', tmp_path)
    assert "--clip: 'nobody' is not in the test split" in error_of(tool, CONFIG, checkpoint, '--clip', 'nobody', *out,
                                                                   '--cfg-options', *TINY)
    stgcn = ROOT / 'configs/stgcn/stgcn_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'
    torch.save(dict(state_dict=MODELS.build(Config.fromfile(stgcn).model).state_dict()), tmp_path / 'stgcn.pth')
    assert 'STGCN has no dynamic filters' in error_of(tool, stgcn, tmp_path / 'stgcn.pth', *out)
    assert 'no such config' in error_of(tool, tmp_path / 'none.py', checkpoint, *out)

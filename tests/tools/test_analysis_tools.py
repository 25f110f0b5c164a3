"""The tools that measure and show, run as a user runs them."""
import json
import sys

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config

from ..conftest import ROOT, run_script

CONFIG = ROOT / 'configs/dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'
TINY = ['model.backbone.base_channels=[8,8]', 'model.backbone.depths=[1,1]', 'model.cls_head.in_channels=8']


def test_benchmark_prints_one_table_a_part_and_keeps_the_numbers(tmp_path, run_tool):
    done = run_tool('tools/analysis_tools/benchmark.py', '--models', 'dynstg-mamba-small', 'stgcn', '--layouts', 'coco',
                    '--growth-models', 'dynstg-mamba-small', '--growth-frames', 8, 16, '--frames', 32, '--batch-size', 4,
                    '--rounds', 1, '--scans', '2,4,8,2', '--backends', 'numba', '--out', tmp_path)
    assert done.returncode == 0, done.stdout
    table = (tmp_path / 'benchmark.md').read_text()
    assert '| model (coco)' in table and '| t = 16' in table and '(2, 4, 8, 2)' in table and 'torch ' in table
    results = json.loads((tmp_path / 'benchmark.json').read_text())
    small, stgcn = (results['models_coco'][name] for name in ('dynstg-mamba-small', 'stgcn'))
    assert stgcn['parameters'] > 3e6 and stgcn['multiply_adds'] > 10 * small['multiply_adds'] > 0
    assert all(len(cost[key]) == 1 and cost[key][0] > 0 for cost in (small, stgcn) for key in ('latency', 'step'))
    assert stgcn['memory'] > 2 * small['memory'] > 0
    assert set(results['scan']['2,4,8,2']) == {'reference', 'numba'}
    assert (tmp_path / 'growth.png').stat().st_size > 5000


@pytest.mark.parametrize('options, message', [
    (['--parts', 'models', '--layouts', 'body25'], "layout: unknown name 'body25'"),
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
                    tmp_path / 'out', '--cfg-options', *TINY)
    assert done.returncode == 0 and clip in done.stdout, done.stdout
    found = np.load(tmp_path / 'out/filters.npz')
    assert found['phases_layer_0'].shape == (32, 4) and found['adjacency_layer_3'].shape == (16, 1, 25, 25)
    assert (tmp_path / 'out/filters.png').stat().st_size > 20000


def test_filters_name_what_is_wrong(tmp_path, checkpoint, error_of):
    tool, out = 'tools/analysis_tools/plot_filters.py', ('--out', tmp_path)
    assert "--clip: 'nobody' is not in the test split" in error_of(tool, CONFIG, checkpoint, '--clip', 'nobody', *out,
                                                                   '--cfg-options', *TINY)
    stgcn = ROOT / 'configs/stgcn/stgcn_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'
    assert 'STGCN has no dynamic filters' in error_of(tool, stgcn, checkpoint, *out)
    assert 'no such config' in error_of(tool, tmp_path / 'none.py', checkpoint, *out)


@pytest.fixture
def runs(tmp_path, annotation_file):
    """The folder of a cross-validation, as --keep-checkpoints leaves it, of models with random weights, one of them on
    two folds."""

    def change(data):
        train, test = data['split'].values()
        data['split'] = dict(gait_fold0_train=train, gait_fold0_test=test, gait_fold1_train=test, gait_fold1_test=train)
    file = annotation_file(change)
    for name, model, folds in (('tiny', 'df_stgnn/df-stgnn', 1), ('other', 'df_stgnn/df-stgnn', 1),
                               ('more', 'df_stgnn/df-stgnn', 2)):
        config = Config.fromfile(ROOT / f'configs/{model}_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py')
        config.merge_from_dict({'model.backbone.base_channels': [8, 8], 'model.backbone.depths': [1, 1],
                                'model.cls_head.in_channels': 8})
        for fold in range(folds):
            folder = tmp_path / f'out/runs/{name}/seed0/fold{fold}'
            folder.mkdir(parents=True)
            config.test_dataloader.dataset.update(ann_file=file, split='gait', fold=fold, indices=[0, 2, 4])
            torch.save(dict(state_dict=MODELS.build(config.model).state_dict()), folder / 'epoch_2.pth')
            (folder / 'last_checkpoint').write_text('/moved/since/epoch_2.pth')
            (folder / 'predictions.json').write_text('{}')
            (folder / 'run.json').write_text(json.dumps(dict(record=dict(config=config.to_dict()))))
    return tmp_path / 'out'


def test_robustness_is_measured_and_drawn(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    tool = 'tools/analysis_tools/robustness.py'
    monkeypatch.setattr(sys, 'argv', [tool, str(runs), '--models', 'tiny', 'other', '--out', str(tmp_path / 'r'),
                                      '--kinds', 'joints', 'noise', 'rate', 'seconds'])
    run_script(str(ROOT / tool))
    text = (tmp_path / 'r/robustness.md').read_text()
    assert text in capsys.readouterr().out
    assert '| as it is ' in text and '| joints lost, share of the time: 0.5 ' in text and 'loss, tiny / other' in text
    found = json.loads((tmp_path / 'r/robustness.json').read_text())
    assert len(set(found['clips']['clip'])) == 3 and set(found['models']) == {'tiny', 'other'}
    assert found['command'].startswith('python -m dynstg_mm robustness ') and 'torch' in found['versions']
    scores = found['models']['tiny']
    assert len(scores) == 18 and all(len(seeds) == 1 and len(seeds[0]) == 3 for seeds in scores)
    assert all(scores[0] != scores[place] for place in (1, 5, 6, 9, 10, 13, 14, 17))  # every kind, least and most
    assert (tmp_path / 'r/robustness.png').stat().st_size > 10000

    # Anew from what was kept, whole or in part.
    monkeypatch.setattr(sys, 'argv', [tool, str(tmp_path / 'r/robustness.json'), '--out', str(tmp_path / 'again')])
    run_script(str(ROOT / tool))
    assert (tmp_path / 'again/robustness.md').read_text() == text
    assert not (tmp_path / 'again/robustness.json').exists()  # a part in the place of the whole would lose the rest
    sys.argv += ['--models', 'tiny', '--kinds', 'rate']
    run_script(str(ROOT / tool))
    lines = (tmp_path / 'again/robustness.md').read_text().splitlines()
    cells = [[cell.strip() for cell in line.split('|')[1:3]] for line in text.splitlines()]
    assert [[cell.strip() for cell in line.split('|')[1:3]] for line in lines[2:]] == [
        row for row in cells if row[0] == 'as it is' or 'frames per second' in row[0]]


def test_models_of_several_robustness_files_make_one_table(tmp_path, monkeypatch, error_of):
    monkeypatch.chdir(ROOT)
    tool, first, second = 'tools/analysis_tools/robustness.py', tmp_path / 'a.json', tmp_path / 'b.json'
    one = dict(format='dynstg_mm robustness 1', kinds=['rate'], baseline='a', command='first', versions=dict(torch='1'),
               models=dict(a=[[[[.9, .1]] * 4]] * 5),
               clips=dict(clip=list('wxyz'), subject=list('wxyz'), label=[0, 1, 0, 1]))
    other = dict(one, baseline='b', command='second', versions=dict(torch='2'), models=dict(b=[[[[.9, .1], [.1, .9]] * 2]] * 5))
    first.write_text(json.dumps(one))
    second.write_text(json.dumps(other))
    monkeypatch.setattr(sys, 'argv', [tool, str(first), str(second), '--out', str(tmp_path / 'out')])
    run_script(str(ROOT / tool))
    found = json.loads((tmp_path / 'out/robustness.json').read_text())
    assert found['models'] == {**one['models'], **other['models']} and found['command'] == 'first\nsecond'
    assert found['versions'] == dict(torch='1 or 2')
    assert [cell.strip() for cell in (tmp_path / 'out/robustness.md').read_text().splitlines()[0].split('|')[1:-1]] == [
        'recordings', 'a', 'b', 'loss, b / a']
    for change, message in ((dict(models=one['models'], baseline='a'), 'b.json: models: a is in more than one file'),
                            (dict(kinds=['joints'], models=dict(b=other['models']['b'] + other['models']['b'][:1])),
                             'b.json: kinds: other ones than in'),
                            (dict(models=dict(b=[seeds * 2 for seeds in other['models']['b']])), 'b.json: models: 2 seeds; '),
                            (dict(clips=dict(one['clips'], clip=list('vxyz'))), 'b.json: clips: other ones than in')):
        second.write_text(json.dumps(dict(other, **change)))
        assert message in error_of(tool, first, second, '--out', tmp_path / 'none')
    assert 'several sources; expected every one a robustness.json' in error_of(tool, first, tmp_path, '--out', tmp_path / 'none')
    assert not (tmp_path / 'none').exists()


def test_robustness_names_what_is_wrong(runs, error_of):
    tool, out = 'tools/analysis_tools/robustness.py', ('--out', runs / 'r')
    assert 'runs/st-gcn: no runs; expected the --out of' in error_of(tool, runs, '--models', 'tiny', 'st-gcn', *out)
    assert "--baseline: 'st-gcn'; expected one of tiny" in error_of(tool, runs, '--models', 'tiny', '--baseline',
                                                                    'st-gcn', *out)
    assert '--models: missing; expected names of models' in error_of(tool, runs, *out)
    assert '--models: tiny tiny; expected every name once' in error_of(tool, runs, '--models', 'tiny', 'tiny', *out)
    assert 'nope: is no folder; expected the --out of' in error_of(tool, runs / 'nope', *out)
    assert 'tiny has other seeds and folds than more' in error_of(tool, runs, '--models', 'tiny', 'more', *out)
    assert 'runs/tiny: no runs of these seeds' in error_of(tool, runs, '--models', 'tiny', '--seeds', '7', *out)
    kept = runs / 'kept.json'
    kept.write_text('{"format": "mine"}')
    assert "kept.json: format: 'mine'; expected 'dynstg_mm robustness 1'" in error_of(tool, kept, *out)
    content = dict(format='dynstg_mm robustness 1', kinds=['rate'], baseline='a',
                   clips=dict(clip=['x', 'y'], subject=['x', 'y'], label=[0, 1]), models=dict(a=[[[[.5, .5]] * 2]] * 5))
    for change, options, message in (
            ({}, ['--kinds', 'noise'], '--kinds: noise; it has rate'),
            ({}, ['--seeds', 3], '--seeds: of a robustness.json, all seeds count'),
            ({}, ['--kinds', 'rate', 'rate'], '--kinds: rate rate; expected every name once'),
            (dict(models=None), [], 'kept.json: models: None; expected object'),
            (dict(models=dict(a=content['models']['a'][1:])), [], 'models.a: expected 5 conditions'),
            (dict(models=dict(a=[[[[.5, .5]]]] * 5)), [], 'models.a: expected 2 clips'),
            (dict(models=dict(a=[[[[.5, float('nan')]] * 2]] * 5)), [], 'models.a: [0.5, nan]; expected 2 finite numbers'),
            (dict(models=dict(a=[])), [], 'models.a: []; expected a list of conditions'),
            (dict(clips=dict(content['clips'], label=[0, 2])), [], 'clips.label: expected numbers from 0 to 1'),
            (dict(clips=dict(content['clips'], label=[0])), [], 'clips: expected columns of the same length'),
            (dict(clips=dict(clip=['x'])), [], 'clips.subject: missing; expected clip, subject, label'),
            (dict(baseline='b'), [], "baseline: 'b'; expected one of a")):
        kept.write_text(json.dumps(dict(content, **change)))
        assert message in error_of(tool, kept, *options, *out)
    folder = runs / 'runs/tiny/seed0/fold0'
    torch.save(dict(state_dict=dict(weight=torch.zeros(1))), folder / 'epoch_2.pth')
    assert 'fold0/epoch_2.pth: weights of another architecture than' in error_of(tool, runs, '--models', 'tiny', *out)
    (folder / 'run.json').write_text('{"record": {"config": {}}}')
    assert 'run.json: record.config.model: missing' in error_of(tool, runs, '--models', 'tiny', *out)
    (folder / 'epoch_2.pth').unlink()
    assert 'fold0: no checkpoint of a finished run' in error_of(tool, runs, '--models', 'tiny', *out)
    assert not list((runs / 'r').iterdir())

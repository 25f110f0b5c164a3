"""A network whose phases are the gait cycle, and one with random weights, on synthetic walkers of known strides."""
import dataclasses
import json

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config

from dynstg_mm.benchmark.filters import filter_summary, read_filters
from dynstg_mm.commands.check_phases import main
from dynstg_mm.config import read_config
from dynstg_mm.inference import GaitInferencer, filters
from dynstg_mm.inference.filter_checks import check_filters, filter_rows, mean_rows, synthetic_walks
from dynstg_mm.inference.filters import FilterReader, LayerFilters, mean_movement, movement, own_phases

from ..conftest import ROOT

CONFIG = ROOT / 'configs/dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'
TINY = {'model.backbone.base_channels': [8, 8], 'model.backbone.depths': [1, 1], 'model.cls_head.in_channels': 8}


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / 'model.pth'
    config = read_config(str(CONFIG))
    config.merge_from_dict(TINY)
    torch.manual_seed(0)
    torch.save(dict(state_dict=MODELS.build(config.model).state_dict()), path)
    return path


@pytest.fixture
def inferencer(checkpoint):
    return GaitInferencer(str(CONFIG), checkpoint, 'cpu', cfg_options=TINY)


def gait_cycle(layout, x):
    """Filters of one layer at half the rate: four phases of the angle of the legs' difference and its speed."""
    left, right = sorted(layout['legs'], key=lambda leg: leg[0] in layout['right'])
    apart = (x[:, 0, :, left, 0] - x[:, 0, :, right, 0]).mean(2)
    speed = torch.gradient(apart, dim=1)[0]
    angle = torch.atan2(-speed / speed.std(1, keepdim=True), apart / apart.std(1, keepdim=True))[:, ::2]
    phases = (9 * torch.cos(angle[..., None] - torch.arange(4) * torch.pi / 2)).softmax(-1)
    graph = torch.eye(x.shape[3]).expand(*phases.shape[:2], 1, -1, -1) * (1 + phases[..., :1, None, None])
    return [dict(phases=phases, adjacency=graph), dict(phases=phases[:, ::2], adjacency=None)]


def test_phases_that_follow_the_stride_are_told_from_those_that_do_not(inferencer):
    walks = synthetic_walks(inferencer)[::2]
    inferencer.model.backbone.filters = lambda x: gait_cycle(inferencer.layout, torch.rand_like(x))
    row, _ = check_filters(inferencer, walks)
    assert row['nmi_marked'] < 0.05 and row['frames_marked'] > row['frames_found'] > 0
    inferencer.model.backbone.filters = lambda x: gait_cycle(inferencer.layout, x)
    row, coarse = check_filters(inferencer, walks)
    assert 0.45 < row['nmi_marked'] < 0.8 and row['nmi_found'] > 0.45 and row['entropy'] < 0.6
    assert row['own_phases'] and not coarse['own_phases'] and coarse['movement'] is None
    assert 0.2 < row['movement'] < 0.5 and row['alpha'] is None and sum(row['use']) == pytest.approx(1)


def test_the_network_sees_the_legs_of_a_mirrored_walk_swapped(inferencer):
    clip = next(clip for clip in synthetic_walks(inferencer) if np.ptp(clip['keypoint'][0, :, 8, 0]) > 100)
    flipped = clip['keypoint'].astype(np.float32)
    flipped[..., 0] = np.where(clip['keypoint_score'] > 0, 640 - flipped[..., 0], 0)
    walks = [FilterReader(inferencer).read(one) for one in (clip, dict(clip, keypoint=flipped))]
    assert {walks[0].leg, walks[1].leg} == {'left', 'right'}
    assert dataclasses.replace(walks[0], mirrored=np.array([True, False])).leg == 'both'
    apart = walks[0].stride(0, walks[0].marked) - walks[1].stride(0, walks[1].marked)
    assert 0.3 < np.nanmedian(np.abs(apart) % 1) < 0.7


def test_frames_of_all_layers_have_their_time(inferencer):
    walk = FilterReader(inferencer).read(synthetic_walks(inferencer)[0])
    fine, coarse = walk.layers[0], walk.layers[-1]
    assert fine.phases.shape[1] == 32 and coarse.phases.shape[1] == 16  # 64 frames, 25 a second, tubelets of 2
    np.testing.assert_allclose(fine.seconds[0, :3], walk.start + np.array([0.5, 2.5, 4.5]) / 25, atol=1e-6)
    np.testing.assert_allclose(coarse.seconds, fine.seconds[:, ::2])


def test_windows_go_through_the_network_in_parts(inferencer, monkeypatch):
    clip = synthetic_walks(inferencer)[0]
    whole = FilterReader(inferencer).read(clip)
    monkeypatch.setattr(filters, 'BATCH', 1)
    parts = FilterReader(inferencer).read(clip, found={}, adjacency=False)
    assert len(whole.mirrored) > 1 and whole.found and parts.found == {}
    for one, other in zip(whole.layers, parts.layers):
        np.testing.assert_allclose(one.phases, other.phases, atol=1e-5)
        assert one.adjacency is not None and other.adjacency is None


@pytest.mark.parametrize('frames', range(1, 30))
def test_phases_are_shared_at_any_length(frames):
    """The rate halves twice, rounded up."""
    phases = np.random.default_rng(0).dirichlet([1] * 3, (2, frames))
    layers = [LayerFilters(np.zeros((2, len(part[0]))), part, None)
              for part in (phases, phases[:, ::2], phases[:, ::2][:, ::2], phases[:, ::2][:, ::2][:, ::2])]
    assert own_phases(layers) == [0]


def test_shared_phases_and_movement_are_measured():
    phases = np.random.default_rng(0).dirichlet([1] * 3, (2, 9))
    layers = [LayerFilters(np.zeros((2, len(part[0]))), part, None)
              for part in (phases, phases[:, ::2], 1 - phases[:, ::2], phases)]
    assert own_phases(layers) == [0, 2]
    graph = np.zeros((1, 4, 1, 2, 2))
    graph[:, ::2] = 2
    assert movement(graph).tolist() == [[1, 1]]
    assert mean_movement([movement(graph), movement(graph + 2)]) == (1, 2, 0.5) and mean_movement([])[2] is None


def test_means_over_folds_keep_what_is_known():
    rows = [[dict(own_phases=True, use=[0.2, 0.8], nmi_found=None, frames_found=0)],
            [dict(own_phases=False, use=[0.4, 0.6], nmi_found=0.5, frames_found=7)]]
    mean, = mean_rows(rows)
    assert mean == dict(own_phases=True, use=pytest.approx([0.3, 0.7]), nmi_found=0.5, frames_found=7)


def test_models_of_a_config_and_of_runs_are_measured(checkpoint, tmp_path, capsys, annotation_file):
    options = ['--cfg-options', *(f'{key}={value}' for key, value in TINY.items()), 'test_dataloader.dataset.indices=3']
    assert main([str(CONFIG), str(checkpoint), '--no-synthetic', '--out', str(tmp_path / 'out.json'), *options]) == 0
    assert '| layer | NMI, strikes found |' in capsys.readouterr().out
    row, *_ = json.loads((tmp_path / 'out.json').read_text())[str(checkpoint)]['test']
    assert len(row['use']) == 4 and 0 <= row['nmi_marked'] < 1 and row['alpha'] is not None

    config = read_config(str(CONFIG))
    config.merge_from_dict(TINY)
    file = annotation_file(lambda data: data.update(split=dict(
        gait_fold0_train=data['split']['train'], gait_fold0_test=data['split']['test'])))
    config.test_dataloader.dataset.update(ann_file=file, split='gait', fold=0, indices=2)
    for name in ('small', 'other'):
        folder = tmp_path / f'runs/{name}/seed0/fold0'
        folder.mkdir(parents=True)
        config.model.backbone.num_phases = 4 if name == 'small' else 2
        torch.save(dict(state_dict=MODELS.build(Config(config.to_dict()).model).state_dict()), folder / 'epoch_2.pth')
        (folder / 'last_checkpoint').write_text('epoch_2.pth')
        (folder / 'predictions.json').write_text('{}')
        (folder / 'run.json').write_text(json.dumps(dict(record=dict(config=config.to_dict()))))
    assert main([str(tmp_path), '--no-synthetic', '--models', 'other', 'small']) == 0
    text = capsys.readouterr().out
    assert text.index('other') < text.index('small')

    out = tmp_path / 'out.json'
    before = json.loads(out.read_text())
    run = [str(tmp_path), '--no-synthetic', '--models', 'small', '--out', str(out)]
    assert main([*run, '--name', 'here']) == 0
    after = json.loads(out.read_text())
    assert list(after) == [*before, 'here'] and after[str(checkpoint)] == before[str(checkpoint)]
    assert [row[0] for row in filter_summary(read_filters(out))] == ['model', str(checkpoint), 'here']
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path), '--no-synthetic', '--models', 'small', 'other', '--out', str(out), '--name', 'both'])
    assert '--name' in stopped.value.code and json.loads(out.read_text()) == after
    out.write_text('{"a": {"test": [{}]}}')
    with pytest.raises(SystemExit) as stopped:
        main(run)
    assert 'out.json' in stopped.value.code and 'own_phases' in stopped.value.code


def test_the_summary_has_the_best_phases_and_the_movement_of_every_layer():
    row = dict(own_phases=True, nmi_found=0.5, nmi_marked=None, movement=0.25)
    found = dict(test=[row, dict(row, own_phases=False, nmi_found=0.9, movement=None)], synthetic=[
        dict(row, nmi_marked=0.61), dict(row, nmi_marked=0.4)])
    head, first = filter_summary(dict(walks=found))
    assert head == ['model', 'NMI, strikes found', 'NMI, synthetic walks', 'SD of A / mean |A|, by layer']
    assert first == ['walks', '0.50', '0.61', '0.25 –']


def test_the_table_leaves_shared_phases_and_empty_columns_out():
    row = dict(own_phases=True, nmi_found=0.5, nmi_marked=None, use=[1.], entropy=None, movement=0.25, size=0.1,
               alpha=None)
    head, first, second = filter_rows(dict(test=[row, dict(row, own_phases=False)]))
    assert head == ['layer', 'NMI, strikes found', 'use of the phases', 'SD of A / mean |A|', 'mean |A|']
    assert first == ['0', '0.500', '1.000', '0.2500', '0.1000'] and second == ['1', '', '', '0.2500', '0.1000']


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(SystemExit) as stopped:
        main([str(CONFIG)])
    assert 'no checkpoint' in stopped.value.code
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path / 'none')])
    assert 'none: no such config, or folder' in stopped.value.code
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path), '--models', 'small'])
    assert 'runs/small' in stopped.value.code

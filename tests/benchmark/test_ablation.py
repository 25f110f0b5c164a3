"""The table of an ablation, its experiments, and the command with stand-ins for the runs."""
import json

import numpy as np
import pytest
from mmaction.registry import MODELS

from dynstg_mm.benchmark import cross_validation
from dynstg_mm.benchmark.ablation import FULL, MAIN, ablation_experiment, ablation_rows, differences, elements
from dynstg_mm.commands.ablation import main
from dynstg_mm.config import parse_cfg_options, resolve_config
from dynstg_mm.errors import ConfigError
from dynstg_mm.statistics import by_subject, mean_scores

from .conftest import make
from .test_cross_validate import StandIn, write_config

SMALL = 'dynstg_mm::dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'


@pytest.mark.parametrize('element', MAIN)
def test_every_main_element_can_be_taken_away(element):
    options = parse_cfg_options([f'{key}={value}' for key, value in elements()[element].items()])
    whole, less = (MODELS.build(resolve_config(SMALL, part).model.backbone) for part in ({}, options))
    count = [sum(value.numel() for value in model.parameters()) for model in (whole, less)]
    assert count[1] < count[0] or element == 'no-hierarchy'


def test_tasks_are_found_by_name_file_and_config():
    name, experiment = ablation_experiment('koa-stage', ['no-phases'])
    assert name == 'koa-stage' and experiment['options'] == dict(task='koa_stage')
    assert experiment['models'][FULL]['config'].endswith('mamba-small_1xb16-joint-w64-60e_koa-keypoint-2d.py')
    assert experiment['models']['no-phases']['options'] == {'model.backbone.num_phases': 1}
    name, experiment = ablation_experiment('cgrkd-koa-nm', ['no-mamba'], 'cgrkd')
    assert experiment['models']['no-mamba']['options']['model.student.backbone.mamba'] is False
    assert experiment['models']['no-mamba']['teacher'] in experiment['teachers']
    name, experiment = ablation_experiment(f'mine={SMALL}', MAIN)
    assert name == 'mine' and list(experiment['models']) == [FULL, *MAIN]
    plain = 'dynstg_mm::df_stgnn/df-stgnn_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'
    assert list(ablation_experiment(plain)[1]['models']) == [FULL, *MAIN[:3]]
    for wrong in (dict(source='koa'), dict(source='koa-nm', model='large-one'),
                  dict(source='koa-nm', chosen=['no-legs'])):
        with pytest.raises(ConfigError):
            ablation_experiment(**{'chosen': MAIN, **wrong})


def test_the_table_has_differences_by_person_and_their_mean():
    one, other = (make(models=(FULL, 'less', 'least'), clips=clips) for clips in (24, 36))
    rows = ablation_rows(dict(one=one, other=other))
    assert rows[0] == ['model', 'one [95 %]', 'p', 'other [95 %]', 'p', 'mean']
    scores = {name: mean_scores([by_subject(clips) for clips in one.pooled(name)], 3)['macro_f1']
              for name in (FULL, 'less')}
    assert rows[1][1] == f'{scores[FULL]:.3f}'
    found = [differences(results)['less'] for results in (one, other)]
    assert found[0][0] == pytest.approx(scores['less'] - scores[FULL]) and found[0][1] < found[0][0] < found[0][2]
    assert rows[2][0] == 'less' and rows[2][-1] == f'{np.mean([part[0] for part in found]):+.3f}'
    other.add_model('least', [[], [], []])
    rows = ablation_rows(dict(one=one, other=other))
    assert rows[3][0] == 'least' and rows[3][3:] == ['incomplete', '', '']
    assert ablation_rows(dict(one=one))[0] == ['model', 'one [95 %]', 'p']


def test_the_command_runs_all_tasks_and_writes_one_table(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cross_validation, 'Processes', StandIn)
    monkeypatch.setattr(cross_validation, 'write_report', lambda *args, **options: [])
    monkeypatch.setattr(cross_validation, 'add_costs', lambda *args: None)
    path, out = write_config(tmp_path), tmp_path / 'out'
    arguments = [f'a={path}', f'b={path}', '--elements', 'no-dynamic', 'no-phases', '--seeds', '0', '--out', str(out)]
    assert main(arguments) == 0
    text = (out / 'ablation.md').read_text()
    assert text in capsys.readouterr().out and '| no-phases ' in text and 'b [95 %]' in text
    content = json.loads((out / 'ablation.json').read_text())
    assert content['tasks']['b']['no-dynamic'] == dict(difference=0, low=0, high=0, p=1)
    assert (out / 'a/runs/no-dynamic/seed0/fold1/run.json').is_file()
    for wrong, named in (([str(path), str(path)], 'two tasks'), ([str(path), 'none.py'], 'none.py')):
        with pytest.raises(SystemExit) as stopped:
            main([*wrong, '--seeds', '0', '--out', str(tmp_path / 'other')])
        assert named in stopped.value.code and not (tmp_path / 'other').exists()

import json

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS

from dynstg_mm.benchmark.robustness import CORRUPTIONS, Robustness, condition_title, conditions
from dynstg_mm.commands.robustness import KINDS, main
from dynstg_mm.config import read_config
from dynstg_mm.errors import ResultsError

from ..conftest import ROOT

CLIPS = dict(clip=list('wxyz'), subject=list('wxyz'), label=[0, 1, 0, 1])


def call(*arguments):
    assert main(list(map(str, arguments))) == 0


def error(*arguments):
    """The one line of error that the command must end with."""
    with pytest.raises(SystemExit) as stopped:
        main(list(map(str, arguments)))
    assert stopped.value.code.startswith('error: ') and '\n' not in stopped.value.code
    return stopped.value.code


@pytest.fixture
def runs(tmp_path, annotation_file):
    """The folder of a cross-validation of models with random weights, one of them on two folds."""

    def change(data):
        train, test = data['split'].values()
        data['split'] = dict(gait_fold0_train=train, gait_fold0_test=test, gait_fold1_train=test, gait_fold1_test=train)
    file = annotation_file(change)
    config = read_config(str(next(ROOT.glob('configs/df_stgnn/df-stgnn_*synthetic-gait*.py'))))
    config.merge_from_dict({'model.backbone.base_channels': [8, 8], 'model.backbone.depths': [1, 1],
                            'model.cls_head.in_channels': 8})
    for name, folds in (('tiny', 1), ('other', 1), ('more', 2)):
        for fold in range(folds):
            folder = tmp_path / f'out/runs/{name}/seed0/fold{fold}'
            folder.mkdir(parents=True)
            config.test_dataloader.dataset.update(ann_file=file, split='gait', fold=fold, indices=[0, 2, 4],
                                                  serialize_data=False)  # no garbage collection, 0.2 s each
            torch.save(dict(state_dict=MODELS.build(config.model).state_dict()), folder / 'epoch_2.pth')
            (folder / 'last_checkpoint').write_text('/moved/since/epoch_2.pth')
            (folder / 'predictions.json').write_text('{}')
            (folder / 'run.json').write_text(json.dumps(dict(record=dict(config=config.to_dict()))))
    return tmp_path / 'out'


def test_models_are_tested_under_every_condition_and_drawn(runs, tmp_path, capsys):
    out = tmp_path / 'r'
    call(runs, '--models', 'tiny', 'other', '--out', out, '--kinds', *KINDS)
    text = (out / 'robustness.md').read_text()
    assert text in capsys.readouterr().out
    assert '| original ' in text and '| joints lost, share of the time: 0.5 ' in text and 'loss, tiny / other' in text
    content = Robustness.read(out / 'robustness.json')
    assert len(set(content.clips['clip'])) == 3 and set(content.models) == {'tiny', 'other'}
    assert f'robustness {runs} ' in content.command and 'torch' in content.versions
    assert np.shape(content.models['tiny']) == (18, 1, 3, 4)
    scores = content.models['tiny']
    assert all(scores[0] != scores[place] for place in (1, 5, 6, 9, 10, 13, 14, 17))  # every kind, mildest and worst
    assert (out / 'robustness.png').stat().st_size > 10000

    call(out / 'robustness.json', '--out', tmp_path / 'again')
    assert (tmp_path / 'again/robustness.md').read_text() == text
    assert not (tmp_path / 'again/robustness.json').exists()  # a selection must not replace the whole
    call(out / 'robustness.json', '--out', tmp_path / 'part', '--models', 'tiny', '--kinds', 'rate')
    whole, part = ([[cell.strip() for cell in line.split('|')[1:3]] for line in lines.splitlines()[2:]]
                   for lines in (text, (tmp_path / 'part/robustness.md').read_text()))
    assert part == [row for row in whole if row[0] == 'original' or 'frames per second' in row[0]]

    folder = runs / 'runs/tiny/seed0/fold0'
    torch.save(dict(state_dict=dict(weight=torch.zeros(1))), folder / 'epoch_2.pth')
    for damage, field in ((lambda: None, 'fold0/epoch_2.pth'),
                          (lambda: (folder / 'run.json').write_text('{"record": {"config": {}}}'),
                           'run.json: record.config.model'),
                          ((folder / 'epoch_2.pth').unlink, 'fold0: no checkpoint')):
        damage()
        assert field in error(runs, '--models', 'tiny', '--out', tmp_path / 'r')


def test_the_command_knows_all_corruptions():
    assert KINDS == tuple(CORRUPTIONS)
    titles = [condition_title(*condition) for condition in conditions(['rate'])]
    assert titles[:2] == ['original', 'frames per second: 20']


@pytest.fixture
def content():
    return Robustness(['rate'], 'a', dict(CLIPS), dict(a=[[[[.9, .1]] * 4]] * 5), 'first', dict(torch='1'))


def test_models_of_several_files_make_one_table(content, tmp_path):
    first, second, out = tmp_path / 'a.json', tmp_path / 'b.json', tmp_path / 'out'
    other = Robustness(['rate'], 'b', CLIPS, dict(b=[[[[.9, .1], [.1, .9]] * 2]] * 5), 'second', dict(torch='2'))
    content.write(first)
    other.write(second)
    call(first, second, '--out', out)
    merged = Robustness.read(out / 'robustness.json')
    assert merged.models == {**content.models, **other.models} and merged.command == 'first\nsecond'
    assert merged.versions == dict(torch='1 or 2')
    assert [cell.strip() for cell in (out / 'robustness.md').read_text().splitlines()[0].split('|')[1:-1]] == [
        'recordings', 'a', 'b', 'loss, b / a']
    for change, field in ((dict(models=content.models, baseline='a'), 'models: a '),
                          (dict(kinds=['joints'], models=dict(b=other.models['b'] + other.models['b'][:1])), 'kinds'),
                          (dict(models=dict(b=[seeds * 2 for seeds in other.models['b']])), 'seeds'),
                          (dict(clips=dict(CLIPS, clip=list('vxyz'))), 'clips')):
        Robustness(**{**other.__dict__, **change}).write(second)
        assert f'b.json: {field}' in error(first, second, '--out', tmp_path / 'none')
    assert f'{tmp_path}: not a robustness.json' in error(first, tmp_path, '--out', tmp_path / 'none')
    assert not (tmp_path / 'none').exists()


def test_wrong_options_are_one_line(runs, content):
    content.write(runs / 'kept.json')
    for arguments, field in (
            ([runs, '--models', 'tiny', 'st-gcn'], 'runs/st-gcn'), ([runs], '--models'),
            ([runs, '--models', 'tiny', '--baseline', 'st-gcn'], "--baseline: 'st-gcn'"),
            ([runs, '--models', 'tiny', 'tiny'], '--models: tiny tiny'), ([runs / 'nope'], 'nope: not a folder'),
            ([runs, '--models', 'tiny', 'more'], 'tiny has other seeds or folds'),
            ([runs, '--models', 'tiny', '--seeds', '7'], 'runs/tiny'),
            ([runs / 'kept.json', '--kinds', 'noise'], '--kinds: noise'),
            ([runs / 'kept.json', '--seeds', 3], '--seeds'),
            ([runs / 'kept.json', '--kinds', 'rate', 'rate'], '--kinds: rate rate')):
        assert field in error(*arguments, '--out', runs / 'r'), arguments


@pytest.mark.parametrize('change, field', [
    (dict(format='mine'), 'format'), (dict(models=None), 'models'), (dict(models=dict(a=[])), 'models.a'),
    (dict(models=dict(a=[[[[.5, .5]] * 4]] * 4)), 'models.a'), (dict(models=dict(a=[[[[.5, .5]]]] * 5)), 'models.a'),
    (dict(models=dict(a=[[[[.5, float('nan')]] * 4]] * 5)), 'models.a'), (dict(clips=dict(CLIPS, label=[0])), 'clips'),
    (dict(clips=dict(CLIPS, label=[0, 1, 0, 2])), 'clips.label'), (dict(clips=dict(clip=['x'])), 'clips.subject'),
    (dict(baseline='b'), 'baseline'), (dict(kinds=['dust']), 'kinds.0'),
])
def test_a_wrong_file_is_named_with_its_field(content, tmp_path, change, field):
    content.write(tmp_path / 'kept.json')
    (tmp_path / 'kept.json').write_text(json.dumps(dict(json.loads((tmp_path / 'kept.json').read_text()), **change)))
    with pytest.raises(ResultsError, match=f'kept.json: {field}'):
        Robustness.read(tmp_path / 'kept.json')

import json
import runpy
import sys

import numpy as np
import pytest

from ..conftest import ROOT

AUDIT = ROOT / 'tools/data/audit.py'


def leak(data):
    """The first clip once more, on the other side, under another name."""
    first = data['annotations'][0]
    data['annotations'].append(dict(first, frame_dir='copy of it'))
    data['split']['test'].append('copy of it')


def test_a_leak_is_shown_and_fails(annotation_file, tmp_path, run_tool):
    out = tmp_path / 'audit of gait'
    done = run_tool(AUDIT, annotation_file(leak), '--source-layout', 'body_25', '--out', out)
    assert done.returncode == 1, done.stdout
    assert 'ERROR (recording_leak)' in done.stdout and 'ERROR (subject_leak)' in done.stdout
    assert 'copy of it: the same numbers; in train and test' in (out / 'audit.md').read_text()
    assert json.loads((out / 'audit.json').read_text())['failed']
    assert (out / 'audit.png').read_bytes()[:4] == b'\x89PNG' and (out / 'audit.png').stat().st_size > 50_000


def run(monkeypatch, *arguments):
    """Exit status of the audit, run in this process."""
    monkeypatch.setattr(sys, 'argv', [str(AUDIT), *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(AUDIT), run_name='__main__')
    return stopped.value.code


def test_a_sound_file_passes(annotation_file, tmp_path, monkeypatch, capsys):
    layout = dict(num_node=25, inward=[(joint, 0) for joint in range(1, 25)], center=0)
    (tmp_path / 'own.json').write_text(json.dumps(layout))
    assert run(monkeypatch, annotation_file(), '--source-layout', tmp_path / 'own.json', '--json',
               tmp_path / 'new/a.json') == 0
    assert not json.loads((tmp_path / 'new/a.json').read_text())['failed']
    assert '16 clips, 8 subjects, 25 joints in 2-D' in capsys.readouterr().out


def test_a_file_of_nothing_but_defects_still_gets_its_page(annotation_file, tmp_path, monkeypatch):
    def break_all(data):
        for clip in data['annotations']:
            clip['keypoint'] = clip['keypoint'] * np.nan
    assert run(monkeypatch, annotation_file(break_all), '--out', tmp_path / 'page') == 1
    assert (tmp_path / 'page/audit.png').stat().st_size > 5000


@pytest.mark.parametrize('arguments, message', [
    (['--allow', 'everything'], "invalid choice: 'everything'"),
    (['--window', 'long'], "invalid float value: 'long'"),
    (['--window', '0'], '--window: expected a positive number'),
    (['--source-layout', 'body_26'], "--source-layout body_26: layout: unknown name 'body_26'"),
    (['--source-layout', 'own.json'], "--source-layout own.json: [Errno 2] No such file"),
    (['--split', 'exam'], '--split exam: not in the file'),
])
def test_a_wrong_command_line_is_status_2(annotation_file, arguments, message, monkeypatch, capsys):
    assert run(monkeypatch, annotation_file(), *arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize('content, message', [
    (None, 'gait.pkl: no such file'), (b'', 'gait.pkl: not a complete pickle file'),
    (b"cos\nsystem\n(S'touch hacked'\ntR.", 'gait.pkl: refused: it names os.system'),
])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, error_of, content, message):
    if content is not None:
        (tmp_path / 'gait.pkl').write_bytes(content)
    assert message in error_of(AUDIT, tmp_path / 'gait.pkl')


def test_benchmark_of_the_loader(tmp_path, run_tool):
    config = ROOT / 'configs/dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'
    done = run_tool('tools/analysis_tools/benchmark_data.py', config, '--part', 'val', '--rounds', 1, '--samples', 16,
                    '--out', tmp_path / 'loader.md')
    assert done.returncode == 0, done.stdout
    table = (tmp_path / 'loader.md').read_text()
    assert 'samples of shape (5, 1, 64, 25, 4)' in table
    for row in ('the config\'s ', 'the config\'s, without the cache', 'MMAction2\'s own', 'ResampleRate',
                'PackActionInputs'):
        assert f'| {row}' in table


def test_benchmark_names_a_part_that_is_not_there(error_of):
    config = ROOT / 'configs/stgcn/stgcn_1xb16-joint-w64-30e_koa-keypoint-2d.py'
    assert 'val_dataloader: missing' in error_of('tools/analysis_tools/benchmark_data.py', config, '--part', 'val')

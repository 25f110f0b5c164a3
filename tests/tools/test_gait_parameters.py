"""`python -m dynstg_mm gait-parameters`."""
import json
import os
import sys

import numpy as np
import pandas as pd
import pytest

from dynstg_mm.commands.gait_parameters import main
from dynstg_mm.skeletons import LAYOUTS
from tests.gait.walkers import stepping

NAMES = dict(shoulder='SHO', elbow='ELB', wrist='WRA', hip='ASI', knee='KNE', ankle='ANK', heel='HEE', big_toe='TOE')
MARKERS = dict(neck='C7', **{f'{side}_{joint}': side[0].upper() + marker for side in ('left', 'right')
                             for joint, marker in NAMES.items()})


@pytest.fixture
def folder(tmp_path):
    """Walks of BODY_25 in two files, one that is damaged, and one of which only the names are known."""
    for name, steps in (('one', (0.5, 0.7)), ('two', (0.6, 0.6))):
        clip, _ = stepping(steps=steps, seconds=5)
        np.savez(tmp_path / f'{name}.npz', keypoints=clip['keypoint'], fps=60.,
                 joint_names=np.array(LAYOUTS['body_25']['joints']))
    (tmp_path / 'bad.npz').write_bytes(b'PK nothing')
    return tmp_path


@pytest.mark.skipif(sys.platform != 'linux', reason='file names are text elsewhere')
def test_a_file_whose_name_is_no_text(folder, tmp_path):
    name = os.fsdecode(b'caf\xe9.npz')
    (folder / 'one.npz').rename(folder / name)
    for ending in ('csv', 'json'):
        assert main([str(folder / name), '--out', str(tmp_path / f'table.{ending}'), '--dims', '3']) == 0
        assert 'caf\\udce9' in (tmp_path / f'table.{ending}').read_text(encoding='utf-8')


def test_one_row_a_walk_and_one_line_a_damaged_file(folder, tmp_path, capsys):
    out = tmp_path / 'out' / 'table.csv'
    out.parent.mkdir()
    assert main([str(folder), '--out', str(out), '--dims', '3', '--unit', 'm']) == 1
    told = capsys.readouterr()
    assert told.err.count('error: ') == 1 and 'bad.npz' in told.err
    table = pd.read_csv(out).set_index('clip')
    assert list(table.index) == ['one', 'two']
    assert table.left_step_length_m['one'] == pytest.approx(0.5, rel=0.04)
    assert table.right_step_length_m['one'] == pytest.approx(0.7, rel=0.04)
    assert table.cadence_spm['two'] == pytest.approx(120 / 1.1, rel=0.01)
    assert main([str(folder / 'one.npz'), str(folder / 'two.npz'), '--out', str(out), '--dims', '3', '--reference',
                 str(out)]) == 0
    assert '2 clips' in capsys.readouterr().out


def test_only_the_joints_of_a_layout_are_used(folder, tmp_path):
    out = tmp_path / 'table.csv'
    assert main([str(folder / 'one.npz'), '--out', str(out), '--dims', '3', '--layout', 'gait_13']) == 0
    table = pd.read_csv(out)
    assert np.isnan(table.ankle_range_deg[0]) and 'heel' in table.missing[0] and np.isfinite(table.cadence_spm[0])


def test_json_has_the_contacts_and_the_reasons(folder, tmp_path):
    out = tmp_path / 'table.json'
    assert main([str(folder / 'one.npz'), '--out', str(out), '--dims', '3']) == 0
    row, = json.loads(out.read_text())
    assert {contact['kind'] for contact in row['contacts']} == {'strike', 'off'}
    by_name = {record['name']: record for record in row['parameters']}
    assert by_name['step_length_m']['value'] is None and by_name['step_length_m']['reason']


@pytest.mark.parametrize('upper_body', [True, False])
def test_events_of_a_c3d_file_are_held_against_what_is_found(tmp_path, capsys, upper_body):
    c3d = pytest.importorskip('c3d')
    clip, truth = stepping(seconds=6, rate=100)
    writer = c3d.Writer(point_rate=100)
    place = clip['keypoint'][0][..., [0, 2, 1]] * (1, -1, 1)  # z up
    legs = ('hip', 'knee', 'ankle', 'heel', 'toe')
    markers = {joint: marker for joint, marker in MARKERS.items() if upper_body or joint.endswith(legs)}
    joints = [LAYOUTS['body_25']['joints'].index(name) for name in markers]
    writer.set_point_labels(list(markers.values()))
    for frame in place:
        writer.add_frames([(np.concatenate([1000 * frame[joints], np.zeros((len(joints), 2))], 1), np.zeros((0, 1)))])
    group = writer.add_group(40, 'EVENT', 'marked contacts')
    kinds = dict(strike='Foot Strike', off='Foot Off')
    for name, texts in (('LABELS', [kinds[kind] for _, _, kind in truth]),
                        ('CONTEXTS', [side.title() for _, side, _ in truth])):
        group.add_param(name, bytes_per_element=-1, dimensions=[16, len(texts)],
                        bytes=''.join(text.ljust(16) for text in texts).encode())
    times = np.array([[0, time] for time, _, _ in truth], '<f4')
    group.add_param('TIMES', bytes_per_element=4, dimensions=[2, len(times)], bytes=times.tobytes())
    with open(tmp_path / 'walk.c3d', 'wb') as file:
        writer.write(file)
    out = tmp_path / 'table.csv'
    assert main([str(tmp_path / 'walk.c3d'), '--out', str(out), '--check-events', '--unit', 'mm']) == 0
    told = capsys.readouterr().out
    strikes = next(line for line in told.splitlines() if 'foot strike' in line).split('|')
    assert int(strikes[2]) == sum(kind == 'strike' for _, _, kind in truth) and int(strikes[3]) == int(strikes[4]) == 0
    assert abs(float(strikes[5])) < 15
    assert pd.read_csv(out).step_length_m[0] == pytest.approx(0.6, rel=0.05)


@pytest.mark.parametrize('arguments, named', [
    (['--out', 'table.txt'], '--out'), (['--out', 'table.csv', '--rate', '-1'], 'rate'),
    (['--out', 'table.csv', '--img-shape', '0', '9'], '--img-shape'),
    (['--out', 'table.csv', '--reference', 'bad.npz'], 'bad.npz')])
def test_wrong_option_is_named(folder, arguments, named, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as stop:
        main([str(folder), *arguments])
    assert named in str(stop.value.code) + capsys.readouterr().err


def test_nothing_to_measure_is_an_error(tmp_path):
    np.savez(tmp_path / 'dog.npz', keypoints=np.ones((50, 4, 2)), fps=30.)
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path), '--out', str(tmp_path / 'table.csv')])
    assert 'dog' in str(stop.value.code) or str(tmp_path) in str(stop.value.code)
    assert not (tmp_path / 'table.csv').exists()

"""The command predict: what it writes, and how it ends."""
import csv
import json
import shutil

import numpy as np
import pytest

from dynstg_mm.commands.predict import main
from dynstg_mm.files import dump_pickle
from dynstg_mm.inference import Answer

from ..conftest import SAMPLE
from ..inference.conftest import CONFIG, TINY, checkpoint  # noqa: F401

MODEL = ['--device', 'cpu', '--cfg-options', *(f'{name}={value}'.replace(' ', '') for name, value in TINY.items())]
OPTIONS = ['--no-page', *MODEL]  # a page takes a second


@pytest.fixture
def recordings(sample, tmp_path):
    folder = tmp_path / 'recordings'
    folder.mkdir()
    for index, clip in enumerate(sample['annotations'][:3]):
        clip = {name: value for name, value in clip.items() if name not in ('label', 'subject')}
        dump_pickle([dict(clip, frame_dir=f'une marche/{index}')], folder / f'{index}.pkl')
    return folder


def rows(path):
    with open(path, newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def test_a_folder(recordings, checkpoint, tmp_path, capsys):  # noqa: F811
    out = tmp_path / 'out'
    assert main([str(CONFIG), str(checkpoint), str(recordings), '--out', str(out), *OPTIONS]) == 0
    answers = [Answer.read(path) for path in sorted((out / 'predictions').iterdir())]
    table = rows(out / 'predictions.csv')
    assert [row['clip'] for row in table] == [answer.clip for answer in answers]
    assert [row['predicted'] for row in table] == [answer.predicted for answer in answers]
    assert float(table[0]['probability_ataxia']) == pytest.approx(answers[0].probabilities[2], abs=1e-6)
    assert len(rows(out / 'windows.csv')) == sum(len(answer.windows) for answer in answers)
    assert 'predict' in answers[0].command and answers[0].versions['dynstg_mm']
    told = capsys.readouterr()
    assert told.err == ''
    assert [line.partition(',')[0] for line in told.out.splitlines()[:-1]] == [
        f'{answer.clip}: {answer.predicted}' for answer in answers]


def test_bad_inputs_are_named_and_the_rest_is_written(recordings, checkpoint, tmp_path, capsys):  # noqa: F811
    (recordings / 'garbage.pkl').write_bytes(b'garbage')
    dump_pickle([dict(frame_dir='dog', keypoint='woof')], recordings / 'dog.pkl')
    out = tmp_path / 'out'
    inputs = [str(recordings), str(tmp_path / 'nothing.csv')]
    assert main([str(CONFIG), str(checkpoint), *inputs, '--out', str(out), *OPTIONS]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and all(line.startswith('error: ') for line in lines)
    assert all(any(name in line for line in lines) for name in ('garbage.pkl', 'dog.pkl', 'nothing.csv'))
    table = rows(out / 'predictions.csv')
    assert sum(not row['error'] for row in table) == 3 and len(table) == 6
    failed = next(row for row in table if row['clip'] == 'garbage')
    assert json.loads((out / 'predictions/garbage.json').read_text())['error'] == failed['error']


def test_a_recording_in_which_nobody_walks_is_refused(recordings, checkpoint, sample, tmp_path, capsys):  # noqa: F811
    clip = dict(sample['annotations'][0], frame_dir='still')
    clip.update({name: clip[name][:, 40:41].repeat(60, 1) for name in ('keypoint', 'keypoint_score')}, total_frames=60)
    dump_pickle([clip], tmp_path / 'still.pkl')
    out = tmp_path / 'out'
    assert main([str(CONFIG), str(checkpoint), str(tmp_path / 'still.pkl'), '--out', str(out), *OPTIONS]) == 1
    assert capsys.readouterr().err.startswith('refused: ')
    row, = rows(out / 'predictions.csv')
    assert row['predicted'] == '' and 'not_walking' in row['doubts'] and not row['error']
    assert all('not_walking' in window['doubts'] for window in rows(out / 'windows.csv'))


def test_a_person_has_one_number_everywhere(recordings, checkpoint, sample, tmp_path, capsys):  # noqa: F811
    clip = sample['annotations'][0]
    both = {name: np.concatenate([clip[name], clip[name][:, ::-1]]) for name in ('keypoint', 'keypoint_score')}
    dump_pickle([dict(clip, frame_dir='pair', **both)], tmp_path / 'pair.pkl')
    out = tmp_path / 'out'
    assert main([str(CONFIG), str(checkpoint), str(tmp_path / 'pair.pkl'), '--persons', 'all', '--out', str(out),
                 *OPTIONS]) == 0
    answers = {path.stem: Answer.read(path) for path in (out / 'predictions').iterdir()}
    assert {name: answer.person for name, answer in answers.items()} == dict(pair=0, pair_person1=1)
    assert [row['person'] for row in rows(out / 'predictions.csv')] == ['0', '1']
    assert {row['person'] for row in rows(out / 'windows.csv')} == {'0', '1'}
    assert 'pair, person 1: ' in capsys.readouterr().out
    told = next(doubt for doubt in answers['pair_person1'].doubts if doubt.code == 'several_persons')
    assert 'person 1' in told.text


def test_equal_names_do_not_overwrite_each_other(recordings, checkpoint, tmp_path):  # noqa: F811
    shutil.copytree(recordings, tmp_path / 'again')
    out = tmp_path / 'out'
    assert main([str(CONFIG), '--weights', str(checkpoint), str(recordings), str(tmp_path / 'again'), '--out', str(out),
                 *OPTIONS]) == 0
    assert len(list((out / 'predictions').iterdir())) == 6


def test_pages_and_figures(recordings, checkpoint, tmp_path):  # noqa: F811
    (recordings / 'garbage.pkl').write_bytes(b'garbage')
    out = tmp_path / 'out'
    inputs = [str(recordings / '0.pkl'), str(recordings / 'garbage.pkl')]
    assert main([str(CONFIG), str(checkpoint), *inputs, '--out', str(out), '--figures', 'svg', *MODEL]) == 1
    pages, index = out / 'visualizations', (out / 'index.html').read_text()
    assert {path.name for path in pages.iterdir()} == {
        'garbage.html', 'une_marche_0.html', *(f'une_marche_0_{name}.svg' for name in ('time', 'limbs', 'skeleton'))}
    assert 'href="visualizations/une_marche_0.html"' in index and 'href="visualizations/garbage.html"' in index
    page = (pages / 'une_marche_0.html').read_text()
    assert 'random orders' in page and 'Cadence' in page
    assert all('<svg' in path.read_text() for path in pages.glob('*.svg'))


def test_skeleton_videos(recordings, checkpoint, tmp_path, capsys):  # noqa: F811
    out = tmp_path / 'out'
    arguments = [CONFIG, checkpoint, recordings / '0.pkl', '--out', out, '--no-page', '--video', 'gif']
    assert main([*map(str, arguments), *OPTIONS]) == 0, capsys.readouterr().err
    assert (out / 'visualizations/une_marche_0.gif').read_bytes().startswith(b'GIF8')


def test_shipped_models_are_listed(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(['--list'])
    assert stopped.value.code == 0 and capsys.readouterr().out


@pytest.mark.parametrize('arguments, field', [
    (['nothing.py', 'x.pth', SAMPLE], 'nothing.py'), ([CONFIG, 'x.pth', SAMPLE], 'x.pth'),
    ([CONFIG, SAMPLE], 'weights'), ([CONFIG, 'x.pth', SAMPLE, '--out', SAMPLE], '--out')])
def test_wrong_arguments_are_one_line(arguments, field, tmp_path, error_of):
    assert field in error_of('tools/predict.py', *[*arguments[:3], '--out', tmp_path / 'out', *arguments[3:]])
    assert not (tmp_path / 'out').exists()

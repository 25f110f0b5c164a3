"""The command predict: what it writes, and how it ends."""
import contextlib
import csv
import dataclasses
import io
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

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


def standing(clip, name):
    """One pose of a walk for two seconds."""
    arrays = {key: clip[key][:, 40:41].repeat(60, 1) for key in ('keypoint', 'keypoint_score')}
    return dict(clip, frame_dir=name, total_frames=60, **arrays)


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
    dump_pickle([standing(sample['annotations'][0], 'still')], tmp_path / 'still.pkl')
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


class Interrupted(io.StringIO):
    """Standard output; Ctrl-C is pressed when it gets its second line."""

    def write(self, text):
        super().write(text)
        if self.getvalue().count('\n') == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return len(text)


def same_outputs(one, other):
    """Two output folders hold the same, apart from the command."""
    names = [sorted(str(path.relative_to(folder)) for path in folder.rglob('*')) for folder in (one, other)]
    assert names[0] == names[1]
    for name in ('predictions.csv', 'windows.csv'):
        assert (one / name).read_text() == (other / name).read_text()
    for path in (one / 'predictions').iterdir():
        assert dataclasses.replace(Answer.read(path), command='') == dataclasses.replace(
            Answer.read(other / 'predictions' / path.name), command='')


def test_ctrl_c_keeps_what_is_finished_and_the_same_command_resumes(recordings, checkpoint, tmp_path,  # noqa: F811
                                                                    capsys, monkeypatch):
    out, call = tmp_path / 'out', [str(CONFIG), str(checkpoint), str(recordings), *OPTIONS, '--out']
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # nohup and & may have it ignored
    with monkeypatch.context() as patch:
        patch.setattr('sys.stdout', Interrupted())
        assert main([*call, str(out)]) == 130
    signal.signal(signal.SIGINT, before)
    told = capsys.readouterr().err
    assert '2 answered; ' in told and ' of 3 files' in told and told.count('\n') == 1
    assert [row['clip'] for row in rows(out / 'predictions.csv')] == ['une marche/0', 'une marche/1']
    changed = recordings / '1.pkl'
    os.utime(changed, ns=(0, 0))  # to be answered again
    written = {path.name: path.stat().st_mtime_ns for path in (out / 'predictions').iterdir()}
    assert main([*call, str(out)]) == 0
    again = [name for name, moment in written.items() if (out / 'predictions' / name).stat().st_mtime_ns != moment]
    assert again == ['une_marche_1.json'] and '3 answered' in capsys.readouterr().out
    assert main([*call, str(tmp_path / 'whole')]) == 0
    same_outputs(out, tmp_path / 'whole')
    assert main([*call, str(out)]) == 0  # a finished call starts again
    assert ': keeps' not in capsys.readouterr().out


@pytest.mark.skipif(sys.platform != 'linux', reason='forks')
def test_after_a_kill_the_same_command_resumes(recordings, checkpoint, sample, tmp_path, capsys):  # noqa: F811
    for index in (1, 2):  # one walk is enough to explain
        dump_pickle([standing(sample['annotations'][0], str(index))], recordings / f'{index}.pkl')
    out, call = tmp_path / 'out', [str(CONFIG), str(checkpoint), str(recordings), *MODEL, '--out']
    _, output = os.pipe()
    os.set_blocking(output, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(output, b'0' * 1024):  # until it is full, so that the first line waits
            pass
    os.set_blocking(output, True)
    child = os.fork()
    if child == 0:
        sys.stdout = os.fdopen(output, 'w')
        main([*call, str(out)])
        os._exit(1)
    journal = out / '.unfinished.jsonl'
    while not journal.exists() or len(journal.read_text().splitlines()) < 2:
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL and not (out / 'predictions.csv').exists()
    assert main([*call, str(out)]) == 1
    assert ': keeps 1 ' in capsys.readouterr().out and not journal.exists()
    assert (out / 'index.html').read_text().count('href="visualizations/') == 3
    assert main([*call[:-1], '--no-page', '--out', str(tmp_path / 'whole')]) == 1
    shutil.rmtree(out / 'visualizations')
    (out / 'index.html').unlink()
    same_outputs(out, tmp_path / 'whole')


def test_nothing_of_an_earlier_call_remains_beside_an_answer(recordings, checkpoint, sample, tmp_path,  # noqa: F811
                                                             capsys):
    clip = sample['annotations'][0]
    both = {name: np.concatenate([clip[name], clip[name][:, ::-1]]) for name in ('keypoint', 'keypoint_score')}
    dump_pickle([dict(clip, frame_dir='pair', **both)], tmp_path / 'pair.pkl')
    out, call = tmp_path / 'out', [str(CONFIG), str(checkpoint), str(tmp_path / 'pair.pkl'), *MODEL, '--out']
    pages = out / 'visualizations'
    assert main([*call, str(out), '--persons', 'all', '--no-page', '--video', 'gif']) == 0
    assert {path.name for path in pages.iterdir()} == {'pair.gif', 'pair_person1.gif'}
    for name in ('pair_limbs.svg', 'pair_person1.html', 'pair_person1_time.pdf', 'other.html'):
        (pages / name).touch()
    (tmp_path / 'pair.pkl').write_bytes(b'')
    assert main([*call, str(out)]) == 1
    assert {path.name for path in pages.iterdir()} == {'pair.html', 'other.html'}
    assert [path.name for path in (out / 'predictions').iterdir()] == ['pair.json']
    assert main([*call, str(out), '--no-page']) == 1
    assert not (out / 'index.html').exists() and {path.name for path in pages.iterdir()} == {'other.html'}


def test_equal_names_do_not_overwrite_each_other(recordings, checkpoint, tmp_path):  # noqa: F811
    shutil.copytree(recordings, tmp_path / 'again')
    out = tmp_path / 'out'
    assert main([str(CONFIG), '--weights', str(checkpoint), str(recordings), str(tmp_path / 'again'), '--out', str(out),
                 *OPTIONS]) == 0
    assert len(list((out / 'predictions').iterdir())) == 6


def test_names_and_folders_of_any_kind(recordings, checkpoint, sample, tmp_path, monkeypatch):  # noqa: F811
    """Equal names in two folders, spaces, other alphabets, names that are no text; and --out within the input."""
    monkeypatch.chdir(recordings)
    walk = dict(keypoints=sample['annotations'][0]['keypoint'][0], fps=30)
    (recordings / '0.pkl').unlink()
    os.mkdir('a b')
    for name in ('a b/marche é.npz', 'marche é.npz', 'a b/歩く.npz', f'{"歩" * 80}.npz'):
        np.savez(name, **walk)
    if sys.platform == 'linux':
        np.savez(os.fsdecode(b'caf\xe9.npz'), **walk)
    call = [str(CONFIG), str(checkpoint), '.', '--out', 'a b/out', *OPTIONS]
    assert main(call) == 0
    names = {path.stem for path in Path('a b/out/predictions').iterdir()}
    assert names >= {'a_b_marche_é', 'marche_é', '歩く', 'une_marche_1', 'une_marche_2'}
    assert len(names) == len(rows(Path('a b/out/predictions.csv'))) == 6 + (sys.platform == 'linux')
    assert main(call) == 0  # what it has written is no recording
    assert {path.stem for path in Path('a b/out/predictions').iterdir()} == names


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
    ([CONFIG, SAMPLE], 'weights'), ([CONFIG, 'x.pth', SAMPLE, '--out', SAMPLE], '--out'),
    ([CONFIG, 'x.pth', SAMPLE, '--out', ''], '--out')])
def test_wrong_arguments_are_one_line(arguments, field, tmp_path, error_of):
    assert field in error_of('tools/predict.py', *[*arguments[:3], '--out', tmp_path / 'out', *arguments[3:]])
    assert not (tmp_path / 'out').exists()

"""Searches of a tiny model on inner folds of synthetic people: real trainings of one epoch."""
import csv
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.config import Config

from dynstg_mm.benchmark.inner_folds import write_inner_folds
from dynstg_mm.benchmark.launch import Processes, locked
from dynstg_mm.benchmark.results import Results
from dynstg_mm.benchmark.runs import Model
from dynstg_mm.benchmark.search import Plan, Search
from dynstg_mm.benchmark.search_space import options_of, read_space
from dynstg_mm.commands.search import main
from dynstg_mm.datasets.folds import subject_folds
from dynstg_mm.errors import ConfigError
from dynstg_mm.files import dump_pickle, write_json
from dynstg_mm.safe_pickle import load_pickle

from ..conftest import ROOT, SAMPLE

SPACE = 'optim_wrapper.optimizer.lr: {low: 1.0e-3, high: 1.0e-2, log: true}\nfeats: [[j, jm], [b, bm]]\n'


@pytest.fixture
def files(tmp_path):
    """An annotation file of two outer folds of four people of each class, a config for it, and a space."""
    people = ('00', '01', '02', '03')
    clips = [clip for clip in load_pickle(SAMPLE)['annotations'] if clip['frame_dir'][-4:-2] in people]
    data = tmp_path / 'data.pkl'
    dump_pickle(dict(annotations=clips, split=subject_folds(clips, 'gait', folds=2)), data)
    base = next(ROOT.glob('configs/df_stgnn/df-stgnn_*synthetic-gait*.py'))
    config = tmp_path / 'df-stgnn_tiny.py'
    config.write_text('\n'.join([
        f'_base_ = {str(base)!r}', f'dataset = dict(ann_file={str(data)!r}, split="gait", fold=0)',
        'train_dataloader = dict(batch_size=4, dataset=dataset)', 'test_dataloader = dict(dataset=dataset)',
        'train_cfg = dict(max_epochs=1)',
        'model = dict(backbone=dict(base_channels=[4], depths=[1]), cls_head=dict(in_channels=4))']))
    space = tmp_path / 'space.yml'
    space.write_text(SPACE)
    return config, space, data


def arguments(files, out, *more):
    return list(map(str, [files[0], '--space', files[1], '--inner-folds', 2, '--out', out, *more]))


def trials(folder):
    with open(folder / 'trials.csv', newline='') as file:
        return list(csv.DictReader(file))


@pytest.fixture
def forks(run_tool, monkeypatch):
    """Fork this process for each training and test, which saves the seconds of the imports."""

    class Forks(Processes):

        def call(self, command, log, slot):
            done = run_tool(f'tools/{command[3]}.py', *command[4:])
            assert done.returncode == 0, done.stdout

    monkeypatch.setattr('dynstg_mm.benchmark.search.Processes', Forks)
    monkeypatch.setattr('dynstg_mm.benchmark.nested.Processes', Forks)


def test_searches_and_tests_what_it_chose_on_other_people(files, tmp_path, forks):
    out = tmp_path / 'search'
    assert main(arguments(files, out, '--folds', 0, '--trials', 2)) == 0
    rows = trials(out / 'fold0')
    assert sorted(row['trial'] for row in rows) == ['0', '1'] and {row['state'] for row in rows} == {'complete'}
    assert float(rows[0]['log_loss']) <= float(rows[1]['log_loss'])
    inner = load_pickle(out / 'fold0/inner.pkl')
    tested = set(load_pickle(files[2])['split']['gait_fold0_test'])
    assert not {clip['frame_dir'] for clip in inner['annotations']} & tested
    best = Config.fromfile(out / 'fold0/best.py')
    assert f'{best.optim_wrapper.optimizer.lr:.4g}' == f'{float(rows[0]["optim_wrapper.optimizer.lr"]):.4g}'
    assert best.train_dataloader.dataset.ann_file == str(files[2])

    assert main(arguments(files, out, '--folds', 0, '--trials', 2, '--test')) == 0
    assert trials(out / 'fold0') == rows
    results = Results.read(out / 'test/results.json')
    assert list(results.models) == ['df-stgnn', 'df-stgnn-searched'] and results.baseline == 'df-stgnn'
    assert set(results.clips.index) == tested


def test_two_processes_share_trials(files, tmp_path, run_tool, monkeypatch):
    def perform(self, run, slot=0):
        """Write predictions without training."""
        time.sleep(.3)
        data = load_pickle(run.record['config']['test_dataloader']['dataset']['ann_file'])
        clips = [dict(clip=clip['frame_dir'], subject=clip['subject'], label=clip['label'], score=[.25] * 4)
                 for clip in data['annotations'] if clip['frame_dir'] in data['split'][f'inner_fold{run.fold}_test']]
        write_json(run.folder / 'predictions.json', dict(classes=['a', 'b', 'c', 'd'], clips=clips))

    monkeypatch.setattr('dynstg_mm.benchmark.search.Processes.perform', perform)
    call = arguments(files, tmp_path, '--folds', 0, '--trials', 6)
    with ThreadPoolExecutor(2) as pool:
        workers = list(pool.map(lambda _: run_tool('tools/search.py', *call), range(2)))
    assert [worker.returncode for worker in workers] == [0, 0], workers
    done = [{line.split(':')[0] for line in worker.stdout.splitlines() if 'log_loss' in line} for worker in workers]
    assert all(done) and not done[0] & done[1]
    rows = trials(tmp_path / 'fold0')
    assert sorted(int(row['trial']) for row in rows) == list(range(6))
    assert len({row['optim_wrapper.optimizer.lr'] for row in rows}) == 6


@pytest.fixture
def search(files, tmp_path):
    """Opens the search of fold 0 in one folder, with changes of its plan."""

    def opened(**changes):
        plan = Plan(Model('tiny', str(files[0])), read_space(files[1]), inner_folds=2)
        return Search(Plan(**{**vars(plan), **changes}), 0, 4, tmp_path / 'fold0')

    return opened


def test_a_trial_whose_process_ended_is_repeated_in_its_folder(search):
    first, second = search(), search()
    with first._alone():
        stopped = first._next(1)
    with second._alone():
        again = second._next(1)
    assert again.number != stopped.number and again.params == stopped.params
    assert second._folder_of(again) == first._folder_of(stopped)
    assert search().trials() == []  # the stopped one does not count


def test_waits_for_trials_of_others(search, monkeypatch):
    other, own = search(), search()
    with other._alone():
        trial = other._next(1)
    folder = other._folder_of(trial)
    folder.mkdir()
    slept = []

    def end_of_the_other(seconds):
        slept.append(own.running())
        other.study.tell(trial, .5)

    monkeypatch.setattr('dynstg_mm.benchmark.search.time', SimpleNamespace(sleep=end_of_the_other))
    with locked(folder):
        own.run(1, jobs=1)
        assert own.best() is None
        own.wait(1, jobs=1)
    assert slept == [1] and own.running() == 0 and own.best() == options_of(trial.params)


def test_each_trial_draws_anew_and_a_failed_one_counts(search, files, monkeypatch):
    def fail(*args):
        raise RuntimeError('out of\nmemory')

    monkeypatch.setattr(Search, '_perform', fail)
    one = search()
    one.run(2, jobs=2)
    assert [trial.user_attrs['error'] for trial in one.trials()] == ['out of memory'] * 2 and one.best() is None
    assert len({str(trial.params) for trial in one.trials()}) == 2
    assert {row['error'] for row in trials(one.folder)} == {'out of memory'}


def test_another_search_is_refused(search, files):
    search()
    with pytest.raises(ConfigError, match='objective'):
        search(objective='macro_f1')


def test_people_with_several_classes_stay_on_one_side(files, tmp_path):
    clips = [dict(clip, subject=clip['frame_dir'][-4:-2]) for clip in load_pickle(files[2])['annotations']]
    people = {clip['frame_dir']: clip['subject'] for clip in clips}
    dump_pickle(dict(annotations=clips, split=dict(a_fold1_train=list(people))), tmp_path / 'acted.pkl')
    write_inner_folds(str(tmp_path / 'acted.pkl'), 'a', 1, 2, tmp_path / 'inner.pkl')
    split = load_pickle(tmp_path / 'inner.pkl')['split']
    sides = [{people[name] for name in split[f'inner_fold0_{part}']} for part in ('train', 'test')]
    assert [len(side) for side in sides] == [2, 2] and not sides[0] & sides[1]


@pytest.mark.parametrize('text, field', [
    ('lr: {low: 2, high: 1}', 'lr'), ('lr: {low: 0, high: 1, log: true}', 'lr'), ('lr: [1]', 'lr'),
    ('lr: {low: 1, high: 4, step: 0.5}', 'step'), ('a: [1, 1]', 'a'), ('fold: [0, 1]', 'fold'), ('[1, 2]', 'space'),
    ('train_dataloader.dataset.ann_file: [a, b]', 'ann_file'), ('lr: {lo: 1, high: 2}', 'lr')])
def test_wrong_spaces_name_the_setting(tmp_path, text, field):
    (tmp_path / 'space.yml').write_text(text)
    with pytest.raises(ConfigError, match=field):
        read_space(tmp_path / 'space.yml')


def test_options_can_be_typed():
    params = dict(a=0.00123456, b=3, c='j,jm', d=0.5)
    assert options_of(params) == ['a=0.001235', 'b=3', 'c=j,jm', 'd=0.5']


def test_a_mistyped_setting_is_found_before_any_trial(files, tmp_path):
    files[1].write_text('optim_wraper.lr: [1, 2]')
    with pytest.raises(SystemExit) as stopped:
        main(arguments(files, tmp_path / 'out'))
    assert 'optim_wraper' in stopped.value.code and not Path(tmp_path, 'out').exists()

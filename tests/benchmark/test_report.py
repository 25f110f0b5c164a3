import json
import re

import numpy as np
import pytest

from dynstg_mm.benchmark.baselines import METADATA, all_folds, control_scores
from dynstg_mm.benchmark.predictions import results_of_folder, training_cost
from dynstg_mm.benchmark.results import Results
from dynstg_mm.benchmark.tables import result_rows
from dynstg_mm.commands.report import main
from dynstg_mm.errors import DataError, ResultsError
from dynstg_mm.files import dump_pickle
from dynstg_mm.safe_pickle import load_pickle
from dynstg_mm.statistics import paired_difference


@pytest.fixture
def results(tmp_path):
    """Two folds of 20 people each, and the annotation file: the class decides the rate, and most scores are right."""
    rng, annotations = np.random.default_rng(0), []
    for fold in range(2):
        clips = []
        for person in range(20):
            name, label = f'p{fold}_{person}', person % 2
            score = 0.9 if rng.random() < 0.8 else 0.1
            clips.append(dict(clip=name, subject=name, label=label,
                              score=[1 - score, score] if label else [score, 1 - score]))
            annotations.append(dict(frame_dir=name, label=label, rate=50. if label else 30., total_frames=90,
                                    img_shape=(1080, 1920), keypoint=np.ones((1, 90, 25, 2), np.float32)))
        folder = tmp_path / 'model' / f'fold{fold}'
        folder.mkdir(parents=True)
        (folder / 'predictions.json').write_text(json.dumps(dict(classes=['NM', 'KOA'], clips=clips)))
        (folder / 'train_summary.json').write_text(json.dumps(dict(parameters=1234, cpu_seconds=90)))
    dump_pickle(dict(split={}, annotations=annotations), tmp_path / 'data.pkl')
    return tmp_path


@pytest.fixture
def report(results, capsys):
    """Run the command; returns what it prints."""

    def run(*arguments):
        assert main([*map(str, arguments), '--out', str(results / 'report')]) == 0
        return capsys.readouterr().out

    return run


@pytest.fixture
def error(results):
    """Run the command, which must end with one line of error; returns that line."""

    def run(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main([*map(str, arguments), '--out', str(results / 'report')])
        assert stopped.value.code.startswith('error: ') and '\n' not in stopped.value.code
        return stopped.value.code

    return run


def rows_of(printed):
    """Names of the models in a printed table."""
    return [line.split('|')[1].strip() for line in printed.splitlines() if '| clip ' in line]


def flip(results, folder, change):
    """Predictions in another folder, with the scores of some clips in reverse."""
    for fold in range(2):
        content = json.loads((results / f'model/fold{fold}/predictions.json').read_text())
        for clip in content['clips']:
            clip['score'] = clip['score'][::-1] if change(clip) else clip['score']
        (results / f'{folder}/fold{fold}').mkdir(parents=True)
        (results / f'{folder}/fold{fold}/predictions.json').write_text(json.dumps(content))
    return results / folder


def test_table_page_and_control(results, report):
    printed = report(f'small={results}/model', '--ann-file', results / 'data.pkl')
    table = (results / 'report/results.md').read_text()
    assert '| small' in table and '1,234' in table and ' 1.5 ' in table and '| subject' in table and table in printed
    page = (results / 'report/results.html').read_text()
    assert 'alt="Confusion matrix of small; recall NM ' in page and '<h2>Metadata control</h2>' in page
    assert printed.splitlines()[-1].endswith('report: results.md, results.html, results.png')
    control = next(line for line in table.splitlines() if line.startswith('| metadata only'))
    assert '1.000 [1.000, 1.000]' in control  # the rate reveals the class, and the table shows it


def test_saved_results_are_read_again_and_means_are_added(results, report):
    saved = results / 'new/results.json'
    printed = report(f'a={results}/model', f'b={results}/model', '--ensemble', 'both=a,b', '--baseline', 'both',
                     '--save-results', saved)
    assert rows_of(printed) == ['a', 'b', 'both'] and 'both: mean of the scores of a, b' in printed
    assert 'both: mean of the scores of a, b' in (results / 'report/results.html').read_text()
    first = Results.read(saved)
    assert f'--save-results {saved}' in first.command and first.baseline == 'both'
    printed = report(saved, f'c={results}/model')
    assert rows_of(printed) == ['a', 'b', 'both', 'c'] and 'macro-F1 - both' in printed

    first.seeds, first.table = [1], first.table.assign(seed=1)
    first.write(results / 'second.json')
    first.seeds, first.table = [0], first.table.assign(seed=0)
    first.write(results / 'first.json')
    printed = report(results / 'first.json', results / 'second.json', '--seed-ensemble', 'a-seeds=a', '--models', 'a',
                     'b')
    assert rows_of(printed) == ['a', 'b', 'a-seeds'] and 'a-seeds: mean of the scores of a over the 2 seeds' in printed


def test_checklist_is_filled_in_from_the_results(results, report):
    report(f'model={results}/model', '--tripod')
    text = (results / 'report/tripod_ai.md').read_text()
    assert '40 people: 20 NM, 20 KOA' in text
    assert text.count('To be written by the authors') > 30
    assert 'sensitivity' in (results / 'report/results.md').read_text()
    page = (results / 'report/results.html').read_text()
    assert 'One class against the rest' in page and 'Decision curves of KOA' in page


def test_protocols_side_by_side(results, report):
    people, clips = results / 'people.json', results / 'clips.json'
    report(f'a={results}/model', f'b={results}/model', '--save-results', people)
    leaking = Results.read(people).select(models=['a'])
    leaking.clips.iloc[0, 0] = leaking.clips.subject.iloc[-1]
    leaking.write(clips)
    printed = report(people, '--beside', f'by-subject={people}', f'by-clip={clips}')
    for text in (printed, (results / 'report/results.html').read_text().replace('\N{NO-BREAK SPACE}', ' ')):
        assert 'macro-F1, by-subject [95 %]' in text and 'macro-F1, by-clip (leaking) [95 %]' in text
    table = printed[printed.index('| model | accuracy, by-subject'):].splitlines()
    assert [[bool(cell.strip()) for cell in line.split('|')[1:-1]] for line in table[2:4]] == [
        [True] * 5, [True] * 3 + [False] * 2]


def test_own_and_other_recordings_side_by_side(results, report, error):
    own, noisy, other = (results / f'{name}.json' for name in ('own', 'noisy', 'other'))
    worse = flip(results, 'worse', lambda clip: clip['clip'].endswith('_3'))
    report(f'a={results}/model', '--save-results', own)
    report(f'a={worse}', '--save-results', noisy)
    strangers = Results.read(own)
    strangers.clips['subject'] = 'x' + strangers.clips.subject
    strangers.write(other)
    printed = report(own, '--test-on', f'noisy={noisy}', f'lyon={other}')
    table = printed[printed.index('| model | macro-F1, own'):].splitlines()
    cells = [cell.strip() for cell in table[2].split('|')[1:-1]]
    assert cells[0] == 'a' and cells[1] == cells[4] and cells[5].startswith('+0.000 [-')
    assert cells[3] != '' and cells[3] != cells[5]
    page = (results / 'report/results.html').read_text()
    for text in (printed, page):
        assert '40 people who are in both' in text and 'lyon: 40 clips of 40 people; other people' in text
    strangers.classes = ['NM', 'PD']
    strangers.write(other)
    assert '--test-on: lyon: classes' in error(own, '--test-on', f'lyon={other}')


def test_difference_is_paired_by_subject(results, report):
    worse = flip(results, 'worse', lambda clip: clip['clip'].endswith('_3'))
    report(f'good={results}/model', f'worse={worse}', '--baseline', 'good')
    line, = [line for line in (results / 'report/results.md').read_text().splitlines()
             if re.match(r'\| worse +\| [+-]', line)]
    clips = results_of_folder('a', results / 'model').pooled('a')[0]
    change = sum(1 if np.argmax(clip['score']) != clip['label'] else -1
                 for clip in clips if clip['clip'].endswith('_3'))
    assert f'{change / len(clips):+.3f} [' in line


def test_difference_of_a_model_to_itself_is_exactly_none(results):
    clips, = results_of_folder('a', results / 'model').pooled('a')
    assert set(paired_difference([clips], [clips], 2).values()) == {(0., 0., 0., 1.)}  # unpaired, it had an interval
    surer = [dict(clip, score=[1 - clip['label'], clip['label']]) for clip in clips]
    difference = paired_difference([surer], [clips], 2)['log_loss']
    expected = np.mean([np.log(clip['score'][clip['label']]) for clip in clips])
    assert difference[0] == pytest.approx(expected) and difference[1] < expected < difference[2] <= 0
    with pytest.raises(ValueError, match='1 clips'):
        paired_difference([clips[1:]], [clips], 2)


def test_table_of_several_seeds_and_folds():
    folds = {fold: [dict(clip=f'{fold}{k}', subject=f'{fold}{k}', label=k % 2) for k in range(4)] for fold in range(2)}
    results = Results.of_folds(['NM', 'KOA'], folds, [7, 8])
    hits = [[1, 1, 1, 1, 1, 1, 0, 0], [1, 1, 0, 0, 1, 1, 0, 0]]  # of fold 0 and 1; labels 0 1 0 1
    results.add_model('a', [[dict(clip=f'{k // 4}{k % 4}', score=[.9, .1] if hit == (k % 2 == 0) else [.1, .9])
                             for k, hit in enumerate(part)] for part in hits])
    header, clip, _ = result_rows(results)
    cells = dict(zip(header[:6], clip))
    # Seeds: 6 and 4 of 8. Folds: 4 and 2 of 4 in the first seed, 2 and 2 in the second, so .75 and .5 on average.
    assert cells['accuracy [95 %]'].startswith('0.625 [')
    assert cells['sd over seeds'] == f'{np.std([.75, .5], ddof=1):.3f}'
    assert cells['over folds'] == '0.625 ± 0.125' and cells['n'] == '8'


def test_a_resumed_run_does_not_count_for_the_cost():
    whole = dict(parameters=5, cpu_seconds=120, seconds=60)
    part = dict(parameters=5, cpu_seconds=1, seconds=1, resumed=True)
    assert training_cost([whole, part]) == dict(parameters=5, cpu_minutes=2, seconds=60)
    assert training_cost([part])['seconds'] == 1 and training_cost([]) == {}


def test_control_learns_from_the_other_folds_only(results):
    folds = results_of_folder('a', results / 'model').by_fold('a')[0]
    for clip in folds[0]:
        clip['label'] = 1 - clip['label']  # the second fold's forest learns this, and is wrong on every clip
    control = control_scores(METADATA, str(results / 'data.pkl'), folds)
    assert all(np.argmax(clip['score']) != clip['label'] for fold in control for clip in fold)


def test_control_of_some_folds_learns_from_all_of_the_file(results):
    data = load_pickle(results / 'data.pkl')
    part = results_of_folder('small', results / 'model')
    assert all_folds(part, results / 'data.pkl') is None  # it has no splits
    data['annotations'] += [dict(clip, frame_dir=f'new_{clip["frame_dir"]}') for clip in data['annotations'][:20]]
    names = [clip['frame_dir'] for clip in data['annotations']]
    data['split'] = {f'{name}_fold{fold}_test': names[first + 20 * fold:first + 20 * fold + 20]
                     for name, first in (('other', 10), ('gait', 0)) for fold in range(3)}
    dump_pickle(data, results / 'data.pkl')
    folds = all_folds(part, results / 'data.pkl')
    assert {fold: [clip['clip'] for clip in clips] for fold, clips in folds.items()} == {
        fold: names[20 * fold:20 * fold + 20] for fold in range(3)}
    assert {clip['label'] for clip in folds[2]} == {0, 1}


@pytest.mark.parametrize('change, field', [
    (lambda data: ['no dict'], 'annotations'),
    (lambda data: dict(data, annotations=[{'frame_dir': 'a', 'label': 0}], split=dict(gait_fold0_test=['a'])),
     'clip a: keypoint'),
    (lambda data: dict(data, split=dict(gait_fold0_test=['nobody'])), 'split gait_fold0_test'),
])
def test_wrong_annotation_file_is_named(results, change, field):
    dump_pickle(change(load_pickle(results / 'data.pkl')), results / 'data.pkl')
    with pytest.raises(DataError, match=f'data.pkl: {field}'):
        all_folds(results_of_folder('small', results / 'model'), results / 'data.pkl')


def test_rows_are_not_lost_to_another_data_file(results, report, error):
    saved = results / 'saved.json'
    report(f'a={results}/model', '--ann-file', results / 'data.pkl', '--save-results', saved)
    before = saved.read_bytes()
    dump_pickle(dict(split={}, annotations=load_pickle(results / 'data.pkl')['annotations'][1:]), results / 'other.pkl')
    assert 'metadata only' in error(saved, '--ann-file', results / 'other.pkl', '--save-results', saved)
    assert saved.read_bytes() == before


def test_wrong_options_are_one_line(results, report, error):
    saved, model = results / 'saved.json', f'a={results}/model'
    report(model, f'b={results}/model', '--ensemble', 'both=a,b', '--save-results', saved)
    (results / 'other').mkdir()
    (results / 'out').mkdir()
    (results / 'out/results.json').touch()  # as cross-validate leaves it
    (results / 'other/predictions.json').write_text((results / 'model/fold0/predictions.json').read_text())
    for arguments, field in (
            ([model, '--folds', 0], 'model: --seeds and --folds'), ([model, '--latency'], '--latency'),
            ([model, '--baseline', 'c'], "--baseline: 'c'"), ([f'x={results}/nowhere'], 'nowhere: not a folder'),
            ([model, '--source-layout', 'coco'], '--source-layout'),
            ([model, '--ordinal', 'stage', '--tripod'], '--tripod'),
            ([model, '--ann-file', results / 'data.pkl', '--source-layout', 'cocoa'], 'layout: '),
            ([results / 'out'], 'out/results.json'), ([model, '--save-results', results], '--save-results'),
            ([saved, '--beside', 'people.json'], "--beside: 'people.json'"),
            ([saved, '--seeds', 7], 'saved.json: seeds'), ([model, f'b={results}/other'], 'other: clips'),
            ([saved, '--models', 'both'], '--models: both averages a, b'),
            ([saved, '--ensemble', 'c=a,both'], "c=a,both: no model 'both'"), ([saved, model], 'the name a is taken'),
            ([saved, '--ensemble', 'both=a,b'], 'the name both is taken'), ([saved, '--ensemble', 'c=a'], 'c=a: '),
            ([saved, '--ensemble', 'c=a,a'], 'c=a,a: '), ([saved, '--ensemble', 'c d=a,b'], "name 'c d'"),
            ([saved, '--seed-ensemble', 'c=a'], '--seed-ensemble: c=a: ')):
        assert field in error(*arguments), arguments


@pytest.mark.parametrize('damage, field', [
    (lambda path: (path / 'model/fold0/predictions.json').write_text('{'), 'fold0/predictions.json'),
    (lambda path: (path / 'model/fold0/predictions.json').write_text(
        (path / 'model/fold0/predictions.json').read_text().replace('"KOA"', '"PD"')),
     'fold1/predictions.json: classes'),
    (lambda path: (path / 'model/fold1/predictions.json').write_text(
        (path / 'model/fold0/predictions.json').read_text()), 'model: clip p0_'),
    (lambda path: (path / 'model/fold0/predictions.json').write_text(
        (path / 'model/fold0/predictions.json').read_text().replace('"label": 1', '"label": 2')), 'label: 2'),
    (lambda path: (path / 'model/fold1/train_summary.json').write_text('{"parameters": 5}'),
     'fold1/train_summary.json: cpu_seconds'),
])
def test_wrong_predictions_are_named(results, damage, field):
    damage(results)
    with pytest.raises(ResultsError, match=field):
        results_of_folder('a', results / 'model')

import json

import numpy as np
import pytest

from dynstg_mm.benchmark.baselines import metadata_control
from dynstg_mm.benchmark.results import all_folds, read_folds, read_results, results_of_folder
from dynstg_mm.benchmark.statistics import paired_difference
from dynstg_mm.errors import ResultsError
from dynstg_mm.files import dump_pickle
from dynstg_mm.safe_pickle import load_pickle

from ..conftest import ROOT

REPORT = ROOT / 'tools/analysis_tools/report.py'


@pytest.fixture
def results(tmp_path):
    """Two folds of 20 people each, and the annotation file: the class decides the rate, the scores are mostly right."""
    rng, annotations = np.random.default_rng(0), []
    for fold in range(2):
        clips = []
        for person in range(20):
            name, label = f'p{fold}_{person}', person % 2
            sure = 0.9 if rng.random() < 0.8 else 0.1
            clips.append(dict(clip=name, subject=name, label=label, score=[1 - sure, sure] if label else [sure, 1 - sure]))
            annotations.append(dict(frame_dir=name, label=label, rate=50. if label else 30., total_frames=90,
                                    img_shape=(1080, 1920), keypoint=np.ones((1, 90, 25, 2), np.float32)))
        folder = tmp_path / 'model' / f'fold{fold}'
        folder.mkdir(parents=True)
        (folder / 'predictions.json').write_text(json.dumps(dict(classes=['NM', 'KOA'], clips=clips)))
        (folder / 'train_summary.json').write_text(json.dumps(dict(parameters=1234, cpu_seconds=90)))
    dump_pickle(dict(split={}, annotations=annotations), tmp_path / 'data.pkl')
    return tmp_path


def test_table_page_and_control(results, run_tool):
    done = run_tool(REPORT, f'small={results}/model', '--ann-file', results / 'data.pkl', '--out', results / 'report')
    assert done.returncode == 0, done.stdout
    table = (results / 'report/results.md').read_text()
    assert '| small' in table and '1,234' in table and ' 1.5 ' in table and '| subject' in table
    page = (results / 'report/results.html').read_text()
    assert 'alt="Confusion matrix of small; recall NM ' in page and '<h2>Metadata control</h2>' in page
    assert done.stdout.splitlines()[-1].endswith('report: results.md, results.html, results.png')
    control = next(line for line in table.splitlines() if line.startswith('| metadata only'))
    assert '1.000 [1.000, 1.000]' in control  # the rate gives the class away, and the table says so


def test_what_was_put_together_is_read_again(results, run_tool):
    together = results / 'new/results.json'
    run_tool(REPORT, f'a={results}/model', f'b={results}/model', '--save-results', together, '--out', results / 'report')
    done = run_tool(REPORT, together, f'c={results}/model', '--baseline', 'b', '--out', results / 'report')
    assert done.returncode == 0, done.stdout
    assert [line.split()[1] for line in done.stdout.splitlines() if '| clip ' in line] == ['a', 'b', 'c']


def test_rows_of_means_are_added(results, run_tool, error_of):
    models = REPORT, f'a={results}/model', f'b={results}/model', '--out', results / 'report'
    done = run_tool(*models, '--ensemble', 'both=a,b', '--baseline', 'both', '--save-results', results / 'both.json')
    assert done.returncode == 0, done.stdout
    assert [line.split()[1] for line in done.stdout.splitlines() if '| clip ' in line] == ['a', 'b', 'both']
    for text in (done.stdout, (results / 'report/results.html').read_text()):
        assert 'both: the mean of the scores of a, b' in text
    assert read_results(results / 'both.json')['command'].endswith(f'--save-results {results}/both.json')

    content = json.loads((results / 'both.json').read_text())
    more = dict(content, seeds=[1], models={name: dict(model, **({'scores': [[score[::-1] for score in model['scores'][0]]]}
                                                                 if 'scores' in model else {}))
                                            for name, model in content['models'].items()})
    for name, part in (('first', dict(content, seeds=[0])), ('second', more)):
        (results / f'{name}.json').write_text(json.dumps(part))
    seeds = REPORT, results / 'first.json', results / 'second.json', '--out', results / 'report'
    done = run_tool(*seeds, '--seed-ensemble', 'a-seeds=a')
    assert done.returncode == 0, done.stdout
    assert 'a-seeds: the mean of the scores of a, and of the 2 seeds: one system' in done.stdout
    saved = REPORT, results / 'both.json', '--out', results / 'report'
    for options, message in (
            (('--ensemble', 'c=a,both'), "--ensemble: c=a,both: 'both'; expected one of a, b."),
            (('--ensemble', 'both=a,b'), '--ensemble: both=a,b: the name both is taken.'),
            (('--ensemble', 'c d=a,b'), "--ensemble: c d=a,b: the name 'c d'; expected letters"),
            (('--ensemble', 'c=a'), '--ensemble: c=a: expected at least two models'),
            (('--seed-ensemble', 'c=a'), '--seed-ensemble: c=a: there is one seed only.')):
        assert message in error_of(*saved, *options)


def test_protocols_stand_side_by_side(results, run_tool, error_of):
    people, clips = results / 'people.json', results / 'clips.json'
    for path in (people, clips):
        run_tool(REPORT, f'a={results}/model', f'b={results}/model', '--save-results', path, '--out', results / 'report')
    content = json.loads(clips.read_text())
    content['clips']['subject'][0] = content['clips']['subject'][-1]
    clips.write_text(json.dumps(dict(content, models=dict(a=content['models']['a']))))
    both = REPORT, people, '--beside', f'by-subject={people}', f'by-clip={clips}', '--out', results / 'report'
    done = run_tool(*both)
    assert done.returncode == 0, done.stdout
    for text in (done.stdout, (results / 'report/results.html').read_text().replace('\N{NO-BREAK SPACE}', ' ')):
        assert 'macro-F1, by-subject [95 %]' in text and 'macro-F1, by-clip (leaking) [95 %]' in text
    table = done.stdout[done.stdout.index('| model | accuracy, by-subject'):].splitlines()
    assert [[bool(cell.strip()) for cell in line.split('|')[1:-1]] for line in table[2:4]] == [[True] * 5,
                                                                                              [True] * 3 + [False] * 2]
    assert "--beside: 'people.json'; expected NAME=FILE" in error_of(*both[:3], 'people.json', *both[5:])


def test_control_learns_from_the_other_folds_only(results):
    _, folds, _ = read_folds(results / 'model')
    for clip in folds[0]:
        clip['label'] = 1 - clip['label']  # the second fold's forest learns this, and is wrong on every clip
    control = metadata_control(str(results / 'data.pkl'), folds)
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


@pytest.mark.parametrize('change, message', [
    (lambda data: ['no dict'], r'data.pkl: annotations: missing; expected a dict'),
    (lambda data: dict(data, annotations=['no clip', *data['annotations'][1:]]), 'data.pkl: clip 0: frame_dir: missing'),
    (lambda data: dict(data, annotations=[{'frame_dir': 'a', 'label': 0}]), 'data.pkl: clip a: keypoint: missing'),
    (lambda data: dict(data, split=dict(gait_fold0_test=['nobody'])), 'data.pkl: split gait_fold0_test: no clip nobody'),
])
def test_wrong_annotation_file_is_named(results, change, message):
    dump_pickle(change(load_pickle(results / 'data.pkl')), results / 'data.pkl')
    with pytest.raises(ResultsError, match=message):
        all_folds(results_of_folder('small', results / 'model'), results / 'data.pkl')


def test_difference_to_a_baseline_is_paired_by_subject(results, run_tool):
    _, folds, _ = read_folds(results / 'model')
    folds = [[dict(clip, score=clip['score'][::-1] if clip['clip'].endswith('_3') else clip['score']) for clip in fold]
             for fold in folds]
    for index, fold in enumerate(folds):
        worse = results / f'worse/fold{index}'
        worse.mkdir(parents=True)
        (worse / 'predictions.json').write_text(json.dumps(dict(classes=['NM', 'KOA'], clips=fold)))
    clips = [clip for fold in folds for clip in fold]
    done = run_tool(REPORT, f'good={results}/model', f'worse={results}/worse', '--baseline', 'good', '--out',
                    results / 'report')
    assert done.returncode == 0, done.stdout
    line = [line for line in (results / 'report/results.md').read_text().splitlines() if line.startswith('| worse')][-1]
    both = [clip for clip in clips if clip['clip'].endswith('_3')]
    change = sum(-1 if np.argmax(clip['score']) != clip['label'] else 1 for clip in both) / len(clips)
    assert f'{change:+.3f} [' in line


def test_difference_of_a_model_to_itself_is_exactly_none(results):
    _, folds, _ = read_folds(results / 'model')
    clips = [clip for fold in folds for clip in fold]
    assert set(paired_difference([clips], [clips], 2).values()) == {(0., 0., 0., 1.)}  # unpaired: it had an interval
    surer = [dict(clip, score=[1 - clip['label'], clip['label']]) for clip in clips]
    found = paired_difference([surer], [clips], 2)['log_loss']
    expected = np.mean([np.log(clip['score'][clip['label']]) for clip in clips])
    assert found[0] == pytest.approx(expected) and found[1] < expected < found[2] <= 0
    with pytest.raises(ValueError, match='1 clips are not in both'):
        paired_difference([clips[1:]], [clips], 2)


def test_good_rows_are_not_lost_to_another_data_file(results, run_tool, error_of):
    saved = results / 'saved.json'
    run_tool(REPORT, f'a={results}/model', '--ann-file', results / 'data.pkl', '--save-results', saved, '--out',
             results / 'report')
    before = saved.read_bytes()
    dump_pickle(dict(split={}, annotations=load_pickle(results / 'data.pkl')['annotations'][1:]), results / 'other.pkl')
    assert 'metadata only: cannot be made anew: ' in error_of(
        REPORT, saved, '--ann-file', results / 'other.pkl', '--save-results', saved, '--out', results / 'report')
    assert saved.read_bytes() == before


def test_options_that_choose_nothing_are_refused(results, error_of):
    out = '--out', results / 'report'
    assert '--seeds and --folds choose from a results.json' in error_of(REPORT, f'a={results}/model', '--folds', 0, *out)
    assert '--latency: no row tells its config' in error_of(REPORT, f'a={results}/model', '--latency', *out)
    (results / 'file').write_text('')
    assert 'file: is no folder' in error_of(REPORT, f'a={results}/model', '--out', results / 'file')


def test_difference_needs_the_same_clips(results, error_of):
    other = results / 'other/fold0'
    other.mkdir(parents=True)
    (other / 'predictions.json').write_text((results / 'model/fold0/predictions.json').read_text())
    assert 'compares the same clips' in error_of(REPORT, f'a={results}/model', f'b={results}/other', '--baseline', 'a',
                                                 '--out', results / 'report')
    assert "--baseline: 'c'; expected one of a" in error_of(REPORT, f'a={results}/model', '--baseline', 'c', '--out',
                                                            results / 'report')


@pytest.mark.parametrize('break_it, message', [
    (lambda path: (path / 'model/fold0/predictions.json').write_text('{'), 'fold0/predictions.json: no complete JSON file'),
    (lambda path: (path / 'model/fold1/predictions.json').write_text(
        (path / 'model/fold0/predictions.json').read_text()), 'a clip was tested twice'),
    (lambda path: (path / 'model/fold1/train_summary.json').write_text('{"parameters": 5}'),
     'fold1/train_summary.json: cpu_seconds: missing'),
])
def test_wrong_results_are_named(results, break_it, message):
    break_it(results)
    with pytest.raises(ResultsError, match=message):
        read_folds(results / 'model')


def test_missing_folder_is_one_line(results, error_of):
    assert 'nowhere: no such folder of predictions' in error_of(REPORT, f'x={results}/nowhere', '--out', results / 'report')

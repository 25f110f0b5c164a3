import json

import numpy as np
import pytest
from matplotlib.image import imread

from dynstg_mm.benchmark.page import write_page, write_report
from dynstg_mm.benchmark.results import (
    add_ensemble,
    add_model,
    choose_folds,
    choose_models,
    choose_seeds,
    folds_of,
    is_complete,
    leaking_subjects,
    merge,
    new_results,
    pooled,
    read_results,
    rename_models,
    training_cost,
    write_results,
)
from dynstg_mm.benchmark.tables import result_rows, write_tables
from dynstg_mm.errors import ResultsError


def make(clips=24, seeds=(0, 1, 2), models=('a', 'b'), classes=('NM', 'KOA', 'PD')):
    rng = np.random.default_rng(0)
    tests = [dict(clip=f'clip_{index:03}', subject=f'p{index // 2}', label=index // 2 % len(classes))
             for index in range(clips)]
    results = new_results(classes, {fold: tests[fold * clips // 2:(fold + 1) * clips // 2] for fold in range(2)}, seeds)
    for name in models:
        scores = [rng.dirichlet([.3] * len(classes), clips) for _ in seeds]
        add_model(results, name, [[dict(clip=clip['clip'], score=list(score)) for clip, score in zip(tests, part)]
                                  for part in scores])
    return results


def test_what_is_written_is_read_again(tmp_path):
    results = make()
    add_ensemble(results, 'both', ['a', 'b'])
    write_results(results, tmp_path / 'results.json')
    assert read_results(tmp_path / 'results.json') == json.loads(json.dumps(results))
    first, second = (pooled(results, name)[1][5]['score'] for name in 'ab')
    assert pooled(results, 'both')[1][5]['score'] == pytest.approx(np.add(first, second) / 2)
    assert [len(fold) for fold in folds_of(results, 'both')[2]] == [12, 12]


def test_ensemble_over_the_seeds_is_one_system(tmp_path):
    results = make()
    add_ensemble(results, 'each', ['a', 'b'])
    add_ensemble(results, 'all', ['a', 'b'], over_seeds=True)
    write_results(results, tmp_path / 'results.json')
    results = read_results(tmp_path / 'results.json')
    each, all_seeds = ([[clip['score'] for clip in seed] for seed in pooled(results, name)] for name in ('each', 'all'))
    np.testing.assert_allclose(all_seeds, [np.mean(each, axis=0)] * 3)
    header, *rows = result_rows(results)
    deviations = {row[0]: row[header.index('sd over seeds')] for row in rows if row[1] == 'clip'}
    assert deviations['each'] and deviations['all'] == ''
    choose_seeds(results, [0, 2], 'results.json')
    np.testing.assert_allclose([clip['score'] for clip in pooled(results, 'all')[1]], np.mean([each[0], each[2]], axis=0))
    choose_seeds(results, [2], 'results.json')
    assert list(results['models']) == ['a', 'b', 'each']  # of one seed there is no such row


def test_file_of_a_real_size_fits_a_repository(tmp_path):
    results = make(clips=190, models=('a', 'b', 'c'), classes=('w', 'x', 'y', 'z'))
    for model in results['models'].values():
        model['curves'] = np.random.default_rng(0).random((3, 5, 60)).round(4).tolist()
    write_results(results, tmp_path / 'results.json')
    assert (tmp_path / 'results.json').stat().st_size < 200_000


def test_rounding_keeps_the_decision_and_small_scores():
    results = make(models=())
    add_model(results, 'close', [[dict(clip='clip_000', score=[.33333333, .33333333, .33333334]),
                                  dict(clip='clip_001', score=[1e-7, .25, .75])]])
    close, small = results['models']['close']['scores'][0][:2]
    assert np.argmax(close) == 2 and close[2] > max(close[:2]) and small == [1e-7, .25, .75]


def test_a_model_that_lacks_a_clip_has_no_scores():
    results = make()
    results['models']['b']['scores'][1][3] = None
    results['models']['b']['failed'] = [dict(seed=1, fold=0, error='out of memory')]
    add_ensemble(results, 'both', ['a', 'b'])
    assert [is_complete(results, name) for name in ('a', 'b', 'both')] == [True, False, False]
    rows = result_rows(results)
    assert [row[1] for row in rows[1:]] == ['clip', 'subject', 'incomplete', 'incomplete']
    assert len({len(row) for row in rows}) == 1


def test_table_of_several_seeds_and_folds():
    results = new_results(['NM', 'KOA'], {fold: [dict(clip=f'{fold}{k}', subject=f'{fold}{k}', label=k % 2)
                                                 for k in range(4)] for fold in range(2)}, [7, 8])
    hits = [[1, 1, 1, 1, 1, 1, 0, 0], [1, 1, 0, 0, 1, 1, 0, 0]]  # of fold 0 and 1; labels 0 1 0 1
    add_model(results, 'a', [[dict(clip=f'{k // 4}{k % 4}', score=[.9, .1] if hit == (k % 2 == 0) else [.1, .9])
                              for k, hit in enumerate(part)] for part in hits])
    header, clip, _ = result_rows(results)
    cells = dict(zip(header[:6], clip))
    # Seeds: 6 and 4 of 8. Folds: 4 and 2 of 4 in the first seed, 2 and 2 in the second, so .75 and .5 on average.
    assert cells['accuracy [95 %]'].startswith('0.625 [') and cells['sd over seeds'] == f'{np.std([.75, .5], ddof=1):.3f}'
    assert cells['over folds'] == '0.625 ± 0.125' and cells['n'] == '8'


def test_subjects_in_several_folds_are_told_and_not_counted(tmp_path):
    results = make()
    assert {row[1] for row in result_rows(results)[1:]} == {'clip', 'subject'}
    results['clips']['subject'][0] = results['clips']['subject'][-1]
    assert {row[1] for row in result_rows(results)[1:]} == {'clip'}
    write_page(results, tmp_path / 'page.html', None)
    for text in (write_tables(results, tmp_path / 'results.md'), (tmp_path / 'page.html').read_text()):
        assert 'leaking: 1 of 12 subjects stand in several folds' in text
    assert 'per subject' not in (tmp_path / 'page.html').read_text()


def test_who_leaks_in_other_folds_of_the_file_is_told():
    results = dict(make(), leaking=['p0', 'elsewhere'])
    assert {row[1] for row in result_rows(results)[1:]} == {'clip'} and leaking_subjects(results) == ['p0']


def test_predictions_of_an_unknown_seed_stand_beside_those_of_one():
    results = make(models=('a', ), seeds=(0, ))
    merge(results, make(models=('b', ), seeds=(None, )), 'folder')
    assert set(results['models']) == {'a', 'b'} and results['seeds'] == [0]


def test_page_needs_nothing_from_elsewhere_and_tells_what_failed(tmp_path):
    results = make(models=('a', 'b<i>'))
    results['models']['a']['scores'][1][3] = None
    results['models']['a']['failed'] = [dict(seed=1, fold=0, error='error: <b>out</b> of memory')]
    write_page(results, tmp_path / 'page.html', 'a')
    page = (tmp_path / 'page.html').read_text()
    assert 'a, seed 1, fold 0: error: &lt;b&gt;out&lt;/b&gt; of memory' in page and 'b&lt;i&gt;' in page
    assert 'no differences to a: it is incomplete' in page and '<h2>Differences' not in page
    assert 'no differences to a: it is incomplete' in write_tables(results, tmp_path / 'page.md', 'a')
    assert '<i>' not in page and '<script' not in page and '<link' not in page and 'http' not in page
    assert page.count('<img alt="') == page.count('<img') == page.count('src="data:image/svg+xml;base64,') > 3


def test_picture_has_a_line_for_every_complete_model(tmp_path):
    results, heights = make(models=('a', 'b', 'c')), []
    for failed in ('c', 'b', 'a'):
        assert 'results.png' in write_report(results, tmp_path)
        picture = imread(tmp_path / 'results.png')
        assert picture.min() < 0.1  # it is not empty
        heights.append(len(picture))
        results['models'][failed]['scores'][0][0] = None
        (tmp_path / 'results.png').unlink()
    assert heights[0] > heights[1] > heights[2]
    assert write_report(results, tmp_path) == ['results.md', 'results.html'] and not (tmp_path / 'results.png').exists()


def test_a_resumed_run_does_not_count_for_the_cost():
    whole = dict(parameters=5, cpu_seconds=120, seconds=60)
    part = dict(parameters=5, cpu_seconds=1, seconds=1, resumed=True)
    assert training_cost([whole, part]) == dict(parameters=5, cpu_minutes=2, seconds=60)
    assert training_cost([part])['seconds'] == 1 and training_cost([]) == {}


@pytest.mark.parametrize('change, message', [
    (lambda results: results.update(format='other'), "format: 'other'; expected 'dynstg_mm results 1'"),
    (lambda results: results.update(classes=['NM']), r"classes: \['NM'\]; expected a list of at least two names"),
    (lambda results: results.update(seeds=[0, 1, 1]), r'seeds: \[0, 1, 1\]; expected a list of different whole numbers'),
    (lambda results: results['clips']['label'].__setitem__(0, 3), 'clips.label: expected numbers from 0 to 2'),
    (lambda results: results['clips']['fold'].pop(), 'clips: expected columns of the same length'),
    (lambda results: results['clips']['name'].__setitem__(1, 'clip_000'), 'clips.name: a clip stands there twice'),
    (lambda results: results['models']['a']['scores'].pop(), 'models.a.scores: expected one list for each of 3 seeds'),
    (lambda results: results['models']['a']['scores'][0].pop(), 'models.a.scores: expected 24 clips in every seed'),
    (lambda results: results['models']['a']['scores'][0].__setitem__(0, [1]), r'models.a.scores: \[1\]; expected 3 finite numbers'),
    (lambda results: results['models']['a'].update(curves=[[[1.]]] * 3), 'models.a.curves: expected one for each of 2 folds'),
    (lambda results: results['models']['a'].pop('scores'), 'models.a.scores: expected one list for each of 3 seeds'),
    (lambda results: results['models']['a'].update(failed=[dict(seed=0)]), 'models.a.failed.0.fold: missing; expected seed, fold'),
    (lambda results: results['models']['a'].update(curves=[['x']]), "models.a.curves.0.0: 'x'; expected array"),
    (lambda results: results['models']['a'].update(cost=dict(parameters='x')), "models.a.cost.parameters: 'x'; expected integer"),
    (lambda results: results.update(versions=['1']), r"versions: \['1'\]; expected object"),
    (lambda results: results['clips'].update(subject=['a'] * 24), 'clips.subject: one subject; an interval'),
    (lambda results: results['clips']['subject'].__setitem__(0, []), r'clips.subject.0: \[\]; expected string'),
    (lambda results: results['models']['a'].update(kind='good'), "models.a.kind: 'good'; expected one of model"),
    (lambda results: add_ensemble(results, 'e', ['a', 'c']), 'models.e.members: expected names of models'),
])
def test_a_wrong_file_is_named_with_its_field(tmp_path, change, message):
    results = make()
    change(results)
    write_results(results, tmp_path / 'wrong.json')
    with pytest.raises(ResultsError, match=f'wrong.json: {message}'):
        read_results(tmp_path / 'wrong.json')


def test_a_file_that_is_half_there_is_named(tmp_path):
    (tmp_path / 'half.json').write_text('{"format":')
    with pytest.raises(ResultsError, match='half.json: no complete JSON file'):
        read_results(tmp_path / 'half.json')


def test_results_are_put_together_clip_by_clip():
    results, other = make(models=('a', )), make(models=('b', ))
    order = np.random.default_rng(1).permutation(24)
    expected = pooled(other, 'b')
    for column in other['clips'].values():
        column[:] = [column[place] for place in order]
    other['models']['b']['scores'] = [[part[place] for place in order] for part in other['models']['b']['scores']]
    merge(results, other, 'more.json')
    assert pooled(results, 'b') == expected


def test_some_folds_are_chosen_with_all_that_is_theirs():
    results = make()
    results['clips']['subject'][0] = results['clips']['subject'][-1]
    results['models']['a'].update(curves=[[[1., 2.], [3., 4.]]] * 3, failed=[dict(seed=0, fold=0), dict(seed=2, fold=1)])
    whole = [folds_of(results, name) for name in 'ab']
    leaking = leaking_subjects(results)
    choose_folds(results, [1], 'own.json')
    assert [folds_of(results, name) for name in 'ab'] == [[seed[1:] for seed in model] for model in whole]
    assert leaking_subjects(results) == leaking != []  # of the other fold, which its model had met
    assert results['models']['a']['curves'] == [[[3., 4.]]] * 3 and results['models']['a']['failed'] == [dict(seed=2, fold=1)]
    with pytest.raises(ResultsError, match='own.json: folds 1; expected 0, 1 among them'):
        choose_folds(results, [0, 1], 'own.json')


def test_further_seeds_are_put_together():
    whole = make(seeds=(0, 1, 2))
    for name in 'ab':
        whole['models'][name].update(config=f'{name}.py', options=[], curves=[[[1., seed]] for seed in range(3)])
    whole['models']['c'] = dict(kind='control', scores=[], note='no layout')
    add_ensemble(whole, 'both', ['a', 'b'])

    def part(*places):
        copy = json.loads(json.dumps(whole))
        copy['seeds'] = list(places)
        for model in copy['models'].values():
            model.update({field: [model[field][place] for place in places]
                          for field in ('scores', 'curves') if model.get(field)})
        return copy

    results = dict(part(0), command='first', versions=dict(numpy='2', torch='2.1'))
    more = dict(part(2, 1), command='first\nsecond', leaking=['p1'], versions=dict(numpy='2', torch='2.1 or 2.2'))
    merge(results, more, 'more.json')
    assert results == dict(part(0, 2, 1), command='first\nsecond', leaking=['p1'],
                           versions=dict(numpy='2', torch='2.1 or 2.2'))
    again = part(0, 1, 2)
    rename_models(again, 'mine')
    merge(results, again, 'again.json')  # the seeds stand in another order there
    assert all(results['models'][f'mine-{name}']['scores'] == results['models'][name]['scores'] for name in 'ab')
    choose_models(results, ['a', 'b', 'c', 'both'], 'all')
    choose_seeds(results, [0], 'both.json')
    assert results['models'] == part(0)['models'] and results['seeds'] == [0]
    with pytest.raises(ResultsError, match='both.json: seeds 0; expected 0, 5 among them'):
        choose_seeds(results, [0, 5], 'both.json')
    with pytest.raises(ResultsError, match='--seeds: 0, 0; a seed stands there twice'):
        choose_seeds(results, [0, 0], 'both.json')
    rename_models(results, 'mine')
    assert list(results['models']) == ['mine-a', 'mine-b', 'c', 'mine-both']
    assert results['models']['mine-both']['members'] == ['mine-a', 'mine-b']
    merge(results, part(0), 'again.json')
    assert list(results['models']) == ['mine-a', 'mine-b', 'c', 'mine-both', 'a', 'b', 'both']
    choose_models(results, ['both', 'a', 'b'], 'all')
    assert list(results['models']) == ['a', 'b', 'both']
    with pytest.raises(ResultsError, match='all: both: is a mean with b; keep it, too'):
        choose_models(results, ['both', 'a'], 'all')
    with pytest.raises(ResultsError, match='all: models a, both; expected d among them'):
        choose_models(results, ['d'], 'all')
    other = part(1)
    other['models']['a']['options'] = ['model.backbone.dynamic=False']
    with pytest.raises(ResultsError, match=r"more.json: models.a.options: \['model.backbone.dynamic=False'\] of seeds 1"):
        merge(part(0), other, 'more.json')


@pytest.mark.parametrize('change, message', [
    (lambda other: other['clips']['label'].__setitem__(2, 0), 'clip clip_002: subject p1, label 0, fold 0; the first'),
    (lambda other: other['clips']['fold'].__setitem__(2, 1), 'clip clip_002: subject p1, label 1, fold 1; the first'),
    (lambda other: other['clips']['name'].__setitem__(2, 'else'), r"other clips than the first results' \(clip_002\)"),
    (lambda other: other.update(seeds=[2, 3, 4]), 'more.json: seeds 2, 3, 4; the first results have 0, 1, 2'),
    (lambda other: other.update(seeds=[3, 4, 5]), 'more.json: models b of seeds 3, 4, 5; the first results have a'),
    (lambda other: other['models'].update(a=other['models'].pop('b')), 'the name a is taken'),
    (lambda other: other.update(classes=['NM', 'PD', 'KOA']), 'more.json: classes'),
])
def test_results_that_do_not_fit_are_refused(change, message):
    other = make(models=('b', ))
    change(other)
    with pytest.raises(ResultsError, match=message):
        merge(make(models=('a', )), other, 'more.json')
